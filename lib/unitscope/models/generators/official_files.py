"""An official checkpoint as a tree of plain nodes: what each module is called, its numbers, its tensors, its
children.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from unitscope.errors import UnitscopeError
from unitscope.models.generators.inert_pickle import Inert, shown
from unitscope.models.generators.inert_tensors import NDARRAY, array

BOOKKEEPING = ("training", "_parameters", "_buffers", "_modules")


@dataclass
class Node:
    """One module of a file: its class by name, its path, plain attributes, tensors by name, children by name."""

    kind: str
    path: str
    attributes: dict[str, object]
    tensors: dict[str, Tensor]
    children: dict[str, Node]

    def get(self, name: str, default: object = None) -> object:
        """A plain attribute, or `default`."""
        return self.attributes.get(name, default)

    def child(self, name: str) -> Node:
        """A child that must be there."""
        if name not in self.children:
            raise UnitscopeError(
                f"the checkpoint has no module {self.path}.{name}; there are {', '.join(self.children) or 'none'}."
            )
        return self.children[name]

    def tensor(self, name: str) -> Tensor:
        """A tensor that must be there."""
        if name not in self.tensors:
            raise UnitscopeError(f"the checkpoint has no tensor {self.path}.{name}.")
        return self.tensors[name]

    def shape(self, name: str, dimensions: int) -> list[int]:
        """The shape of a tensor with so many dimensions."""
        found = list(self.tensor(name).shape)
        if len(found) != dimensions:
            raise UnitscopeError(
                f"{self.path}.{name} of the checkpoint must have {dimensions} dimensions, got {found}."
            )
        return found

    def number(self, name: str) -> float:
        """A number that must be there."""
        found = self.get(name)
        if type(found) not in (int, float):
            raise UnitscopeError(f"{self.path}.{name} of the checkpoint must be a number, got {shown(found)}.")
        return found

    def integer(self, name: str) -> int:
        """A whole number that must be there."""
        found = self.number(name)
        if found != int(found):
            raise UnitscopeError(f"{self.path}.{name} of the checkpoint must be a whole number, got {found}.")
        return int(found)

    def optional(self, name: str) -> float | None:
        """A number, or None."""
        return None if self.get(name) is None else self.number(name)

    def integers(self, name: str) -> list[int]:
        """A list of whole numbers, or an array of them."""
        found = self.get(name)
        found = found.tolist() if isinstance(found, np.ndarray) else found
        if not isinstance(found, list | tuple) or any(type(n) not in (int, float) or n != int(n) for n in found):
            raise UnitscopeError(f"{self.path}.{name} of the checkpoint must be whole numbers, got {shown(found)}.")
        return [int(n) for n in found]

    def state(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """All tensors below this node by their paths."""
        for name, value in self.tensors.items():
            yield prefix + name, value
        for name, child in self.children.items():
            yield from child.state(f"{prefix}{name}.")


def tree(found: object, path: str = "G_ema") -> Node:
    """The node of an inert module.

    Raises
    ------
    UnitscopeError
        If it is no module: a stand-in, or without parameters, buffers and children.
    """
    state = found.state if isinstance(found, Inert) else None
    parts = [state.get(name) for name in BOOKKEEPING[1:]] if isinstance(state, dict) else [None]
    if not all(isinstance(part, dict) for part in parts):
        raise UnitscopeError(f"{path} of the checkpoint is no module with parameters, buffers and children.")
    parameters, buffers, children = parts
    tensors = {name: value for name, value in {**parameters, **buffers}.items() if value is not None}
    for name, value in tensors.items():
        if type(name) is not str or not isinstance(value, Tensor):
            raise UnitscopeError(
                f"{path}.{shown(name)} of the checkpoint must be a tensor, got {type(value).__name__}."
            )
    plain = {
        name: array(value) if isinstance(value, Inert) and value.kind == NDARRAY else value
        for name, value in state.items()
        if name not in BOOKKEEPING and not str(name).startswith("_")
    }
    below = {str(name): tree(child, f"{path}.{name}") for name, child in children.items() if child is not None}
    return Node(found.kind.name, path, plain, tensors, below)
