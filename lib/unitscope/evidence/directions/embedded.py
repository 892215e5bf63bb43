"""The most exciting images laid out by their distances (Klindt et al. 2023, Fig. 6).

    m  embedded images    K  directions

The plane is a t-SNE of the LPIPS distances, to be looked at only. Tests use the distances.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.manifold import TSNE
from torch import Tensor

from unitscope.data import ImageSet
from unitscope.errors import UnitscopeError
from unitscope.metrics.similarity import Similarity
from unitscope.papers.directions.basis import Activations
from unitscope.papers.directions.manifold import graded_activation, top_distance
from unitscope.papers.directions.measured import Measured

PERPLEXITY = 10


NEIGHBOURS = 10


def plane(distances: Tensor, perplexity: float = PERPLEXITY, seed: int = 0) -> Tensor:
    """t-SNE of distances (m, m) in two dimensions (m, 2).

    scikit-learn squares what it is given; pass LPIPS (already squared) for the paper's literal choice.

    Raises
    ------
    UnitscopeError
        If there are not more images than the perplexity.
    """
    if len(distances) <= perplexity:
        raise UnitscopeError(
            f"t-SNE with perplexity {perplexity:g} needs more images than that, got {len(distances)}; lower it."
        )
    model = TSNE(perplexity=perplexity, metric="precomputed", init="random", random_state=seed)
    return torch.from_numpy(model.fit_transform(distances.numpy()))


def neighbours(distances: Tensor, k: int = NEIGHBOURS) -> Tensor:
    """The k nearest other images of each (m, k)."""
    if len(distances) <= k:
        raise UnitscopeError(f"{k} neighbours need more than {k} images, got {len(distances)}; lower k.")
    return distances.clone().fill_diagonal_(torch.inf).topk(k, dim=1, largest=False).indices


def explained_by_neighbours(near: Tensor, values: Tensor) -> float:
    """R^2 of values (m, d) predicted by the mean over an image's neighbours (m, k); 1 is perfect, 0 is the mean."""
    values = values.double()
    residual = (values - values[near].mean(1)).square().sum()
    return float(1 - residual / (values - values.mean(0)).square().sum())


def label_by_neighbours(near: Tensor, labels: Tensor) -> float:
    """Share of images whose neighbours' most frequent label is theirs, rescaled: the best constant guess is 0."""
    votes = torch.nn.functional.one_hot(labels)[near].sum(1)
    hit = (votes.argmax(1) == labels).double().mean()
    chance = labels.bincount().max() / len(labels)
    return float((hit - chance) / (1 - chance).clamp(min=1e-9))


@dataclass(frozen=True)
class Embedded:
    """Fig. 6: images (m,) of the MEIs on the plane, and of each kind of direction what is drawn and tested.

    numbers, labels (m,); images (m, 3, h, w); rgb (m, 3); points (m, 2); near (m, k) neighbours by distance;
    graded {kind: (m, K)} Eq. 4; later {kind: (K,)} mean distance of ranks 6 to 20.
    """

    numbers: Tensor
    images: Tensor
    labels: Tensor
    rgb: Tensor
    points: Tensor
    near: Tensor
    graded: dict[str, Tensor]
    later: dict[str, np.ndarray]


def embed(
    similarity: Similarity,
    images: ImageSet,
    given: Activations,
    kinds: Mapping[str, Measured],
    count: int,
    seed: int = 0,
) -> Embedded:
    """The MEIs of all kinds, at most `count` drawn at random, laid out by their distances."""
    union = torch.cat([one.best.flatten() for one in kinds.values()]).unique()
    drawn = torch.randperm(len(union), generator=torch.Generator().manual_seed(seed))
    union = union[drawn[:count].sort().values]
    apart = similarity.top - similarity.between(union[None], union[None])[0]
    batch, x = images.load(union), given.unit_norm[union]
    later = {name: top_distance(similarity, one.ranked(20), 5, 20).numpy() for name, one in kinds.items()}
    return Embedded(
        union,
        batch.images,
        batch.labels,
        batch.images.mean((2, 3)),
        plane(apart, seed=seed),
        neighbours(apart),
        {name: graded_activation(x, one.vectors) for name, one in kinds.items()},
        later,
    )
