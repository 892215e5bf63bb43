"""Eight textured backgrounds, four objects behind the critter and three occluders in front of it.

x, y   (H, W) picture coordinates in [-1, 1], y up      hue, phase  (B, 1, 1)      texture  (B, 1, 1) int64
Each background returns (B, 3, H, W) RGB in [0, 1]. Shapes are signed distances, negative inside.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from unitscope.data.critters.latent_factors import Factors, uniform


def rgb(low: tuple[float, float, float], high: tuple[float, float, float], t: Tensor) -> Tensor:
    """Colours between `low` (t = 0) and `high` (t = 1); t (B, H, W) -> (B, 3, H, W)."""
    a, b = (torch.tensor(c, device=t.device).view(1, 3, 1, 1) for c in (low, high))
    return torch.lerp(a, b, t[:, None])


def cell_noise(i: Tensor, j: Tensor, texture: Tensor, layer: int = 0) -> Tensor:
    """One uniform number for each integer cell (i, j) of each picture; `layer` gives another one."""
    return uniform(i.long() * 73856093 + j.long() * 19349663 + texture * 83492791 + layer * 2654435761)


def step(distance: Tensor, width: float) -> Tensor:
    """1 where distance < 0, 0 beyond `width`, linear between: an anti-aliased edge."""
    return (0.5 - distance / width).clamp(0, 1)


def grass(x: Tensor, y: Tensor, phase: Tensor, texture: Tensor) -> Tensor:
    column = torch.floor(x * 32 + 0.35 * torch.sin(y * 9 + phase * 6.28) * 2)
    offset = cell_noise(column, column * 0, texture)
    blade = ((y * 4 + offset * 7).frac()).abs()
    return rgb((0.22, 0.42, 0.16), (0.55, 0.74, 0.33), blade * 0.75 + 0.25 * offset)


def sand(x: Tensor, y: Tensor, phase: Tensor, texture: Tensor) -> Tensor:
    ripple = torch.sin(14 * y + 1.6 * torch.sin(3 * x + phase * 6.28) + phase * 20)
    grain = cell_noise(torch.floor(x * 32), torch.floor(y * 32), texture)
    return rgb((0.74, 0.60, 0.38), (0.95, 0.86, 0.64), 0.5 + 0.3 * ripple + 0.35 * (grain - 0.5))


def water(x: Tensor, y: Tensor, phase: Tensor, texture: Tensor) -> Tensor:
    swell = torch.sin(9 * y + 2.2 * torch.sin(2.1 * x + phase * 6.28)) * torch.sin(4 * x - 5 * y + phase * 17)
    glint = (torch.sin(21 * y + 3 * torch.sin(5 * x + phase * 9)) - 0.8).clamp(min=0) * 3
    return rgb((0.16, 0.42, 0.62), (0.50, 0.80, 0.88), (0.42 + 0.35 * swell + glint).clamp(0, 1.2))


def brick(x: Tensor, y: Tensor, phase: Tensor, texture: Tensor) -> Tensor:
    v = y * 4.5 + phase * 3
    row = torch.floor(v)
    u = x * 2.4 + phase * 5 + 0.5 * (row % 2)
    mortar = torch.minimum(
        torch.minimum(u - torch.floor(u), 1 - (u - torch.floor(u))) * 1.9, torch.minimum(v - row, 1 - (v - row))
    )
    wall = rgb((0.56, 0.27, 0.20), (0.80, 0.47, 0.36), cell_noise(torch.floor(u), row, texture))
    return torch.lerp(
        wall, torch.tensor((0.85, 0.81, 0.74), device=x.device).view(1, 3, 1, 1), step(mortar - 0.09, 0.09)[:, None]
    )


def maze(x: Tensor, y: Tensor, phase: Tensor, texture: Tensor) -> Tensor:
    u, v = x * 3.6 + phase * 4, y * 3.6 + phase * 7
    i, j = torch.floor(u), torch.floor(v)
    upright = cell_noise(i, j, texture) < 0.5
    distance = torch.where(upright, (u - i - 0.5).abs(), (v - j - 0.5).abs())
    corner = torch.maximum((u - i - 0.5).abs(), (v - j - 0.5).abs()) - 0.02
    wall = step(torch.minimum(distance, corner.abs()) - 0.13, 0.1)
    return rgb((0.93, 0.89, 0.80), (0.30, 0.28, 0.40), wall)


def night(x: Tensor, y: Tensor, phase: Tensor, texture: Tensor) -> Tensor:
    sky = rgb((0.07, 0.09, 0.22), (0.26, 0.22, 0.44), (0.5 - 0.5 * y).clamp(0, 1).expand(len(phase), *y.shape))
    u, v = x * 9, y * 9
    i, j = torch.floor(u), torch.floor(v)
    du = u - i - 0.2 - 0.6 * cell_noise(i, j, texture, 1)
    dv = v - j - 0.2 - 0.6 * cell_noise(i, j, texture, 2)
    size = 0.30 * (cell_noise(i, j, texture) - 0.55).clamp(min=0) * 2
    stars = step(torch.hypot(du, dv) - size, 0.25)
    moon = step(torch.hypot(x - (phase * 1.4 - 0.7), y - 0.66) - 0.17, 0.04)
    light = torch.maximum(stars * 0.95, moon)
    return torch.lerp(sky, torch.tensor((0.98, 0.95, 0.80), device=x.device).view(1, 3, 1, 1), light[:, None])


def leaves(x: Tensor, y: Tensor, phase: Tensor, texture: Tensor) -> Tensor:
    canvas = rgb((0.10, 0.24, 0.16), (0.14, 0.30, 0.18), 0.5 + 0 * (phase + x))
    for layer in (1, 2):
        u, v = x * 3.1 + phase * 5 + 0.5 * layer, y * 3.1 + phase * 3 + 0.37 * layer
        i, j = torch.floor(u), torch.floor(v)
        turn = cell_noise(i, j, texture, 3 * layer) * 3.14
        du, dv = u - i - 0.5, v - j - 0.5
        along, across = du * torch.cos(turn) + dv * torch.sin(turn), dv * torch.cos(turn) - du * torch.sin(turn)
        distance = torch.hypot(along * 0.85, across * (1.7 + along)) - 0.42
        leaf = rgb((0.20, 0.46, 0.22), (0.66, 0.72, 0.26), cell_noise(i, j, texture, 7 * layer))
        vein = step(across.abs() - 0.02, 0.12)
        canvas = torch.lerp(canvas, leaf * (1 - 0.25 * vein)[:, None], step(distance, 0.12)[:, None])
    return canvas


def tiles(x: Tensor, y: Tensor, phase: Tensor, texture: Tensor) -> Tensor:
    turn = 0.78 * (phase > 0.5)
    u = (x * torch.cos(turn) + y * torch.sin(turn)) * 2.6 + phase * 3
    v = (y * torch.cos(turn) - x * torch.sin(turn)) * 2.6 + phase * 7
    check = step(torch.sin(math.pi * u) * torch.sin(math.pi * v), 0.35)
    return rgb((0.93, 0.90, 0.88), (0.62, 0.68, 0.76), check)


PAINTERS = (grass, sand, water, brick, maze, night, leaves, tiles)


def backdrop(f: Factors, x: Tensor, y: Tensor) -> Tensor:
    """The background of every picture, (B, 3, H, W); a small shift of hue and fine grain make each one unlike the
    others.
    """
    canvas = torch.empty(len(f.x), 3, *x.shape, device=x.device)
    for number, painter in enumerate(PAINTERS):
        rows = (f.background == number).nonzero()[:, 0]
        if len(rows):
            canvas[rows] = painter(x, y, f.background_phase[rows, None, None], f.texture[rows, None, None])
    grain = cell_noise(torch.floor(x * 997), torch.floor(y * 997), f.texture[:, None, None], 11)
    hue = torch.stack([f.background_hue, -0.4 * f.background_hue, -0.8 * f.background_hue], 1)
    return (canvas + 0.05 * hue[:, :, None, None] + 0.05 * (grain - 0.5)[:, None]).clamp(0, 1)


def vivid(hue: Tensor) -> Tensor:
    """A saturated colour for each hue (B,) in [0, 1]: (B, 3)."""
    third = torch.tensor([0.0, 1 / 3, 2 / 3], device=hue.device)
    return 0.55 + 0.38 * torch.cos(2 * math.pi * (hue[:, None] - third))


def objects(f: Factors, x: Tensor, y: Tensor, pixel: float) -> list[tuple[Tensor, Tensor]]:
    """Layers (alpha (B, H, W), colour (B, 3)) of the objects behind the critter: ball, box, flower, mushroom."""
    kind = f.object[:, None, None]
    dx, dy = x - f.object_x[:, None, None], y - f.object_y[:, None, None]
    radius = torch.hypot(dx, dy)
    petals = radius - 0.15 - 0.06 * torch.cos(5 * torch.atan2(dy, dx))
    square = torch.maximum(dx.abs(), dy.abs()) - 0.17
    cap = torch.maximum(torch.hypot(dx, dy * 1.2) - 0.22, -dy)
    nothing = torch.ones_like(radius)
    shape = torch.where(
        kind == 1,
        radius - 0.19,
        torch.where(kind == 2, square, torch.where(kind == 3, petals, torch.where(kind == 4, cap, nothing))),
    )
    stem = torch.where(
        (kind == 4) | (kind == 3), torch.maximum(dx.abs() - 0.045, torch.maximum(dy, -dy - 0.3)), nothing
    )
    mark = torch.where(
        kind == 1,
        (dy - 0.3 * dx).abs() - 0.04 + (shape > 0),
        torch.where(
            kind == 2,
            torch.minimum((dx - dy).abs(), (dx + dy).abs()) - 0.03 + (shape > -0.03),
            torch.where(kind == 3, radius - 0.07, nothing),
        ),
    )
    colour = vivid(f.object_hue)
    pale = 0.35 + 0.6 * vivid(f.object_hue + 0.5)
    wood = torch.tensor([0.80, 0.78, 0.62], device=x.device).expand(len(colour), 3)
    return [(step(stem, pixel), wood), (step(shape, pixel), colour), (step(mark, pixel), pale)]


def occluders(f: Factors, x: Tensor, y: Tensor, pixel: float) -> list[tuple[Tensor, Tensor]]:
    """Layers (alpha (B, H, W), colour (B, 3)) in front of the critter: a post, a rock, reeds."""
    kind = f.occluder[:, None, None]
    dx = x - f.occluder_x[:, None, None]
    post = torch.maximum(dx.abs() - 0.055, y - 0.25)
    rock = torch.hypot(dx, (y + 1.0) * 1.1) - 0.34
    sway = 0.06 * torch.sin(3 * y)
    blades = torch.stack(
        [
            (dx - shift - sway * lean).abs() - 0.035 * (top - y).clamp(0, 1)
            for shift, lean, top in ((-0.14, 1, 0.1), (0, -1, 0.35), (0.13, 2, 0.0))
        ]
    ).amin(0)
    tops = torch.where(y > 0.3, torch.ones_like(blades), blades)
    nothing = torch.ones_like(post)
    shape = torch.where(kind == 1, post, torch.where(kind == 2, rock, torch.where(kind == 3, tops, nothing)))
    table = torch.tensor([[0.0, 0.0, 0.0], [0.45, 0.31, 0.20], [0.52, 0.51, 0.50], [0.36, 0.50, 0.20]], device=x.device)
    return [(step(shape, pixel), table[f.occluder])]
