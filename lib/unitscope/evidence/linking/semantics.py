"""Is there an order among units? (Wehrheim et al. 2024, section 4.3, Fig. 5B and 5C.)

    U  units    x (U, K)  median area change of every label    dominant (U,)  label of the largest change

Neighbours and clusters are found among the vectors themselves; the two dimensions of t-SNE are for the eye only. Ward's
clustering on vectors of unit length, with as many clusters as leave eight units each on average (the paper has at least
66 for 2,048); numbers of clusters mean nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.cluster import AgglomerativeClustering
from sklearn.manifold import TSNE
from torch import Tensor

from unitscope.metrics.clusters import adjusted_rand

PERPLEXITY, NEIGHBOURS, UNITS_A_CLUSTER = 30, 10, 8
MOST, FEWEST = 70, 8


@dataclass(frozen=True)
class Order:
    """rows (V,): units that change anything; vectors (V, K) of unit length; dominant (V,); clusters (V,)."""

    rows: Tensor
    vectors: Tensor
    dominant: Tensor
    clusters: Tensor

    def profiles(self) -> Tensor:
        """Share of each label in every cluster's mean absolute vector (clusters, K), summing to 1."""
        means = torch.stack(
            [self.vectors[self.clusters == one].abs().mean(0) for one in range(int(self.clusters.max()) + 1)]
        )
        return means / means.sum(1, keepdim=True)


def order(vectors: Tensor, clusters: int | None = None) -> Order | None:
    """Cluster the units whose vectors (U, K) are not all zero; None where fewer than eight are."""
    rows = (vectors.abs().sum(1) > 0).nonzero().flatten()
    if len(rows) < FEWEST:
        return None
    unit = F.normalize(vectors[rows].double(), dim=1)
    count = clusters or max(2, min(MOST, len(rows) // UNITS_A_CLUSTER))
    found = torch.from_numpy(AgglomerativeClustering(count, linkage="ward").fit_predict(unit.numpy()))
    return Order(rows, unit, vectors[rows].abs().argmax(1), found)


def layout(found: Order | None, seed: int = 0) -> np.ndarray | None:
    """t-SNE coordinates (V, 2), for the eye."""
    if found is None:
        return None
    perplexity = min(PERPLEXITY, max(2, (len(found.rows) - 1) // 3))
    return TSNE(perplexity=perplexity, init="pca", random_state=seed).fit_transform(found.vectors.numpy())


def neighbours(found: Order, k: int = NEIGHBOURS) -> Tensor:
    """The k nearest units of every unit (V, k), itself left out."""
    distance = torch.cdist(found.vectors, found.vectors).fill_diagonal_(torch.inf)
    return distance.topk(min(k, len(distance) - 1), largest=False).indices


def agreement(found: Order) -> float:
    """How alike clusters by average linkage are (adjusted Rand index): what the linkage makes of them."""
    other = AgglomerativeClustering(int(found.clusters.max()) + 1, linkage="average").fit_predict(found.vectors.numpy())
    return adjusted_rand(found.clusters, torch.from_numpy(other))
