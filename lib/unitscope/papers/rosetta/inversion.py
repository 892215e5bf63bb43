"""Inversion with and without matched units (Rosetta Neurons, section 4.1 and Table 1).

I  (B, 3, H, W)   pictures that the generator did not draw, all inverted at once
L_rec   squared distance of unit-normalised features of a network, as LPIPS without heads
L_act   agreement of matched units (`losses`)        loss = L_rec + alpha |w - w0|^2 / D - beta L_act
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from unitscope.metrics.lpips import GRADIENT_FLOOR, Perceptual, distance, unit_maps
from unitscope.models import Generator
from unitscope.papers.rosetta.latents import Optimised, optimise
from unitscope.papers.rosetta.losses import Targets

ALPHA, BETA = 0.1, 1.0  # the paper's, for Table 1


def perceptual_loss(perceptual: Perceptual, target: Tensor) -> Callable[[Tensor, slice], Tensor]:
    """L_rec (b,) of pictures against the rows of `target`."""
    with torch.no_grad():
        wanted = unit_maps(perceptual, target.to(perceptual.device), GRADIENT_FLOOR)

    def loss(images: Tensor, rows: slice) -> Tensor:
        seen = unit_maps(perceptual, images.to(perceptual.device), GRADIENT_FLOOR)
        return distance(seen, [maps[rows] for maps in wanted])

    return loss


def invert(
    gan: Generator,
    target: Tensor,
    start: Tensor,
    *,
    perceptual: Perceptual | None,
    targets: Targets | None,
    pixels: bool = False,
    steps: int,
    lr: float,
    alpha: float = ALPHA,
    beta: float = BETA,
) -> Optimised:
    """Latents whose pictures look like `target` (B, 3, H, W), from `start` (B, D).

    Parameters
    ----------
    perceptual : the network of L_rec; None: no reconstruction term.
    targets : matched units; None: no matching term.
    pixels : mean squared error instead of L_rec.
    """
    reconstruct = perceptual_loss(perceptual, target) if perceptual is not None else None

    def losses(images, maps, w, rows):
        found = {"way": alpha * (w - start[rows]).square().mean(1)}
        if reconstruct is not None:
            found["reconstruction"] = reconstruct(images, rows)
        if pixels:
            found["pixels"] = 10 * (images - target[rows]).square().mean((1, 2, 3))
        if targets is not None:
            found["activation"] = -beta * targets.select(rows).scores(maps).mean(1)
        return found

    return optimise(gan, start, losses, targets.layers if targets is not None else (), steps=steps, lr=lr)
