"""A picture as a table: five measures of every part (Wehrheim et al. 2024, section 3.2: 45 numbers for nine labels).

n  pictures    K  labels    M = 5 measures, METRICS    table (n, K, M)
"""

from __future__ import annotations

import torch
from torch import Tensor

from unitscope import checking
from unitscope.errors import UnitscopeError
from unitscope.metrics.parts.regions import check_masks, local_entropy, luminance, mean_inside, regions

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
