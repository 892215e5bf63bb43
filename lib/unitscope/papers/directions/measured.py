"""Directions of one kind with their most exciting images and their interpretability index.

K  directions    M  most exciting images (MEIs)    index (K,)  II of each
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from unitscope.metrics.interpretability import interpretability, top_images
from unitscope.metrics.similarity import Similarity
from unitscope.papers.directions.basis import Activations, Directions
from unitscope.papers.directions.methods import find, find_many

BASELINES = ("PCA", "ICA", "NMF")


@dataclass(frozen=True)
class Measured:
    """found: the directions; best (K, M): their MEIs; index (K,)."""

    found: Directions
    best: Tensor
    index: np.ndarray

    @property
    def responses(self) -> Tensor:
        return self.found.responses

    @property
    def vectors(self) -> Tensor:
        return self.found.vectors

    def __len__(self) -> int:
        return len(self.index)

    def by(self, similarity: Similarity) -> np.ndarray:
        """II of the same MEIs by another judge."""
        return interpretability(similarity, self.best).numpy()

    def ranked(self, count: int) -> Tensor:
        """The `count` strongest images of each direction, all where there are fewer."""
        return top_images(self.responses, min(count, len(self.responses)))


def measure(similarity: Similarity, found: Directions, m: int = 5) -> Measured:
    """The MEIs of directions and their index."""
    best = top_images(found.responses, m)
    return Measured(found, best, interpretability(similarity, best).numpy())


def measure_kinds(
    similarity: Similarity, given: Activations, ks: Sequence[int], m: int = 5, seed: int = 0
) -> tuple[dict[str, Measured], dict[str, str]]:
    """Units, PCA, ICA, NMF, and k-means with each number of clusters ("k-means 256"); and what is impossible, and
    why.
    """
    found, impossible = find_many(["neurons", *BASELINES], given, seed=seed)
    found |= {f"k-means {k}": find("k-means", given, k, seed) for k in ks}
    return {name: measure(similarity, one, m) for name, one in found.items()}, impossible
