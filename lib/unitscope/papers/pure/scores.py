"""How well units are split, in the eyes of a judge (paper, section 4).

    U  units    n  references of each    D_ij  judge's distance between two crops, eq. (4)
    rho_intra, rho_inter  mean distance within and between clusters, eq. (5); their difference is the gap

Distances are divided by their mean over all pairs of all units. So 1 is what no split at all, or a random one, gives,
and judges of different scale can be compared with the paper's CLIP.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from scipy.stats import rankdata
from torch import Tensor

from unitscope import checking
from unitscope.errors import UnitscopeError
from unitscope.extract.attributions import NORMALISERS
from unitscope.metrics import clusters
from unitscope.papers.pure.circuits import purify
from unitscope.papers.pure.collect import LayerStudy, attribute

VIEWS = ("rival", "PURE", "activations")  # in the order of the paper's figure
VARIANTS = {  # of the attributions: where they start, how they are scaled
    "as coded, eq. (3')": ("activation", "l1"),
    "not normalised": ("activation", None),
    "eq. (3) at the peak": ("argmax", "l1"),
    "eq. (3) at the peak, not normalised": ("argmax", None),
}


@dataclass(frozen=True)
class Split:
    """Units split in one way: labels (U, n); mean distances (U,) within clusters, between them, and over all pairs."""

    labels: Tensor
    intra: Tensor
    inter: Tensor
    overall: Tensor

    @property
    def gap(self) -> Tensor:
        """How far the clusters stand apart (U,); by the judge's own clusters: the polysemanticity score."""
        return self.inter - self.intra


def distances(vectors: Tensor) -> Tensor:
    """Distances (U, n, n) between vectors (U, n, D), eq. (4), divided by their mean over all pairs of all units."""
    found = clusters.distances(checking.finite("vectors", vectors, "(U, n, D)"))
    if not found.any():
        raise UnitscopeError("`vectors` are all the same, so their distances have no mean to be divided by.")
    return found / clusters.overall_distance(found).mean()


def split(vectors: Tensor, found: Tensor, k: int = 2, seed: int = 0) -> Split:
    """Split units in k by vectors (U, n, D), judged by distances (U, n, n)."""
    found = checking.finite("found", found, "(U, n, n)")
    labels = purify(vectors, k, seed=seed).labels
    return Split(labels, *clusters.intra_inter(found, labels), clusters.overall_distance(found))


def splits(known: LayerStudy, k: int = 2, judge: str = "judge", seed: int = 0) -> dict[str, Split]:
    """A study's units split in k by every view, the judge's own ("oracle") included; `judge` may be "rival" instead."""
    found = distances(known.vectors[judge])
    return {view: split(known.vectors[view], found, k, seed) for view in (*VIEWS, "judge")}


def pair_sums(known: LayerStudy) -> dict[str, Tensor]:
    """What the correlation of each view's distances with the judge's needs of every unit: {view: (U, 6)}.

    Over the stronger half of the references, as in the authors' notebook (50 of 100); `clusters.pooled_correlation`
    pools the pairs of several units, as the paper does.
    """
    near = known.references.shape[1] // 2
    found = {view: distances(known.vectors[view][:, :near]) for view in (*VIEWS, "judge")}
    return {view: clusters.pair_sums(found["judge"], found[view]) for view in VIEWS}


def clearest(found: Split, fewest: int = 8) -> int:
    """The unit of the largest gap among those whose smallest cluster has `fewest` references; of all, if none has."""
    sizes = torch.nn.functional.one_hot(found.labels).sum(1)
    enough = sizes.amin(1) >= fewest
    return int(found.gap.where(enough | ~enough.any(), -torch.inf).argmax())


def top(score: Tensor, count: int, among: Tensor | None = None) -> Tensor:
    """Rows of the `count` largest scores (U,), largest first, of all units or of those `among` (U,)."""
    score, count = checking.finite("score", score, "(U)"), checking.count("count", count)
    order = score.argsort(descending=True)
    return order[:count] if among is None else order[checking.mask("among", among, "(U)")[order]][:count]


def agreement(one: Split, other: Split, rows=slice(None)) -> Tensor:
    """Adjusted Rand index (U,) of two splits of the same units, or of the units in `rows`."""
    pairs = zip(one.labels[rows], other.labels[rows], strict=True)
    return torch.tensor([clusters.adjusted_rand(a, b) for a, b in pairs])


