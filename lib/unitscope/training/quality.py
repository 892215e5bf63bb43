"""How near a set of drawn pictures is to a set of real ones, from features of both.

    real (N, D), drawn (M, D) features of one network    k  neighbours

Heusel et al. 2017, eq. 6 (Frechet distance); Kynkaanniemi et al. 2019, eqs. 1 and 2 (precision and recall).
"""

from __future__ import annotations

import torch
from torch import Tensor

from unitscope.errors import UnitscopeError

NEIGHBOURS = 3  # Kynkaanniemi et al.'s choice


def frechet_distance(real: Tensor, drawn: Tensor) -> float:
    """Squared distance of two Gaussians fitted to the features: |m - m'|^2 + tr(S + S' - 2 (S S')^(1/2)).

    tr (S S')^(1/2) is the sum of the square roots of the eigenvalues of S^(1/2) S' S^(1/2), which is symmetric.
    """
    fits(real, drawn)
    (m, s), (n, t) = (
        (x.double().mean(0), torch.cov(x.double().t()).reshape(x.shape[1], x.shape[1])) for x in (real, drawn)
    )
    values, vectors = torch.linalg.eigh(s)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.t()
    cross = torch.linalg.eigvalsh(root @ t @ root).clamp(min=0).sqrt().sum()
    return ((m - n).square().sum() + s.trace() + t.trace() - 2 * cross).item()


def precision_and_recall(real: Tensor, drawn: Tensor, k: int = NEIGHBOURS) -> tuple[float, float]:
    """The share of drawn pictures that lie near a real one, and the share of real ones that lie near a drawn one.

    Near: no farther than that picture's own k-th nearest neighbour in its set.
    """
    fits(real, drawn)
    if min(len(real), len(drawn)) <= k:
        raise UnitscopeError(
            f"precision and recall need more than {k} pictures of each kind, got {len(real)} real and {len(drawn)}"
            " drawn."
        )
    real, drawn = real.double(), drawn.double()
    distance = torch.cdist(real, drawn)  # (N, M)
    reach_real, reach_drawn = (
        torch.cdist(x, x).kthvalue(k + 1, dim=1).values for x in (real, drawn)
    )  # the first is itself
    precise = (distance <= reach_real[:, None]).any(0)
    recalled = (distance <= reach_drawn[None]).any(1)
    return precise.double().mean().item(), recalled.double().mean().item()


def nearest(asked: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """For each row of `asked` the distance to its nearest row of `known`, and that row's number."""
    fits(asked, known)
    found = torch.cdist(asked.double(), known.double()).min(1)
    return found.values, found.indices


def fits(one: Tensor, other: Tensor) -> None:
    """Raise unless both are feature matrices of one width with two rows or more."""
    if one.ndim != 2 or other.ndim != 2 or one.shape[1] != other.shape[1] or min(len(one), len(other)) < 2:
        raise UnitscopeError(
            f"features must be (N, D) and (M, D) with N, M of at least 2, got {tuple(one.shape)} and"
            f" {tuple(other.shape)}."
        )
