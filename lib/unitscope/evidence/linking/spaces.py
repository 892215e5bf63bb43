"""Are the classifier's space R and the generator's space W alike? (Wehrheim et al. 2024, section 4.1, Fig. 3A)

    Each repetition draws k classes and m samples of each; M = k m rows
    ARI  agreement of k-means clusters with the classes, in W and in R
    RSA  correlation, over pairs of samples, of W's matrix with R's: of correlations, and of Euclidean distances

Matrices enter by their strict upper triangle: the constant diagonal would raise the correlation. The null shuffles the
samples of one matrix.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.errors import UnitscopeError
from unitscope.metrics.clusters import adjusted_rand, kmeans_labels
from unitscope.models import Generator
from unitscope.papers.linking.pairs import LinkedPairs

KINDS = ("similarity", "dissimilarity")
SHRINKAGE_INITS = 3


@dataclass(frozen=True)
class Likeness:
    """One row a repetition. ari {"W" | "R" | "shuffled": (reps,)}; rsa, null {kind: (reps,)}: null is the 99th
    percentile of `permutations` shuffles; within {kind: (classes,)}: the correlation among the samples of one class
    alone, for all classes.
    """

    ari: dict[str, Tensor]
    rsa: dict[str, Tensor]
    null: dict[str, Tensor]
    within: dict[str, Tensor]


def likeness(
    pairs: LinkedPairs,
    *,
    classes: int = 5,
    per_class: int = 100,
    repeats: int = 100,
    inits: int = 20,
    permutations: int = 50,
    seed: int = 0,
) -> Likeness:
    """Fig. 3A: k-means and representational similarity over repeated draws of classes.

    Raises
    ------
    UnitscopeError
        If the pairs have fewer classes than asked for.
    """
    if not 2 <= classes <= len(pairs.names):
        raise UnitscopeError(f"classes must lie in 2..{len(pairs.names)}, got {classes}.")
    draw = torch.Generator().manual_seed(seed)
    rows = []
    for repeat in range(repeats):
        chosen = torch.randperm(len(pairs.names), generator=draw)[:classes]
        picked = torch.cat([_some(pairs.groups == group, per_class, draw) for group in chosen.tolist()])
        w, r, truth = pairs.w[picked], pairs.r[picked], pairs.groups[picked]
        one = {
            f"ari {name}": adjusted_rand(kmeans_labels(x, classes, seed + repeat, inits), truth)
            for name, x in (("W", w), ("R", r))
        }
        shuffled = truth[torch.randperm(len(truth), generator=draw)]
        one["ari shuffled"] = adjusted_rand(kmeans_labels(w, classes, seed + repeat, 1), shuffled)
        for kind in KINDS:
            a, b = matrix(w, kind), matrix(r, kind)
            one[f"rsa {kind}"] = triangle_correlation(a, b)
            one[f"null {kind}"] = null_quantile(a, b, permutations, draw)
        rows.append(one)
    table = {key: torch.tensor([row[key] for row in rows]) for key in rows[0]}
    columns = (
        {key.split(" ", 1)[1]: value for key, value in table.items() if key.startswith(head + " ")}
        for head in ("ari", "rsa", "null")
    )
    return Likeness(*columns, {kind: within_classes(pairs, kind) for kind in KINDS})


def matrix(x: Tensor, kind: str) -> Tensor:
    """Correlations (similarity) or Euclidean distances (dissimilarity) of all pairs of rows: (M, M) float64."""
    x = x.double()
    return torch.corrcoef(x).nan_to_num(0.0) if kind == "similarity" else torch.cdist(x, x)


def triangle_correlation(a: Tensor, b: Tensor) -> float:
    """Pearson correlation of the strict upper triangles of two matrices (M, M)."""
    rows, columns = torch.triu_indices(len(a), len(a), offset=1)
    found = torch.corrcoef(torch.stack([a[rows, columns], b[rows, columns]]))[0, 1]
    return float(found.nan_to_num(0.0))


def null_quantile(a: Tensor, b: Tensor, permutations: int, draw: torch.Generator, level: float = 0.99) -> float:
    """The `level` quantile of the triangle correlation when the samples of b are shuffled."""
    a, b = a - a.mean(), b - b.mean()
    rows, columns = torch.triu_indices(len(a), len(a), offset=1)
    x, y = a[rows, columns], b[rows, columns]
    scale = float((x - x.mean()).norm() * (y - y.mean()).norm())
    whole = (a - x.mean()).fill_diagonal_(0.0)  # symmetric: its sum over all pairs is twice that over the triangle
    found = []
    for _ in range(permutations):
        order = torch.randperm(len(b), generator=draw)
        found.append(float((whole * b[order][:, order]).sum()) / 2 / max(scale, 1e-12))
    return float(torch.tensor(found).quantile(level))


def within_classes(pairs: LinkedPairs, kind: str) -> Tensor:
    """Correlation of the two matrices among the samples of each class alone (classes,): agreement that no class
    difference makes.
    """
    each = (pairs.of(group) for group in range(len(pairs.names)))
    return torch.tensor([triangle_correlation(matrix(one.w, kind), matrix(one.r, kind)) for one in each])


def class_share(x: Tensor, groups: Tensor) -> float:
    """Share of the variance of x (n, D) that lies between classes, groups (n,)."""
    x = x.double()
    means = torch.stack([x[groups == group].mean(0) for group in groups.unique()])
    within = (x - means[torch.unique(groups, return_inverse=True)[1]]).square().sum()
    return 1 - float(within / (x - x.mean(0)).square().sum())


def shrinkage(
    gan: Generator, truncations, *, classes: int = 5, per_class: int = 100, draws: int = 8, seed: int = 0
) -> dict[float, Tensor]:
    """{truncation: adjusted Rand index of k-means in W (draws,)} for several truncations of the same latents of the
    same classes: how much of it truncation makes (claim 9).
    """
    draw = torch.Generator().manual_seed(seed)
    found = {psi: [] for psi in truncations}
    for number in range(draws):
        chosen = torch.randperm(len(gan.classes), generator=draw)[:classes]
        labels = gan.labels_of(per_class * len(chosen), chosen.repeat_interleave(per_class))
        for psi in truncations:
            w = gan.sample(len(labels), labels, seed=seed + number, truncation=psi).cpu()
            found[psi].append(adjusted_rand(kmeans_labels(w, len(chosen), seed + number, SHRINKAGE_INITS), labels))
    return {psi: torch.tensor(values) for psi, values in found.items()}


def _some(member: Tensor, count: int, draw: torch.Generator) -> Tensor:
    rows = member.nonzero().flatten()
    return rows[torch.randperm(len(rows), generator=draw)[:count]]