@dataclass(frozen=True)
class CropPairs:
    """Pairs of a unit's references: rows and columns (P,), and percentile ranks (U, P) of their distances by view."""

    first: Tensor
    second: Tensor
    ranks: dict[str, Tensor]

    def at(self, view: str, row: int, first: int, second: int) -> float:
        """Rank of one pair, first < second, of the unit in `row`."""
        return float(self.ranks[view][row, (self.first == first) & (self.second == second)])


def pairs(known: LayerStudy) -> CropPairs:
    """Rank every pair of references within its unit, by every view: 0 nearest, 1 farthest, ties at their mean."""
    n = known.references.shape[1]
    first, second = torch.triu_indices(n, n, offset=1)
    ranks = {}
    for view in (*VIEWS, "judge"):
        found = clusters.distances(known.vectors[view])[:, first, second]
        ranks[view] = torch.from_numpy(rankdata(found.numpy(), axis=1) - 1) / (found.shape[1] - 1)
    return CropPairs(first, second, ranks)


def overestimate(found: CropPairs, chosen: Tensor | None = None) -> Tensor:
    """How much farther activations see alike pairs than PURE does (U,): difference of their median ranks.

    Over the pairs nearer than the judge's median, and among `chosen` (U, P) if given; NaN for units without such pairs.
    """
    near = found.ranks["judge"] < 0.5
    near = near if chosen is None else near & chosen
    inside = [found.ranks[view].where(near, torch.nan) for view in ("activations", "PURE")]
    # the mean of the two in the middle where their number is even; torch's takes the lower
    medians = [ranks.nanquantile(0.5, dim=1) for ranks in inside]
    return medians[0] - medians[1]


def small_crops(known: LayerStudy, found: CropPairs, share: float = 0.5) -> Tensor:
    """Which pairs (U, P) have crops that both cover less than `share` of the image."""
    small = known.areas() < share
    return small[:, found.first] & small[:, found.second]


def exemplary(known: LayerStudy, found: CropPairs, chosen: Tensor, count: int = 3) -> list[tuple[int, int, int]]:
    """The pairs (unit's row, first, second) among `chosen` (U, P) where activations overestimate most.

    By score: rank by activations minus the larger rank by judge and PURE. One pair a unit, no image twice.
    """
    score = found.ranks["activations"] - torch.maximum(found.ranks["judge"], found.ranks["PURE"])
    best, place = score.where(chosen, -torch.inf).max(1)
    kept, used = [], set()
    for row in best.argsort(descending=True)[: int(chosen.any(1).sum())].tolist():
        first, second = int(found.first[place[row]]), int(found.second[place[row]])
        images = set(known.references[row, [first, second]].tolist())
        if not images & used and len(kept) < count:
            kept.append((row, first, second))
            used |= images
    return kept


def ablation(known: LayerStudy, rows, k: int = 2, seed: int = 0) -> dict[str, Split]:
    """The units in `rows` split by variants of the attributions, judged as in `splits`, and by "activations"."""
    setting, units, references = known.setting, known.units[rows], known.references[rows]
    found = distances(known.vectors["judge"][rows])
    raw = {
        start: attribute(setting, units, references, seed_map=start, normalise=None) for start, _ in VARIANTS.values()
    }
    vectors = {
        name: NORMALISERS[scale](raw[start].flatten(0, 1)).view_as(raw[start])
        for name, (start, scale) in VARIANTS.items()
    }
    vectors["activations"] = known.vectors["activations"][rows]
    return {name: split(one, found, k, seed) for name, one in vectors.items()}


def to_clusters(
    known: LayerStudy, new: LayerStudy, rows: Tensor, labels: Tensor, found: Tensor
) -> tuple[Tensor, Tensor]:
    """How far unseen crops lie from references of their own cluster, and from the others', by the judge.

    Parameters
    ----------
    new : the units in `rows` of `known` at unseen images; labels (R, n) of the references, found (R, m) of the images.

    Returns
    -------
    own, other : (R',) means, in units of the mean over both, of the units that have both kinds of pairs.
    """
    one, other = (vectors.double() for vectors in (new.vectors["judge"], known.vectors["judge"][rows]))
    D = torch.cdist(one, other)  # (R, m, n)
    same = found[:, :, None] == labels[:, None, :]
    own, apart = ((D * mask).sum((1, 2)) / mask.sum((1, 2)) for mask in (same, ~same))
    usable = same.any(2).any(1) & (~same).any(2).any(1)
    return own[usable] / D.mean(), apart[usable] / D.mean()
