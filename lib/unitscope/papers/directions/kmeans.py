"""K-means with cosine similarity: the paper's way to interpretable directions.

    x (n, N)  rows y^ of unit norm    mu (K, N)  centroids    l (n,)  cluster of each image

On unit rows |x - mu|^2 = 1 + |mu|^2 - 2 x.mu, so the images closest to a centroid are those with the largest inner
product, and an assignment is one matrix product. Full batches, so the result is the same on every run.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.errors import unknown
from unitscope.papers.directions.basis import Activations, Directions, along, check_count

STARTS = ("k-means++", "identity")
SETTLED = 1e-5  # relative gain of an iteration below which it ends


@dataclass(frozen=True)
class Clusters:
    """centroids (K, N), labels (n,), inertia: sum over images of |x - mu|^2."""

    centroids: Tensor
    labels: Tensor
    inertia: float


def kmeans(given: Activations, k: int, seed: int = 0, start: str = "k-means++", restarts: int = 4) -> Directions:
    """k centroids of the images' y^; the best of `restarts`.

    Parameters
    ----------
    start : "k-means++", or "identity": the units themselves as first centroids (k = N, once), as in the authors' code.

    Raises
    ------
    UnitscopeError
        If k is larger than the number of images, or not N with "identity".
    """
    x = given.unit_norm
    check_count("k-means", k, len(x), "images")
    if start not in STARTS:
        raise unknown("start", start, STARTS)
    if start == "identity":
        check_count("k-means from the identity", k, x.shape[1], "units")
        runs = [lloyd(x, torch.eye(x.shape[1])[:k])]
    else:
        generator = torch.Generator().manual_seed(seed)
        runs = [lloyd(x, plus_plus(x, k, generator)) for _ in range(restarts)]
    best = min(runs, key=lambda run: run.inertia)
    return along("k-means", x, best.centroids)


def plus_plus(x: Tensor, k: int, generator: torch.Generator) -> Tensor:
    """k rows of unit norm from x, each drawn with a chance that grows with its squared distance from those before.

    Arthur and Vassilvitskii (2007), greedy: of 2 + ln k draws the one that leaves the smallest sum of distances.
    """
    candidates = 2 + int(math.log(k))
    chosen = [int(torch.randint(len(x), (1,), generator=generator))]
    distance = torch.linalg.vector_norm(x - x[chosen[0]], dim=1).square()
    for _ in range(k - 1):
        drawn = torch.multinomial(distance + 1e-12, candidates, replacement=True, generator=generator)
        left = torch.minimum(distance[:, None], (2 - 2 * x @ x[drawn].T).clamp(min=0))  # (n, candidates)
        best = int(left.sum(0).argmin())
        chosen.append(int(drawn[best]))
        distance = left[:, best]
    return x[chosen]


def lloyd(x: Tensor, centroids: Tensor, iterations: int = 100) -> Clusters:
    """Lloyd's iterations from given centroids; an empty cluster restarts at the worst-fitted image."""
    before = torch.inf
    norms = x.square().sum(1)
    for _ in range(iterations):
        fit, labels = (x @ centroids.T - centroids.square().sum(1) / 2).max(1)
        distance = (norms - 2 * fit).clamp(min=0)
        inertia = float(distance.double().sum())
        counts = torch.bincount(labels, minlength=len(centroids))
        centroids = torch.zeros_like(centroids).index_add_(0, labels, x) / counts.clamp(min=1)[:, None]
        empty = (counts == 0).nonzero().flatten()
        if len(empty):
            centroids[empty] = x[distance.topk(len(empty)).indices]
        elif before - inertia <= SETTLED * inertia:
            break
        before = inertia
    return Clusters(centroids, labels, inertia)
