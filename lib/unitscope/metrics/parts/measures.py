"""A picture as a table: five measures of every part (Wehrheim et al. 2024, section 3.2: 45 numbers for nine labels).

n  pictures    K  labels    M = 5 measures, METRICS    table (n, K, M)

Sparsity says how far a vector lies in one of its entries (Hoyer 2004; Wehrheim et al. 2024, eq. 2):

s(x) = (sqrt(k) - |x|_1 / |x|_2) / (sqrt(k) - 1),   x in R^k:   1 for one entry, 0 for entries of equal size
"""

from __future__ import annotations

import torch
from torch import Tensor

from unitscope import checking
from unitscope.errors import UnitscopeError
from unitscope.metrics.parts.masked_regions import check_masks, local_entropy, luminance, mean_inside, regions

METRICS = ("area", "luminance", "entropy", "eccentricity", "angle")


def measure(images: Tensor, masks: Tensor, labels: int) -> Tensor:
    """Every measure of every part of every picture.

    Parameters
    ----------
    images : (n, 3, H, W) in [0, 1].
    masks : (n, H, W) integers in 0..labels-1.

    Returns
    -------
    (n, labels, 5) float32 on the CPU: area (pixels), mean luminance (0 to 85), mean local entropy (bits), eccentricity
    (0 to 1), angle (degrees in [0, 180)); all but the area are NaN where a label is absent.

    Raises
    ------
    UnitscopeError
        If the shapes do not belong together.
    """
    images, masks = checking.finite("images", images), checking.tensor("masks", masks)
    if images.ndim != 4 or images.shape[1] != 3 or masks.shape != (len(images), *images.shape[2:]):
        raise UnitscopeError(
            f"measure needs images (n, 3, H, W) and masks (n, H, W), got {tuple(images.shape)}, {tuple(masks.shape)}."
        )
    images, masks = images.detach().cpu(), masks.cpu()
    check_masks(masks, labels)
    shape = regions(masks, labels)
    light = mean_inside(luminance(images), masks, labels)
    grain = mean_inside(local_entropy(images), masks, labels)
    return torch.stack([shape.area, light, grain, shape.eccentricity, shape.angle], -1).float()


NULL_DRAWS = 100_000


def hoyer(x: Tensor) -> Tensor:
    """s of the last axis: (..., k) -> (...) in [0, 1], float64; NaN for a vector of zeros or with an entry that is not
    finite.

    Raises
    ------
    UnitscopeError
        If k < 2.
    """
    x = checking.floating("x", x)
    k = x.shape[-1] if x.ndim else 0
    if k < 2:
        raise UnitscopeError(f"sparsity needs vectors of at least 2 entries, got shape {tuple(x.shape)}.")
    x = x.double()
    root = k**0.5
    return ((root - x.abs().sum(-1) / x.norm(dim=-1)) / (root - 1)).clamp(0, 1)  # 0 / 0 stays NaN


def hoyer_null(k: int, draws: int = NULL_DRAWS, seed: int = 0) -> Tensor:
    """s of `draws` vectors of k independent standard normal entries, sorted: what noise alone gives."""
    k, draws, seed = checking.count("k", k, 2), checking.count("draws", draws), checking.count("seed", seed, 0)
    noise = torch.randn(draws, k, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return hoyer(noise).sort().values
