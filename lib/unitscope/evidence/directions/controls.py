"""What the index of found directions is held against: halves of the units, control directions, another seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
import torch.nn.functional as F

from unitscope.metrics.similarity import Similarity
from unitscope.papers.directions.basis import Activations, Directions
from unitscope.papers.directions.measured import Measured, measure
from unitscope.papers.directions.methods import find


def middle(kinds: Mapping[str, Measured]) -> str:
    """The name of the k-means with the middle number of clusters."""
    names = [name for name in kinds if name.startswith("k-means")]
    return names[len(names) // 2]


def halves(
    similarity: Similarity, given: Activations, units: Measured, m: int = 5, seed: int = 0
) -> dict[str, np.ndarray]:
    """Fig. 3 right: the index of the units below and above the median, and of k-means inside either half of the
    units.
    """
    order = torch.from_numpy(units.index.argsort(kind="stable").copy())
    parts = {"low": order[: len(order) // 2], "high": order[len(order) // 2 :]}
    split = {f"neurons, {name} half": units.index[rows] for name, rows in parts.items()}
    for name, rows in parts.items():
        found = find("k-means", given.select(rows), len(rows), seed)
        split[f"k-means in {name} half"] = measure(similarity, found, m).index
    return split


def control_indices(
    similarity: Similarity, given: Activations, untrained: Activations, pca: Measured | None, m: int = 5, seed: int = 0
) -> dict[str, np.ndarray]:  # fmt: skip
    """The index of what k-means and units are held against, by name; `untrained`: responses of a random network."""
    found = {name: find(name, given, None, seed) for name in ("neurons, cosine", "images", "random", "rotated units")}
    found |= {"PCA, other signs": pca.found.flipped()} if pca is not None else {}
    found |= {f"untrained, {name}": find(name, untrained, None, seed) for name in ("neurons", "k-means")}
    return {name: measure(similarity, one, m).index for name, one in found.items()}


def stability(methods: Iterable[str], given: Activations, seed: int = 0) -> dict[str, np.ndarray]:
    """For each method the largest correlation of a direction's responses with one of another seed's: (K,)."""
    return {name: closest(*(find(name, given, None, seed + i) for i in range(2))) for name in methods}


def closest(a: Directions, b: Directions) -> np.ndarray:
    """For each direction of a the largest correlation of its responses with those of one of b, over the images: (K,).

    Responses are compared, not vectors: activations share a large mean, which makes any two centroids look alike.
    """
    x, z = (one.responses.double() - one.responses.double().mean(0) for one in (a, b))
    return (F.normalize(x, dim=0).T @ F.normalize(z, dim=0)).amax(1).numpy()
