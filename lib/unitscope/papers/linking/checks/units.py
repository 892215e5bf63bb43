"""Claims 10 to 19: what units change, and the masks that it is measured with (Fig. 4 and 5, S6).

    values (C, U, n, K, M) changes of every picture, from `Profile`    vectors (C, U, K) medians over pictures by one measure
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from scipy.stats import kruskal, skew
from torch import Tensor

from unitscope.data.critters import PARTS
from unitscope.metrics import old_verdicts as verdicts
from unitscope.metrics.parts import hoyer, hoyer_null, stacked
from unitscope.papers.linking import semantics
from unitscope.papers.linking.checks import counted
from unitscope.papers.linking.motion import Motion, enrichment
from unitscope.papers.linking.profile import Profile
from unitscope.papers.linking.segmentation import ShotScores

NULL_LEVEL = 0.99
FEWEST = 5  # units that a statement about a distribution needs
NOTHING = "too few units change any part: the pictures hold none, or the link moves nothing"


def units_differ(found: Profile) -> dict:
    """10: variance between units of their mean change exceeds the variance within a unit over pictures.

    All measures of all parts, each divided by its spread; a value is one unit's share.
    """
    if not found.values.any():
        return verdicts.untested(NOTHING)
    table = stacked(found.values.double())                                                # (C, U, n, K M)
    table = table / table.std((0, 1, 2), keepdim=True).clamp(min=1e-9)
    means = table.mean(2)
    between = (means - means.mean(1, keepdim=True)).square().mean((0, 2))
    within = table.var(2).mean((0, 2))
    return verdicts.exceeds(1, lambda b, w: b.mean() / w.mean(), between.numpy(), within.numpy())


def stable_across_classes(vectors: Tensor) -> dict:
    """11: a unit's change vector correlates between classes more than those of two different units."""
    centred = torch.nn.functional.normalize((vectors - vectors.mean(-1, keepdim=True)).double(), dim=-1)
    classes = range(len(vectors))
    order = torch.randperm(vectors.shape[1], generator=torch.Generator().manual_seed(0))
    pairs = [(a, b) for a in classes for b in classes if a < b]
    same = torch.stack([(centred[a] * centred[b]).sum(-1) for a, b in pairs]).mean(0)
    other = torch.stack([(centred[a] * centred[b][order]).sum(-1) for a, b in pairs]).mean(0)
    verdict = verdicts.above(same, other)
    return {**verdict, "reason": f"same unit {float(same.mean()):.2f}, shuffled {float(other.mean()):.2f}; {verdict['reason']}"}


def sparsities(vectors: Tensor) -> list[np.ndarray]:
    """Label sparsity of each class's units, those without any change left out."""
    found = [hoyer(rows) for rows in vectors]
    return [values[values.isfinite()].numpy() for values in found]


def changing(vectors: Tensor) -> bool:
    """Whether every class has enough units that change some part."""
    return min(map(len, sparsities(vectors))) >= FEWEST


def long_tail(vectors: Tensor) -> dict:
    """12: in every class sparsity leans left with a long right tail, and 0 to 10 % of units lie above 0.6."""
    if not changing(vectors):
        return verdicts.untested(NOTHING)
    parts, shares = {}, []
    for number, values in enumerate(sparsities(vectors)):
        low, middle, high = np.quantile(values, [0.01, 0.5, 0.99])
        shares.append(float((values > 0.6).mean()))
        parts[f"class {number} skew"] = {"holds": bool(skew(values) > 0 and high - middle > middle - low)}
        parts[f"class {number} share above 0.6"] = {"holds": 0 < shares[-1] < 0.1}
    return {**verdicts.every(parts), "ours": "above 0.6: " + ", ".join(f"{share:.0%}" for share in shares)}


def beyond_noise(vectors: Tensor, least: float = 0.05) -> dict:
    """13: over 5 % of units are sparser than 99 % of Gaussian noise, absent labels dropped."""
    if not changing(vectors):
        return verdicts.untested(NOTHING)
    cut = float(hoyer_null(vectors.shape[-1]).quantile(NULL_LEVEL))
    pooled = np.concatenate(sparsities(vectors))
    verdict = verdicts.exceeds(least, np.mean, (pooled > cut).astype(float))
    return {**verdict, "reason": f"k = {vectors.shape[-1]}, 99 % of noise below {cut:.3f}; {verdict['reason']}"}


def classes_differ(vectors: Tensor) -> dict:
    """14: the classes' sparsities differ (Kruskal-Wallis p < 0.01)."""
    if not changing(vectors):
        return verdicts.untested(NOTHING)
    columns = sparsities(vectors)
    p = float(kruskal(*columns).pvalue)
    return {"ours": ", ".join(f"{np.median(c):.2f}" for c in columns), "holds": p < 0.01, "reason": f"p = {p:.2g}"}


def sparsest_speak_of_one_part(vectors: Tensor, wanted: Sequence[str] = ("legs", "eyes", "ears")) -> dict:
    """15: over 80 % of the change of the ten sparsest units lies in one label; legs, eyes and ears lead among the top 50."""
    if not changing(vectors):
        return verdicts.untested(NOTHING)
    flat = vectors.flatten(0, 1).double()
    order = hoyer(flat).nan_to_num(-1).argsort(descending=True)
    share = flat[order[:10]].abs().amax(1) / flat[order[:10]].abs().sum(1)
    leading = {PARTS[label] for label in flat[order[:50]].abs().argmax(1).tolist()}
    parts = {"one label above 80 %": {"holds": float(share.min()) > 0.8}}
    parts |= {f"{name} among the top 50": {"holds": name in leading} for name in wanted}
    return {**verdicts.every(parts), "ours": f"least share {float(share.min()):.2f}; leading: {', '.join(sorted(leading))}"}


