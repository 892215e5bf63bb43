"""The chapter's claims as tests of curves, each function giving the fields of a claim, and the lines of the summary.

A planted truth (a unit, a network, a seed) is what is drawn again for an interval. Comparisons at one difficulty are
paired where two methods were asked about the same plants, and between two difficulties they are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unitscope.errors import UnitscopeError
from unitscope.ground_truth.curves import Curve
from unitscope.metrics import old_verdicts as verdicts
from unitscope.metrics.statistics import bootstrap_interval


def paired(one: Curve, a: str, b: str, at: Iterable | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Scores of two methods for the same plants, over some difficulties or all of them."""
    rows = [one.x.index(x) for x in (one.x if at is None else at)]
    x, y = one.of(a)[rows].ravel(), one.of(b)[rows].ravel()
    both = ~np.isnan(x) & ~np.isnan(y)
    if not both.any():
        raise UnitscopeError(f"no plant was seen by both {a!r} and {b!r}.")
    return x[both], y[both]


def better(one: Curve, a: str, b: str, at: Iterable | None = None) -> dict:
    """a finds more than b, plant by plant."""
    x, y = paired(one, a, b, at)
    found = verdicts.above(x, y)
    return {**found, "reason": f"{a} {x.mean():.2f}, {b} {y.mean():.2f}; {len(x)} plants"}


def all_better(one: Curve, methods: Iterable[str], b: str, at: Iterable | None = None) -> dict:
    """Each method finds more than b."""
    parts = {name: better(one, name, b, at) for name in methods}
    return {**verdicts.every(parts), "ours": ", ".join(f"{name} {part['ours']:+.2f}" for name, part in parts.items())}


def ahead(one: Curve, a: str, others: Iterable[str], at: Iterable | None = None) -> dict:
    """a finds more than each of the others."""
    parts = {name: better(one, a, name, at) for name in others if name != a}
    return {**verdicts.every(parts), "ours": ", ".join(f"to {name} {part['ours']:+.2f}" for name, part in parts.items())}


def drop(one: Curve, method: str, first=None, last=None) -> dict:
    """A method finds less at the last difficulty than at the first; ours: the loss."""
    first, last = one.x[0] if first is None else first, one.x[-1] if last is None else last
    a, b = one.at(method, first), one.at(method, last)
    return {**verdicts.larger(a, b), "reason": f"{a.mean():.2f} at {first}, {b.mean():.2f} at {last}"}


def drops(curves: Mapping[str, Curve], methods: Iterable[str]) -> dict:
    """Every method finds less at the last difficulty than at the first, in every curve."""
    methods = list(methods)
    parts = {f"{method} ({title})": drop(one, method) for title, one in curves.items() for method in methods}
    return verdicts.every(parts)


def reaches(one: Curve, method: str, level: float, at) -> dict:
    """A method's mean at one difficulty, with its interval, is `level` at least."""
    return over(one.at(method, at), level)


def over(scores: Sequence[float], level: float) -> dict:
    """The whole interval of a mean lies at `level` or above."""
    scores = np.asarray(scores, dtype=float)
    interval = bootstrap_interval(scores)
    return verdicts.verdict(scores.mean(), interval, interval[0] >= level, f"{len(scores)} plants")


def under(scores: Sequence[float], level: float) -> dict:
    """The whole interval of a mean lies at `level` or below."""
    found = over(scores, level)
    return {**found, "holds": found["interval"][1] <= level}


def all_reach(one: Curve, methods: Iterable[str], level: float, at) -> dict:
    """Every method reaches `level` at one difficulty."""
    parts = {name: reaches(one, name, level, at) for name in methods}
    return {**verdicts.every(parts), "ours": ", ".join(f"{name} {part['ours']:.2f}" for name, part in parts.items())}


def everywhere(curves: Mapping[str, Curve], methods: Iterable[str], level: float, at) -> dict:
    """Every method reaches `level` at one difficulty of every curve."""
    methods = list(methods)
    parts = {f"{name} ({title})": reaches(one, name, level, at) for title, one in curves.items() for name in methods}
    return verdicts.every(parts)


def beyond(one: Curve, other: Curve, methods: Iterable[str]) -> dict:
    """Every method finds more in one curve than in that of another network, plant by plant (the same seeds in both)."""
    parts = {}
    for name in methods:
        both = Curve(one.difficulty, one.x, {"one": one.of(name), "other": other.of(name)})
        parts[name] = better(both, "one", "other")
    return {**verdicts.every(parts), "ours": ", ".join(f"{name} {part['ours']:+.2f}" for name, part in parts.items())}


@dataclass(frozen=True)
class Line:
    """One row of the summary: `way` holds (score - chance) / (1 - chance) at three difficulties `at`."""

    question: str
    method: str
    at: tuple[str, str, str]
    way: tuple[float, float, float]


def line(question: str, one: Curve, method: str, chance: str | float = 0.0, name: str = "") -> Line:
    """The first, the middle and the last difficulty of a curve; chance is a level or one of its scores."""
    places = (0, (len(one.x) - 1) // 2, len(one.x) - 1)
    level = one.mean(chance) if isinstance(chance, str) else np.full(len(one.x), float(chance))
    way = (one.mean(method) - level) / (1 - level)
    x = [f"{one.x[place]:g}" if isinstance(one.x[place], (int, float)) else str(one.x[place]) for place in places]
    return Line(question, name or method, tuple(x), tuple(float(way[place]) for place in places))
