"""How far clusters of a unit's references stand apart, and whether two distances agree (PURE, section 4).

    U  units    n  references of each    k  clusters    d  dimensions of a vector
    D    (U, n, n)  distances between a unit's references in some embedding, eq. (4): |e_i - e_j|
    c_i  (U, n)     cluster of reference i

All functions take one unit without its axis as well, and give float64 on the CPU.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import rankdata
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from threadpoolctl import threadpool_limits
from torch import Tensor

from unitscope import checking
from unitscope.errors import UnitscopeError

LARGEST_SEED = 2**32 - 1  # of NumPy's old generator, which scikit-learn asks


def distances(vectors: Tensor) -> Tensor:
    """Euclidean distances (U, n, n) between finite vectors (U, n, d); exactly symmetric, zero on the diagonal."""
    vectors = _double("vectors", vectors, "(n, d) or (U, n, d)")
    return torch.cdist(vectors, vectors, compute_mode="donot_use_mm_for_euclid_dist")


def kmeans_labels(x: Tensor, k: int, seed: int = 0, n_init: int = 10) -> Tensor:
    """Clusters of each unit's vectors by scikit-learn's k-means, with the settings of the authors' evaluation.

    Parameters
    ----------
    x : (U, n, d), or (n, d) for one unit.

    Returns
    -------
    int64 (U, n) or (n,), labels in 0..k-1.

    Raises
    ------
    UnitscopeError
        If there are fewer vectors than clusters, or a vector is not finite.
    """
    x = checking.finite("x", x, "(n, d) or (U, n, d)").detach().cpu()
    k, n_init = checking.count("k", k, 1, x.shape[-2]), checking.count("n_init", n_init)
    seed = checking.count("seed", seed, 0, LARGEST_SEED)
    units = x[None] if x.ndim == 2 else x
    with threadpool_limits(1):  # a hundred vectors: threads cost more than they save
        found = [KMeans(k, n_init=n_init, random_state=seed).fit(unit.numpy()).labels_ for unit in units]
    return torch.tensor([labels.tolist() for labels in found]).view(x.shape[:-1])


def assign(vectors: Tensor, centroids: Tensor) -> Tensor:
    """Nearest centroid of new samples, argmin_c |R(x) - mu_c|: the last step of the paper's section 3.

    vectors (U, m, d) and centroids (U, k, d), finite, or without U; labels (U, m) in 0..k-1.
    """
    vectors = _double("vectors", vectors, "(m, d) or (U, m, d)")
    centroids = _double("centroids", centroids, "(k, d) or (U, k, d)")
    if vectors.shape[:-2] != centroids.shape[:-2] or vectors.shape[-1] != centroids.shape[-1]:
        raise UnitscopeError(
            f"assign needs vectors (U, m, d) and centroids (U, k, d) of the same units and dimensions, got "
            f"{tuple(vectors.shape)} and {tuple(centroids.shape)}."
        )
    return torch.cdist(vectors, centroids).argmin(dim=-1)


def overall_distance(D: Tensor) -> Tensor:
    """Mean over all pairs of different references (U,): what a random split gives, the paper's "random"."""
    D = _double("D", D, "(n, n) or (U, n, n)")
    n = D.shape[-1]
    if n < 2:
        raise UnitscopeError(f"a mean distance needs at least 2 references, got {n}.")
    return D.sum(dim=(-2, -1)) / (n * n - n)


