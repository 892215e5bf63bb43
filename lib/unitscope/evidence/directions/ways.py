"""The index and the input gradients at every step between far clusters (Klindt et al. 2023, Fig. 7)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.data import ImageSet
from unitscope.metrics.interpretability import interpretability
from unitscope.metrics.similarity import Similarity
from unitscope.models import VisionModel
from unitscope.papers.directions.basis import Activations
from unitscope.papers.directions.interpolation import (
    alphas,
    exciting_on_path,
    far_pairs,
    gradient_norms,
    path,
    sensitivity,
)


def own_sensitivity(
    model: VisionModel, layer: str, given: Activations, images: ImageSet, sets: Tensor, vectors: Tensor
) -> Tensor:
    """Mean gradient norm of |y^(x) - u| at each direction's own MEIs: sets (K, M), vectors (K, N) -> (K,)."""
    targets = vectors.repeat_interleave(sets.shape[1], 0)
    return gradient_norms(model, layer, given, images, sets.flatten(), targets).view(sets.shape).mean(1)


def squared_sensitivity(given: Activations, sets: Tensor, start: Tensor, norms: Tensor) -> Tensor:
    """The same for |y^ - v|^2 in place of |y^ - v|: 2 |y^ - v| times the norm, for MEIs and norms (P, A, M), v (P,
    N).
    """
    away = (given.unit_norm[sets] - start[:, None, None]).norm(dim=3)
    return 2 * away * norms


@dataclass(frozen=True)
class Ways:
    """Far pairs of clusters (P, 2) and the steps between them: alphas (A,), II (P, A), gradient norms of the start
    (P, A, M) of |y^ - v| and of its square."""

    pairs: Tensor
    alphas: Tensor
    index: Tensor
    norms: Tensor
    squared: Tensor


def ways(
    model: VisionModel, layer: str, given: Activations, images: ImageSet, similarity: Similarity, centroids: Tensor,
    count: int, steps: int = 21, m: int = 5, seed: int = 0,
) -> Ways:  # fmt: skip
    """II and sensitivity on the way between `count` far pairs, drawn at random."""
    pairs, along = far_pairs(centroids), alphas(steps)
    pairs = pairs[torch.randperm(len(pairs), generator=torch.Generator().manual_seed(seed))[:count]]
    vectors = path(centroids, pairs, along)
    sets = exciting_on_path(given.unit_norm, vectors, m)
    index = interpretability(similarity, sets.flatten(0, 1)).view(len(pairs), steps)
    norms = sensitivity(model, layer, given, images, sets, vectors)
    start = vectors[:, int(along.abs().argmin())]
    return Ways(pairs, along, index, norms, squared_sensitivity(given, sets, start, norms))
