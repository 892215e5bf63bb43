"""Comparisons that several claims share: unrelated groups of directions, rank correlations, pairs of units.

    K  directions    N  units    table (N, N)  one symmetric value a pair of units; its diagonal is never used

A pair is no independent thing. For an interval the units are drawn again, c (N,) times each, and a sum over the pairs
among those drawn is c' T c, so one table serves all draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import stats

from unitscope.metrics import verdicts
from unitscope.metrics.statistics import estimate
from unitscope.metrics.verdicts import Verdict


def groups(statistic: Callable, *columns, threshold: float = 0.0, over=True, effect=None, of="directions") -> Verdict:
    """Is a statistic (with `axis`) of unrelated groups above a threshold? Each group is drawn again by itself."""
    found = estimate(statistic, *columns, paired=False)
    found = replace(found, size=min(map(len, columns)))
    sizes = ", ".join(str(len(column)) for column in columns)
    return verdicts.verdict_of(found, threshold, over=over, effect=effect).but(samples=f"groups of {sizes} {of}")


def better(a, b, names: tuple[str, str] = ("k-means", "units"), of: str = "directions") -> Verdict:
    """Is the mean of a (K,) above that of b (N,)? The reason shows both means."""
    found = verdicts.larger(a, b, of=of)
    return found.but(reason=f"{names[0]} {np.mean(a):.4f}, {names[1]} {np.mean(b):.4f}") if len(a) and len(b) else found


def ranks_rise(x, y, threshold: float = 0.0, *, over: bool = True, effect=None, of: str = "units") -> Verdict:
    """Is Spearman's correlation of two columns above (`over=False`: below) a threshold? Untested where one is flat."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return verdicts.untested(f"all {of} have the same value, so none can be ranked")
    return verdicts.verdict_of(estimate(verdicts.spearman, x, y), threshold, over=over, effect=effect, of=of)


def square(pairs, values, count: int) -> np.ndarray:
    """The table (N, N) of values of pairs (P, 2)."""
    pairs, values = np.asarray(pairs), np.asarray(values, dtype=float)
    table = np.zeros((count, count))
    table[pairs[:, 0], pairs[:, 1]] = table[pairs[:, 1], pairs[:, 0]] = values
    return table


def mean_over_pairs(table, chosen=None) -> Callable:
    """A statistic of rows of units: the mean of a table over the pairs among them, only the `chosen` (N, N) if
    given.
    """
    weights = _weights(len(table), chosen)
    table = np.where(weights > 0, table, 0.0)

    def statistic(rows, axis=-1):
        times = _times(rows, len(table))
        return _ratio(_summed(times, table), _summed(times, weights))

    return statistic


def ranks_over_pairs(x, y) -> Callable:
    """A statistic of rows of units: correlation of two tables over the pairs among them, by ranks among all pairs."""
    count = len(x)
    upper = np.triu_indices(count, 1)
    x, y = (_centred_ranks(np.asarray(table)[upper], count, upper) for table in (x, y))
    weights = _weights(count)

    def statistic(rows, axis=-1):
        times = _times(rows, count)
        many = np.maximum(_summed(times, weights), 1e-30)
        mean_x, mean_y = _summed(times, x) / many, _summed(times, y) / many
        both = _summed(times, x * y) / many - mean_x * mean_y
        spread = (_summed(times, x * x) / many - mean_x**2) * (_summed(times, y * y) / many - mean_y**2)
        return _ratio(both, np.sqrt(np.maximum(spread, 0)))

    return statistic


def over_units(statistic: Callable, count: int, threshold=0.0, *, over=True, effect=None, of="units") -> Verdict:
    """Is a statistic of rows of units above (`over=False`: below) a threshold? Units are drawn again, never pairs."""
    found = estimate(statistic, np.arange(count))
    return verdicts.verdict_of(found, threshold, over=over, effect=effect, of=of)


def _centred_ranks(values, count: int, upper) -> np.ndarray:
    ranked = stats.rankdata(values)
    table = np.zeros((count, count))
    table[upper] = (ranked - ranked.mean()) / max(len(ranked), 1)
    return table + table.T


def _weights(count: int, chosen=None) -> np.ndarray:
    weights = np.ones((count, count)) if chosen is None else np.array(chosen, dtype=float)
    np.fill_diagonal(weights, 0)
    return weights


def _times(rows, count: int) -> np.ndarray:
    """How often each of `count` units is among rows (..., m)."""
    rows = np.asarray(rows).astype(int)
    flat = rows.reshape(-1, rows.shape[-1])
    places = flat + count * np.arange(len(flat))[:, None]
    times = np.bincount(places.ravel(), minlength=len(flat) * count).reshape(len(flat), count)
    return times.reshape(*rows.shape[:-1], count).astype(float)


def _summed(times, table) -> np.ndarray:
    return ((times @ table) * times).sum(-1)


def _ratio(a, b) -> np.ndarray:
    return np.where(b > 0, a / np.where(b > 0, b, 1), 0.0)[()]