def intra_inter(D: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Mean distance within and between clusters, eq. (5): (U,) each.

    Where one of the two has no pair (all references in one cluster, or each in its own), it takes the value of the
    other, as in the authors' code: the gap is zero.

    Raises
    ------
    UnitscopeError
        If D is not finite (U, n, n), n < 2, or the labels are not whole numbers (U, n).
    """
    D, labels = _labelled(D, labels)
    same = (labels[..., :, None] == labels[..., None, :]).double()
    inter_count = (1 - same).sum(dim=(-2, -1))
    within, between = (D * same).sum(dim=(-2, -1)), (D * (1 - same)).sum(dim=(-2, -1))  # D_ii is zero
    return _means(within, between, same.sum(dim=(-2, -1)) - D.shape[-1], inter_count)


def partition_gaps(D: Tensor, partitions: Tensor) -> Tensor:
    """Gaps inter - intra of many partitions of each unit's references (U, draws), as of controls beside a split.

    Sums within clusters come from matrix products: with Z the indicator of the clusters (n, k), they are the trace of
    Z' D Z.

    Parameters
    ----------
    D : (U, n, n).    partitions : (U, draws, n), clusters in 0..k-1.
    """
    partitions = checking.indices("partitions", partitions, shape="(draws, n) or (U, draws, n)").cpu()
    D, _ = _labelled(D, partitions[..., 0, :])
    partitions = partitions.unique(return_inverse=True)[1]  # numbered without gaps
    n, whole = D.shape[-1], D.sum(dim=(-2, -1))[..., None]
    within = torch.zeros(partitions.shape[:-1], dtype=torch.float64)
    intra_count = torch.zeros_like(within)
    for cluster in range(int(partitions.max()) + 1):
        member = (partitions == cluster).double()
        within += ((member @ D) * member).sum(dim=-1)
        intra_count += member.sum(dim=-1) * (member.sum(dim=-1) - 1)
    intra, inter = _means(within, whole - within, intra_count, n * n - n - intra_count)
    return inter - intra


def adjusted_rand(one: Tensor, other: Tensor) -> float:
    """Agreement of two partitions (n,): 1 the same, 0 chance (Hubert and Arabie 1985)."""
    one, other = (checking.indices(name, x, empty=True).cpu() for name, x in (("one", one), ("other", other)))
    if one.ndim != 1 or one.shape != other.shape or not len(one):
        raise UnitscopeError(f"adjusted_rand needs two partitions (n,), got {tuple(one.shape)}, {tuple(other.shape)}.")
    return float(adjusted_rand_score(one.numpy(), other.numpy()))


def pair_sums(judge: Tensor, other: Tensor) -> Tensor:
    """What a correlation over the pairs of several units needs of each unit: (U, 6).

    Count of the ordered pairs, and sums of x, y, x*x, y*y and x*y over them, with x the judge's distance and y the
    other. Pairs where either distance is zero (an image with itself, duplicates) are dropped, as in the authors'
    notebook.

    Parameters
    ----------
    judge, other : (U, n, n) distances of the same references.
    """
    x, y = _two(judge, other)
    kept = (x * y != 0).double()
    x, y = x * kept, y * kept
    return torch.stack([part.sum(dim=(1, 2)) for part in (kept, x, y, x * x, y * y, x * y)], dim=1)


def pooled_correlation(count, x, y, xx, yy, xy, axis: int = -1):
    """Pearson correlation over the pairs of several units together, from their `pair_sums`, a column (U,) each.

    Pooling over units lets differences between units count; see `within_correlation`. NaN where one side does not vary.
    Columns with further axes, units along `axis`, give one correlation for each entry.
    """
    n, x, y, xx, yy, xy = (np.sum(np.asarray(column), axis=axis) for column in (count, x, y, xx, yy, xy))
    with np.errstate(invalid="ignore", divide="ignore"):
        return (xy - x * y / n) / np.sqrt((xx - x * x / n) * (yy - y * y / n))


def within_correlation(judge: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Pearson and Spearman correlation (U,) of two distances over the pairs i < j of each unit (U, n, n)."""
    judge, other = _two(judge, other)
    rows, columns = torch.triu_indices(judge.shape[1], judge.shape[1], offset=1)
    x, y = judge[:, rows, columns], other[:, rows, columns]
    ranks, other_ranks = (torch.from_numpy(rankdata(D.numpy(), axis=1)) for D in (x, y))
    weights = torch.ones_like(x)
    return _pearson(x, y, weights), _pearson(ranks, other_ranks, weights)


def _means(within: Tensor, between: Tensor, intra_count: Tensor, inter_count: Tensor) -> tuple[Tensor, Tensor]:
    """Sums to means; a mean without pairs takes the other's value."""
    intra, inter = within / intra_count, between / inter_count
    return torch.where(intra_count == 0, inter, intra), torch.where(inter_count == 0, intra, inter)


def _pearson(x: Tensor, y: Tensor, weights: Tensor) -> Tensor:
    """Weighted correlation of the rows of x and y (m, p); NaN where one of them does not vary."""
    total = weights.sum(dim=1, keepdim=True)
    x, y = (v - (weights * v).sum(dim=1, keepdim=True) / total for v in (x, y))
    return (weights * x * y).sum(1) / ((weights * x * x).sum(1) * (weights * y * y).sum(1)).sqrt()


def _double(name: str, values: Tensor, shape: str = "(U, n, n)") -> Tensor:
    """Finite values of a shape as float64 on the CPU."""
    return checking.finite(name, values, shape).detach().cpu().double()


def _two(judge: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    judge, other = _double("judge", judge), _double("other", other)
    if judge.shape != other.shape:
        raise UnitscopeError(
            f"two distances must both be (U, n, n), got {tuple(judge.shape)} and {tuple(other.shape)}."
        )
    if judge.shape[1] < 2:
        raise UnitscopeError(f"a correlation needs pairs: at least 2 references, got {judge.shape[1]}.")
    return judge, other


def _labelled(D: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Distances and the labels that belong to them."""
    D = _double("D", D, "(n, n) or (U, n, n)")
    labels = checking.indices("labels", labels).cpu()
    if labels.shape != D.shape[:-1] or D.shape[-1] < 2:
        raise UnitscopeError(
            f"distances (U, n, n), n >= 2, need labels (U, n), got {tuple(D.shape)} and {tuple(labels.shape)}."
        )
    return D, labels
