"""Claims 10 to 15: what units change, and how sparsely (Fig. 4 and 5A).

values (C, U, n, K, M) changes of every picture, from `Profile`    vectors (C, U, K) medians over pictures by one
measure s (C, U)  label sparsity of a unit in a class; NaN where it changes nothing
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from scipy.stats import skew
from torch import Tensor

from unitscope.data.critters import PARTS
from unitscope.evidence.linking import NOTHING, ONE_PICTURE
from unitscope.metrics import verdicts
from unitscope.metrics.parts import METRICS, hoyer, hoyer_null, stacked
from unitscope.metrics.verdicts import Verdict
from unitscope.papers.linking.profiles import Profile

AREA = METRICS.index("area")
NULL_LEVEL = 0.99
FEWEST = 5  # units that a statement about a distribution needs
SPARSE, FEW = 0.6, 0.1  # sparsity of a "highly sparse" unit, and how many units are "few"
APART = 0.02  # difference of two classes' median sparsity that counts as one
SPARSEST, SEARCHED, NAMED = (
    10,
    100,
    0.04,
)  # units whose share is judged; units whose leading part is; share a part must lead
HALF = 0.5
DIRECTIONS, PICTURES = "directions", "pictures"


def units_differ(found: Profile) -> Verdict:
    """10: the variance between units exceeds that within a unit over pictures.

    All measures of all parts, each divided by its spread. Means of n pictures scatter by the variance within / n even
    where units are alike, so this is taken off the variance between (analysis of variance with random effects).
    """
    if not changing(found.vectors()):
        return verdicts.untested(NOTHING)
    table = stacked(found.values.double())  # (C, U, n, K M)
    units, pictures = table.shape[1:3]
    if pictures < 2:
        return verdicts.untested(ONE_PICTURE)
    table = table / table.std((0, 1, 2), keepdim=True).clamp(min=1e-9)
    means = table.mean(2)
    within = table.var(2).mean((0, 2))
    scatter = (means - means.mean(1, keepdim=True)).square().mean((0, 2)) * units / (units - 1)
    return verdicts.exceeds(1, lambda b, w, axis=-1: b.mean(axis) / w.mean(axis), scatter - within / pictures, within)


def stable_across_classes(vectors: Tensor) -> Verdict:
    """11: a unit's change vector correlates between classes more than those of two different units do."""
    if not changing(vectors):
        return verdicts.untested(NOTHING)
    centred = F.normalize((vectors - vectors.mean(-1, keepdim=True)).double(), dim=-1)
    classes = range(len(vectors))
    pairs = [(a, b) for a in classes for b in classes if a != b]
    table = (sum(centred[a] @ centred[b].T for a, b in pairs) / len(pairs)).numpy()  # (U, U)

    def lead(rows) -> float:
        rows = rows.astype(int)
        drawn = table[np.ix_(rows, rows)]
        other = rows[:, None] != rows[None, :]
        return drawn.diagonal().mean() - (drawn[other].mean() if other.any() else 0.0)

    verdict = verdicts.exceeds(0, lead, np.arange(len(table)))
    same = table.diagonal().mean()
    return verdict.but(reason=f"same unit {same:.2f}, two units {same - verdict.ours:.2f}")


def sparsities(vectors: Tensor) -> list[np.ndarray]:
    """Label sparsity of each class's units, those without any change left out."""
    found = [hoyer(rows) for rows in vectors]
    return [values[values.isfinite()].numpy() for values in found]


def mean_sparsity(vectors: Tensor) -> np.ndarray:
    """Label sparsity of each direction, mean over the classes in which it changes anything; others are left out."""
    found = hoyer(vectors).nanmean(0)
    return found[found.isfinite()].numpy()


def changing(vectors: Tensor) -> bool:
    """Whether every class has enough units that change some part."""
    return min(map(len, sparsities(vectors))) >= FEWEST


def tails(values, axis=-1):
    """How much farther the top percentile lies from the median than the bottom percentile does."""
    low, middle, high = np.quantile(values, [0.01, 0.5, 0.99], axis=axis)
    return high + low - 2 * middle


def long_tail(vectors: Tensor, names: Sequence[str]) -> Verdict:
    """12: in every class sparsity is skewed to the right, its right tail is the longer one, and few units lie above
    0.6.
    """
    if not changing(vectors):
        return verdicts.untested(NOTHING)
    parts = {}
    for name, values in zip(names, sparsities(vectors), strict=True):
        if np.ptp(values) < 1e-12:
            return verdicts.untested(f"every unit has one sparsity in {name}")
        parts[f"{name}: skew"] = verdicts.exceeds(0, skew, values)
        parts[f"{name}: tails"] = verdicts.exceeds(0, tails, values)
        parts[f"{name}: above {SPARSE}"] = verdicts.share(values > SPARSE, FEW, over=False)
    above = ", ".join(f"{parts[f'{name}: above {SPARSE}'].ours:.0%}" for name in names)
    return verdicts.every(parts).but(ours=f"above {SPARSE}: {above}", samples=f"{vectors.shape[1]} units a class")


