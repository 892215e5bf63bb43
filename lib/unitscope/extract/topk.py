"""Reference samples of every channel: the k images with the largest response (PURE, section 3: max-pooled).

    C  channels    B  images of a batch    k  references kept

An entry is one 64-bit key: the response in the upper half, mapped to an integer of the same order, and the image's
index in the lower half, counted backwards. Keys never tie, so equal responses rank by lower index whatever the batch
size, the shards or the device, and a merge is one `topk` over both.

Of a layer whose activation has an upper limit (ReLU6), the value before the limit is ranked: many images reach the
limit, and the index would choose among them. Other ties at the border (responses of a few levels, saturated functions)
are counted: `References.tied`.

A response that is not a number has the largest key of all, whatever its sign bit: it is always kept, and `result`
finds it without a look at each batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from unitscope import checking
from unitscope.data import Batch
from unitscope.errors import UnitscopeError
from unitscope.extract.reducer import Reducer, unseen
from unitscope.extract.taps import peak_maps

LOWER_HALF = 0xFFFFFFFF
WITHOUT_SIGN = 0x7FFFFFFF
NOT_A_NUMBER = 0x7FC00000  # bits of a NaN without sign; inf - inf and 0 / 0 have it set on x86


@dataclass(frozen=True)
class References:
    """The strongest images of every channel, best first, on the CPU.

    values (C, k) : responses, max over positions; before the layer's limit where it has one.
    indices (C, k) : positions of the images in the set.
    positions (C, k) : where on the flattened (h, w) map the response was largest.
    following (C,) : the strongest response that was left out; None where every image was kept.
    """

    values: Tensor
    indices: Tensor
    positions: Tensor
    following: Tensor | None = None

    @property
    def dead(self) -> Tensor:
        """(C,) bool: channels that no image drives above zero; their references mean nothing."""
        return self.values[:, 0] <= 0

    def tied(self, n: int | None = None) -> Tensor:
        """(C,) bool: channels with an image beyond the first `n` (None: all k) that responds as the n-th does, above
        zero. Which of the two is among the n is decided by the order of the images, not by the channel.
        """
        n = checking.count("n", self.values.shape[1] if n is None else n, 1, self.values.shape[1])
        last = self.values[:, n - 1]
        after = self.values[:, n] if n < self.values.shape[1] else self.following
        return torch.zeros_like(last, dtype=torch.bool) if after is None else (last > 0) & (after == last)


@dataclass(eq=False)
class TopK(Reducer):
    """The `k` images with the largest max-pooled response, for every channel of `layer`.

    >>> import unitscope as us
    >>> network = us.load_model("critters/resnet_s", device="cpu")
    >>> images = us.load_dataset("critters/test", limit=24)
    >>> (top,) = us.stream(network, images, ["layer3"], [us.TopK("layer3", 5)])
    >>> top.indices.shape                                   # (channels, k), strongest image first
    torch.Size([128, 5])

    A reducer: `stream` shows it every batch. Memory is C * (k + 1) * 16 bytes, whatever the number of images. Ties
    go to the lower index; `References.tied` says where that decides who is kept.

    Parameters
    ----------
    layer : a name in `model.layers`, or any module path that gives a map.
    k : images kept of each channel, at most as many as there are.

    Returns
    -------
    Of `result`, and of `stream`: References, with values, indices and positions (C, k).

    Raises
    ------
    UnitscopeError
        If k is below 1, there are fewer images than k, or a response is not a number.

    Source
    ------
    Reference samples by max-pooling: Dreyer et al. (2024), "PURE", section 3.

    See also
    --------
    unit_crops : the part of these images that a unit responds to.
    """

    layer: str
    k: int = 100
    keys: Tensor = unseen()
    positions: Tensor = unseen()
    state_names: ClassVar = ("keys", "positions")
    peaks = True

    def __post_init__(self):
        self.layer, self.k = checking.text("layer", self.layer), checking.count("k", self.k)

    @property
    def layers(self) -> tuple[str, ...]:
        return (self.layer,)

    def check(self, n_images: int) -> None:
        if n_images < self.k:
            raise UnitscopeError(
                f"TopK wants {self.k} references of each unit, got {n_images} images; give more images, or lower k "
                "(of a chapter: n_ref)."
            )

    def update(self, maps: dict[str, Tensor], batch: Batch) -> None:
        # as (B, h*w, C) this is a view of a map in either memory format
        peaks, positions = peak_maps(maps, self.layer).permute(0, 2, 3, 1).flatten(1, 2).max(dim=1)  # (B, C) both
        indices = batch.indices.to(peaks.device, non_blocking=True)[:, None]
        self._keep(_encode(peaks, indices).T, positions.T)

    def combine(self, other: Self) -> None:
        self._keep(other.keys.to(self.keys.device), other.positions.to(self.keys.device))

    def result(self) -> References:
        """Raises UnitscopeError if fewer than `k` images were seen or a response is not a number (with its place)."""
        self._needs_images()
        self.check(self.keys.shape[1])
        keys, order = self.keys.cpu().sort(dim=1, descending=True)
        values, positions = _decode(keys >> 32), self.positions.cpu().gather(1, order)
        indices = LOWER_HALF - (keys & LOWER_HALF)
        if len(bad := values.isnan().nonzero()):
            unit, place = bad[0].tolist()
            raise UnitscopeError(
                f"layer {self.layer!r} gave values that are not numbers, the first in unit {unit} at image "
                f"{int(indices[unit, place])}; check weights and images."
            )
        k, following = self.k, values[:, self.k] if values.shape[1] > self.k else None
        return References(values[:, :k], indices[:, :k], positions[:, :k], following)

    def _keep(self, keys: Tensor, positions: Tensor) -> None:
        """Keep the k + 1 largest of what is held and keys (C, n) with their positions (C, n)."""
        if self.keys is not None:
            keys, positions = torch.cat([self.keys, keys], 1), torch.cat([self.positions, positions], 1)
        self.keys, best = keys.topk(min(self.k + 1, keys.shape[1]), dim=1, sorted=False)
        self.positions = positions.gather(1, best)


def _encode(values: Tensor, indices: Tensor) -> Tensor:
    """One int64 key an entry, ordered by float32 value, then by lower index (-0 counts as 0, NaN above infinity)."""
    values = values.float() + 0.0
    bits = torch.where(values.isnan(), NOT_A_NUMBER, values.view(torch.int32))
    ordered = torch.where(bits < 0, bits ^ WITHOUT_SIGN, bits).long()
    return (ordered << 32) | (LOWER_HALF - indices)


def _decode(ordered: Tensor) -> Tensor:
    """The float32 values behind the upper halves of keys."""
    bits = ordered.to(torch.int32)
    return torch.where(bits < 0, bits ^ WITHOUT_SIGN, bits).view(torch.float32)
