"""Differentiable augmentation (Zhao et al. 2020): what the discriminator sees is moved alike whether it is real or
drawn.

    images (B, 3, H, W) in [-1, 1]

Colour (brightness, saturation, contrast), translation by up to an eighth, and one grey square of half the side; every
picture draws its own from the generator, so that a step can be repeated. Gradients reach the images.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor

SHIFT, HOLE = 1 / 8, 1 / 2  # shares of the side, as in the paper's code


def augmented(images: Tensor, generator: Generator) -> Tensor:
    """All three, in the paper's order."""
    return cut_out(translated(recoloured(images, generator), generator), generator)


def uniform(images: Tensor, generator: Generator) -> Tensor:
    """One number in [0, 1) a picture, (B, 1, 1, 1)."""
    return torch.rand(len(images), 1, 1, 1, generator=generator).to(images)


def recoloured(images: Tensor, generator: Generator) -> Tensor:
    """Brightness by up to +-0.5, saturation times [0, 2), contrast times [0.5, 1.5)."""
    images = images + (uniform(images, generator) - 0.5)
    grey = images.mean(1, keepdim=True)
    images = grey + (images - grey) * (2 * uniform(images, generator))
    mean = images.mean((1, 2, 3), keepdim=True)
    return mean + (images - mean) * (uniform(images, generator) + 0.5)


def translated(images: Tensor, generator: Generator) -> Tensor:
    """Moved by whole pixels, up to an eighth of the side each way; zero comes in at the rim."""
    n, _, high, wide = images.shape
    down, right = (
        torch.randint(-round(side * SHIFT), round(side * SHIFT) + 1, (n, 1), generator=generator).to(images.device)
        for side in (high, wide)
    )
    rows, columns = (torch.arange(side, device=images.device) + moved for side, moved in ((high, down), (wide, right)))
    rows, columns = (place.clamp(-1, side) + 1 for place, side in ((rows, high), (columns, wide)))
    padded = F.pad(images, [1] * 4).permute(0, 2, 3, 1)
    return padded[torch.arange(n, device=images.device)[:, None, None], rows[:, :, None], columns[:, None]].permute(
        0, 3, 1, 2
    )


def cut_out(images: Tensor, generator: Generator) -> Tensor:
    """A square of half the side set to zero, its centre anywhere in the picture."""
    n, _, high, wide = images.shape
    inside = []
    for side in (high, wide):
        centre = torch.randint(0, side, (n, 1), generator=generator)
        half = round(side * HOLE) // 2
        place = torch.arange(side)
        inside.append((place >= centre - half) & (place < centre + half))
    keep = ~(inside[0][:, None, :, None] & inside[1][:, None, None, :])
    return images * keep.to(images)
