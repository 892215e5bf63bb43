"""Claims 1 to 14 on mining, and ours on concepts and networks: each function gives the fields that a claim needs.

    trained, random   {network: Match} of the networks as trained, and of their twins with random weights
    Intervals are over pictures (shards left out in turn) unless a function says otherwise.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from scipy.stats import spearmanr
from torch import Tensor

from unitscope.metrics import old_verdicts as verdicts
from unitscope.papers.rosetta import literal, nulls
from unitscope.papers.rosetta.dictionary import Dictionary
from unitscope.papers.rosetta.matches import CODE, best_buddies, expected_buddies
from unitscope.papers.rosetta.mining import Match, Mining, mine

Matches = Mapping[str, Match]


@dataclass(frozen=True)
class Evidence:
    """One network's matches on held-out pictures, and the nulls beside them."""

    held: nulls.HeldOut
    score: nulls.Estimate
    repaired: nulls.Estimate
    alone: nulls.Estimate
    tau: float
    above: int
    replication: float


def evidence(match: Match, tau: float | None = None) -> Evidence:
    """Scores of best buddies on the other half, of one-sided pairs, of pictures paired anew; `tau`: another's threshold."""
    held = nulls.held_out(match)
    alone = nulls.held_out(match, nulls.exclusive_one_sided)
    over = partial(nulls.interval_over_shards, match)
    tau = nulls.threshold(match) if tau is None else tau
    again = nulls.replicated(match)
    return Evidence(
        held, over(held, nulls.median_of("rho")), over(held, nulls.median_of("position")), over(alone, mean_of_rho), tau,
        int((held.rho > tau).sum()), float(again.float().mean()) if len(again) else 0.0,
    )  # fmt: skip


def mean_of_rho(rho: Tensor, _image: Tensor, _position: Tensor) -> float:
    return float(rho.mean())


def only_if(state: str) -> Callable[[dict], dict]:
    """Verdicts pass where the generator is "trained"; of a generator with random weights nothing is claimed."""

    def passed(fields: dict) -> dict:
        return fields if state == "trained" else verdicts.untested("the generator has random weights here")

    return passed


def short(name: str) -> str:
    """A network's name without its family."""
    return name.split("/")[-1]


def listing(values: Mapping[str, float], form: str = "{:.2f}") -> str:
    """ "resnet 0.61, dino_vit 0.55" """
    return ", ".join(f"{short(name)} {form.format(value)}" for name, value in values.items())


def beats_nulls(trained: Mapping[str, Evidence], random: Mapping[str, Evidence]) -> dict:
    """1: the median held-out score of best buddies lies above that of a random network and of pictures paired anew."""
    parts = {}
    for name, one in trained.items():
        parts[f"{short(name)} over pictures paired anew"] = {"holds": one.score.interval[0] > one.repaired.interval[1]}
        if name in random:
            parts[f"{short(name)} over random weights"] = {"holds": one.score.interval[0] > random[name].score.interval[1]}
    ours = f"{listing({n: e.score.value for n, e in trained.items()})}; random weights {listing({n: e.score.value for n, e in random.items()})}"
    return {**verdicts.every(parts), "ours": ours}


def more_above(trained: Mapping[str, Evidence], random: Mapping[str, Evidence]) -> dict:
    """2: more best buddies of the trained network than of a random one score above tau."""
    parts = {short(name): {"holds": trained[name].above > one.above} for name, one in random.items()}
    ours = f"{listing({n: trained[n].above for n in random}, '{}')}; random weights {listing({n: e.above for n, e in random.items()}, '{}')}"
    return {**verdicts.every(parts), "ours": ours}


def replicates(trained: Mapping[str, Evidence], random: Mapping[str, Evidence]) -> dict:
    """3: the share of one half's best buddies that are the other's, too, is larger than with random weights."""
    parts = {short(name): {"holds": trained[name].replication > one.replication > 0} for name, one in random.items()}
    ours = f"{listing({n: trained[n].replication for n in random}, '{:.0%}')}; random weights {listing({n: e.replication for n, e in random.items()}, '{:.0%}')}"
    return {**verdicts.every(parts), "ours": ours}


