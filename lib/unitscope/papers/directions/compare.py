"""How sure a comparison is: differences of means and rank correlations with bootstrap intervals over units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata, spearmanr

from unitscope import checking
from unitscope.errors import UnitscopeError
from unitscope.metrics.statistics import bootstrap_interval

DRAWS, LEVEL = 2000, 0.95


@dataclass(frozen=True)
class Estimate:
    """A number with its interval; `p` where a test belongs to it."""

    value: float
    interval: tuple[float, float]
    p: float = float("nan")

    @property
    def positive(self) -> bool:
        """Whether the whole interval lies above 0."""
        return self.interval[0] > 0

    @property
    def negative(self) -> bool:
        """Whether the whole interval lies below 0."""
        return self.interval[1] < 0


def difference(a, b, seed: int = 0) -> Estimate:
    """mean(a) - mean(b) of two groups of any sizes, both drawn anew.

    Raises
    ------
    UnitscopeError
        If a group is empty or not finite.
    """
    a, b, seed = _values("a", a), _values("b", b), checking.count("seed", seed, 0)
    rng = np.random.default_rng(seed)
    drawn = _means(rng, a) - _means(rng, b)
    return Estimate(float(a.mean() - b.mean()), _ends(drawn))


def mean(a, seed: int = 0) -> Estimate:
    """mean(a) with its interval."""
    a, seed = _values("a", a), checking.count("seed", seed, 0)
    return Estimate(float(a.mean()), bootstrap_interval(a, seed=seed))


def rank_correlation(x, y, seed: int = 0, draws: int = 500) -> Estimate:
    """Spearman's rho of paired values, with p and an interval over pairs drawn anew.

    Where one side is constant nothing can be ranked: 0, anywhere in (-1, 1), p = 1, neither positive nor negative.

    Raises
    ------
    UnitscopeError
        If there are fewer than three pairs, or a value is not finite.
    """
    x, y, seed, draws = _values("x", x), _values("y", y), checking.count("seed", seed, 0), checking.count("draws", draws)
    if len(x) != len(y) or len(x) < 3:
        raise UnitscopeError(f"a rank correlation needs at least 3 pairs, got {len(x)} and {len(y)} values.")
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return Estimate(0.0, (-1.0, 1.0), 1.0)
    result = spearmanr(x, y)
    rng = np.random.default_rng(seed)
    rows = [rng.integers(len(x), size=len(x)) for _ in range(draws)]
    rhos = [np.corrcoef(rankdata(x[row]), rankdata(y[row]))[0, 1] for row in rows if np.ptp(x[row]) and np.ptp(y[row])]
    return Estimate(float(result.statistic), _ends(np.asarray(rhos)), float(result.pvalue))


def _values(name: str, x) -> np.ndarray:
    return checking.finite(name, x, "(m)").detach().cpu().double().numpy()


def _means(rng: np.random.Generator, a: np.ndarray) -> np.ndarray:
    return np.array([a[rng.integers(len(a), size=len(a))].mean() for _ in range(DRAWS)])


def _ends(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
