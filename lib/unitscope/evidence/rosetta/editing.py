"""Claims 15 to 28 on visualising, inverting and editing, as verdicts; pictures are what is drawn again.

found   {way: Inverted} of the same pictures, as `inversion.table_1` gives it
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from unitscope.evidence.rosetta import reported
from unitscope.evidence.rosetta.inversions import Inverted
from unitscope.metrics import verdicts
from unitscope.metrics.statistics import median
from unitscope.metrics.verdicts import Verdict
from unitscope.models import Generator
from unitscope.papers.rosetta.edits import own_maps
from unitscope.papers.rosetta.latents import CHUNK
from unitscope.papers.rosetta.losses import Targets
from unitscope.papers.rosetta.mining import Mining

BASE, GUIDED, MISMATCHED = "perceptual", ("+ DINO", "+ CLIP", "+ all"), "+ mismatched"
OF = "pictures"
REACHED = 0.75  # of the base's steps, where its loss is the mark to be reached
LUCKY = 0.95  # quantile of random pictures that a drawn one must exceed
SHIFT, SLACK = 0.25, 0.15  # of the width: how far maps are asked to move, and how far off they may be


def array(x: Tensor) -> np.ndarray:
    return x.double().cpu().numpy()


def gain(found: Mapping[str, Inverted], way: str, measure: str = "psnr") -> Verdict:
    """A way of inverting is nearer to its target than the perceptual loss alone; `measure`: psnr, ssim or lpips.

    The paper's gain is the effect, except for LPIPS, whose scale here is another (no calibrated heads).
    """
    a, b = (array(getattr(found[name], measure)) for name in (way, BASE))
    if measure == "lpips":
        return verdicts.below(a, b, of=OF)
    return verdicts.above(a, b, effect=reported.gain(way)[measure] if way in reported.TABLE_1 else None, of=OF)


def guided_gain(found: Mapping[str, Inverted], measure: str) -> Verdict:
    """15: each way of guidance is nearer to its target by one measure."""
    parts = {way: gain(found, way, measure) for way in GUIDED}
    return verdicts.every(parts).but(ours=", ".join(f"{way} {part.ours:+.3f}" for way, part in parts.items()))


def order(found: Mapping[str, Inverted]) -> Verdict:
    """16: PSNR rises from the perceptual loss over DINO and CLIP to all matches."""
    return verdicts.ordered({way: array(found[way].psnr) for way in (BASE, *GUIDED)}, of=OF)


def steps_to(trace: Tensor, mark: Tensor) -> Tensor:
    """First step at which each picture's loss (T, B) is at or below its mark (B,); T where never."""
    reached = trace <= mark
    return torch.where(reached.any(0), reached.int().argmax(0), len(trace)).double()


def faster(found: Mapping[str, Inverted], way: str) -> Verdict:
    """17: a guided inversion reaches the base's later reconstruction loss in fewer steps."""
    base, other = (found[name].found.trace["reconstruction"] for name in (BASE, way))
    mark = base[int(REACHED * len(base))]
    return verdicts.below(array(steps_to(other, mark)), array(steps_to(base, mark)), of=OF)


def no_gain(found: Mapping[str, Inverted]) -> Verdict:
    """18: mismatched pairs gain less PSNR than matched ones, and less than half of the paper's smallest gain."""
    margin = min(reported.gain(way)["psnr"] for way in GUIDED) / 2
    wrong, base, right = (array(found[way].psnr) for way in (MISMATCHED, BASE, "+ all"))
    parts = {
        "matched gain more": verdicts.above(right, wrong, of=OF),
        f"mismatched gain less than {margin:.2f} dB": verdicts.not_above(wrong, base, margin=margin, of=OF),
    }
    return verdicts.every(parts).but(
        ours=f"mismatched {np.mean(wrong - base):+.2f} dB, matched {np.mean(right - base):+.2f} dB"
    )


def nearer(a: Tensor, b: Tensor) -> Verdict:
    """19: likeness (B,) in an encoder that took no part: matching units over pixels."""
    return verdicts.above(array(a), array(b), of=OF)


def rises(after: Tensor, before: Tensor) -> Verdict:
    """20: agreement (B,) of pairs whose generator units were kept out rises."""
    return verdicts.above(array(after), array(before), of=OF)


