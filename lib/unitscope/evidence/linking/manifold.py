"""How far latents lie from those that the generator draws (ours).

    w (n, D)    m_c (D,)  mean of class c    S (D, D)  covariance within classes, pooled over all classes

    d(w) = min over c of sqrt((w - m_c)' S^-1 (w - m_c)), on the directions in which sampled latents vary at all

Latents farther away than 99 % of held-out samples count as outside: what is drawn there need not look like anything.
"""

from __future__ import annotations

import torch
from torch import Tensor

from unitscope.evidence.linking.cycles import class_means
from unitscope.papers.linking.pairs import LinkedPairs
from unitscope.papers.linking.studies import LinkStudy

LEVEL = 0.99
FLAT = 1e-4  # directions with less than this share of the largest variance are left out


def distance(pairs: LinkedPairs, w: Tensor) -> Tensor:
    """Mahalanobis distance (n,) of w (n, D) to the nearest class mean of the pairs, in standard deviations."""
    centres = class_means(pairs).double()
    within = pairs.w.double() - centres[pairs.groups]
    variance, axes = torch.linalg.eigh(within.T @ within / len(within))
    kept = variance > FLAT * variance[-1]
    scale = axes[:, kept] / variance[kept].sqrt()
    return torch.cdist(w.double() @ scale, centres @ scale).amin(1)


def edge(study: LinkStudy, level: float = LEVEL) -> float:
    """The distance within which the share `level` of the held-out samples lies."""
    return float(distance(study.train, study.test.w).quantile(level))
