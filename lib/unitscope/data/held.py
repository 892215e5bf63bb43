"""Images kept in memory, so that several networks can look at them without painting or decoding them again."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from unitscope.data.images import Batch, ImageSet, Truth

LIMIT_BYTES = 1 << 30


class Held(ImageSet):
    """Another set with its images in memory (N * 3 * H * W * 4 bytes); `source` is that set."""

    def __init__(self, source: ImageSet):
        self.source, self.name, self.classes = source, source.name, source.classes
        self.image_size, self.labels = source.image_size, source.labels
        self._mark = source.fingerprint()  # of what is read now: files may change later
        chunks = torch.arange(len(source)).split(256)  # not `batches`: two threads that paint get in each other's way
        self.images = torch.cat([source.load(chunk).images.cpu() for chunk in chunks])

    def load(self, indices: Sequence[int] | Tensor) -> Batch:
        order = self.check(indices)
        return Batch(self.images[order], self.labels[order], order)

    def fingerprint(self) -> str:
        return self._mark

    def truth(self, indices: Sequence[int] | Tensor) -> Truth | None:
        return self.source.truth(indices)


def hold(images: ImageSet, limit: int = LIMIT_BYTES) -> ImageSet:
    """`images` in memory, or as they are if they would take more than `limit` bytes or are held already."""
    size = len(images) * 3 * images.image_size**2 * 4
    return images if isinstance(images, Held) or not len(images) or size > limit else Held(images)
