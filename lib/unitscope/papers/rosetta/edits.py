"""Edits of a picture by its Rosetta units: target maps are moved, the latent follows (Rosetta Neurons, section 4.2).

A  (B, P, s, s)   maps of the edited units in the source picture, one edit of all pictures at once
zoom    resize to 2 s, keep the centre          shift   move by floor(f s), zeros (the unit's mean) enter
paste   the left half of A shifted left beside the right half of A shifted right
remove  the smallest value of the map everywhere        add  its largest value where asked, or everywhere
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope import checking
from unitscope.papers.rosetta.losses import FLOOR, Targets, towards
from unitscope.papers.rosetta.mining import Mining

SHIFT = 0.25  # of the width


def _maps(a: Tensor) -> Tensor:
    return checking.finite("a", a, "(..., s, s)")


def zoom(a: Tensor, factor: int = 2) -> Tensor:
    """The centre of maps (..., s, s), enlarged by an integer factor (bilinear, as the paper; the code takes
    nearest).
    """
    a, factor = _maps(a), checking.count("factor", factor)
    s = a.shape[-1]
    large = F.interpolate(a.reshape(-1, 1, s, s), scale_factor=factor, mode="bilinear", align_corners=False)
    start = (large.shape[-1] - s) // 2
    return large[..., start : start + s, start : start + s].reshape(a.shape)


def shift(a: Tensor, fraction: float = SHIFT) -> Tensor:
    """Maps (..., s, s) moved to the right by floor(fraction s) pixels (to the left if negative), zeros enter."""
    a, fraction = _maps(a), checking.real("fraction", fraction, -1, 1)
    s = a.shape[-1]
    step = math.copysign(math.floor(abs(fraction) * s), fraction)
    moved = torch.roll(a, int(step), -1)
    column = torch.arange(s, device=a.device)
    inside = (column >= step) if step >= 0 else (column < s + step)
    return moved * inside


def paste(a: Tensor, fraction: float = SHIFT) -> Tensor:
    """Two copies: the left half of the map shifted left, the right half of the map shifted right."""
    a, fraction = _maps(a), checking.real("fraction", fraction, 0, 1)
    half = a.shape[-1] // 2
    return torch.cat([shift(a, -fraction)[..., :half], shift(a, fraction)[..., half:]], -1)


def remove(a: Tensor) -> Tensor:
    """The smallest value of every map, everywhere."""
    a = _maps(a)
    return a.amin((-2, -1), keepdim=True).expand_as(a)


def add(a: Tensor) -> Tensor:
    """The largest value of every map, everywhere."""
    a = _maps(a)
    return a.amax((-2, -1), keepdim=True).expand_as(a)


EDITS: dict[str, Callable[[Tensor], Tensor]] = {
    "zoom": zoom,
    "shift left": lambda a: shift(a, -SHIFT),
    "shift right": shift,
    "copy and paste": paste,
    "remove": remove,
    "add": add,
}


@torch.no_grad()
def own_maps(mining: Mining, units: Tensor, w: Tensor) -> list[Tensor]:
    """Normalised maps of the generator's `units` for latents w: one (B, s, s) a unit."""
    maps = mining.gan.features(w, mining.table.layers)
    mean, deviation = mining.moments_of()
    layers, channels = mining.table.layer_of[units], mining.table.channel_of[units]
    return [
        (maps[mining.table.layers[layer]][:, channel] - mean[unit].float()) / (deviation[unit].float() + FLOOR)
        for unit, layer, channel in zip(units.tolist(), layers.tolist(), channels.tolist(), strict=True)
    ]


def edited_targets(
    mining: Mining, units: Tensor, w: Tensor, edit: Callable[[Tensor], Tensor], normaliser: str = "image"
) -> Targets:
    """Targets for `units`: their own maps at w after `edit`."""
    return towards(mining, units, [edit(one) for one in own_maps(mining, units, w)], normaliser)


def pulled(mining: Mining, units: Tensor, w: Tensor, edit: Callable[[Tensor], Tensor], pinned: Tensor):
    """Losses of a removal or an addition.

    The chosen units are drawn to their edited maps by squared error in deviations (a cosine with a constant target
    rewards any uniform map), all other Rosetta units (`pinned`) to their own maps by the image normaliser.
    """
    goal = [edit(one) for one in own_maps(mining, units, w)]
    stay = towards(mining, pinned, own_maps(mining, pinned, w)) if len(pinned) else None
    mean, deviation = mining.moments_of()

    def losses(images, maps, latents, rows):
        total = 0
        for unit, wanted in zip(units.tolist(), goal, strict=True):
            layer, channel = mining.table.place(unit)
            now = (maps[layer][:, channel] - mean[unit].float()) / (deviation[unit].float() + FLOOR)
            total = total + (now - wanted[rows]).square().mean((1, 2)) / len(goal)
        found = {"edit": total}
        return {**found, "others": -stay.select(rows).scores(maps).mean(1)} if stay is not None else found

    return losses


@torch.no_grad()
def clamp(mining: Mining, units: Tensor, w: Tensor, edit: Callable[[Tensor], Tensor]) -> Tensor:
    """The direct way, as GAN dissection does it: the units' maps replaced on the way through the generator. (B, 3, H,
    W)
    """
    table, chosen = mining.table, {}
    for unit in units.tolist():
        layer, channel = table.place(unit)
        chosen.setdefault(layer, []).append(channel)

    def change(channels):
        def fn(maps: Tensor) -> Tensor:
            new = maps.clone()
            new[:, channels] = edit(maps[:, channels])
            return new

        return fn

    return mining.gan.edit(w, {layer: change(channels) for layer, channels in chosen.items()})
