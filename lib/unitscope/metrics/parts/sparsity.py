"""How far a vector lies in one of its entries (Hoyer 2004; Wehrheim et al. 2024, eq. 2).

s(x) = (sqrt(k) - |x|_1 / |x|_2) / (sqrt(k) - 1),   x in R^k:   1 for one entry, 0 for entries of equal size
"""

from __future__ import annotations

import torch
from torch import Tensor

from unitscope import checking
from unitscope.errors import UnitscopeError

NULL_DRAWS = 100_000


def hoyer(x: Tensor) -> Tensor:
    """s of the last axis: (..., k) -> (...) in [0, 1], float64; NaN for a vector of zeros or with an entry that is not
    finite.

    Raises
    ------
    UnitscopeError
        If k < 2.
    """
    x = checking.floating("x", x)
    k = x.shape[-1] if x.ndim else 0
    if k < 2:
        raise UnitscopeError(f"sparsity needs vectors of at least 2 entries, got shape {tuple(x.shape)}.")
    x = x.double()
    root = k**0.5
    return ((root - x.abs().sum(-1) / x.norm(dim=-1)) / (root - 1)).clamp(0, 1)  # 0 / 0 stays NaN


def hoyer_null(k: int, draws: int = NULL_DRAWS, seed: int = 0) -> Tensor:
    """s of `draws` vectors of k independent standard normal entries, sorted: what noise alone gives."""
    k, draws, seed = checking.count("k", k, 2), checking.count("draws", draws), checking.count("seed", seed, 0)
    noise = torch.randn(draws, k, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return hoyer(noise).sort().values
