"""PURE itself: a unit becomes virtual neurons, one for each circuit that drives it (Dreyer et al. 2024, section 3).

    U  units    n  reference images of each    k  circuits of a unit    D  length of the vectors

The vectors are attributions of the lower layer's channels (eq. 3, `unitscope.extract.conditional_attributions`). The
paper's baselines cluster other vectors, activations or embeddings of crops, in exactly the same way, and so do we. New
images are assigned to the nearest centroid, by `unitscope.metrics.clusters.assign`.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import torch
from sklearn.exceptions import ConvergenceWarning
from torch import Tensor

from unitscope import checking
from unitscope.errors import UnitscopeError
from unitscope.metrics.clusters import kmeans_labels


@dataclass(frozen=True)
class VirtualNeurons:
    """Circuits of each unit: labels (U, n) of its references in 0..k-1, the largest first, and centroids (U, k, D)."""

    labels: Tensor
    centroids: Tensor


def purify(vectors: Tensor, clusters: int = 2, *, seed: int = 0, n_init: int = 10) -> VirtualNeurons:
    """Find the circuits of every unit by k-means over its own vectors (U, n, D).

    >>> import torch
    >>> import unitscope as us
    >>> noise = torch.rand(1, 12, 5)                        # 1 unit, 12 references, 5 channels of the lower layer
    >>> noise[:, 8:] += 3                                   # other channels drive the last four
    >>> us.purify(noise, 2).labels
    tensor([[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1]])

    Parameters
    ----------
    vectors : (U, n, D), attributions of D channels for U units at n references each; any finite numbers.
    clusters : virtual neurons of each unit, k.
    seed, n_init : of k-means, and how often it starts.

    Returns
    -------
    VirtualNeurons: labels (U, n), the largest cluster first, and centroids (U, k, D). An empty cluster (fewer distinct
    vectors than clusters) has the centroid of the largest, to which all then belong.

    Raises
    ------
    UnitscopeError
        If the vectors are not (U, n, D), not finite, or fewer than clusters.

    Source
    ------
    Dreyer et al. (2024), "PURE", section 3, step 2.

    See also
    --------
    virtual_neurons : the same from a network and images.
    """
    vectors, clusters = checking.finite("vectors", vectors), checking.count("clusters", clusters)
    if vectors.ndim != 3:
        raise UnitscopeError(f"purify needs vectors (U, n, D), got {tuple(vectors.shape)}; one unit: vectors[None].")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # an empty cluster, provided for below
        labels = largest_first(kmeans_labels(vectors, clusters, seed=seed, n_init=n_init), clusters)
    member = torch.nn.functional.one_hot(labels, clusters).double()  # (U, n, k)
    sizes = member.sum(1)[..., None]  # (U, k, 1)
    means = torch.einsum("unk,und->ukd", member, vectors.double()) / sizes.clamp(min=1)
    return VirtualNeurons(labels, means.where(sizes > 0, means[:, :1]))


def largest_first(labels: Tensor, clusters: int) -> Tensor:
    """Labels (U, n) renumbered by falling size of their clusters: k-means numbers them by chance."""
    clusters = checking.count("clusters", clusters)
    labels = checking.indices("labels", labels, clusters, "(U, n)")
    sizes = torch.nn.functional.one_hot(labels, clusters).sum(1)  # (U, k)
    return sizes.argsort(dim=1, descending=True, stable=True).argsort(dim=1).gather(1, labels)


def typical_channels(vectors: Tensor, labels: Tensor, count: int = 3) -> tuple[Tensor, Tensor]:
    """Channels of the lower layer that tell the circuits of one unit apart.

    Parameters
    ----------
    vectors (n, D) and labels (n,) of the unit.

    Returns
    -------
    channels (k, count), whose mean attribution in their circuit exceeds that outside it most; and that mean (k, count).
    """
    vectors, labels = checking.finite("vectors", vectors, "(n, D)"), checking.indices("labels", labels, shape="(n)")
    count = checking.count("count", count, 1, vectors.shape[1])
    circuits = int(labels.max()) + 1
    if len(labels) != len(vectors) or len(labels.unique()) != circuits:
        raise UnitscopeError(
            f"`labels` must give each of the {len(vectors)} vectors a circuit and leave none empty, got {len(labels)} "
            f"labels with {len(labels.unique())} circuits up to number {circuits - 1}."
        )
    channels, strength = [], []
    for circuit in range(circuits):
        inside = vectors[labels == circuit].mean(0)
        outside = vectors[labels != circuit].mean(0) if (labels != circuit).any() else torch.zeros_like(inside)
        channels.append((inside - outside).topk(count).indices)
        strength.append(inside[channels[-1]])
    return torch.stack(channels), torch.stack(strength)
