"""Which units are pulled back through which images: pairs in, few large batches out.

    U  units    n  references of each    P = U * n  pairs    B  distinct images of a chunk

Every distinct image is run forward once. Its pairs are then pulled back in rounds: round r takes the r-th pair of
every image of the chunk, so one vector-Jacobian product serves up to B pairs. Images are ordered by their number of
pairs, which keeps the rounds full and makes the images of a round the first ones of its chunk.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope import checking
from unitscope.data import ImageSet
from unitscope.errors import UnitscopeError
from unitscope.extract.taps import image_set


@dataclass(frozen=True)
class Round:
    """One pair for each of the first m images of a chunk: units (m,) and the pairs' places (m,) in 0..P-1."""

    units: Tensor
    places: Tensor


@dataclass(frozen=True)
class Chunk:
    """Distinct images of a set (B,), and the rounds that pull their pairs back."""

    images: Tensor
    rounds: tuple[Round, ...]


def schedule(units: Tensor, references: Tensor, batch_size: int) -> Iterator[Chunk]:
    """Cut the pairs of units (U,) and references (U, n) into chunks of `batch_size` distinct images."""
    images, image_of, counts = references.flatten().unique(return_inverse=True, return_counts=True)
    order = counts.argsort(descending=True, stable=True)
    rank = order.argsort()[image_of]  # (P,) rank of each pair's image
    places = rank.argsort(stable=True)  # pairs, image by image
    counts, rank = counts[order], rank[places]
    turn = torch.arange(len(places)) - (counts.cumsum(0) - counts)[rank]  # r, counted within each image
    unit_of = units.repeat_interleave(references.shape[1])
    ends = counts.cumsum(0)
    for start in range(0, len(order), batch_size):
        stop = min(start + batch_size, len(order))
        mine = slice(int(ends[start] - counts[start]), int(ends[stop - 1]))
        rounds = (places[mine][turn[mine] == r] for r in range(int(counts[start])))
        yield Chunk(images[order[start:stop]], tuple(Round(unit_of[place], place) for place in rounds))


def check_pairs(
    layer, images: ImageSet, units: Sequence[int] | Tensor, references: Sequence[Sequence[int]] | Tensor
) -> tuple[Tensor, Tensor]:
    """Units as int64 (U,), references as int64 (U, n).

    Raises
    ------
    UnitscopeError
        If there are none, the shapes do not fit, or a unit or an image does not exist.
    """
    units = checking.indices("units", units).cpu().flatten()
    references = checking.indices("references", references, empty=True).cpu()
    if references.ndim != 2 or len(references) != len(units) or not references.numel():
        raise UnitscopeError(
            f"references must be (U, n), one row of image indices for each of the U units; got "
            f"{tuple(references.shape)} for {len(units)} units."
        )
    if int(units.min()) < 0 or int(units.max()) >= layer.channels:
        raise UnitscopeError(
            f"units of layer {layer.name!r} must lie in 0..{layer.channels - 1}, "
            f"got {int(units.min())}..{int(units.max())}."
        )
    image_set(images).check(references)
    return units, references
