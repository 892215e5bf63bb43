"""Region measures of labelled masks, for a whole batch at once (Wehrheim et al. 2024, section 3.2).

    n  pictures    K  labels    masks (n, H, W) integers in 0..K-1
    m_pq  moments of a region: sum over its pixels of row^p column^q    mu  central moments

Eccentricity and angle are those of the ellipse with the region's second moments, as scikit-image's `regionprops` has
them (the paper fits OpenCV's ellipse to each contour). A label in several pieces has one ellipse, that of all pieces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from skimage.filters.rank import entropy as rank_entropy
from skimage.morphology import disk
from torch import Tensor

from unitscope import checking
from unitscope.errors import UnitscopeError

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601
BYTE, CHANNELS = 255, 3  # the paper divides the luma of bytes by 3, so that white is 85
GREY_LEVELS = 32  # of the local histograms: with all 256 the pixel noise of a small picture fills them
RADIUS = 3  # of the disk, in pixels; the paper's 5 at twice our picture size
BLOCK = 256  # pictures measured at once


@dataclass(frozen=True)
class Regions:
    """area in pixels, eccentricity in [0, 1], angle in degrees in [0, 180): all (n, K); NaN where a label is absent.

    The angle is that of the long axis against the picture's horizontal, counter-clockwise; of a region without a
    long axis (a single pixel) it is 0.
    """

    area: Tensor
    eccentricity: Tensor
    angle: Tensor


def regions(masks: Tensor, labels: int) -> Regions:
    """Area and ellipse of every label in every mask, from moments by one matrix product a block.

    Raises
    ------
    UnitscopeError
        If masks are not (n, H, W) integers in 0..labels-1.
    """
    masks = checked_masks(masks, labels)
    parts = [moments(block, labels) for block in masks.split(BLOCK)]
    return Regions(*(torch.cat([getattr(part, name) for part in parts]) for name in ("area", "eccentricity", "angle")))


def moments(masks: Tensor, labels: int) -> Regions:
    """The regions of one block of masks."""
    masks = checked_masks(masks, labels)
    n, height, width = masks.shape
    row, column = torch.meshgrid(
        torch.arange(height, dtype=torch.float64) - (height - 1) / 2,
        torch.arange(width, dtype=torch.float64) - (width - 1) / 2, indexing="ij",
    )  # fmt: skip
    basis = (
        torch.stack([row**0, row, column, row * row, row * column, column * column], -1).flatten(0, 1).to(masks.device)
    )
    found = torch.zeros(n, labels, 6, dtype=torch.float64, device=masks.device)
    flat = masks.flatten(1).long()
    found.scatter_add_(1, flat[..., None].expand(-1, -1, 6), basis.expand(n, -1, -1))
    area, r, c, rr, rc, cc = found.unbind(-1)
    size = area.clamp(min=1)
    mu_rr, mu_rc, mu_cc = rr / size - (r / size) ** 2, rc / size - r * c / size**2, cc / size - (c / size) ** 2
    spread = ((mu_rr - mu_cc) ** 2 + 4 * mu_rc**2).sqrt()
    long, short = (mu_rr + mu_cc + spread) / 2, ((mu_rr + mu_cc - spread) / 2).clamp(min=0)
    eccentricity = (1 - short / long.clamp(min=1e-12)).clamp(min=0).sqrt() * (long > 1e-12)
    # rows grow downwards, so a line that rises to the right has a negative mixed moment
    angle = torch.rad2deg(0.5 * torch.atan2(-2 * mu_rc, mu_cc - mu_rr)) % 180
    absent = area == 0
    return Regions(area, eccentricity.masked_fill(absent, torch.nan), angle.masked_fill(absent, torch.nan))


def luminance(images: Tensor) -> Tensor:
    """Luma of every pixel in the paper's scale, 0 to 85: images (n, 3, H, W) in [0, 1] -> (n, H, W); NaN where they
    are.
    """
    images = checking.floating("images", images, "(n, 3, H, W)")
    weights = torch.tensor(LUMA, dtype=images.dtype, device=images.device)
    return torch.einsum("nchw,c->nhw", images, weights) * (BYTE / CHANNELS)


def local_entropy(images: Tensor, radius: int = RADIUS, levels: int = GREY_LEVELS) -> Tensor:
    """Shannon entropy, in bits, of the grey levels in a disk around every pixel: (n, 3, H, W) -> (n, H, W).

    scikit-image's rank filter, with `levels` grey levels; at most log2 of the disk's pixels (5.2 for radius 3).
    """
    images = checking.finite("images", images, "(n, 3, H, W)").detach()
    radius, levels = checking.count("radius", radius), checking.count("levels", levels, 2, 1 << 16)
    grey = (luminance(images) * (CHANNELS / BYTE) * levels).clamp(0, levels - 1).cpu().numpy().astype(np.uint16)
    around = disk(radius)
    return torch.from_numpy(np.stack([rank_entropy(picture, around) for picture in grey]).astype(np.float32))


def mean_inside(values: Tensor, masks: Tensor, labels: int) -> Tensor:
    """Mean of values (n, H, W) over the pixels of every label: (n, labels) float64, NaN where a label is absent."""
    values, masks = checking.floating("values", values, "(n, H, W)"), checked_masks(masks, labels)
    checking.same_shape("values", values, "masks", masks)
    flat, index = values.flatten(1).double(), masks.flatten(1).long()
    total = torch.zeros(len(masks), labels, dtype=torch.float64, device=values.device).scatter_add_(1, index, flat)
    count = torch.zeros_like(total).scatter_add_(1, index, torch.ones_like(flat))
    return total / count.masked_fill(count == 0, torch.nan)


def check_masks(masks: Tensor, labels: int) -> None:
    """Refuse masks that are not integers (n, H, W) in 0..labels-1."""
    checked_masks(masks, labels)


def checked_masks(masks: Tensor, labels: int) -> Tensor:
    """Masks, which must be integers (n, H, W) in 0..labels-1."""
    masks, labels = checking.tensor("masks", masks, empty=True), checking.count("labels", labels)
    whole = not masks.is_floating_point() and masks.dtype != torch.bool and masks.ndim == 3 and masks.numel() > 0
    if not whole or int(masks.min()) < 0 or int(masks.max()) >= labels:
        raise UnitscopeError(
            f"masks must be (n, H, W) integers in 0..{labels - 1}, got {tuple(masks.shape)} of {masks.dtype}"
            + (f" from {int(masks.min())} to {int(masks.max())}." if whole else ".")
        )
    return masks
