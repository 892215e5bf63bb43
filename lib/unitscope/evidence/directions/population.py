"""The units as a population: co-activation, eigenspectrum, and what a ReLU does to orthants (Klindt et al. 2023, B, C).

y (n, N)  responses    C  their covariance    r = C 1    lambda_k  share of variance of the k-th principal component

c_i = corr(y_i, mean of the others) = (r_i - C_ii) / sqrt(C_ii (1'C1 - 2 r_i + C_ii))           (9)
lambda_k ~ k^slope; smooth only if the slope is below -(1 + 2 / d), d input dimensions (Stringer et al. 2019)
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

import numpy as np
import torch
from torch import Tensor

from unitscope.errors import UnitscopeError

FIT_RANGE = (0.05, 0.5)  # of the number of units, as in the authors' code
FEWEST_COMPONENTS = 3  # of a fit


def correlations(y: Tensor) -> Tensor:
    """Pearson correlation of every two units (N, N)."""
    return torch.corrcoef(y.double().T)


def co_activation(y: Tensor) -> Tensor:
    """Correlation of each unit with the mean of all others (N,), from the covariance alone.

    Raises
    ------
    UnitscopeError
        If there are fewer than two units.
    """
    if y.shape[1] < 2:
        raise UnitscopeError(f"co-activation needs at least two units, got {y.shape[1]}.")
    covariance = torch.cov(y.double().T)
    row, own = covariance.sum(1), covariance.diagonal()
    others = covariance.sum() - 2 * row + own
    return (row - own) / (own * others).clamp(min=1e-30).sqrt()


@dataclass(frozen=True)
class PowerLaw:
    """Fit of log lambda_k = slope log k + intercept over ranks first..last (1-based); interval of the slope."""

    slope: float
    intercept: float
    interval: tuple[float, float]
    first: int
    last: int


def spectrum(y: Tensor, standardised: bool = True) -> Tensor:
    """Shares of variance of the principal components (N,), descending; `standardised`: every unit z-scored first."""
    x = y.double() - y.double().mean(0)
    if standardised:
        x = x / x.square().mean(0).sqrt().clamp(min=1e-30)
    values = torch.linalg.eigvalsh(x.T @ x).flip(0).clamp(min=0)
    return values / values.sum()


def enough_units(count: int) -> bool:
    """Whether a power law can be fitted to the spectrum of so many units."""
    return round(FIT_RANGE[1] * count) - max(2, round(FIT_RANGE[0] * count)) >= FEWEST_COMPONENTS


def power_law(y: Tensor, standardised: bool = True, draws: int = 40, seed: int = 0) -> PowerLaw:
    """The slope of the spectrum with a 95 % interval over half-samples of the images.

    Raises
    ------
    UnitscopeError
        If there are too few units for a fit.
    """
    shares = spectrum(y, standardised)
    first, last = max(2, round(FIT_RANGE[0] * len(shares))), round(FIT_RANGE[1] * len(shares))
    if not enough_units(len(shares)):
        raise UnitscopeError(f"a power law needs about 10 units at least, got {len(shares)}.")
    slope, intercept = _fit(shares, first, last)
    generator = torch.Generator().manual_seed(seed)
    half = max(2, len(y) // 2)
    slopes = [
        _fit(spectrum(y[torch.randperm(len(y), generator=generator)[:half]], standardised), first, last)[0]
        for _ in range(draws)
    ]
    spread = 1.96 * float(np.std(slopes))  # half-samples deviate from the whole as much as the whole from the truth
    return PowerLaw(slope, intercept, (slope - spread, slope + spread), first, last)


def _fit(shares: Tensor, first: int, last: int) -> tuple[float, float]:
    ranks = np.arange(first, last + 1)
    values = shares[first - 1 : last].clamp(min=1e-15).numpy()
    slope, intercept = np.polyfit(np.log(ranks), np.log(values), 1)
    return float(slope), float(intercept)


def critical_slope(dimensions: int) -> float:
    """-(1 + 2 / d): a spectrum that decays slower belongs to no differentiable map of d input dimensions."""
    return -(1 + 2 / dimensions)


def orthants(points: Tensor) -> Tensor:
    """How many coordinates of each point (n, K) are positive (n,): the dimensions that a ReLU leaves it."""
    return (points > 0).sum(1)


def orthant_counts(k: int) -> list[int]:
    """Orthants of K dimensions with exactly 0, 1, ..., K positive coordinates: binomials (printed wrongly)."""
    signs = [sum(s) for s in product((0, 1), repeat=k)]
    return [signs.count(m) for m in range(k + 1)]


def toy_points(n: int = 600, k: int = 2, lean: float = 0.5, seed: int = 0) -> Tensor:
    """Gaussian points (n, K) that lean along the first axis and against the second, as in Fig. 10A."""
    points = torch.randn(n, k, generator=torch.Generator().manual_seed(seed))
    shift = torch.zeros(k)
    shift[0], shift[1] = lean, -lean
    return points + shift
