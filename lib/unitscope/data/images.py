"""Images in: what every data set looks like to the rest of the book.

    B  images of a batch    N  images of the set    H = W = image_size
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.errors import UnitscopeError


@dataclass(frozen=True)
class Sample:
    """One image (3, H, W), float32 RGB in [0, 1], its label (-1: none) and its position in the set."""

    image: Tensor
    label: int
    index: int


@dataclass(frozen=True)
class Batch:
    """Images (B, 3, H, W), float32 RGB in [0, 1], with labels (B,) and positions in the set (B,)."""

    images: Tensor
    labels: Tensor
    indices: Tensor


class ImageSet:
    """Base of all data sets: a subclass sets the attributes and writes `load` and `fingerprint`."""

    name: str
    classes: tuple[str, ...]
    image_size: int
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def load(self, indices: Sequence[int] | Tensor) -> Batch:
        """The images at `indices`, in that order."""
        raise NotImplementedError

    def fingerprint(self) -> str:
        """A short hash that changes when the images change."""
        raise NotImplementedError

    def __getitem__(self, index: int) -> Sample:
        if not -len(self) <= index < len(self):
            raise IndexError(f"image {index} of {self.name}, which holds {len(self)}")
        index %= len(self)
        batch = self.load([index])
        return Sample(batch.images[0], int(batch.labels[0]), index)

    def batches(self, batch_size: int = 64, indices: Sequence[int] | Tensor | None = None) -> Iterator[Batch]:
        """All images (or those at `indices`) in order; the next batch is read while this one is used."""
        order = torch.arange(len(self)) if indices is None else torch.as_tensor(indices, dtype=torch.int64)
        chunks = order.split(batch_size) if len(order) else ()
        with ThreadPoolExecutor(max_workers=1) as reader:
            waiting = None
            for chunk in chunks:
                following = reader.submit(self.load, chunk)
                if waiting is not None:
                    yield waiting.result()
                waiting = following
            if waiting is not None:
                yield waiting.result()

    def subset(self, indices: Sequence[int] | Tensor) -> ImageSet:
        """The images at `indices` as a set of its own, numbered from 0."""
        return Subset(self, indices)

    def check(self, indices: Sequence[int] | Tensor) -> Tensor:
        """`indices` as int64 (n,), all inside the set."""
        order = torch.as_tensor(indices, dtype=torch.int64).flatten()
        if len(order) and (int(order.min()) < 0 or int(order.max()) >= len(self)):
            raise UnitscopeError(
                f"indices of {self.name} must lie in 0..{len(self) - 1}, got {int(order.min())}..{int(order.max())}."
            )
        return order


class Subset(ImageSet):
    """Chosen images of another set, numbered from 0; anything else is asked of the parent (`parent`, `chosen`)."""

    def __init__(self, parent: ImageSet, indices: Sequence[int] | Tensor):
        self.parent, self.chosen = parent, parent.check(indices)
        self.name = f"{parent.name}[{len(self.chosen)}]"
        self.classes, self.image_size = parent.classes, parent.image_size
        self.labels = parent.labels[self.chosen]

    def load(self, indices: Sequence[int] | Tensor) -> Batch:
        order = self.check(indices)
        batch = self.parent.load(self.chosen[order])
        return Batch(batch.images, batch.labels, order)

    def fingerprint(self) -> str:
        digest = hashlib.sha256(self.chosen.numpy().tobytes())
        return hashlib.sha256((self.parent.fingerprint() + digest.hexdigest()).encode()).hexdigest()[:16]
