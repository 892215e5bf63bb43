"""Does the judge agree with observers, and what can be predicted in the task? (Klindt et al. 2023, Figs. 2, 5, 13)

areas under the ROC curve, units drawn again    accuracy (Q, K) at Q difficulties, directions drawn again
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from unitscope.evidence.directions import reported
from unitscope.evidence.directions.agreement import Agreement
from unitscope.evidence.directions.comparing import better, ranks_rise
from unitscope.metrics import verdicts
from unitscope.metrics.statistics import Estimate
from unitscope.metrics.verdicts import Verdict

CHANCE = 0.5
NO_PEOPLE = "the human answers are not here; the number is against the simulated observer"
NO_OBSERVER = "nothing is known of these images, so there is no observer who could answer"
TOLD = ("label", "clip")  # judges that learnt labels or captions know the words that the observer compares
EXEMPT = ("the observer itself", "ensemble")


def early_layers(areas: Mapping[str, Agreement], people: bool = True) -> Verdict:
    """C10: LPIPS predicts people's answers better in each of the first two stages than in each of the others."""
    stages = list(areas)
    told = "  ".join(f"{areas[stage].area:.2f}" for stage in stages)
    if not stages:
        return verdicts.untested(NO_OBSERVER)
    if not people:
        return verdicts.untested(NO_PEOPLE).but(ours=told)
    pairs = [(early, late) for early in stages[:2] for late in stages[2:]]
    if not pairs:
        return verdicts.untested("a comparison of early and late needs three stages at least").but(ours=told)
    parts = {f"{a} > {b}": _apart(areas[a], areas[b], paired=False, effect=reported.EARLY) for a, b in pairs}
    return verdicts.every(parts).but(ours=told)


def above_chance_early(areas: Mapping[str, Agreement], people: bool = True) -> Verdict:
    """C11: in the first two stages LPIPS predicts people's right answers above chance."""
    stages = list(areas)[:2]
    if not stages:
        return verdicts.untested(NO_OBSERVER)
    if not people:
        return verdicts.untested(NO_PEOPLE).but(ours="  ".join(f"{areas[stage].area:.2f}" for stage in stages))
    effect = reported.STAGES[0] - CHANCE
    return verdicts.every({stage: _above_chance(areas[stage], effect) for stage in stages})


def above_chance(found: Sequence[Agreement], name: str) -> Verdict:
    """B1: the judge `name` predicts the simulated observer's answers above chance in every layer."""
    parts = {one.group: _above_chance(one) for one in found if one.name == name}
    return verdicts.every(parts) if parts else verdicts.untested(NO_OBSERVER)


def another_judge(scored: Mapping[str, Agreement], lpips: str) -> Verdict:
    """B12: some judge that knows neither labels nor captions agrees with the observer better than LPIPS does."""
    if not scored:
        return verdicts.untested(NO_OBSERVER)
    rivals = [name for name in scored if name != lpips and not name.startswith((*TOLD, *EXEMPT))]
    if not rivals:
        return verdicts.untested("no other judge without labels or captions is named")
    return verdicts.some({name: _apart(scored[name], scored[lpips], paired=True) for name in rivals})


def falls_with_difficulty(skill: Mapping[str, Mapping], grid: Sequence[float]) -> Verdict:
    """C12: accuracy falls with difficulty, for every similarity and kind: a mean slope over directions below 0."""
    parts = {}
    for name, panel in skill.items():
        for kind, values in panel.items():
            slopes = np.polyfit(np.asarray(grid), np.asarray(values, dtype=float), 1)[0]
            parts[f"{name}, {kind}"] = verdicts.falls_short(0.0, np.mean, slopes, of="directions")
    return verdicts.every(parts)


def more_predictable(skill: Mapping[str, Mapping], kind: str, grid: Sequence[float]) -> Verdict:
    """C13: k-means directions are predicted better than units, for every similarity, at easy and at hard difficulties.

    The hardest trials are near chance for both, so difficulties are taken in two halves, not one by one.
    """
    parts, half = {}, len(grid) // 2
    for name, panel in skill.items():
        for told, rows in ((f"q < {grid[half]:g}", slice(None, half)), (f"q ≥ {grid[half]:g}", slice(half, None))):
            features, units = (np.asarray(panel[key][rows], dtype=float).mean(0) for key in (kind, "neurons"))
            parts[f"{name}, {told}"] = better(features, units)
    return verdicts.every(parts)


def gain_shrinks(skill: Mapping[str, Mapping], kind: str) -> Verdict:
    """C14: k-means' gain in accuracy over units is larger for colour than for LPIPS, and for LPIPS than for label."""
    if "label" not in skill:
        return verdicts.untested("these images have no labels")
    mean = {
        name: {key: np.asarray(panel[key], dtype=float).mean(0) for key in (kind, "neurons")}
        for name, panel in skill.items()
    }
    parts = {}
    for one, other in (("colour", "LPIPS"), ("LPIPS", "label")):
        features, units = (mean[one][key] - mean[other][key] for key in (kind, "neurons"))
        parts[f"{one} > {other}"] = verdicts.larger(features, units, of="directions")
    gains = (f"{name} {two[kind].mean() - two['neurons'].mean():+.3f}" for name, two in mean.items())
    return verdicts.every(parts).but(ours=", ".join(gains))


def index_tracks_accuracy(index, accuracy) -> Verdict:
    """C29: Spearman of a unit's II with its accuracy in the easiest task is above 0."""
    return ranks_rise(index, accuracy, effect=reported.TRACKS)


def _above_chance(one: Agreement, effect: float | None = None) -> Verdict:
    return _judged(one.area, one.drawn, one.units, CHANCE, effect)


def _apart(a: Agreement, b: Agreement, paired: bool, effect: float | None = None) -> Verdict:
    """Is the area of a above that of b? Draws of the same units are subtracted one by one."""
    drawn = a.drawn - (b.drawn if paired else b.drawn.flip(0))
    return _judged(a.area - b.area, drawn, min(a.units, b.units), 0.0, effect)


def _judged(value: float, drawn, size: int, threshold: float, effect: float | None) -> Verdict:
    drawn = np.asarray(drawn)
    drawn = drawn[~np.isnan(drawn)]
    if not len(drawn) or np.isnan(value):
        return verdicts.untested("the observers were always right or always wrong")
    interval = tuple(np.quantile(drawn, [0.025, 0.975]))
    found = Estimate(float(value), interval, float(drawn.std(ddof=1)), size)
    return verdicts.verdict_of(found, threshold, effect=effect)
