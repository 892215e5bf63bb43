"""The chapter's claims as verdicts on curves, and the lines of the summary.

A planted truth (a unit, a network, a world) is what is drawn again for an interval. At one difficulty, methods that
were asked about the same plants are compared in pairs; over several difficulties a plant counts once, by its mean,
since the same plants may have been made harder. Two difficulties are compared as unrelated groups.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from unitscope.errors import UnitscopeError
from unitscope.evidence.ground_truth.curves import Curve
from unitscope.metrics import verdicts
from unitscope.metrics.verdicts import Verdict

OF = "plants"


def paired(one: Curve, a: str, b: str, at: Iterable | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Scores (R,) of two methods for the same plants, each the mean over some difficulties or all of them."""
    rows = [one.x.index(x) for x in (one.x if at is None else at)]
    x, y = one.of(a)[rows], one.of(b)[rows]
    both = ~np.isnan(x) & ~np.isnan(y)
    seen = both.any(axis=0)
    if not seen.any():
        raise UnitscopeError(f"no plant was seen by both {a!r} and {b!r}.")
    x, y = (np.where(both, scores, 0).sum(axis=0)[seen] / both.sum(axis=0)[seen] for scores in (x, y))
    return x, y


def better(one: Curve, a: str, b: str, at: Iterable | None = None) -> Verdict:
    """a finds more than b, plant by plant."""
    x, y = paired(one, a, b, at)
    return verdicts.above(x, y, of=OF).but(reason=f"{a} {x.mean():.2f}, {b} {y.mean():.2f}")


def all_better(one: Curve, methods: Iterable[str], b: str, at: Iterable | None = None) -> Verdict:
    """Each method finds more than b."""
    at = None if at is None else list(at)
    parts = {name: better(one, name, b, at) for name in methods}
    return verdicts.every(parts).but(ours=verdicts.in_line(parts, "{:+.2f}"))


def ahead(one: Curve, a: str, others: Iterable[str], at: Iterable | None = None) -> Verdict:
    """a finds more than each of the others."""
    at = None if at is None else list(at)
    parts = {f"to {name}": better(one, a, name, at) for name in others if name != a}
    return verdicts.every(parts).but(ours=verdicts.in_line(parts, "{:+.2f}"))


def drop(one: Curve, method: str, first=None, last=None) -> Verdict:
    """A method finds less at the last difficulty than at the first; ours: the loss."""
    first, last = one.x[0] if first is None else first, one.x[-1] if last is None else last
    a, b = one.at(method, first), one.at(method, last)
    return verdicts.larger(a, b, of=OF).but(reason=f"{a.mean():.2f} at {first}, {b.mean():.2f} at {last}")


def drops(curves: Mapping[str, Curve], methods: Iterable[str]) -> Verdict:
    """Every method finds less at the last difficulty than at the first, in every curve."""
    methods = list(methods)
    return verdicts.every({f"{name} ({title})": drop(one, name) for title, one in curves.items() for name in methods})


def reaches(one: Curve, method: str, level: float, at) -> Verdict:
    """A method's mean at one difficulty lies above `level`."""
    return over(one.at(method, at), level)


def over(scores: Sequence[float], level: float) -> Verdict:
    """A mean over plants lies above `level`."""
    return verdicts.exceeds(level, np.mean, scores, of=OF)


def under(scores: Sequence[float], level: float) -> Verdict:
    """A mean over plants lies below `level`."""
    return verdicts.falls_short(level, np.mean, scores, of=OF)


def all_found(one: Curve, method: str, at) -> Verdict:
    """A method finds everything at one difficulty: each of its scores is 1."""
    scores = one.at(method, at)
    return verdicts.counted(
        float(scores.mean()), bool((scores == 1).all()), f"{len(scores)} {OF}, all that were planted"
    )


def all_reach(one: Curve, methods: Iterable[str], level: float, at) -> Verdict:
    """Every method's mean at one difficulty lies above `level`."""
    parts = {name: reaches(one, name, level, at) for name in methods}
    return verdicts.every(parts).but(ours=verdicts.in_line(parts, "{:.2f}"))


def everywhere(curves: Mapping[str, Curve], methods: Iterable[str], level: float, at) -> Verdict:
    """Every method's mean at one difficulty of every curve lies above `level`."""
    methods = list(methods)
    parts = {f"{name} ({title})": reaches(one, name, level, at) for title, one in curves.items() for name in methods}
    return verdicts.every(parts)


def beyond(one: Curve, other: Curve, methods: Iterable[str]) -> Verdict:
    """Every method finds more in one curve than in that of another network, plant by plant (the same seeds in both)."""
    parts = {}
    for name in methods:
        both = Curve(one.difficulty, one.x, {"one": one.of(name), "other": other.of(name)})
        parts[name] = better(both, "one", "other")
    return verdicts.every(parts).but(ours=verdicts.in_line(parts, "{:+.2f}"))


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
