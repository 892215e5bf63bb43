"""Claims 15 to 28 on visualising, inverting and editing: each function gives the fields that a claim needs.

Pictures are the samples: differences are paired over pictures, with bootstrap intervals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from unitscope.metrics import old_verdicts as verdicts
from unitscope.papers.rosetta.edits import own_maps
from unitscope.papers.rosetta.inversion import Inverted
from unitscope.papers.rosetta.latents import CHUNK
from unitscope.papers.rosetta.losses import Targets
from unitscope.papers.rosetta.mining import Mining

BASE = "perceptual"
REACHED = 0.75  # of the base's steps, where its loss is the mark to be reached


def over_pictures(rule: Callable[..., dict]) -> Callable[..., dict]:
    """A rule of `verdicts` whose samples are pictures, and says so."""

    def ruled(*columns) -> dict:
        fields = rule(*columns)
        return {**fields, "reason": fields["reason"].replace(" units", " pictures")}

    return ruled


above, below, exceeds = map(over_pictures, (verdicts.above, verdicts.below, verdicts.exceeds))


def array(x: Tensor) -> np.ndarray:
    return x.double().cpu().numpy()


def guided_gain(found: Mapping[str, Inverted], way: str, measure: str = "psnr") -> dict:
    """15: a guided inversion is nearer to its target than the perceptual one, paired over pictures."""
    a, b = (array(getattr(found[name], measure)) for name in (way, BASE))
    return below(a, b) if measure == "lpips" else above(a, b)


def order(found: Mapping[str, Inverted], ways: Sequence[str]) -> dict:
    """16: PSNR rises along `ways` (the paper: perceptual, DINO, CLIP, all), and guidance lowers LPIPS."""
    parts = {"PSNR": verdicts.ordered({way: array(found[way].psnr) for way in ways})}
    parts["LPIPS"] = {"holds": all(found[way].lpips.mean() < found[BASE].lpips.mean() for way in ways if way != BASE)}
    return {**verdicts.every(parts), "ours": parts["PSNR"]["ours"]}


def steps_to(trace: Tensor, mark: Tensor) -> Tensor:
    """First step at which each picture's loss (T, B) is at or below its mark (B,); T where never."""
    below = trace <= mark
    return torch.where(below.any(0), below.int().argmax(0), len(trace)).double()


def faster(found: Mapping[str, Inverted], way: str) -> dict:
    """17: a guided inversion reaches the base's later reconstruction loss in fewer steps."""
    base, other = (found[name].found.trace["reconstruction"] for name in (BASE, way))
    mark = base[int(REACHED * len(base))]
    return below(array(steps_to(other, mark)), array(steps_to(base, mark)))


def no_gain(found: Mapping[str, Inverted], way: str = "+ mismatched") -> dict:
    """18: as many mismatched pairs bring no gain: the interval of the PSNR difference does not lie above 0."""
    one = above(array(found[way].psnr), array(found[BASE].psnr))
    return {**one, "holds": one["interval"][0] <= 0}


def nearer(a: Tensor, b: Tensor) -> dict:
    """19: likeness (B,) in an encoder that took no part: matching units over pixels."""
    return above(array(a), array(b))


def rises(after: Tensor, before: Tensor) -> dict:
    """20: agreement (B,) of pairs that were kept out rises."""
    return above(array(after), array(before))


def single_unit(drawn: Mapping[int, tuple[Tensor, Tensor]]) -> dict:
    """21: every picture drawn for a unit exceeds 95 % of random pictures; {concept: (scores (S,), random scores (m,))}."""
    parts = {f"#{number}": {"holds": bool((scores > random.quantile(0.95)).all())} for number, (scores, random) in drawn.items()}
    return verdicts.every(parts)


def in_time(seconds: float, pictures: int) -> dict:
    """22: an inversion takes less than five minutes."""
    return {"ours": seconds / pictures, "holds": seconds / pictures < 300, "reason": f"processor seconds a picture, {pictures} at once"}


def moved(right: Tensor, left: Tensor, fraction: float = 0.25, slack: float = 0.15) -> dict:
    """23: maps that were not optimised move by the asked share of the width, to either side; medians over pictures."""
    parts = {
        "right": exceeds(fraction - slack, np.median, array(right)),
        "left": exceeds(fraction - slack, np.median, array(-left)),
        "not too far": {"holds": bool(right.median() < fraction + slack and -left.median() < fraction + slack)},
    }
    return {**verdicts.every(parts), "ours": f"right {float(right.median()):+.2f}, left {float(left.median()):+.2f} widths"}


def enlarged(growth: Tensor) -> dict:
    """24: the foreground grows by more than 1.5."""
    return exceeds(1.5, np.median, array(growth))


def doubled(random: Tensor, source: Tensor, peaks: Tensor) -> dict:
    """25: copy and paste agrees better from a random start than from the source, and gives two peaks in half of the pictures."""
    better = above(array(random), array(source))
    holds = better["holds"] and float(peaks.float().mean()) > 0.5
    return {**better, "holds": holds, "reason": f"two peaks in {float(peaks.float().mean()):.0%} of {len(peaks)} pictures; {better['reason']}"}


def removed(fall: Tensor, partners: Tensor, inside: Tensor, outside: Tensor) -> dict:
    """26: the units' activity falls by half of its range, their partners' falls, and the picture changes inside more than outside."""
    parts = {
        "fall of half the range": exceeds(0.5, np.mean, array(fall)),
        "partners": exceeds(0, np.mean, array(partners)),
        "inside": above(array(inside), array(outside)),
    }
    return {**verdicts.every(parts), "ours": f"falls by {float(fall.mean()):.0%} of its range; partners by {float(partners.mean()):.2f} deviations"}


def gentler(optimised: Tensor, clamped: Tensor) -> dict:
    """27: optimised pictures lie nearer to real ones than those of clamped units, in an encoder that took no part."""
    return below(array(optimised), array(clamped))


def added(rise: Tensor) -> dict:
    """28: a unit raised raises its partners in the networks, in deviations."""
    return exceeds(0, np.mean, array(rise))


@torch.no_grad()
def scores_of(gan, targets: Targets, w: Tensor) -> Tensor:
    """Agreement (B,) of the pictures of w with targets; targets of one picture serve all w where the numbers differ."""
    if len(targets.groups[0].target) != len(w):
        targets = targets.select([0] * len(w))
    parts = torch.arange(len(w)).split(CHUNK)
    return torch.cat([targets.select(rows).scores(gan.features(w[rows], targets.layers)).mean(1) for rows in parts])


@torch.no_grad()
def activity_of(mining: Mining, units: Tensor, w: Tensor) -> Tensor:
    """Mean over positions and units of the generator's normalised maps, (B,)."""
    return torch.stack([one.mean((1, 2)) for one in own_maps(mining, units, w)]).mean(0)


@torch.no_grad()
def range_of(mining: Mining, units: Tensor, w: Tensor) -> Tensor:
    """How far that mean can fall, (B,): to every map's smallest value."""
    return torch.stack([one.mean((1, 2)) - one.amin((1, 2)) for one in own_maps(mining, units, w)]).mean(0).clamp(min=1e-6)
