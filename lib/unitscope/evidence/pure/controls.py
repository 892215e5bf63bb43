"""What a split is held against: one cloud, random cuts, other references, crops of one size; and how the eyes see.

U  units    n  references of each    k  clusters    D  dimensions of a vector
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor

from unitscope.errors import UnitscopeError
from unitscope.evidence.pure.contents import Factor
from unitscope.metrics import clusters
from unitscope.papers.pure.circuits import purify
from unitscope.papers.pure.collect import LayerStudy, look


def gaussian_gaps(vectors: Tensor, k: int = 2, draws: int = 19, seed: int = 0) -> Tensor:
    """Gaps that k-means finds in one Gaussian cloud with each unit's own covariance: (U, draws).

    k-means splits anything, and a long cloud with a wide gap; so this is what a unit with one meaning would show. In
    units of the mean distance over all pairs of all units, as `scores.splits`.

    vectors : (U, n, D) of the judge; as many points are drawn for each cloud.
    """
    vectors = vectors.double()
    count, n, _ = vectors.shape
    generator = torch.Generator().manual_seed(seed)
    centred = (vectors - vectors.mean(1, keepdim=True)) / (n - 1) ** 0.5
    scale = clusters.overall_distance(clusters.distances(vectors)).mean()
    found = torch.zeros(count, draws, dtype=torch.float64)
    for draw in range(draws):
        cloud = torch.randn(count, n, n, generator=generator, dtype=torch.float64) @ centred
        intra, inter = clusters.intra_inter(clusters.distances(cloud), purify(cloud, k, seed=seed).labels)
        found[:, draw] = (inter - intra) / scale
    return found


def cut_gaps(vectors: Tensor, found: Tensor, labels: Tensor, draws: int = 400, seed: int = 0) -> Tensor:
    """Gaps of random cuts through each unit's vectors, (U, draws): clusters of the same sizes along a random direction.

    Such a cut also keeps near vectors together, which a random partition does not; what k-means finds should be better.

    Parameters
    ----------
    vectors : (U, n, D), what was clustered.    found : (U, n, n), the judge's distances.    labels : (U, n).
    """
    generator = torch.Generator().manual_seed(seed)
    directions = torch.randn(vectors.shape[-1], draws, generator=generator, dtype=torch.float64)
    rank = (vectors.double() @ directions).transpose(1, 2).argsort(-1).argsort(-1)  # (U, draws, n)
    ordered = labels.sort(-1).values[:, None].expand(rank.shape)
    return clusters.partition_gaps(found, ordered.gather(-1, rank))


def prediction_strength(vectors: Tensor, k: int = 2, splits: int = 5, seed: int = 0) -> Tensor:
    """How well clusters of one half of a unit's references predict those of the other half: (U,), 1 is perfectly.

    Tibshirani and Walther (2005): both halves are clustered; for each cluster of the second half, the share of its
    pairs that the centroids of the first half put together, too; the smallest of these; its mean over random halves.
    They call clusters real above 0.8.

    Raises
    ------
    UnitscopeError
        If half of the references are fewer than the clusters.
    """
    n = vectors.shape[1]
    if n // 2 < k:
        raise UnitscopeError(f"vectors need 2 x k = {2 * k} references of each unit at least, got {n}.")
    generator = torch.Generator().manual_seed(seed)
    strength = []
    for _ in range(splits):
        first, second = torch.randperm(n, generator=generator).split([n // 2, n - n // 2])
        known = purify(vectors[:, first], k, seed=seed)
        own = purify(vectors[:, second], k, seed=seed).labels
        assigned = clusters.assign(vectors[:, second], known.centroids)
        strength.append(pairs_kept(own, assigned))
    return torch.stack(strength).mean(0)


def pairs_kept(own: Tensor, assigned: Tensor) -> Tensor:
    """Of the pairs within each cluster of `own` (U, m), the share that `assigned` puts together: the smallest (U,)."""
    together = assigned[:, :, None] == assigned[:, None, :]
    shares = []
    for cluster in range(int(own.max()) + 1):
        inside = own == cluster
        pairs = inside[:, :, None] & inside[:, None, :] & ~torch.eye(own.shape[1], dtype=torch.bool)
        count = pairs.sum((1, 2))
        share = (pairs & together).sum((1, 2)) / count.clamp(min=1)
        shares.append(share.where(count > 0, 1.0))  # a single reference has no pair
    return torch.stack(shares).amin(0).double()


def neighbours(vectors: Tensor, references: Tensor, factors: Mapping[str, Factor], count: int = 10) -> dict[str, float]:
    """How well an eye knows each factor by a crop's neighbours: {factor: accuracy beyond chance}, 1 is always right.

    The commonest value among the `count` nearest crops of other images is the guess; chance is the
    commonest value of all.

    vectors : (U, n, D), embeddings of crops of the images `references` (U, n).
    """
    images, flat = references.flatten(), vectors.flatten(0, 1).float()
    apart = torch.cdist(flat, flat).masked_fill(images[:, None] == images[None, :], torch.inf)
    nearest = images[apart.topk(min(count, len(images)), largest=False).indices]
    known = {}
    for name, one in factors.items():
        truth = one.values[images]
        right = float((one.values[nearest].mode(1).values == truth).double().mean())
        chance = float(torch.bincount(truth).max() / len(truth))
        known[name] = (right - chance) / (1 - chance) if chance < 1 else 0.0
    return known


def recropped(known: LayerStudy, area: float) -> LayerStudy:
    """The same units seen by judge and rival through square crops of one size around their peaks.

    Crops grow with how far a unit looks, and a large crop looks like another large crop: so networks are compared at
    one size.

    area : share of the image, in (0, 1].
    """
    if not 0 < area <= 1:
        raise UnitscopeError(f"area is the share of the image that a crop covers, in (0, 1], got {area!r}.")
    size, (height, width) = known.setting.images.image_size, known.setting.model.layer(known.setting.layer).grid
    side = max(1, round(area**0.5 * size))
    centre = [(known.positions // width + 0.5) * size / height, (known.positions % width + 0.5) * size / width]
    top, left = ((place - side / 2).round().long().clamp(0, size - side) for place in centre)
    boxes = torch.stack([top, left, top + side, left + side], -1)
    seen = look(known.setting.eyes, known.setting.images, known.references, boxes)
    return replace(known, boxes=boxes, vectors={**known.vectors, **seen})
