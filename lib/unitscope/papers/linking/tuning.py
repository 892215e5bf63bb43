"""Tuning units and drawing what happens (Wehrheim et al. 2024, sections 3.3 and 4.3).

    n  pictures    U  directions    S  steps    r (n, d)    w (n, D)

Unit i is set to v and everything else left: r_i -> v. Since f is affine,
    f(r^(i, v)) = f(r) + (v - r_i) A_i,
so every unit is one fixed direction A_i of W, and all of them are tuned by one outer product.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.errors import UnitscopeError
from unitscope.models import Generator
from unitscope.papers.linking.link import Link
from unitscope.papers.linking.pairs import LinkedPairs

BATCH = 64


@dataclass(frozen=True)
class Tuner:
    """Directions in W and how far to go along them.

    ways : (U, D) directions, d w / d value.
    low, high : (U,) first and last value.
    units : (U,) the tuned units; -1 for directions that are no unit.
    inputs : (U, d) the same directions in R.
    """

    ways: Tensor
    low: Tensor
    high: Tensor
    units: Tensor
    inputs: Tensor

    def __len__(self) -> int:
        return len(self.ways)

    def select(self, rows) -> Tuner:
        """Some of the directions."""
        rows = torch.as_tensor(rows).flatten()
        return Tuner(self.ways[rows], self.low[rows], self.high[rows], self.units[rows], self.inputs[rows])

    def values(self, steps: int) -> Tensor:
        """(U, S) values from low to high, evenly spaced."""
        if steps < 2:
            raise UnitscopeError(f"tuning needs at least 2 steps, got {steps}.")
        return self.low[:, None] + torch.linspace(0, 1, steps) * (self.high - self.low)[:, None]

    def latents(self, link: Link, r: Tensor, steps: int = 2) -> Tensor:
        """w (U, S, n, D) of activations r (n, d) tuned along every direction."""
        shift = self.values(steps)[:, :, None] - (r @ self.inputs.T).T[:, None, :]  # (U, S, n)
        return link.predict(r) + shift[..., None] * self.ways[:, None, None, :]


def unit_tuner(link: Link, pairs: LinkedPairs, units: Tensor | None = None) -> Tuner:
    """One direction a unit, between its extremes over all pairs of all classes."""
    size = pairs.r.shape[1]
    chosen = torch.arange(size) if units is None else torch.as_tensor(units)
    low, high = pairs.r.amin(0)[chosen], pairs.r.amax(0)[chosen]
    return Tuner(link.A.T[chosen], low, high, chosen, torch.eye(size)[chosen])


def random_tuner(link: Link, pairs: LinkedPairs, count: int, seed: int = 0) -> Tuner:
    """The control: random directions of R, between the extremes of the pairs' projections on them."""
    draw = torch.Generator().manual_seed(seed)
    inputs = torch.nn.functional.normalize(torch.randn(count, pairs.r.shape[1], generator=draw), dim=1)
    along = pairs.r @ inputs.T
    return Tuner(inputs @ link.A.T, along.amin(0), along.amax(0), torch.full((count,), -1), inputs)


def silent(pairs: LinkedPairs) -> Tensor:
    """Units that have one value in every pair (dead ReLUs): they cannot be tuned."""
    return (pairs.r.amax(0) <= pairs.r.amin(0)).nonzero().flatten()


@torch.no_grad()
def rendered(gan: Generator, w: Tensor, batch: int = BATCH) -> Iterator[Tensor]:
    """Pictures of w (..., D) in batches that run over all leading axes: as fast as the bare generator."""
    for part in w.reshape(-1, w.shape[-1]).split(batch):
        yield gan.synthesize(part.to(gan.device))


def strip(gan: Generator, tuner: Tuner, link: Link, r: Tensor, steps: int) -> Tensor:
    """Pictures (U, S, n, 3, H, W) of tuned activations r (n, d)."""
    w = tuner.latents(link, r, steps)
    images = torch.cat([part.cpu() for part in rendered(gan, w)])
    return images.view(*w.shape[:-1], *images.shape[1:])
