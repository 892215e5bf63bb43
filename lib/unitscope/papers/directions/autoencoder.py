"""Sparse autoencoders over widths and penalties (the paper's Appendix A, after Sharkey et al. 2022).

    x (n, N)  rows y^, centred, mean squared entry 1    Z  hidden units    lambda  penalty
    S  penalties trained at once
    z = ReLU(E x + b)  (n, Z)    x~ = D z + c    columns of D have unit norm

    loss = mean over entries of (x - x~)^2 + lambda * (sum over hidden units of z) / N

The paper states neither the widths nor the penalties of its sweep; the sum is divided by N, not Z, so that a penalty
means the same at every width. The S networks of one width share every batch and are trained side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope.errors import UnitscopeError
from unitscope.papers.directions.basis import Activations, Directions

PENALTIES = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
FIRE = 1e-4  # a hidden unit counts as active on an image above this


@dataclass(frozen=True)
class Autoencoder:
    """One trained network: encoder (N, Z), bias (Z,), decoder (Z, N); its width and penalty, and how well it fits.

    error : share of the variance that is not reconstructed. active : mean number of hidden units at work on an image.
    """

    encoder: Tensor
    bias: Tensor
    decoder: Tensor
    penalty: float
    error: float = float("nan")
    active: float = float("nan")

    def hidden(self, x: Tensor) -> Tensor:
        """z (n, Z)."""
        return (x @ self.encoder + self.bias).relu()

    @property
    def width(self) -> int:
        return self.encoder.shape[1]


def scaled(given: Activations) -> Tensor:
    """The autoencoders' input: y^ centred, with a mean squared entry of 1."""
    x = given.unit_norm - given.unit_norm.mean(0)
    return x / x.square().mean().sqrt().clamp(min=1e-12)


def train(
    x: Tensor,
    width: int,
    penalties: Sequence[float],
    *,
    steps: int = 600,
    batch: int = 256,
    rate: float = 1e-2,
    seed: int = 0,
) -> list[Autoencoder]:
    """One autoencoder of `width` hidden units for each penalty.

    Raises
    ------
    UnitscopeError
        If the width or a penalty is not positive, or there are no penalties.
    """
    if width < 1 or steps < 1 or not len(penalties) or min(penalties) < 0:
        raise UnitscopeError(
            f"an autoencoder needs width and steps >= 1 and penalties >= 0, got {width}, {steps}, {list(penalties)}."
        )
    generator = torch.Generator().manual_seed(seed)
    count, n = len(penalties), x.shape[1]
    first = F.normalize(torch.randn(width, n, generator=generator), dim=1).expand(count, -1, -1)
    encoder, decoder = first.transpose(1, 2).clone().requires_grad_(), first.clone().requires_grad_()
    bias, offset = torch.zeros(count, 1, width, requires_grad=True), torch.zeros(count, 1, n, requires_grad=True)
    strength = torch.tensor(penalties)[:, None, None]
    optimiser = torch.optim.Adam([encoder, decoder, bias, offset], lr=rate)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.1, steps)
    for _ in range(steps):
        rows = x[torch.randint(len(x), (min(batch, len(x)),), generator=generator)]
        hidden = torch.baddbmm(bias, rows.expand(count, -1, -1), encoder).relu()
        error = (torch.baddbmm(offset, hidden, decoder) - rows).square()
        loss = (error + strength * hidden.sum(2, keepdim=True) / n).mean((1, 2)).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            decoder /= decoder.norm(dim=2, keepdim=True).clamp(min=1e-8)
    return [
        _finished(x, *parts)
        for parts in zip(*(p.detach() for p in (encoder, bias, decoder, offset)), penalties, strict=True)
    ]


def _finished(x: Tensor, encoder: Tensor, bias: Tensor, decoder: Tensor, offset: Tensor, penalty: float) -> Autoencoder:
    """The network with its reconstruction error and activity on all images."""
    network = Autoencoder(encoder, bias[0], decoder, float(penalty))
    hidden = network.hidden(x)
    error = (x - hidden @ decoder - offset).square().mean() / (x - x.mean(0)).square().mean()
    return Autoencoder(
        encoder, bias[0], decoder, float(penalty), float(error), float((hidden > FIRE).float().sum(1).mean())
    )


def living(network: Autoencoder, x: Tensor, images: int = 5) -> Directions:
    """The hidden units that at least `images` images drive, possibly none; the others have no most exciting images."""
    hidden = network.hidden(x)
    alive = (hidden > FIRE).sum(0) >= images
    note = f"{int((~alive).sum())} of {network.width} hidden units dead"
    return Directions("SAE", F.normalize(network.decoder[alive], dim=1), hidden[:, alive], note)


def directions_of(network: Autoencoder, x: Tensor, images: int = 5) -> Directions:
    """`living`, as directions.

    Raises
    ------
    UnitscopeError
        If no hidden unit is left: the penalty is too strong.
    """
    found = living(network, x, images)
    if not len(found):
        raise UnitscopeError(
            f"no hidden unit answers to {images} images at penalty {network.penalty:g}; lower the penalty."
        )
    return found


def sparse_autoencoder(given: Activations, k: int, seed: int = 0, penalty: float = 0.3, steps: int = 600) -> Directions:
    """The living hidden units of one autoencoder of width k; compare penalties with `sweep`."""
    x = scaled(given)
    return directions_of(train(x, k, [penalty], steps=steps, seed=seed)[0], x)


def sweep(
    x: Tensor, widths: Sequence[int], penalties: Sequence[float] = PENALTIES, steps: int = 600, seed: int = 0
) -> list[Autoencoder]:
    """Every width with every penalty (Fig. 9)."""
    return [network for width in widths for network in train(x, width, penalties, steps=steps, seed=seed)]
