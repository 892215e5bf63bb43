"""Claims 25 to 32: counterfactuals and the way across the boundary (Fig. 7). The paper's pairs of dogs have roles here:

    Pug -> Chihuahua          the first way: two relatives that differ in the size of a part
    Border Collie -> Chihuahua    the second way: two relatives that differ in the coat

`None` stands for everything that a classifier without a head cannot have.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope.data.critters import PARTS
from unitscope.metrics import old_verdicts as verdicts
from unitscope.papers.linking.checks import counted
from unitscope.papers.linking.counterfactual import Counterfactual, counterfactual, straight
from unitscope.papers.linking.crossing import ends
from unitscope.papers.linking.gradcam import share_on
from unitscope.papers.linking.journey import Journey, abruptness, metric, monotone, slopes
from unitscope.papers.linking.link import Link
from unitscope.papers.linking.reader import Reader
from unitscope.papers.linking.truth import differing_parts, expected, true_share

NO_HEAD = "the classifier has no head, so there is no boundary"
NOWHERE = "no picture was seen as the target on its way"
WINDOW = 8  # steps on either side of the boundary
Found = Mapping[str, Counterfactual] | None


def reaches(found: Found, link: Link, limit: int, seed: int = 0, least: float = 0.8) -> dict:
    """25: over 80 % of pictures reach the target, with f(r') nearer in direction to f(r) than after a random shift as long."""
    if found is None:
        return verdicts.untested(NO_HEAD)
    one = found["zero"]
    noise = torch.randn(one.shift.shape, generator=torch.Generator().manual_seed(seed))
    noise = one.start + F.normalize(noise, dim=1) * one.shift.norm(dim=1, keepdim=True)
    home = link.predict(one.start)
    near, random = (F.cosine_similarity(home, link.predict(end)) for end in (one.end, noise))
    parts = {"reached": verdicts.exceeds(least, np.mean, one.reached.double().numpy()), "identity kept": verdicts.above(near, random)}
    share = f"{float(one.reached.double().mean()):.0%} within {limit} steps"
    return {**verdicts.every(parts), "ours": f"{share}, cosine {float(near.mean()):.3f}, random {float(random.mean()):.3f}"}


def abrupt(ways: Sequence[Journey]) -> dict:
    """26: p(target) jumps three times as abruptly as the picture changes, by MSE and by LPIPS; mean over ways."""
    crossed = [way for way in ways if way.boundary]
    if not crossed:
        return verdicts.untested(NOWHERE if ways else NO_HEAD)
    jump = np.mean([abruptness(way.target) for way in crossed])
    smooth = {name: np.mean([abruptness(way.distances[name]) for way in crossed]) for name in ("pixels", "LPIPS")}
    parts = {name: {"holds": bool(jump > 3 * value)} for name, value in smooth.items()}
    ours = f"p {jump:.2f}, MSE {smooth['pixels']:.2f}, LPIPS {smooth['LPIPS']:.2f}"
    return {**verdicts.every(parts), "ours": ours, "reason": f"{len(crossed)} ways"}


def small_step_large_effect(ways: Sequence[Journey], looks: Sequence[float]) -> dict:
    """27: the two pictures at the boundary differ by under 10 % of the whole way's LPIPS, their p(target) by over 0.3.

    looks : LPIPS between the two pictures of each way.
    """
    crossed = [(way, look) for way, look in zip(ways, looks, strict=True) if way.boundary]
    if not crossed:
        return verdicts.untested(NOWHERE if ways else NO_HEAD)
    share = np.mean([look / max(float(way.distances["LPIPS"][-1]), 1e-9) for way, look in crossed])
    jump = np.mean([float(way.target[way.boundary] - way.target[way.boundary - 1]) for way, _ in crossed])
    return {"ours": f"{share:.1%} of LPIPS, p changes by {jump:.2f}", "holds": bool(share < 0.1 and jump > 0.3), "reason": f"{len(crossed)} ways"}


def part_grows(ways: Sequence[Journey]) -> dict:
    """28: on the first way the area of the part that truly differs moves monotonically in the right sense (Spearman above
    0.8), while its luminance saturates: after the boundary its slope is less than half of that before.
    """
    crossed = [way for way in ways if way.boundary]
    if not crossed:
        return verdicts.untested(NOWHERE if ways else NO_HEAD)
    signs = expected(*crossed[0].names)
    if not signs:
        return verdicts.untested(f"{' and '.join(crossed[0].names)} differ in the size of no part")
    part, sign = next(iter(signs.items()))
    rho, halves = [], []
    for way in crossed:
        changes = way.changes()[:, PARTS.index(part)]
        rho.append(sign * monotone(changes[:, metric("area")]))
        before, after = slopes(changes[:, metric("luminance")], way.boundary)
        halves.append(abs(after) < abs(before) / 2)
    parts = {"area": {"holds": bool(np.mean(rho) > 0.8)}, "luminance saturates": {"holds": bool(np.mean(halves) > 0.5)}}
    return {**verdicts.every(parts), "ours": f"{part}: Spearman {np.mean(rho):.2f}; saturates in {np.mean(halves):.0%}", "reason": f"{len(crossed)} ways"}


def light_rises(ways: Sequence[Journey], names: Sequence[str] = ("head", "eyes", "body")) -> dict:
    """29: on the second way luminance of head, eyes and body rises in a window around the boundary."""
    crossed = [way for way in ways if way.boundary]
    if not crossed:
        return verdicts.untested(NOWHERE if ways else NO_HEAD)
    found = {}
    for name in names:
        rates = [sum(slopes(way.changes()[:, PARTS.index(name), metric("luminance")], way.boundary, WINDOW)) / 2 for way in crossed]
        found[name] = np.array(rates)
    parts = {name: {"holds": bool(rates.mean() > 0)} for name, rates in found.items()}
    ours = ", ".join(f"{name} {100 * rates.mean():+.2f}" for name, rates in found.items())
    return {**verdicts.every(parts), "ours": f"{ours} (% of white a step)", "reason": f"{len(crossed)} ways"}


def cam_sees_background(heats: Sequence[Tensor], ways: Sequence[Journey]) -> dict:
    """30: Grad-CAM puts more of its mass on the background than the change of labels does, at the same pair."""
    crossed = [(heat, way) for heat, way in zip(heats, ways, strict=True) if way.boundary]
    if not crossed:
        return verdicts.untested(NOWHERE if ways else NO_HEAD)
    cam = np.array([share_on(heat, way.masks[way.boundary] == 0) for heat, way in crossed])
    ours = np.array([background_of_change(way) for _, way in crossed])
    verdict = counted(verdicts.above(cam, ours), "ways")
    return {**verdict, "reason": f"Grad-CAM {cam.mean():.2f}, label changes {ours.mean():.2f}; {verdict['reason']}"}


def background_of_change(way: Journey) -> float:
    """Share of the background in the label changes across the boundary: all measures, each over its spread on the way."""
    changes = way.changes()
    step = (changes[way.boundary] - changes[way.boundary - 1]).abs() / changes.std(0).mean(0).clamp(min=1e-6)
    total = float(step.sum())
    return float(step[PARTS.index("background")].sum()) / total if total else 0.0


def zero_start_is_shorter(found: Found) -> dict:
    """31: a zero start ends nearer to r than a random one, with at least equal success."""
    if found is None:
        return verdicts.untested(NO_HEAD)
    zero, random = (found[name].shift.norm(dim=1) for name in ("zero", "random"))
    success = {name: float(one.reached.double().mean()) for name, one in found.items()}
    parts = {"shorter": verdicts.below(zero, random), "equal success": {"holds": success["zero"] >= success["random"] - 0.05}}
    ours = f"{float(zero.mean()):.1f} against {float(random.mean()):.1f}; success {success['zero']:.0%}, {success['random']:.0%}"
    return {**verdicts.every(parts), "ours": ours}


def closed_form(gan, reader: Reader, link: Link, r: Tensor, original: str, target: str, steps: int = 10) -> dict:
    """32: without the identity term descent is the straight line of the closed form, to float tolerance."""
    if not reader.has_head:
        return verdicts.untested(NO_HEAD)
    walked = counterfactual(gan, reader, link, r, original, target, weights=(0.6, 0.0), max_steps=steps)
    line = torch.stack([straight(reader, one, original, target, int(n)).cpu() for one, n in zip(r, walked.steps, strict=True)])
    gap = float((walked.end - line.clamp(min=0 if bool((r >= 0).all()) else -torch.inf)).abs().max())
    return {"ours": f"largest difference {gap:.1e}", "holds": gap < 1e-3, "reason": f"up to {int(walked.steps.max())} steps"}


def finds_true_difference(ways: Mapping[str, Sequence[Journey]]) -> dict:
    """Ours: the parts in which two species truly differ change more on the way between them than on ways between others.

    The measure is a part's share of the summed relative area change at the end of the way.
    """
    own, others = [], []
    for name, group in ways.items():
        pair = group[0].names
        strangers = [way for other, rest in ways.items() if other != name and not set(ends(other)) == set(pair) for way in rest]
        if not strangers or not differing_parts(*pair) & set(PARTS):
            continue
        own += [true_share(way.changes()[-1], *pair) for way in group]
        others += [float(np.mean([true_share(way.changes()[-1], *pair) for way in strangers]))] * len(group)
    if len(own) < 2:
        return verdicts.untested("no pair of species on the ways differs in the size of a part" if ways else NO_HEAD)
    verdict = verdicts.above(own, others)
    return {**verdict, "reason": f"share {np.mean(own):.2f}, on ways between other species {np.mean(others):.2f}; {len(own)} ways"}


def real_pictures_come_back(found) -> dict:
    """Ours: of pictures that the generator never drew, the cycled one is nearer than another picture of the class, by LPIPS and by
    the self-supervised network.
    """
    if found is None:
        return verdicts.untested("the picture set holds none of the species studied")
    parts = {name: verdicts.below(found.found[name]["cycled"], found.found[name]["same class"]) for name in ("judge", "LPIPS")}
    kept = "" if found.kept is None else f"; {float(found.kept.double().mean()):.0%} keep their class"
    return {**verdicts.every(parts), "ours": f"LPIPS {float(found.found['LPIPS']['cycled'].mean()):.2f} against {float(found.found['LPIPS']['same class'].mean()):.2f}{kept}"}