def beyond_noise(vectors: Tensor, least: float = 0.05) -> Verdict:
    """13: over 5 % of units are sparser than 99 % of Gaussian noise, absent labels dropped; a unit counts by its share
    of classes.
    """
    if not changing(vectors):
        return verdicts.untested(NOTHING)
    cut = float(hoyer_null(vectors.shape[-1]).quantile(NULL_LEVEL))
    values = hoyer(vectors)
    hits = torch.where(values.isfinite(), (values > cut).double(), torch.nan).nanmean(0)
    verdict = verdicts.exceeds(least, np.mean, hits[hits.isfinite()])
    return verdict.but(reason=f"k = {vectors.shape[-1]}, 99 % of noise below {cut:.3f}")


def classes_differ(found: Profile, least: float = APART) -> Verdict:
    """14: the classes of highest and of lowest median sparsity, chosen on one half of the pictures, differ in this
    sense on the other.

    Pictures are drawn again, since all units of a class are measured on the same ones.
    """
    if not changing(found.vectors()):
        return verdicts.untested(NOTHING)
    if (halves := found.halves()) is None:
        return verdicts.untested(ONE_PICTURE)
    middle = [float(np.median(values)) if len(values) else 0.0 for values in sparsities(halves[0].vectors())]
    chosen = [int(np.argmax(middle)), int(np.argmin(middle))]
    values = halves[1].values[chosen][..., AREA].numpy()  # (2, U, n, K)

    def gap(rows) -> float:
        s = hoyer(torch.from_numpy(np.median(values[:, :, rows.astype(int)], axis=2)))
        high, low = s.nanmedian(1).values.nan_to_num(0.0).tolist()
        return high - low

    verdict = verdicts.exceeds(least, gap, np.arange(values.shape[2]), of=PICTURES)
    medians = ", ".join(f"{name} {value:.2f}" for name, value in zip(found.names, middle, strict=True))
    return verdict.but(reason=f"{found.names[chosen[0]]} against {found.names[chosen[1]]}; chosen by {medians}")


def sparsest_speak_of_one_part(found: Profile, wanted: Sequence[str] = ("legs", "eyes", "ears")) -> Verdict:
    """15: over 80 % of the change of the ten sparsest units lies in one part; legs, eyes and ears lead some of the
    hundred sparsest.

    Units, their class and their part are chosen on one half of the pictures and judged on the other.
    """
    if not changing(found.vectors()):
        return verdicts.untested(NOTHING)
    if (halves := found.halves()) is None:
        return verdicts.untested(ONE_PICTURE)
    chosen, told = (half.vectors().double() for half in halves)  # (C, U, K)
    score, group = hoyer(chosen).nan_to_num(-1).max(0)
    order = score.argsort(descending=True)
    chosen, told = (one[group[order], order] for one in (chosen, told))  # (U, K), sparsest first
    label = chosen.abs().argmax(1)
    share = told.abs().gather(1, label[:, None])[:, 0] / told.abs().sum(1).clamp(min=1e-12)
    again = (told.abs().argmax(1) == label)[:SEARCHED].numpy()
    parts = {"one part above 80 %": verdicts.exceeds(0.8, np.mean, share[:SPARSEST])}
    for name in wanted:
        leads = (label[:SEARCHED] == PARTS.index(name)).numpy()
        parts[f"{name} leads over {NAMED:.0%}"] = verdicts.share(leads & again, NAMED)
    leading = sorted({PARTS[one] for one in label[:SEARCHED][torch.from_numpy(again)].tolist()})
    return verdicts.every(parts).but(ours=f"share {float(share[:SPARSEST].mean()):.2f}; leading: {', '.join(leading)}")


def sparser_than_random(units: Tensor, random: Tensor) -> Verdict:
    """Control: units are sparser than random directions of R; a direction counts by its mean over classes."""
    if not changing(units) or not len(mean_sparsity(random)):
        return verdicts.untested(NOTHING)
    return verdicts.larger(mean_sparsity(units), mean_sparsity(random), of=DIRECTIONS)


def echoes(units: Profile, random: Profile, least: float = HALF) -> Verdict:
    """Control: drawn and read again, a unit rises, more than a random direction does, and by half of its range at
    least.
    """
    own, other = units.rise().double(), random.rise().double()
    if not len(own) or not len(other):
        return verdicts.untested("no direction has a range to be tuned over")
    parts = {
        "rises": verdicts.exceeds(0, np.median, own),
        "more than random directions": verdicts.larger(own, other, of=DIRECTIONS),
        f"by {least:.0%} of its range": verdicts.exceeds(least, np.median, own),
    }
    middle, chance = float(own.quantile(0.5)), float(other.quantile(0.5))
    return verdicts.every(parts).but(
        ours=f"{middle:.1%} of its range, random directions {chance:.1%}", samples=parts["rises"].samples
    )
