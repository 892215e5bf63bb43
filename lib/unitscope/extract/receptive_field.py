"""Crops without relevance: the box that a position of a layer effectively looks at.

Measured, not derived, so it holds for any network: the gradient of the layer's middle position is taken through images
of noise, and the box is the smallest one, centred on the position, that holds a given share of its magnitude along each
axis (Luo et al. 2016, "Understanding the effective receptive field").
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from unitscope import checking
from unitscope.errors import UnitscopeError
from unitscope.extract.taps import Taps, device_of, layer_of
from unitscope.models import VisionModel

PROBES = 16


def receptive_field_boxes(
    model: VisionModel,
    layer: str,
    positions: Sequence[int] | Tensor,
    *,
    share: float = 0.9,
    image_size: int | None = None,
) -> Tensor:
    """Boxes around positions of a layer.

    Parameters
    ----------
    model : VisionModel.
    positions : (n,) on the flattened map of `layer`, for instance `References.positions[unit]`.
    share : of the gradient's magnitude inside the box, along each axis.
    image_size : of the images to crop; None: the model's input size.

    Returns
    -------
    (n, 4) int64, (top, left, bottom, right) in pixels, clipped at the image's borders.

    Raises
    ------
    UnitscopeError
        If the layer or a position does not exist, or share is not in (0, 1].
    """
    height, width = layer_of(model, layer).grid
    positions = checking.indices("positions", positions, empty=True).cpu().flatten()
    share = checking.real("share", share, 0, 1, ends="(]")
    if len(positions) and not 0 <= int(positions.min()) <= int(positions.max()) < height * width:
        got = f"{int(positions.min())}..{int(positions.max())}"
        raise UnitscopeError(f"positions of layer {layer!r} must lie in 0..{height * width - 1}, got {got}.")
    size = model.input_size if image_size is None else checking.count("image_size", image_size)
    profile = _gradient_magnitude(model, layer, size)
    sides = []
    for place, cells, axis in ((positions // width, height, 1), (positions % width, width, 0)):
        half = _half_width(profile.sum(dim=axis), centre=(cells // 2 + 0.5) * size / cells, share=share)
        centre = (place + 0.5) * size / cells
        sides.append(((centre - half).floor().clamp(min=0), (centre + half).ceil().clamp(max=size)))
    (top, bottom), (left, right) = sides
    return torch.stack([top, left, bottom, right], dim=1).long()


def _gradient_magnitude(model: VisionModel, layer: str, size: int) -> Tensor:
    """(size, size): how strongly each pixel moves the middle position of the layer's map, over noise images."""
    noise = torch.rand(PROBES, 3, size, size, generator=torch.Generator().manual_seed(0))
    noise = noise.to(device_of(model)).requires_grad_()
    with Taps(model, [layer]) as taps, torch.enable_grad():
        maps = taps(noise)[layer]
        middle = maps[:, :, maps.shape[2] // 2, maps.shape[3] // 2]
        (gradient,) = torch.autograd.grad(middle.sum(), noise)
    return gradient.abs().sum(dim=(0, 1)).cpu()


def _half_width(profile: Tensor, centre: float, share: float) -> float:
    """Distance from `centre` within which `share` of a profile (size,) lies."""
    distance, order = (torch.arange(len(profile)) + 0.5 - centre).abs().sort()
    held = profile[order].cumsum(0)
    return float(distance[(held < share * held[-1]).sum().clamp(max=len(profile) - 1)]) + 0.5
