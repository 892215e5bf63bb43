"""Random views of a batch: crops, mirror images and colour changes, reproducible from a generator.

images  (B, 3, H, W) in [0, 1]
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Generator, Tensor


def random_crops(
    images: Tensor, size: int, scale: tuple[float, float], generator: Generator, mirror: bool = True
) -> Tensor:
    """One crop an image, (B, 3, size, size): area `scale` of the picture, aspect 3/4 to 4/3, mirrored half of the
    time.
    """
    n = len(images)

    def draw(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(n, generator=generator)

    area, aspect = draw(*scale), torch.exp(draw(-0.288, 0.288))
    wide, high = (area * aspect).sqrt().clamp(max=1), (area / aspect).sqrt().clamp(max=1)
    flip = torch.where(draw(0, 1) < 0.5, -1.0, 1.0) if mirror else torch.ones(n)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = wide * flip, high
    theta[:, 0, 2], theta[:, 1, 2] = draw(-1, 1) * (1 - wide), draw(-1, 1) * (1 - high)
    grid = F.affine_grid(theta, [n, 3, size, size], align_corners=False)
    return F.grid_sample(images, grid.to(images.dtype), padding_mode="reflection", align_corners=False)


def random_shifts(images: Tensor, pixels: int, generator: Generator) -> Tensor:
    """Images moved by up to `pixels` each way, mirrored half of the time; what comes in at the rim is the reflected
    inside.
    """
    n, _, high, wide = images.shape

    def rows(size: int) -> Tensor:
        return torch.arange(size) + torch.randint(0, 2 * pixels + 1, (n, 1), generator=generator)

    y, x = rows(high), rows(wide)
    x = torch.where(torch.rand(n, 1, generator=generator) < 0.5, x.flip(1), x)
    padded = F.pad(images, [pixels] * 4, mode="reflect")
    return padded[torch.arange(n)[:, None, None], :, y[:, :, None], x[:, None]].permute(0, 3, 1, 2)


def random_colours(images: Tensor, strength: float, generator: Generator, hue: float | None = None) -> Tensor:
    """Brightness, contrast and saturation moved at random by up to `strength`, hue by up to `hue` half turns (None: as
    many).

    Where both are 0 nothing is drawn.
    """
    if not (strength or hue):
        return images
    n = len(images)

    def draw(spread: float) -> Tensor:
        return (torch.rand(n, generator=generator) * 2 - 1).mul(spread).view(n, 1, 1, 1)

    lightness = images.mean(1, keepdim=True)
    chroma = images - lightness
    turn = draw((strength if hue is None else hue) * 3.1416)
    rotated = torch.stack([chroma[:, 0], (chroma[:, 1] - chroma[:, 2]) / 3**0.5], 1)  # two axes of the chroma plane
    a, b = (
        torch.cos(turn) * rotated[:, :1] - torch.sin(turn) * rotated[:, 1:],
        torch.sin(turn) * rotated[:, :1] + torch.cos(turn) * rotated[:, 1:],
    )
    chroma = torch.cat([a, (3**0.5 * b - a) / 2, (-(3**0.5) * b - a) / 2], 1)
    mean = lightness.mean((2, 3), keepdim=True)
    light = (mean + (lightness - mean) * (1 + draw(strength))) * (1 + draw(strength))
    return (light + chroma * (1 + draw(strength))).clamp(0, 1)


def random_greys(images: Tensor, share: float, generator: Generator) -> Tensor:
    """About `share` of the images without colour (their channel mean); the others as they are. A share of 0 draws
    nothing.
    """
    if not share:
        return images
    grey = (torch.rand(len(images), generator=generator) < share).view(-1, 1, 1, 1)
    return torch.where(grey, images.mean(1, keepdim=True), images)
