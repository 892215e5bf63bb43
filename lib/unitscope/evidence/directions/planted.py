"""Synthetic features with a known answer, to try sparse autoencoders on (Klindt et al. 2023, Fig. 9A)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

PLANTED = 2_000_003  # below 2^32: torch reads no more of a seed


@dataclass(frozen=True)
class Planted:
    """Synthetic data with known features: x (n, N) = codes (n, G) @ features (G, N), few codes active at once."""

    x: Tensor
    features: Tensor


def planted_features(
    n: int = 4096, dimensions: int = 64, features: int = 128, active: float = 4.0, seed: int = 0
) -> Planted:
    """More features than dimensions, each active on few samples: the setting of Sharkey et al. (Fig. 9A).

    Drawn from another stream than the networks' first weights, which else would be the answer.
    """
    generator = torch.Generator().manual_seed(PLANTED + seed)
    truth = F.normalize(torch.randn(features, dimensions, generator=generator), dim=1)
    on = torch.rand(n, features, generator=generator) < active / features
    x = (on * torch.rand(n, features, generator=generator)) @ truth
    return Planted(x / x.square().mean().sqrt(), truth)


def recovery(found: Tensor, truth: Tensor) -> float:
    """Mean over the true features (G, N) of the largest cosine with any found direction (K, N), in [-1, 1]."""
    return float((F.normalize(truth, dim=1) @ F.normalize(found, dim=1).T).amax(1).mean())
