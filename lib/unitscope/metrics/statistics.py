"""How sure a number is: bootstrap intervals by scipy, and paired tests.

columns   (m,) each: measurements of the same m independent things (units, pictures, networks)
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy import stats
from torch import Tensor

from unitscope import checking
from unitscope.errors import UnitscopeError

DRAWS = 1999
LEVEL = 0.95


@dataclass(frozen=True)
class Estimate:
    """A statistic, its bootstrap interval (low, high), its standard error, and how many things it was taken over."""

    value: float
    interval: tuple[float, float]
    error: float
    size: int


def estimate(
    statistic: Callable[..., float], *columns, paired=True, seed: int = 0, level: float = LEVEL, draws: int = DRAWS
) -> Estimate:  # fmt: skip
    """A statistic of columns with its bootstrap interval (scipy.stats.bootstrap, bias-corrected and accelerated).

    Where that interval is not defined, as when nearly all resamples give one value, the percentile interval stands in.

    Parameters
    ----------
    statistic : of the columns; one that takes `axis`, as NumPy's do, is computed for all resamples at once.
    paired : the same things are drawn in each column; else each column is drawn by itself.

    Raises
    ------
    UnitscopeError
        If a column is empty or not finite, paired columns differ in length, or level or draws are out of range.
    """
    columns = tuple(_values(column) for column in columns)
    if not columns or (paired and len({len(column) for column in columns}) > 1):
        raise UnitscopeError(f"paired columns must have one length, got {[len(column) for column in columns]}.")
    if not 0 < level < 1 or draws < 1:
        raise UnitscopeError(f"level must lie in (0, 1) and draws be at least 1, got {level} and {draws}.")
    vectorized = "axis" in inspect.signature(statistic).parameters
    value = float(statistic(*columns, axis=-1) if vectorized else statistic(*columns))
    if min(map(len, columns)) == 1:  # one thing cannot be drawn again
        return Estimate(value, (value, value), 0.0, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scipy warns of degenerate samples, which the lines below treat
        found = stats.bootstrap(
            columns, statistic, paired=paired and len(columns) > 1, vectorized=vectorized, n_resamples=draws,
            confidence_level=level, method="BCa", rng=seed,
        )  # fmt: skip
    low, high = found.confidence_interval
    drawn = found.bootstrap_distribution[np.isfinite(found.bootstrap_distribution)]
    if not (np.isfinite(low) and np.isfinite(high)) and len(drawn):
        low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    low, high = sorted((float(low), float(high)))  # values that do not vary differ in the last digit
    error = float(drawn.std(ddof=1)) if len(drawn) > 1 else 0.0
    return Estimate(value, (low, high), error, len(columns[0]))


def bootstrap_interval(
    x: Sequence[float] | np.ndarray, statistic: Callable = np.mean, n: int = DRAWS, seed: int = 0, level: float = LEVEL
) -> tuple[float, float]:
    """(low, high) of `estimate` for one column x (m,), from `n` samples drawn with replacement."""
    return estimate(statistic, x, seed=seed, level=level, draws=n).interval


@dataclass(frozen=True)
class Paired:
    """Mean of a - b, its 95 % bootstrap interval, and the p-value of Wilcoxon's signed-rank test (two-sided)."""

    difference: float
    interval: tuple[float, float]
    p: float


def paired_test(a: Sequence[float] | np.ndarray, b: Sequence[float] | np.ndarray, seed: int = 0) -> Paired:
    """Compare two measurements (m,) of the same units; p is 1 if they never differ.

    Raises
    ------
    UnitscopeError
        If they are not finite values of one length.
    """
    difference, seed = paired_difference(a, b), checking.count("seed", seed, 0)
    return Paired(float(difference.mean()), bootstrap_interval(difference, seed=seed), wilcoxon(difference))


def paired_difference(a, b) -> np.ndarray:
    """a - b (m,) of two measurements of the same things."""
    a, b = _values(a), _values(b)
    if len(a) != len(b):
        raise UnitscopeError(f"a paired test needs two measurements of the same units, got {len(a)} and {len(b)}.")
    return a - b


def wilcoxon(difference: np.ndarray) -> float:
    """Two-sided p-value of Wilcoxon's signed-rank test; 1 if nothing differs."""
    return float(stats.wilcoxon(difference).pvalue) if difference.any() else 1.0


def median(values: Tensor, dim: int | None = None) -> Tensor:
    """NumPy's median along `dim`, or of all: the mean of the two in the middle where their number is even.

    `torch.median` takes the lower of the two, which shifts every statistic of few values.
    """
    return torch.as_tensor(np.median(values.detach().cpu().numpy(), axis=dim))


def _values(x: Sequence[float] | np.ndarray) -> np.ndarray:
    return checking.finite("values", x, "(m)").detach().cpu().double().numpy()
