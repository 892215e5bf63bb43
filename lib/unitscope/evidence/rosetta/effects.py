"""What an edit or an inversion did, measured on what was not optimised: networks' maps, encoders, segmented pictures.

before, after   (B, 3, H, W)   pictures        maps  (B, s, s)
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from scipy.signal import find_peaks
from torch import Tensor

from unitscope import checking
from unitscope.extract.taps import Taps
from unitscope.metrics.lpips import Perceptual, unit_maps
from unitscope.models import VisionModel
from unitscope.papers.rosetta.losses import FLOOR
from unitscope.papers.rosetta.matches import UnitPairs
from unitscope.papers.rosetta.mining import Mining

WIDTH = 32  # columns at which displacements are read


@torch.no_grad()
def partner_maps(mining: Mining, pairs: Mapping[str, UnitPairs], images: Tensor) -> Tensor:
    """Maps (B, P, WIDTH, WIDTH) of the networks' ends of all pairs."""
    found = []
    for name, one in pairs.items():
        table = mining.match(name).table
        with Taps(mining.networks[name], table.layers) as taps:
            seen = taps(images)
        for unit in one.right.unique().tolist():
            layer, channel = table.place(unit)
            found.append(
                F.interpolate(seen[layer][:, [channel]], (WIDTH, WIDTH), mode="bilinear", align_corners=False)[:, 0]
            )
    return torch.stack(found, 1)


@torch.no_grad()
def partner_activity(mining: Mining, pairs: Mapping[str, UnitPairs], images: Tensor) -> Tensor:
    """Mean over positions and networks of the normalised maps of the pairs' ends in the networks, (B,)."""
    found = []
    for name, one in pairs.items():
        mean, deviation = mining.moments_of(name)
        maps = partner_maps(mining, {name: one}, images)
        for column, unit in enumerate(one.right.unique().tolist()):
            found.append((maps[:, column].mean((1, 2)) - mean[unit].float()) / (deviation[unit].float() + FLOOR))
    return torch.stack(found).mean(0)


def displacement(before: Tensor, after: Tensor) -> Tensor:
    """How far maps (B, P, s, s) moved to the right, in widths (B,): the shift at which they correlate best, mean over
    maps.

    Only columns that both still show are compared, over their own norms: a sum alone would favour small shifts, which
    compare more columns.
    """
    before, after = (checking.finite(name, x, "(B, P, s, s)") for name, x in (("before", before), ("after", after)))
    checking.same_shape("before", before, "after", after)
    s = before.shape[-1]
    a, b = (m - m.mean((2, 3), keepdim=True) for m in (before, after))
    scores = []
    for step in range(-s // 2, s // 2 + 1):
        left, right = (a[..., : s - step], b[..., step:]) if step >= 0 else (a[..., -step:], b[..., : s + step])
        norms = (left.square().sum((2, 3)) * right.square().sum((2, 3))).clamp(min=1e-9).sqrt()
        scores.append(((left * right).sum((2, 3)) / norms).mean(1))
    return (torch.stack(scores, 1).argmax(1) - s // 2) / s


def foreground(segmenter, images: Tensor) -> Tensor:
    """Where a segmenter sees a critter: (B, S, S) bool."""
    return segmenter(images) > 0


def growth(before: Tensor, after: Tensor) -> Tensor:
    """Area of masks (B, S, S) after over before, (B,)."""
    before, after = (checking.mask(name, x, "(B, S, S)") for name, x in (("before", before), ("after", after)))
    checking.same_shape("before", before, "after", after)
    return after.flatten(1).sum(1) / before.flatten(1).sum(1).clamp(min=1)


def two_peaks(masks: Tensor) -> Tensor:
    """Whether the columns of masks (B, S, S) hold two separate peaks, each at least half of the highest: (B,) bool."""
    found = []
    for profile in masks.float().sum(1).numpy():
        smooth = np.convolve(profile, np.ones(3) / 3, mode="same")
        padded = np.concatenate([[0], smooth, [0]])
        peaks, _ = find_peaks(padded, height=0.5 * padded.max(), prominence=0.3 * padded.max())
        found.append(len(peaks) >= 2)
    return torch.tensor(found)


@torch.no_grad()
def change_inside(perceptual: Perceptual, before: Tensor, after: Tensor, inside: Tensor) -> tuple[Tensor, Tensor]:
    """Mean perceptual change inside and outside masks (B, S, S), each (B,)."""
    total = torch.zeros(len(before), *inside.shape[1:])
    seen = (unit_maps(perceptual, images.to(perceptual.device)) for images in (before, after))
    for a, b in zip(*seen, strict=True):
        total += F.interpolate(
            (a - b).square().sum(1, keepdim=True).cpu(), inside.shape[1:], mode="bilinear", align_corners=False
        )[:, 0]
    weights = inside.float(), (~inside).float()
    return tuple((total * weight).sum((1, 2)) / weight.sum((1, 2)).clamp(min=1) for weight in weights)


@torch.no_grad()
def likeness(model: VisionModel, a: Tensor, b: Tensor) -> Tensor:
    """Cosine of a network's embeddings of two sets of pictures, (B,)."""
    return F.cosine_similarity(model.embed(a), model.embed(b))


@torch.no_grad()
def strangeness(model: VisionModel, images: Tensor, known: Tensor, nearest: int = 5) -> Tensor:
    """Mean distance of embeddings to the nearest of known pictures', in units of the known ones' own, (B,)."""
    reference, nearest = model.embed(known), min(nearest, len(known) - 1)
    own = torch.cdist(reference, reference).topk(nearest + 1, largest=False).values[:, 1:].mean()
    return torch.cdist(model.embed(images), reference).topk(nearest, largest=False).values.mean(1) / own


def concept_area(maps: list[Tensor], share: float = 0.2, size: int = WIDTH) -> Tensor:
    """Where maps (B, s, s) of a concept's units are strongest together: the top `share` of the picture, (B, size, size)
    bool.
    """
    large = [F.interpolate(m[:, None], (size, size), mode="bilinear", align_corners=False)[:, 0] for m in maps]
    total = torch.stack(large).mean(0)
    cut = total.flatten(1).quantile(1 - share, dim=1)
    return total > cut[:, None, None]
