"""The latent optimiser: many pictures at once, Adam with the paper's ramps (Rosetta Neurons, section 4).

    w  (B, D)   latents, one a picture, optimised side by side    T  steps
    z  (B, Z)   Gaussian latents behind w, optimised instead of w for edits: w = mapping(z, class) stays a w that occurs

    learning rate at step i: lr (1/2 - 1/2 cos(pi min(1, (1 - t) / 0.25))) min(1, t / 0.05),  t = (i + 1/2) / T

The published schedule takes t = i / T, whose first step has rate 0; with few steps that one would be missed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.errors import UnitscopeError
from unitscope.models import Generator

RAMP_UP, RAMP_DOWN = 0.05, 0.25
BETAS = (0.9, 0.999)
CHUNK = 16  # pictures at once on a CPU: their maps stay in the cache

Losses = Callable[[Tensor, Mapping[str, Tensor], Tensor, slice], Mapping[str, Tensor]]


@dataclass(frozen=True)
class Optimised:
    """w (B, D) at the end, its pictures (B, 3, H, W), and every loss along the way {name: (T, B)}."""

    w: Tensor
    images: Tensor
    trace: dict[str, Tensor]


def rate(step: int, steps: int, lr: float) -> float:
    """The learning rate of a step."""
    t = (step + 0.5) / steps
    return lr * (0.5 - 0.5 * math.cos(math.pi * min(1.0, (1 - t) / RAMP_DOWN))) * min(1.0, t / RAMP_UP)


def optimise(
    gan: Generator,
    start: Tensor,
    losses: Losses,
    layers: Sequence[str],
    *,
    steps: int,
    lr: float,
    labels: Tensor | None = None,
    chunk: int | None = None,
) -> Optimised:
    """Minimise the sum of the losses of every picture, each for itself.

    Parameters
    ----------
    start : w (B, D); with `labels`, z (B, Z).
    losses : (images, maps, latent, rows) -> {name: (b,)}: of the pictures `rows` (a slice of 0..B-1), whatever is to be
        summed; `latent` is what is optimised, w or z.
    labels : (B,) classes for the mapping from z to w, as the paper's edits optimise; None: w itself is free, as in
    Table 1. layers : what of the generator `losses` reads; may be empty. chunk : pictures that are optimised together;
    all on a GPU.

    Raises
    ------
    UnitscopeError
        If the generator cannot be differentiated or steps or lr are not positive.
    """
    if not gan.differentiable:
        raise UnitscopeError(f"{gan.name} is not differentiable; take critters/stylegan or critters/biggan.")
    if steps < 1 or lr <= 0:
        raise UnitscopeError(f"steps must be at least 1 and lr positive, got {steps} and {lr}.")
    chunk = chunk or (len(start) if start.is_cuda else CHUNK)
    parts = [
        _optimise(
            gan, start[rows], losses, layers, steps, lr, rows, None if labels is None else labels[rows].to(start.device)
        )
        for rows in (slice(begin, min(begin + chunk, len(start))) for begin in range(0, len(start), chunk))
    ]
    trace = {name: torch.cat([part.trace[name] for part in parts], 1) for name in parts[0].trace}
    return Optimised(torch.cat([part.w for part in parts]), torch.cat([part.images for part in parts]), trace)


def _optimise(
    gan: Generator,
    start: Tensor,
    losses: Losses,
    layers: Sequence[str],
    steps: int,
    lr: float,
    rows: slice,
    labels: Tensor | None,
) -> Optimised:
    latent = start.detach().clone().requires_grad_()
    adam = torch.optim.Adam([latent], lr=lr, betas=BETAS)
    trace: dict[str, list[Tensor]] = {}
    for step in range(steps):
        adam.param_groups[0]["lr"] = rate(step, steps, lr)
        images, maps = gan.synthesize_with_features(latent if labels is None else gan.draw(latent, labels), layers)
        found = losses(images, maps, latent, rows)
        for name, value in found.items():
            trace.setdefault(name, []).append(value.detach().cpu())
        adam.zero_grad()
        sum(value.sum() for value in found.values()).backward()
        adam.step()
    with torch.no_grad():
        w = latent if labels is None else gan.draw(latent, labels)
        images = gan.synthesize(w)
    return Optimised(w.detach(), images, {name: torch.stack(values) for name, values in trace.items()})


def matching(targets, start: Tensor, *, alpha: float = 0.0, beta: float = 1.0) -> Losses:
    """Eq. (5): minus the agreement with `targets`, plus alpha times the mean squared way of the latent from `start`."""

    def losses(images, maps, latent, rows):
        found = {"activation": -beta * targets.select(rows).scores(maps).mean(1)}
        return {**found, "way": alpha * (latent - start[rows]).square().mean(1)} if alpha else found

    return losses
