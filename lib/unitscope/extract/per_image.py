"""What is kept of every image: pooled responses of all channels, or whole maps of some.

Pooled by the mean over positions they are PURE's activation vectors.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar, Self

import torch
from torch import Tensor

from unitscope import checking
from unitscope.data import Batch
from unitscope.errors import UnitscopeError
from unitscope.extract.reducer import Reducer
from unitscope.extract.taps import peak_maps

POOLS = {"mean": lambda maps: maps.mean(dim=(2, 3)), "max": lambda maps: maps.amax(dim=(2, 3))}


class PerImage(Reducer):
    """Base of reducers that keep something of every image; the only ones whose memory grows with the images."""

    layer: str
    state_names: ClassVar = ("rows", "indices")

    @abstractmethod
    def read(self, maps: Tensor) -> Tensor:
        """What to keep of maps (B, C, h, w): (B, ...), float32."""

    @property
    def layers(self) -> tuple[str, ...]:
        return (self.layer,)

    def update(self, maps: dict[str, Tensor], batch: Batch) -> None:
        found = peak_maps(maps, self.layer) if self.peaks else maps[self.layer]
        self._chunks.append((self.read(found).float(), batch.indices))

    def combine(self, other: Self) -> None:
        self._chunks += other._chunks

    def result(self) -> Tensor:
        """(N, ...) on the CPU, in the order of the images' indices."""
        self._needs_images()
        state = self.state()
        return state["rows"][state["indices"].argsort()]

    def state(self) -> dict[str, Tensor]:
        if not self._chunks:
            return {}
        rows, indices = (torch.cat([part.cpu() for part in parts]) for parts in zip(*self._chunks, strict=True))
        return {"rows": rows, "indices": indices}

    def load_state(self, state: dict[str, Tensor]) -> None:
        self._chunks = [(state["rows"], state["indices"])] if state else []


@dataclass(eq=False)
class Pooled(PerImage):
    """Responses of `layer` pooled over positions by "mean" or "max": (N, C) in dataset order; NaN where a response is
    no number.
    """

    layer: str
    how: str = "mean"
    _chunks: list = field(default_factory=list, init=False, repr=False)

    def __post_init__(self):
        checking.text("layer", self.layer)
        checking.choice("pooling", self.how, POOLS)

    def read(self, maps: Tensor) -> Tensor:
        return POOLS[self.how](maps)


@dataclass(eq=False)
class StoredMaps(PerImage):
    """Maps of `channels` of `layer`: (N, len(channels), h, w) in dataset order. N * h * w * 4 bytes a channel.

    channels : None: all.
    peaks : of a layer with an upper limit, keep the maps before it, by which images are ranked (`extract.topk`).
    """

    layer: str
    channels: tuple[int, ...] | None = None
    peaks: bool = False
    _chunks: list = field(default_factory=list, init=False, repr=False)

    def __post_init__(self):
        checking.text("layer", self.layer)
        if self.channels is not None:
            self.channels = tuple(checking.indices("channels", self.channels, shape="(c)").tolist())

    def read(self, maps: Tensor) -> Tensor:
        if self.channels is None:
            return maps
        if not 0 <= min(self.channels) <= max(self.channels) < maps.shape[1]:
            raise UnitscopeError(
                f"channels of {self.layer!r} must lie in 0..{maps.shape[1] - 1}, got {list(self.channels)}."
            )
        return maps[:, list(self.channels)]
