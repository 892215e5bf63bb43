"""Images in memory: another set that several networks look at without painting or decoding it again, or a tensor."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope import checking
from unitscope.data.images import Batch, ImageSet, Truth
from unitscope.errors import UnitscopeError

LIMIT_BYTES = 1 << 30


class Held(ImageSet):
    """Another set with its images in memory (N * 3 * H * W * 4 bytes); `source` is that set."""

    def __init__(self, source: ImageSet):
        self.source, self.name, self.classes = source, source.name, source.classes
        self.image_size, self.labels, self.left_out = source.image_size, source.labels, source.left_out
        self._mark = source.fingerprint()  # of what is read now: files may change later
        self.images = torch.cat([batch.images.cpu() for batch in source.batches(256)])

    def load(self, indices: Sequence[int] | Tensor) -> Batch:
        order = self.check(indices)
        return Batch(self.images[order], self.labels[order], order)

    def fingerprint(self) -> str:
        return self._mark

    def truth(self, indices: Sequence[int] | Tensor) -> Truth | None:
        return self.source.truth(indices)


class Pictures(ImageSet):
    """A tensor (n, 3, H, H) of RGB in [0, 1] as a set without labels; `size` resizes it, bilinear with antialias.

    Raises
    ------
    UnitscopeError
        If it has another shape, is not square or empty, or holds numbers outside [0, 1].
    """

    def __init__(self, images: Tensor, size: int | None = None):
        images = checking.finite("images", images, "(n, 3, H, H)").detach().float().cpu()
        low, high = float(images.min()), float(images.max())
        if images.shape[1] != 3 or low < 0 or high > 1:
            raise UnitscopeError(
                f"pictures must be (n, 3, H, H) with RGB in [0, 1], got {tuple(images.shape)} from {low:.3g} to "
                f"{high:.3g}; divide bytes by 255."
            )
        if size not in (None, images.shape[2]):
            images = F.interpolate(images, (checking.count("size", size),) * 2, mode="bilinear", antialias=True)
        self.images, self.name, self.classes, self.image_size = images, "pictures", (), images.shape[2]
        self.labels = torch.full((len(images),), -1)

    def load(self, indices: Sequence[int] | Tensor) -> Batch:
        order = self.check(indices)
        return Batch(self.images[order], self.labels[order], order)

    def fingerprint(self) -> str:
        return hashlib.sha256(f"{tuple(self.images.shape)}".encode() + self.images.numpy().tobytes()).hexdigest()[:16]


def hold(images: ImageSet, limit: int = LIMIT_BYTES) -> ImageSet:
    """`images` in memory, or as they are if they would take more than `limit` bytes or are held already."""
    size = len(images) * 3 * images.image_size**2 * 4
    return images if isinstance(images, Held) or not len(images) or size > limit else Held(images)
