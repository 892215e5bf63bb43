"""Images in: what every data set looks like to the rest of the book.

B  images of a batch    N  images of the set    H = W = image_size
"""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from unitscope.errors import UnitscopeError

if TYPE_CHECKING:
    from unitscope.data.critters import Factors


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


class Truth:
    """What is known of n images beyond their labels.

    factors : `data.critters.Factors` of the n images.
    masks : (n, H, W) uint8, the number in `data.critters.PARTS` of every pixel's part; painted when first asked for.
    """

    def __init__(self, factors: Factors, paint: Callable[[], Tensor]):
        self.factors, self._paint = factors, paint

    @cached_property
    def masks(self) -> Tensor:
        return self._paint()


class ImageSet:
    """Base of all data sets: a subclass sets the attributes and writes `load` and `fingerprint`.

    `left_out` says in words which files of its folder are not in the set; empty where none are missing.
    A set that is made of another one passes `truth` on, and its fingerprint holds that of the other.

    decodes : whether `load` reads files. Only then `batches` reads ahead: pictures that are painted would compete with
        the network for the processor.
    """

    decodes: bool = False
    name: str
    classes: tuple[str, ...]
    image_size: int
    labels: Tensor
    left_out: str = ""

    def __len__(self) -> int:
        return len(self.labels)

    def load(self, indices: Sequence[int] | Tensor) -> Batch:
        """The images at `indices`, in that order."""
        raise NotImplementedError

    def fingerprint(self) -> str:
        """A short hash of everything that decides what `load` gives, and of nothing else, such as where files lie."""
        raise NotImplementedError

    def truth(self, indices: Sequence[int] | Tensor) -> Truth | None:
        """Factors and part masks of the images at `indices`, in that order; None where they are not known."""
        self.check(indices)
        return None

    def __repr__(self) -> str:
        known = f", {len(self.classes)} classes" if self.classes else ""
        return f"{type(self).__name__}({self.name!r}, {len(self)} images of {self.image_size} px{known})"

    def __getitem__(self, index: int) -> Sample:
        try:
            index = operator.index(index)
        except TypeError as error:
            raise UnitscopeError(
                f"an image of {self.name} is asked for by one whole number, got {index!r}; several: load(...) or"
                " subset(...)."
            ) from error
        if not -len(self) <= index < len(self):
            raise IndexError(f"image {index} of {self.name}, which holds {len(self)}")
        index %= len(self)
        batch = self.load([index])
        return Sample(batch.images[0], int(batch.labels[0]), index)

    def batches(self, batch_size: int = 64, indices: Sequence[int] | Tensor | None = None) -> Iterator[Batch]:
        """All images (or those at `indices`) in order; of files that are decoded, the next batch is read meanwhile."""
        if batch_size < 1:
            raise UnitscopeError(f"batch_size must be at least 1, got {batch_size}.")
        order = torch.arange(len(self)) if indices is None else self.check(indices)
        chunks = order.split(batch_size) if len(order) else ()
        if not self.decodes:
            yield from map(self.load, chunks)
            return
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
        """The images at `indices`, or where a mask of one bool an image is True, as a set of its own, numbered from
        0.
        """
        return Subset(self, indices)

    def check(self, indices: Sequence[int] | Tensor) -> Tensor:
        """`indices` as int64 (n,), all inside the set.

        Raises
        ------
        UnitscopeError
            For fractions, for a mask of another length than the set, for numbers outside the set.
        """
        try:
            order = torch.as_tensor(indices).flatten().cpu()
        except (TypeError, ValueError, RuntimeError) as error:
            raise UnitscopeError(f"indices of {self.name} must be whole numbers or a mask, got {indices!r}.") from error
        if order.dtype == torch.bool:
            if len(order) != len(self):
                raise UnitscopeError(
                    f"a mask of {self.name} must hold {len(self)} values, one an image, got {len(order)}."
                )
            return order.nonzero().flatten()
        if len(order) and (order.is_floating_point() or order.is_complex()):
            raise UnitscopeError(f"indices of {self.name} must be whole numbers or a mask, got {order.dtype}.")
        order = order.to(torch.int64)
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
        self.labels, self.decodes = parent.labels[self.chosen], parent.decodes
        self.left_out = parent.left_out

    def load(self, indices: Sequence[int] | Tensor) -> Batch:
        order = self.check(indices)
        return Batch(self.parent.load(self.chosen[order]).images, self.labels[order], order)

    def truth(self, indices: Sequence[int] | Tensor) -> Truth | None:
        return self.parent.truth(self.chosen[self.check(indices)])

    def fingerprint(self) -> str:
        digest = hashlib.sha256(self.chosen.numpy().tobytes() + self.labels.numpy().tobytes())
        return hashlib.sha256((self.parent.fingerprint() + digest.hexdigest()).encode()).hexdigest()[:16]