def mutual_is_better(trained: Mapping[str, Evidence], matches: Matches) -> dict:
    """4: best buddies score higher on held-out pictures than best partners that are not mutual."""
    parts, means = {}, {}
    for name, one in trained.items():
        mean = nulls.interval_over_shards(matches[name], one.held, mean_of_rho)
        parts[short(name)] = {"holds": mean.interval[0] > one.alone.interval[1]}
        means[name] = mean.value - one.alone.value
    return {**verdicts.every(parts), "ours": f"difference of means: {listing(means)}"}


def universal(ratios: Sequence[float]) -> dict:
    """5: more units are shared by all networks than if each network chose its share independently, ever more with m."""
    grows = all(one < other for one, other in zip(ratios[1:], ratios[2:], strict=False))
    return {"ours": ", ".join(f"{ratio:.2f}" for ratio in ratios), "holds": ratios[-1] > 1 and grows, "reason": f"1 to {len(ratios)} networks"}


def post_over_pre(mining: Mining, name: str, n: int) -> dict:
    """6: post-activation maps match better than the pre-activation maps of the same layers (a ViT's hidden units)."""
    model = mining.networks[name]
    post = [layer for layer in model.layers if layer.endswith("mlp.act")]
    if not post:
        return verdicts.untested(f"{name} has no hidden units whose input can be read; name a ViT")
    both = {"post": model, "pre": model}
    layers = {"post": post, "pre": [layer.removesuffix("act") + "fc1" for layer in post]}
    found = mine(mining.gan, both, n, layers=layers, own=False, seed=1)
    score = {key: evidence(found.match(key)).score for key in both}
    ours = f"post {score['post'].value:.3f}, pre {score['pre'].value:.3f}"
    return {"ours": ours, "holds": score["post"].interval[0] > score["pre"].interval[1], "reason": f"{short(name)}, {n} pictures"}


def concept_count(found: Dictionary) -> dict:
    """7: between 20 and 100 concepts, fewer than shared units."""
    ours = f"{len(found)} concepts of {len(found.units)} units"
    return {"ours": ours, "holds": 20 <= len(found) <= 100 and len(found) < len(found.units)}


def tighter_inside(found: Dictionary) -> dict:
    """8: generator units correlate more inside a concept than between concepts; interval over units."""
    rho = found.mining.own.whole.rho[found.units][:, found.units].fill_diagonal_(float("nan"))
    same = found.labels[:, None] == found.labels[None]
    inside = torch.where(same, rho, float("nan")).nanmean(1)
    between = torch.where(same, float("nan"), rho).nanmean(1)
    rows = (inside.isfinite() & between.isfinite()).numpy()
    if rows.sum() < 5:
        return verdicts.untested("fewer than five units share a concept with another")
    return verdicts.above(inside.numpy()[rows], between.numpy()[rows])


def by_depth(match: Match, side: int = 0) -> list[Tensor]:
    """Best held-out score of every unit, layer by layer, of the generator (0) or the network (1)."""
    first, second = (half.rho for half in match.halves)
    best = first.argmax(1 - side, keepdim=True)
    score = second.gather(1 - side, best).squeeze(1 - side)
    table = match.whole.left if side == 0 else match.whole.right
    return [score[list(table.units(layer))] for layer in table.layers]


def peaks_inside(matches: Matches) -> dict:
    """9: the median best score is highest in neither the first nor the last layer of the generator, mean over networks."""
    medians = torch.tensor([[float(layer.median()) for layer in by_depth(match)] for match in matches.values()]).mean(0)
    ours = ", ".join(f"{value:.2f}" for value in medians.tolist())
    return {"ours": ours, "holds": bool(medians.max() > medians[0] and medians.max() > medians[-1]), "reason": "median best score, first to last layer"}