def single_unit(drawn: Mapping[int, tuple[Tensor, Tensor]]) -> Verdict:
    """21: most pictures drawn for a pair excite its partners in the other networks more than 95 % of random pictures
    do.

    drawn : {concept: (activity of its drawn pictures (S,), of random pictures (m,))}
    """
    if not drawn:
        return verdicts.untested("there is no concept to draw")
    hits = {number: scores > random.quantile(LUCKY) for number, (scores, random) in drawn.items()}
    found = verdicts.share(torch.cat(list(hits.values())).cpu().numpy(), 0.5, of=OF)
    return found.but(reason=", ".join(f"#{number}: {int(hit.sum())} of {len(hit)}" for number, hit in hits.items()))


def in_time(seconds: float, pictures: int) -> Verdict:
    """22: an inversion takes less than five minutes."""
    return verdicts.counted(
        seconds / pictures, seconds / pictures < 300, f"processor seconds a picture, {pictures} at once"
    )


def moved(right: Tensor, left: Tensor) -> Verdict:
    """23: maps that were not optimised move by the asked share of the width, to either side; medians over pictures."""
    parts = {}
    for side, column in (("right", right), ("left", -left)):
        parts[f"{side}, far enough"] = verdicts.exceeds(SHIFT - SLACK, np.median, array(column), of=OF)
        parts[f"{side}, not too far"] = verdicts.falls_short(SHIFT + SLACK, np.median, array(column), of=OF)
    ours = f"right {float(median(right)):+.2f}, left {float(median(left)):+.2f} widths"
    return verdicts.every(parts).but(ours=ours)


def enlarged(growth: Tensor) -> Verdict:
    """24: the foreground grows by more than 1.5, in the median."""
    return verdicts.exceeds(1.5, np.median, array(growth), of=OF)


def doubled(random: Tensor, source: Tensor, peaks: Tensor) -> Verdict:
    """25: copy and paste agrees better from a random start than from the source, and most pictures show two peaks."""
    parts = {
        "random start over the source": verdicts.above(array(random), array(source), of=OF),
        "two peaks in most pictures": verdicts.share(peaks.bool().cpu().numpy(), 0.5, of=OF),
    }
    return verdicts.every(parts)


def removed(fall: Tensor, partners: Tensor, inside: Tensor, outside: Tensor) -> Verdict:
    """26: the units' activity falls by half of its range, their partners' falls, and the picture changes inside more
    than outside.
    """
    parts = {
        "falls by half of its range": verdicts.exceeds(0.5, np.mean, array(fall), of=OF),
        "partners fall": verdicts.exceeds(0, np.mean, array(partners), of=OF),
        "changes inside more than outside": verdicts.above(array(inside), array(outside), of=OF),
    }
    ours = f"falls by {float(fall.mean()):.0%} of its range; partners by {float(partners.mean()):.2f} deviations"
    return verdicts.every(parts).but(ours=ours)


def gentler(optimised: Tensor, clamped: Tensor) -> Verdict:
    """27: optimised pictures lie nearer to real ones than those of clamped units, in an encoder that took no part."""
    return verdicts.below(array(optimised), array(clamped), of=OF)


def added(rise: Tensor) -> Verdict:
    """28: a unit raised raises its partners in the networks, in deviations."""
    return verdicts.exceeds(0, np.mean, array(rise), of=OF)


def words(found: Verdict, holds: str, contradicted: str) -> str:
    """A verdict as words for a sentence: `holds`, `contradicted`, or that it is not decided."""
    return {"holds": holds, "contradicted": contradicted}.get(
        found.state, f"neither clearly {holds} nor clearly {contradicted}"
    )


def split_units(pairs, every: int = 5) -> Tensor:
    """Which pairs (P,) belong to every fifth generator unit: a unit is kept out with all its partners."""
    return pairs.left % every == 0


@torch.no_grad()
def scores_of(gan: Generator, targets: Targets, w: Tensor) -> Tensor:
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
    return (
        torch.stack([one.mean((1, 2)) - one.amin((1, 2)) for one in own_maps(mining, units, w)]).mean(0).clamp(min=1e-6)
    )
