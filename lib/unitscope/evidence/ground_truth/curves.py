"""A difficulty curve: how well methods find what was planted, while one thing makes it harder.

    X  difficulties    R  planted truths at each (units, networks, seeds)

Scores of one difficulty are a column each method; a truth that could not be planted is NaN and counts nowhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from unitscope.errors import UnitscopeError, unknown
from unitscope.metrics.statistics import bootstrap_interval


@dataclass(frozen=True)
class Curve:
    """`difficulty` names the axis; x (X,) are its numbers or names; scores {method: (X, R)}."""

    difficulty: str
    x: tuple
    scores: dict[str, np.ndarray]

    def __post_init__(self):
        for method, rows in self.scores.items():
            if rows.ndim != 2 or len(rows) != len(self.x):
                raise UnitscopeError(f"scores of {method!r} must be ({len(self.x)}, R), got {rows.shape}.")

    def of(self, method: str) -> np.ndarray:
        """Scores (X, R) of a method."""
        if method not in self.scores:
            raise unknown("method", method, self.scores)
        return self.scores[method]

    def at(self, method: str, difficulty) -> np.ndarray:
        """Scores of a method at one difficulty, without those that could not be planted."""
        if difficulty not in self.x:
            raise unknown("difficulty", str(difficulty), [str(one) for one in self.x])
        row = self.of(method)[self.x.index(difficulty)]
        return row[~np.isnan(row)]

    def mean(self, method: str) -> np.ndarray:
        """(X,) mean over the planted truths; NaN where there is none."""
        return np.array([row[~np.isnan(row)].mean() if (~np.isnan(row)).any() else np.nan for row in self.of(method)])

    def interval(self, method: str) -> np.ndarray:
        """(X, 2) 95 % bootstrap interval of the mean over the planted truths."""
        kept = [row[~np.isnan(row)] for row in self.of(method)]
        return np.array([bootstrap_interval(row) if len(row) else (np.nan, np.nan) for row in kept])

    def planted(self) -> np.ndarray:
        """(X,) how many truths stand behind each difficulty."""
        return np.array([(~np.isnan(rows)).sum(1) for rows in self.scores.values()]).max(0)


def curve(difficulty: str, x: Iterable, score: Callable[[object], Mapping[str, object]]) -> Curve:
    """Ask `score` for {method: (R,)} at every difficulty; shorter columns are filled with NaN."""
    x = tuple(x)
    return stacked(difficulty, {one: score(one) for one in x})


def stacked(difficulty: str, found: Mapping[object, Mapping[str, object]]) -> Curve:
    """A curve from {difficulty: {method: (R,)}}.

    Raises
    ------
    UnitscopeError
        If there are no difficulties, or nothing was planted at any of them.
    """
    columns = {one: {name: np.asarray(c, dtype=np.float64) for name, c in row.items()} for one, row in found.items()}
    longest = max((len(c) for row in columns.values() for c in row.values()), default=0)
    if not longest:
        raise UnitscopeError(f"no truth was planted for any {difficulty}.")
    names = list(dict.fromkeys(name for row in columns.values() for name in row))
    scores = {name: np.full((len(columns), longest), np.nan) for name in names}
    for place, row in enumerate(columns.values()):
        for name, column in row.items():
            scores[name][place, : len(column)] = column
    return Curve(difficulty, tuple(columns), scores)