def code_score(mining: Mining, name: str, n: int, batch: int = 10) -> tuple[dict, dict[str, Tensor]]:
    """10: the published code's score is not Pearson's, and flatters sparse units. Also {"gap", "silence"} of units.

    silence: of a generator unit, how peaked it is over pictures (kurtosis would do); here the share of its variance
    beyond the mean that lies in its strongest tenth of pictures.
    """
    w = mining.w[:n]
    code, exact = literal.batch_cosine(mining.gan, mining.networks[name], w.split(batch))
    gap = (code.float() - exact).mean(1)
    silence = sparsity(mining, w)
    rank = float(spearmanr(code.flatten()[::7], exact.flatten()[::7]).statistic)
    slope = float(spearmanr(gap, silence).statistic)
    low, high = verdicts.interval_of(lambda a, b: float(spearmanr(a, b).statistic), gap.numpy(), silence.numpy())
    fields = {"ours": slope, "interval": (low, high), "holds": rank < 1 and low > 0, "reason": f"rank correlation of both scores {rank:.3f}; batches of {batch}, {n} pictures"}
    return fields, {"gap": gap, "silence": silence}


@torch.no_grad()
def sparsity(mining: Mining, w: Tensor) -> Tensor:
    """Share of pictures in which each generator unit's peak stays below half of its mean peak, (N,)."""
    peaks = []
    for batch in w.split(40):
        maps = mining.gan.features(batch, mining.table.layers)
        peaks.append(torch.cat([maps[layer].amax((2, 3)) for layer in mining.table.layers], 1).cpu())
    peaks = torch.cat(peaks)
    low = peaks.amin(0, keepdim=True)
    return ((peaks - low) < 0.5 * (peaks - low).mean(0)).float().mean(0)


def against_literal(mining: Mining, name: str, n: int = 40) -> tuple[dict, dict]:
    """11 and 12: the one pass equals the published procedure done in full, and takes a tenth of its time or less."""
    model, w = mining.networks[name], mining.w[:n]
    start = time.process_time()
    slow = literal.pairwise(mining.gan, model, w.split(20))
    middle = time.process_time()
    fast = mine(mining.gan, {name: model}, n, shards=2, own=False)
    rho = fast.match(name).whole.rho
    took = middle - start, time.process_time() - middle
    if not torch.equal(fast.w, w):                         # another class or truncation: the same latents are needed
        rho = literal.batch_cosine(mining.gan, model, w.split(20))[1]
    error = float((rho - slow.cpu().float()).abs().max())
    one, other = (set(zip(p.left.tolist(), p.right.tolist(), strict=True)) for p in (best_buddies(rho), best_buddies(slow.cpu().float())))
    agree = len(one & other) / max(1, len(one | other))
    equal = {"ours": error, "holds": error < 1e-4 and agree > 0.99, "reason": f"{agree:.1%} of best buddies agree; {short(name)}, {n} pictures"}
    faster = {"ours": took[0] / took[1], "holds": took[0] > 10 * took[1], "reason": f"processor time, {short(name)}, {n} pictures"}
    return equal, faster


def counted(match: Match) -> dict[str, float]:
    """How many best buddies there are, and how many pure noise of that size would have, for both rules."""
    shape = len(match.whole.left), len(match.whole.right)
    return {"K = 5 and 5": len(match.buddies()), "noise, 5 and 5": expected_buddies(*shape), "K = 1 and 5": len(match.buddies(CODE)),
            "noise, 1 and 5": expected_buddies(*shape, CODE)}  # fmt: skip


def by_place(share: Tensor, ratio: Tensor) -> dict:
    """14: concepts that fit their region nearly as well on other pictures owe more of their match to the usual place."""
    if len(share) < 8:
        return verdicts.untested("fewer than eight concepts")
    low, high = verdicts.interval_of(lambda a, b: float(spearmanr(a, b).statistic), share.numpy(), ratio.numpy())
    return {"ours": float(spearmanr(share, ratio).statistic), "interval": (low, high), "holds": low > 0, "reason": f"rank correlation over {len(share)} concepts"}


def average(found: Mapping[str, Evidence], which: str) -> float:
    """Mean over networks of an estimate, "score", "repaired" or "alone"; 0 without networks."""
    return sum(getattr(one, which).value for one in found.values()) / max(1, len(found))


def joins(joined: Sequence[int], dealt: Sequence[int]) -> dict:
    """Ours: two networks or more join more than twice as many pairs of generator units as with shuffled ends."""
    if len(joined) < 2:
        return verdicts.untested("one network alone")
    return {"ours": joined[1] / max(1, dealt[1]), "holds": joined[1] > 2 * dealt[1], "reason": f"{joined[1]} pairs, shuffled {dealt[1]}"}
