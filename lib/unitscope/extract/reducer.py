"""What a pass over the images leaves behind: the base of all reducers.

A reducer is a dataclass. Its fields are the question ("the top 100 of layer4"), its state is the answer so far, a few
named tensors. Two reducers with one question merge, and the merged one holds what a single pass would have found.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import field, replace
from typing import Any, ClassVar, Self

from torch import Tensor

from unitscope.data import Batch
from unitscope.errors import UnitscopeError


def unseen() -> Any:
    """A field of a reducer's state: None until its first batch, no part of the question."""
    return field(default=None, init=False, repr=False)


class Reducer(ABC):
    """Sees every batch of a pass once.

    A subclass is a dataclass with `eq=False`; it names its tensors in `state_names` and keeps each in an attribute
    that is None until the first batch. Its `repr` shows the question only: it is part of a shard's key. `peaks` says
    whether `update` wants layers with an upper limit before it, too (`extract.taps.peak_maps`).
    """

    state_names: ClassVar[tuple[str, ...]]
    peaks: bool = False

    @property
    @abstractmethod
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that `update` reads."""

    @abstractmethod
    def update(self, maps: dict[str, Tensor], batch: Batch) -> None:
        """Take in one batch. maps: {layer: (B, C, h, w)} on the model's device; batch: the images they come from."""

    @abstractmethod
    def combine(self, other: Self) -> None:
        """Take in the state of `other`; both have seen images, and no image twice."""

    @abstractmethod
    def result(self):
        """The answer over everything seen."""

    def check(self, n_images: int) -> None:  # noqa: B027 (nothing to check is the default)
        """Raise UnitscopeError if `n_images` images cannot answer the question."""

    def state(self) -> dict[str, Tensor]:
        """The named tensors of the answer so far; empty before the first batch."""
        return {name: value for name in self.state_names if (value := getattr(self, name)) is not None}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Put back what `state` gave."""
        for name in self.state_names:
            setattr(self, name, state.get(name))

    def fresh(self) -> Self:
        """The same question with an empty state."""
        return replace(self)  # type: ignore[type-var]  # every subclass is a dataclass

    def merge(self, other: Self) -> Self:
        """Take in what `other` saw, which must ask the same question of other images. Returns self."""
        if repr(other) != repr(self):
            raise UnitscopeError(f"only reducers with one question merge, got {self!r} and {other!r}.")
        if not self.state():
            self.load_state(other.state())
        elif other.state():
            self.combine(other)
        return self

    def _needs_images(self) -> None:
        if not self.state():
            raise UnitscopeError(f"{self!r} has seen no image yet; pass it to stream(...) first.")
