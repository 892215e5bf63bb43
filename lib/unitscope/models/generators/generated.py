"""Generated pictures as a data set, so that `stream`, judges and figures run on them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from unitscope.data.images import Batch, ImageSet, Truth
from unitscope.errors import UnitscopeError
from unitscope.models.generators.contract import Generator


class Generated(ImageSet):
    """The pictures that `gan` draws of the rows of w, drawn anew each time they are asked for.

    Parameters
    ----------
    gan : any generator.
    w : (N, D).
    labels : (N,) int64; None: -1, no label.
    batch : pictures that go through the network at once.
    """

    def __init__(self, gan: Generator, w: Tensor, labels: Tensor | None = None, batch: int = 64):
        self.gan, self.w, self.batch = gan, gan.check(w).detach(), batch
        self.labels = torch.full((len(w),), -1) if labels is None else torch.as_tensor(labels, dtype=torch.int64).cpu()
        if self.labels.shape != (len(w),):
            raise UnitscopeError(
                f"Generated needs one label for each of {len(w)} rows of w, got {tuple(self.labels.shape)}."
            )
        self.name, self.classes, self.image_size = f"{gan.name}[{len(w)}]", gan.classes, gan.image_size

    @torch.no_grad()
    def load(self, indices: Sequence[int] | Tensor) -> Batch:
        order = self.check(indices)
        images = torch.cat([self.gan.synthesize(self.w[rows.to(self.w.device)]) for rows in order.split(self.batch)])
        return Batch(images, self.labels[order], order)

    def truth(self, indices: Sequence[int] | Tensor) -> Truth | None:
        """What the pictures show, where the generator knows it: critters/procedural."""
        w = self.w[self.check(indices).to(self.w.device)]
        return Truth(self.gan.factors(w), lambda: self.gan.masks(w)) if self.gan.knows_truth else None

    def fingerprint(self) -> str:
        digest = hashlib.sha256(self.gan.fingerprint().encode())
        for tensor in (self.w, self.labels):
            digest.update(tensor.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]
