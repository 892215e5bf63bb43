"""Whole response maps of chosen channels, or of all, one for each image."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from unitscope import checking
from unitscope.errors import UnitscopeError
from unitscope.extract.pooled import PerImage


@dataclass(eq=False)
class StoredMaps(PerImage):
    """Maps of `channels` of `layer`: (N, len(channels), h, w) in dataset order. N * h * w * 4 bytes a channel.

    channels : None: all.
    """

    layer: str
    channels: tuple[int, ...] | None = None
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
