"""What the rows share: a row's parts, and images and a network in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from unitscope.data import Batch, ImageSet, load_dataset
from unitscope.errors import UnitscopeError
from unitscope.models import VisionModel, load_model

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class Row:
    """Three ways to one result, and the largest error of ours against the peer's.

    `peer_share`: the part of the whole work that `peer` does, where all of it would take hours; its time is scaled up.
    `wall`: other processes work too, so time on the clock counts, with one thread as well.
    """

    ours: Callable[[], object]
    floor: Callable[[], object]
    peer: Callable[[], object]
    error: Callable[[], float]
    note: str
    repeats: int
    peer_repeats: int
    peer_share: float = 1.0
    wall: bool = False


class Held(ImageSet):
    """The first `n` images of a set, held in memory: reading them costs every contender the same, next to nothing."""

    def __init__(self, name: str, n: int):
        images = load_dataset(name, limit=n)
        batch = images.load(torch.arange(n))
        self.name, self.classes, self.image_size = images.name, images.classes, images.image_size
        self.labels, self.images, self._mark = batch.labels, batch.images, images.fingerprint()

    def load(self, indices) -> Batch:
        order = self.check(indices)
        return Batch(self.images[order], self.labels[order], order)

    def fingerprint(self) -> str:
        return self._mark


def network(name: str) -> tuple[VisionModel, str]:
    """A network of the zoo and a word on its weights: trained, or random where the zoo has none yet."""
    try:
        return load_model(name, device=DEVICE), "trained"
    except UnitscopeError:
        return load_model(name, device=DEVICE, pretrained=False), "random weights"
