"""Sparse autoencoders over widths and penalties, measured by the index of their hidden units.

Klindt et al. 2023, Fig. 9. Only hidden units that are active on enough images count as alive.
`planted_features` makes data whose features are known, to try the autoencoders on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope.metrics.similarity import Similarity
from unitscope.papers.directions.autoencoder import Autoencoder, living, scaled
from unitscope.papers.directions.basis import Activations, Directions
from unitscope.papers.directions.measured import measure
from unitscope.papers.directions.methods import find

ENOUGH = 16  # living hidden units without which an autoencoder's mean says little; half the units where that is less


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


PLANTED = 2_000_003  # below 2^32: torch reads no more of a seed


@dataclass(frozen=True)
class Planted:
    """Synthetic data with known features: x (n, N) = codes (n, G) @ features (G, N), few codes active at once."""

    x: Tensor
    features: Tensor


def planted_features(
    n: int = 4096, dimensions: int = 64, features: int = 128, active: float = 4.0, seed: int = 0
) -> Planted:
    """More features than dimensions, each active on few samples: the setting of Sharkey et al. (Fig. 9A).

    Drawn from another stream than the networks' first weights, which else would be the answer.
    """
    generator = torch.Generator().manual_seed(PLANTED + seed)
    truth = F.normalize(torch.randn(features, dimensions, generator=generator), dim=1)
    on = torch.rand(n, features, generator=generator) < active / features
    x = (on * torch.rand(n, features, generator=generator)) @ truth
    return Planted(x / x.square().mean().sqrt(), truth)


def best_cosine(found: Tensor, truth: Tensor) -> float:
    """Mean over the true features (G, N) of the largest cosine with any found direction (K, N), in [-1, 1]."""
    return float((F.normalize(truth, dim=1) @ F.normalize(found, dim=1).T).amax(1).mean())
