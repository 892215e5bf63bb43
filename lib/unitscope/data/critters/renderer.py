"""Pictures and part masks of critters, painted back to front with signed distances.

H = W = size; a limb's alpha is 1 inside, 0 outside and linear over one pixel at its edge;
a pixel belongs to the last limb that covers at least half of it, so the masks partition the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.data.critters.anatomy import Limb, coats, limbs
from unitscope.data.critters.latent_factors import Factors
from unitscope.data.critters.scenery import backdrop, objects, occluders, step

AMBIENT, OUTLINE = 0.86, 0.5
# pattern = cos(first wave) * c1 + cos(second wave) * c2 > threshold; rows: plain, striped, spotted, patched
WAVES = torch.tensor(
    [
        [0, 0, 0, 0, 0, 0, 9.0],
        [21, 3, 0, 0, 1, 0, 0.15],
        [19, 16, 19, -16, 0.5, 0.5, 0.42],
        [6, 5, 7, -6, 0.5, 0.5, 0.12],
    ]
)


@dataclass(frozen=True)
class Pictures:
    """images (B, 3, H, W) float32 in [0, 1]; masks (B, H, W) uint8, numbers of PARTS."""

    images: Tensor
    masks: Tensor


def grid(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Pixel centres, x to the right and y up, each (size, size) in (-1, 1)."""
    line = (torch.arange(size, device=device) + 0.5) * (2 / size) - 1
    y, x = torch.meshgrid(-line, line, indexing="ij")
    return x, y


def coat_pattern(f: Factors, px: Tensor, py: Tensor) -> Tensor:
    """How much of the second colour the coat shows, (B, H, W) in [0, 1], in the critter's frame px, py (B, H, W)."""
    row = WAVES.to(px.device)[f.pattern][:, :, None, None]
    k, phase = f.pattern_scale[:, None, None], f.pattern_phase[:, None, None]
    first = torch.cos(k * (row[:, 0] * px + row[:, 1] * py) + phase)
    second = torch.cos(k * (row[:, 2] * px + row[:, 3] * py) + 1.7 * phase)
    return ((row[:, 4] * first + row[:, 5] * second - row[:, 6]) * 5 + 0.5).clamp(0, 1)


def capsule(limb: Limb, px: Tensor, py: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Signed distance to a tapered capsule, and the vector from its axis and its radius there: four (B, H, W)."""
    ax, ay, bx, by, ra, rb = (v[:, None, None] for v in (limb.ax, limb.ay, limb.bx, limb.by, limb.ra, limb.rb))
    wx, wy = bx - ax, by - ay
    t = ((px - ax) * (wx / (wx * wx + wy * wy + 1e-9)) + (py - ay) * (wy / (wx * wx + wy * wy + 1e-9))).clamp_(0, 1)
    dx, dy = px - ax - t * wx, py - ay - t * wy
    radius = ra + t * (rb - ra)
    return (dx * dx + dy * dy).sqrt_().sub_(radius), dx, dy, radius


def render(f: Factors, size: int = 64) -> Pictures:
    """Paint a batch of critters.

    Parameters
    ----------
    f : factors of B pictures, on the device that does the work.
    size : height and width in pixels.
    """
    x, y = grid(size, f.x.device)
    pixel = 2 / size
    canvas = backdrop(f, x, y)
    masks = torch.zeros(len(f.x), size, size, dtype=torch.uint8, device=f.x.device)
    for alpha, colour in objects(f, x, y, pixel):
        canvas = torch.lerp(canvas, colour[:, :, None, None], alpha[:, None])
    canvas = paint_critter(f, x, y, pixel, canvas, masks)
    for alpha, colour in occluders(f, x, y, pixel):
        canvas = torch.lerp(canvas, colour[:, :, None, None], alpha[:, None])
        masks.masked_fill_(alpha >= 0.5, 0)
    warm = torch.stack([f.warmth, 0 * f.warmth, -f.warmth], 1) + f.brightness[:, None]
    return Pictures((canvas * warm[:, :, None, None]).clamp_(0, 1), masks)


def paint_critter(f: Factors, x: Tensor, y: Tensor, pixel: float, canvas: Tensor, masks: Tensor) -> Tensor:
    """Paint the shadow and every limb over `canvas`; `masks` is filled in place."""
    s, c = (fn(f.tilt)[:, None, None] / f.scale[:, None, None] for fn in (torch.sin, torch.cos))
    qx, qy = (x - f.x[:, None, None]) * f.facing[:, None, None], y - f.y[:, None, None]
    px, py = c * qx + s * qy, c * qy - s * qx
    edge = (pixel / f.scale)[:, None, None]
    lx, ly = (
        (torch.cos(f.light) * f.facing * f.light_strength)[:, None, None],
        (torch.sin(f.light) * f.light_strength)[:, None, None],
    )
    colours, dark = coats(f)
    figure = coat_pattern(f, px, py)[:, None]
    fur = torch.lerp(colours[:, 0, :, None, None], dark[:, :, None, None], figure)
    parts = limbs(f)
    ground = parts[3].by[:, None, None] - 0.06
    shadow = step(torch.hypot(px * 0.5, (py - ground) * 2.2) - 0.21, 0.16)
    canvas = canvas * (1 - 0.38 * shadow)[:, None]
    for limb in parts:
        distance, dx, dy, radius = capsule(limb, px, py)
        inverse = 1 / radius.abs().clamp(min=1e-3)
        rim = 1 - OUTLINE * (1 + distance / (1.6 * edge)).clamp(0, 1)
        shade = (AMBIENT + (dx * lx + dy * ly) * inverse).clamp_(0, 1.25) * rim
        alpha = (0.5 - distance / edge).clamp_(0, 1)
        coat = (
            fur * (colours[:, 1] / colours[:, 0].clamp(min=1e-3))[:, :, None, None]
            if limb.furry and limb.coat == 1
            else fur
            if limb.furry
            else colours[:, limb.coat, :, None, None]
        )
        canvas = torch.lerp(canvas, coat * shade[:, None], alpha[:, None])
        masks.masked_fill_(alpha >= 0.5, limb.part)
    return canvas
