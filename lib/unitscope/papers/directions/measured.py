"""Directions of one kind with their most exciting images and their interpretability index.

K  directions    M  most exciting images (MEIs)    index (K,)  II of each
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unitscope.metrics.interpretability import interpretability, top_images
from unitscope.metrics.similarity import Similarity
from unitscope.papers.directions.autoencoder import Autoencoder, living, scaled
from unitscope.papers.directions.basis import Activations, Directions, closest
from unitscope.papers.directions.methods import find, find_many

BASELINES = ("PCA", "ICA", "NMF")
ENOUGH = 16  # living hidden units without which an autoencoder's mean says little; half the units where that is less


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


def controls(
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


@dataclass(frozen=True)
class Sweep:
    """Autoencoders over widths and penalties, their living hidden units, and the index of those; None where too few
    live.
    """

    networks: Sequence[Autoencoder]
    alive: Sequence[Directions]
    index: Sequence[np.ndarray | None]

    @property
    def means(self) -> list[float]:
        """Mean index of every network, not a number where too few hidden units live."""
        return [float("nan") if values is None else float(values.mean()) for values in self.index]

    @property
    def best(self) -> int | None:
        """The network with the highest mean index, or None."""
        return None if np.isnan(self.means).all() else int(np.nanargmax(self.means))

    @property
    def highest(self) -> float:
        """The highest mean index, or not a number."""
        return float("nan") if self.best is None else self.means[self.best]

    def best_index(self) -> np.ndarray | None:
        """The index of the best network's living hidden units."""
        return None if self.best is None else self.index[self.best]

    def told(self) -> str:
        """The best network in words: penalty, width, living hidden units."""
        if self.best is None:
            return "no autoencoder has enough living hidden units"
        one, penalties = self.networks[self.best], [network.penalty for network in self.networks]
        edge = " (at the edge of the grid)" if one.penalty in (min(penalties), max(penalties)) else ""
        return f"penalty {one.penalty:g}{edge}, width {one.width}, {len(self.alive[self.best])} alive"


def measure_sweep(similarity: Similarity, given: Activations, networks: Sequence[Autoencoder], m: int = 5) -> Sweep:
    """The index of the living hidden units of every network."""
    inputs, enough = scaled(given), min(ENOUGH, given.raw.shape[1] // 2)
    alive = [living(network, inputs, m) for network in networks]
    index = [measure(similarity, one, m).index if len(one) >= enough else None for one in alive]
    return Sweep(networks, alive, index)


def matched(similarity: Similarity, given: Activations, sweep: Sweep, m: int = 5, seed: int = 0) -> np.ndarray | None:
    """The index of as many k-means directions as the best autoencoder has living hidden units."""
    values = sweep.best_index()
    return None if values is None else measure(similarity, find("k-means", given, len(values), seed), m).index
