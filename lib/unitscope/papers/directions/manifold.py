"""Directions on the manifold of images: graded activation and sparseness (Klindt et al. 2023, Fig. 6).

    m  embedded images    K  directions    x (m, N)  rows y^    mu (K, N)  centroids, or one-hot vectors for units
    d = |x - mu|^2,   d' = (d - mean d) / sd d,   f = exp(-d' / tau), tau = 2        (4)

On unit rows the constants cancel: f = exp(z / tau), z the z-score of x.mu over the embedded images.
"""

from __future__ import annotations

import torch
from torch import Tensor

from unitscope.metrics.interpretability import interpretability
from unitscope.metrics.similarity import Similarity

TAU = 2.0


def graded_activation(x: Tensor, centres: Tensor, tau: float = TAU) -> Tensor:
    """f of every image and direction (m, K), Eq. 4."""
    squared = x.square().sum(1, keepdim=True) + centres.square().sum(1) - 2 * x @ centres.T
    z = (squared - squared.mean(0)) / squared.std(0, correction=0).clamp(min=1e-12)
    return torch.exp(-z / tau)


def kurtosis(f: Tensor) -> Tensor:
    """Fourth standardised moment of each column (m, K) -> (K,): large where few images answer strongly."""
    centred = f.double() - f.double().mean(0)
    return centred.pow(4).mean(0) / centred.square().mean(0).square().clamp(min=1e-30)


def sparseness(f: Tensor) -> Tensor:
    """Treves and Rolls (1991): 1 - (mean f)^2 / mean f^2 of each column of f >= 0 -> (K,), 0 even, 1 one image only."""
    return 1 - f.double().mean(0).square() / f.double().square().mean(0).clamp(min=1e-30)


def top_distance(similarity: Similarity, ranked: Tensor, start: int = 0, stop: int = 5) -> Tensor:
    """Mean distance among the images of ranks start..stop-1 of each direction (K,), the diagonal left out.

    With ranks 0..4 this is -II itself (up to M / (M - 1)); later ranks share no image with II.
    """
    return similarity.top - interpretability(similarity, ranked[:, start:stop], "offdiag")
