"""How sure a mean over units is: bootstrap intervals and paired tests."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import wilcoxon

from unitscope.errors import UnitscopeError

DRAWS = 2000


def bootstrap_interval(
    x: Sequence[float] | np.ndarray, statistic: Callable = np.mean, n: int = DRAWS, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Percentile interval of a statistic of the values x (m,), from `n` samples drawn with replacement.

    Parameters
    ----------
    statistic : of a sample (m,). One that takes `axis`, as NumPy's do, is computed for all samples at once.

    Returns
    -------
    (low, high)

    Raises
    ------
    UnitscopeError
        If x is not one axis of finite values, or empty, or level is not in (0, 1).
    """
    x = _values(x)
    if not 0 < level < 1 or n < 1:
        raise UnitscopeError(f"level must lie in (0, 1) and n be at least 1, got {level} and {n}.")
    samples = x[np.random.default_rng(seed).integers(len(x), size=(n, len(x)))]
    if "axis" in inspect.signature(statistic).parameters:
        drawn = statistic(samples, axis=1)
    else:
        drawn = np.apply_along_axis(statistic, 1, samples)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


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
    a, b = _values(a), _values(b)
    if len(a) != len(b):
        raise UnitscopeError(f"a paired test needs two measurements of the same units, got {len(a)} and {len(b)}.")
    difference = a - b
    p = float(wilcoxon(difference).pvalue) if difference.any() else 1.0
    return Paired(float(difference.mean()), bootstrap_interval(difference, seed=seed), p)


def _values(x: Sequence[float] | np.ndarray) -> np.ndarray:
    x = np.asarray(x, dtype=np.float64)
    if x.ndim != 1 or not len(x) or not np.isfinite(x).all():
        raise UnitscopeError(f"values must be finite numbers (m,), at least one, got shape {x.shape}.")
    return x