def ordered_space(found: semantics.Order | None, draws: int = 200) -> dict:
    """16: neighbours share the dominant label more than shuffled ones do; snout, ears and head mix more than legs and body."""
    if found is None:
        return verdicts.untested(NOTHING)
    draw = torch.Generator().manual_seed(0)
    real = float(semantics.purity(found).mean())
    null = [float(semantics.purity(found, found.dominant[torch.randperm(len(found.dominant), generator=draw)]).mean()) for _ in range(draws)]
    mixed, apart = (semantics.mixing(found, [PARTS.index(name) for name in names]) for names in (("snout", "ears", "head"), ("legs", "body")))
    parts = {"purer than shuffled": {"holds": real > float(np.quantile(null, 0.99))}, "face mixes more than legs and body": {"holds": bool(mixed > apart)}}
    ours = f"purity {real:.2f} (shuffled {np.mean(null):.2f})"
    if np.isfinite(mixed + apart):
        ours += f"; mixing {mixed:.2f} and {apart:.2f}"
    return {**verdicts.every(parts), "ours": ours}


def kinds_of_clusters(found: semantics.Order | None) -> dict:
    """17: some clusters have one label with over 70 % of the change, others two with over 25 % each."""
    if found is None:
        return verdicts.untested(NOTHING)
    shares = found.profiles()
    single = int((shares.amax(1) > 0.7).sum())
    several = int(((shares > 0.25).sum(1) >= 2).sum())
    return {"ours": f"{single} and {several} of {len(shares)} clusters", "holds": single > 0 and several > 0}


def alignment_helps(found: Sequence[Motion], masks: Sequence[Tensor]) -> dict:
    """18: arrows are shorter after alignment, and the longest lie on the part of largest change more than by chance."""
    before, after = (np.array([one.lengths[end] for one in found]) for end in (0, 1))
    richness = np.array([enrichment(one.after, mask) for one, mask in zip(found, masks, strict=True)])
    richness = richness[np.isfinite(richness)]
    if len(richness) < 5:
        return verdicts.untested(f"only {len(richness)} pairs with arrows on a part")
    parts = {"shorter": verdicts.below(after, before), "enriched": verdicts.exceeds(1, np.mean, richness)}
    return {**verdicts.every(parts), "ours": f"length {before.mean():.2f} to {after.mean():.2f} px; enrichment {richness.mean():.2f}"}


def few_labels_suffice(scores: ShotScores, shots: int) -> dict:
    """19: mean IoU on large labels above 0.5 with five pictures a class; a class never shown loses less than 0.15."""
    value = scores.large(scores.by_shots[shots])
    if not np.isfinite([value, *(one for pair in scores.unseen.values() for one in pair)]).all():
        return verdicts.untested("the pictures hold no large parts")
    losses = {name: taught - left for name, (taught, left) in scores.unseen.items()}
    parts = {"large labels": {"holds": value > 0.5}}
    parts |= {f"unseen {name}": {"holds": loss < 0.15} for name, loss in losses.items()}
    lost = ", ".join(f"{name} loses {loss:.2f}" for name, loss in losses.items())
    return {**verdicts.every(parts), "ours": f"IoU {value:.2f}; {lost}" if lost else value}


def sparser_than_random(units: Tensor, random: Tensor) -> dict:
    """Ours: units are sparser than random directions of R (medians over classes), drawn again independently."""
    if not changing(units) or not sum(map(len, sparsities(random))):
        return verdicts.untested(NOTHING)
    one, other = (np.concatenate(sparsities(vectors)) for vectors in (units, random))
    rng = np.random.default_rng(0)
    drawn = [np.median(rng.choice(one, len(one))) - np.median(rng.choice(other, len(other))) for _ in range(1000)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return verdicts.verdict(np.median(one) - np.median(other), (low, high), low > 0, f"{len(one)} unit vectors, {len(other)} random ones")


def echoes(found: Profile) -> dict:
    """Ours: the drawn picture, read again, shows the tuned unit higher at the high end than at the low one (share of its range)."""
    reach = (found.tuner.high - found.tuner.low).clamp(min=1e-9)
    share = ((found.echo[:, :, 1] - found.echo[:, :, 0]).mean((0, 2)) / reach)[found.tuner.high > found.tuner.low]
    return verdicts.exceeds(0, np.median, share.double().numpy())


def follows_factors(right: Mapping[str, Tensor], table: Tensor) -> dict:
    """Ours: over units, measures follow the factor that must move them (rank correlation), and no other factor as much."""
    correct = torch.stack(list(right.values())).double()
    wrong = table[~torch.eye(len(table), dtype=torch.bool)].abs()
    verdict = counted(verdicts.exceeds(float(wrong.mean()), np.mean, correct.numpy()), "factors")
    return {**verdict, "reason": f"{', '.join(f'{k} {float(v):.2f}' for k, v in right.items())}; others {float(wrong.mean()):.2f}"}
