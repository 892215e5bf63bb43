"""Claims 25 to 32: counterfactuals and the way across the boundary (Fig. 7). The paper's pairs of dogs have roles here:

    Pug -> Chihuahua              the first way: two relatives that differ in the size of a part
    Border Collie -> Chihuahua    the second way: two relatives that differ in the coat

Every way starts at another picture, so pictures are what intervals are drawn over. `None` and empty lists stand for
what a classifier without a head cannot have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope.data.critters import PARTS
from unitscope.evidence.linking import NO_HEAD, NOT_CROSSED
from unitscope.evidence.linking.crossing import ends, straight
from unitscope.evidence.linking.gradcam import share_on
from unitscope.evidence.linking.journey import Journey, abruptness, metric, monotone, slopes
from unitscope.evidence.linking.others import RealCycle
from unitscope.evidence.linking.rendered_truth import differing_parts, expected, true_share
from unitscope.extract.penultimate import Reader
from unitscope.metrics import verdicts
from unitscope.metrics.verdicts import Verdict
from unitscope.models import Generator
from unitscope.papers.linking.counterfactuals import ORIGINAL_WEIGHT, Counterfactual, counterfactual
from unitscope.papers.linking.link import Link

PICTURES = "pictures"
WINDOW = 8  # steps on either side of the boundary
ABRUPT = 3  # times as abrupt as the change of the picture
SMALL_STEP, LARGE_EFFECT = 0.1, 0.3  # share of the way's LPIPS; change of the target's probability
MONOTONE = 0.8  # rank correlation with the position on the way
AS_OFTEN = 0.1  # share of pictures by which one start may succeed less often than the other
TOLERANCE = 1e-4  # of float arithmetic, relative to the length of the way
ZERO, NOISE = "zero start", "random start"
Found = Mapping[str, Counterfactual]


def reaches(found: Found, link: Link, limit: int, seed: int = 0, least: float = 0.8) -> Verdict:
    """25: over 80 % of pictures reach the target, with f(r') nearer in direction to f(r) than after a random shift as
    long.
    """
    if not found:
        return verdicts.untested(NO_HEAD)
    one = found[ZERO]
    noise = torch.randn(one.shift.shape, generator=torch.Generator().manual_seed(seed))
    noise = one.start + F.normalize(noise, dim=1) * one.shift.norm(dim=1, keepdim=True)
    home = link.predict(one.start)
    near, random = (F.cosine_similarity(home, link.predict(end)) for end in (one.end, noise))
    parts = {
        "reached": verdicts.share(one.reached.numpy(), least, of=PICTURES),
        "identity kept": verdicts.above(near, random, of=PICTURES),
    }
    ours = (
        f"{parts['reached'].ours:.0%} within {limit} steps, cosine {float(near.mean()):.3f}, random"
        f" {float(random.mean()):.3f}"
    )
    return verdicts.every(parts).but(ours=ours, samples=parts["reached"].samples)


def reaches_more(found: Found, setting: str) -> Verdict:
    """Ours: of the same pictures more reach the target by `setting`, with a weaker identity term, than by the
    paper's.
    """
    if not found:
        return verdicts.untested(NO_HEAD)
    weaker, paper = found[setting], found[ZERO]
    verdict = verdicts.above(weaker.reached.double(), paper.reached.double(), of=PICTURES)
    return verdict.but(
        reason=f"{float(weaker.reached.double().mean()):.0%} against {float(paper.reached.double().mean()):.0%}"
    )


def abrupt(ways: Sequence[Journey]) -> Verdict:
    """26: p(target) jumps more than three times as abruptly as the picture changes, by MSE and by LPIPS."""
    if not (crossed := [way for way in ways if way.boundary]):
        return verdicts.untested(NOT_CROSSED)
    jump = np.array([abruptness(way.target) for way in crossed])
    smooth = {name: np.array([abruptness(way.distances[name]) for way in crossed]) for name in ("pixels", "LPIPS")}
    parts = {name: verdicts.above(jump, ABRUPT * value, of=PICTURES) for name, value in smooth.items()}
    ours = f"p {jump.mean():.2f}, MSE {smooth['pixels'].mean():.2f}, LPIPS {smooth['LPIPS'].mean():.2f}"
    return verdicts.every(parts).but(ours=ours, samples=parts["LPIPS"].samples)


def small_step_large_effect(ways: Sequence[Journey], looks: Sequence[float]) -> Verdict:
    """27: the two pictures at the boundary differ by under 10 % of the whole way's LPIPS, their p(target) by over 0.3.

    looks : LPIPS between the two pictures of each way.
    """
    if not (crossed := [(way, look) for way, look in zip(ways, looks, strict=True) if way.boundary]):
        return verdicts.untested(NOT_CROSSED)
    share = np.array([look / max(float(way.distances["LPIPS"][-1]), 1e-9) for way, look in crossed])
    jump = np.array([float(way.target[way.boundary] - way.target[way.boundary - 1]) for way, _ in crossed])
    parts = {
        f"under {SMALL_STEP:.0%} of LPIPS": verdicts.falls_short(SMALL_STEP, np.mean, share, of=PICTURES),
        f"p over {LARGE_EFFECT}": verdicts.exceeds(LARGE_EFFECT, np.mean, jump, of=PICTURES),
    }
    ours = f"{share.mean():.1%} of LPIPS, p changes by {jump.mean():.2f}"
    return verdicts.every(parts).but(ours=ours, samples=f"{len(crossed)} {PICTURES}")


def part_grows(ways: Sequence[Journey]) -> Verdict:
    """28: on the first way the area of the part that truly differs moves monotonically in the right sense (rank
    correlation above 0.8), while its luminance saturates: after the boundary its slope is less than half of that
    before.
    """
    if not (crossed := [way for way in ways if way.boundary]):
        return verdicts.untested(NOT_CROSSED)
    signs = expected(*crossed[0].names)
    if not signs:
        return verdicts.untested(f"{' and '.join(crossed[0].names)} differ in the size of no part")
    part, sign = next(iter(signs.items()))
    changes = [way.changes()[:, PARTS.index(part)] for way in crossed]
    rho = np.array([sign * monotone(one[:, metric("area")]) for one in changes])
    rates = np.array(
        [slopes(one[:, metric("luminance")], way.boundary) for one, way in zip(changes, crossed, strict=True)]
    )
    before, after = np.abs(rates).T
    parts = {
        "area": verdicts.exceeds(MONOTONE, np.mean, rho, of=PICTURES),
        "luminance saturates": verdicts.below(after, before / 2, of=PICTURES),
    }
    ours = (
        f"{part}: rank correlation {rho.mean():.2f}; luminance {100 * before.mean():.2f}, then {100 * after.mean():.2f}"
        " % of white a step"
    )
    return verdicts.every(parts).but(ours=ours, samples=parts["area"].samples)


def light_rises(ways: Sequence[Journey], names: Sequence[str] = ("head", "eyes", "body")) -> Verdict:
    """29: on the second way luminance of head, eyes and body rises in a window around the boundary."""
    if not (crossed := [way for way in ways if way.boundary]):
        return verdicts.untested(NOT_CROSSED)
    parts = {}
    for name in names:
        light = [(way.changes()[:, PARTS.index(name), metric("luminance")], way.boundary) for way in crossed]
        rates = np.array([sum(slopes(curve, boundary, WINDOW)) / 2 for curve, boundary in light])
        parts[name] = verdicts.exceeds(0, np.mean, 100 * rates, of=PICTURES)
    ours = ", ".join(f"{name} {part.ours:+.2f}" for name, part in parts.items())
    return verdicts.every(parts).but(ours=f"{ours} (% of white a step)", samples=f"{len(crossed)} {PICTURES}")


def cam_sees_background(heats: Sequence[Tensor], ways: Sequence[Journey]) -> Verdict:
    """30: behind the boundary Grad-CAM puts more of its mass on the background than a uniform map does, and than the
    change of the picture across the boundary does.

    heats : (H, W) of each way.
    """
    crossed = [(heat, way) for heat, way in zip(heats, ways, strict=True) if way.boundary]
    if not crossed:
        return verdicts.untested(NOT_CROSSED)
    rows = []
    for heat, way in crossed:
        ground = way.masks[way.boundary] == 0
        step = (way.images[way.boundary] - way.images[way.boundary - 1]).abs().mean(0)
        rows.append([share_on(heat, ground), share_on(torch.ones_like(heat), ground), share_on(step, ground)])
    cam, uniform, change = np.array(rows).T
    parts = {
        "more than a uniform map": verdicts.above(cam, uniform, of=PICTURES),
        "more than the change": verdicts.above(cam, change, of=PICTURES),
    }
    ours = f"Grad-CAM {cam.mean():.2f}, uniform map {uniform.mean():.2f}, change of the picture {change.mean():.2f}"
    return verdicts.every(parts).but(ours=ours, samples=f"{len(crossed)} {PICTURES}")


def zero_start_is_shorter(found: Found) -> Verdict:
    """31: a zero start ends nearer to r than a random one, where both reach the target, and succeeds as often."""
    if not found:
        return verdicts.untested(NO_HEAD)
    both = found[ZERO].reached & found[NOISE].reached
    zero, random = (found[name].shift.norm(dim=1)[both] for name in (ZERO, NOISE))
    success = {name: one.reached.double() for name, one in found.items()}
    parts = {
        "shorter": (
            verdicts.below(zero, random, of=PICTURES)
            if len(zero)
            else verdicts.untested("no picture reaches the target from both")
        ),
        "as often": verdicts.not_above(success[NOISE], success[ZERO], margin=AS_OFTEN, of=PICTURES),
    }
    lengths = f"{float(zero.mean()):.1f} against {float(random.mean()):.1f}; " if len(zero) else ""
    shares = ", ".join(f"{float(success[name].mean()):.0%}" for name in (ZERO, NOISE))
    return verdicts.every(parts).but(ours=f"{lengths}success {shares}", samples=parts["as often"].samples)


def closed_form(
    gan: Generator, reader: Reader, link: Link, r: Tensor, original: str, target: str, steps: int = 100
) -> Verdict:
    """32: without the identity term descent is the straight line of the closed form, to float tolerance of its
    length.
    """
    if not reader.has_head:
        return verdicts.untested(NO_HEAD)
    walked = counterfactual(gan, reader, link, r, original, target, weights=(ORIGINAL_WEIGHT, 0.0), max_steps=steps)
    lines = [straight(reader, one, original, target, int(n)).cpu() for one, n in zip(r, walked.steps, strict=True)]
    line = torch.stack(lines).clamp(min=0 if bool((r >= 0).all()) else -torch.inf)
    gap = float((walked.end - line).abs().max() / (line - r).abs().max().clamp(min=1e-6))
    return verdicts.identity(
        gap, TOLERANCE, f"largest difference, as a share of the way; up to {int(walked.steps.max())} steps"
    )


def finds_true_difference(ways: Mapping[str, Sequence[Journey]]) -> Verdict:
    """Ours: the parts in which two species truly differ change more on the way between them than on ways between
    others.

    The measure is a part's share of the summed relative area change at the end of the way.
    """
    own, others = [], []
    for name, group in ways.items():
        pair = ends(name)
        strangers = [way for other, rest in ways.items() if set(ends(other)) != set(pair) for way in rest]
        if not group or not strangers or not differing_parts(*pair) & set(PARTS):
            continue
        own += [true_share(way.changes()[-1], *pair) for way in group]
        others += [float(np.mean([true_share(way.changes()[-1], *pair) for way in strangers]))] * len(group)
    if not own:
        return verdicts.untested("no pair of species on the ways differs in the size of a part" if ways else NO_HEAD)
    verdict = verdicts.above(own, others, of=PICTURES)
    return verdict.but(reason=f"share {np.mean(own):.2f}, on ways between other species {np.mean(others):.2f}")


def real_pictures_come_back(found: RealCycle | None) -> Verdict:
    """Ours: of pictures that the generator never drew, the cycled one is nearer than another picture of the class, by
    LPIPS and by the self-supervised network.
    """
    if found is None:
        return verdicts.untested("the picture set holds none of the species studied")
    parts = {
        name: verdicts.below(found.found[name]["cycled"], found.found[name]["same class"], of=PICTURES)
        for name in ("judge", "LPIPS")
    }
    kept = "" if found.kept is None else f"; {float(found.kept.double().mean()):.0%} keep their class"
    near, other = (float(found.found["LPIPS"][name].mean()) for name in ("cycled", "same class"))
    return verdicts.every(parts).but(ours=f"LPIPS {near:.2f} against {other:.2f}{kept}", samples=parts["LPIPS"].samples)
