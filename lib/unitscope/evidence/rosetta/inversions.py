"""Inversions compared: all from the same start, judged by another network (Rosetta Neurons, Table 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.data import ImageSet
from unitscope.data.held import Pictures
from unitscope.extract import StoredMaps, stream
from unitscope.metrics.lpips import Perceptual, phi
from unitscope.metrics.pictures import psnr, ssim
from unitscope.models import Generated, Generator, VisionModel
from unitscope.papers.rosetta.inversion import invert
from unitscope.papers.rosetta.latents import Optimised
from unitscope.papers.rosetta.losses import Targets


@dataclass(frozen=True)
class Inverted:
    """One way of inverting B pictures: what came out and how near it is, each (B,)."""

    name: str
    found: Optimised
    psnr: Tensor
    ssim: Tensor
    lpips: Tensor


def compared(name: str, found: Optimised, target: Tensor, judge: Perceptual) -> Inverted:
    """How near an inversion came, by PSNR, SSIM and the LPIPS of a network that took no part."""
    a, b = (phi(judge, images) for images in (found.images, target))
    return Inverted(name, found, psnr(found.images, target), ssim(found.images, target), (a - b).square().sum(1))


def table_1(
    gan: Generator,
    target: Tensor,
    start: Tensor,
    ways: Mapping[str, Targets | None],
    *,
    perceptual: Perceptual,
    judge: Perceptual,
    steps: int,
    lr: float,
) -> dict[str, Inverted]:
    """Table 1: every way of inverting the same pictures from the same start."""
    return {
        name: compared(
            name, invert(gan, target, start, perceptual=perceptual, targets=targets, steps=steps, lr=lr), target, judge
        )
        for name, targets in ways.items()
    }


class Encoder:
    """A starting point for inversion: ridge regression from an image network's last maps to w, fitted on samples.

    The paper starts at the mean latent of the class; with few steps a better start is needed, and it is the same for
    every loss that is compared.
    """

    def __init__(
        self, gan: Generator, model: VisionModel, n: int = 400, seed: int = 1, ridge: float = 1.0, batch_size: int = 40
    ):
        self.model = model
        w = gan.sample(n, seed=seed)
        x = self.features(Generated(gan, w), batch_size).to(w.device)
        self.mean, self.centre = x.mean(0), w.mean(0)
        x = x - self.mean
        gram = x @ x.T
        penalty = ridge * gram.diagonal().mean() * torch.eye(n, device=x.device)
        self.weights = x.T @ torch.linalg.solve(gram + penalty, w - self.centre)

    def features(self, images: ImageSet, batch_size: int = 40) -> Tensor:
        """The network's last unit maps, flattened: (n, C h w), on the CPU."""
        last = list(self.model.layers)[-1]
        (maps,) = stream(self.model, images, [last], [StoredMaps(last)], batch_size=batch_size, progress=False)
        return maps.flatten(1)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """w (B, D) for images (B, 3, H, W)."""
        x = self.features(Pictures(images.clamp(0, 1))).to(self.mean)
        return (x - self.mean) @ self.weights + self.centre
