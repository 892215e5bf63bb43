"""The classifier's side of the link: penultimate activations, logits from them, pooled layers (Wehrheim et al. 2024,
3.1).

    n  pictures    d  units of the penultimate layer    c  classes
    r (n, d)  what the last linear layer reads    o(r) = V r + b  (n, c) logits

"Penultimate" is defined by the head, not by counting modules: r is the input of the network's last linear layer, so
that logits(r) is the network's own output, exactly. A network without a head is read at its embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from unitscope.errors import UnitscopeError
from unitscope.extract.taps import to_device
from unitscope.models import VisionModel

TOLERANCE = 1e-3
BATCH = 64


class Reader:
    """A VisionModel read at its penultimate layer.

    Raises
    ------
    UnitscopeError
        If the network has classes but no linear layer that gives them from one vector an image.
    """

    def __init__(self, model: VisionModel):
        self.model, self.name, self.classes = model, model.name, model.classes
        self.path, self.head = last_linear(model) if model.has_head else (None, None)
        if self.head is not None:
            self.check()

    def __repr__(self) -> str:
        return f"Reader({self.name!r}, {'logits' if self.head is not None else 'no head'})"

    @property
    def has_head(self) -> bool:
        return self.head is not None

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the unit layers, from input to output."""
        return tuple(self.model.layers)

    def check(self) -> None:
        """Assert on two grey pictures that the head on r gives the network's logits."""
        size = self.model.input_size
        probe = torch.linspace(0, 1, 2 * 3 * size * size, device=self.model.device).view(2, 3, size, size)
        with torch.inference_mode():
            gap = (self.logits(self.read(probe)[0]) - self.model.logits(probe)).abs().max()
        if float(gap) > TOLERANCE * (1 + float(self.head.weight.abs().sum(1).max())):
            raise UnitscopeError(f"{self.name}: its last linear layer does not end the network, so r has no logits.")

    @torch.no_grad()
    def read(self, images: Tensor, layers: Sequence[str] = (), batch: int = BATCH) -> tuple[Tensor, dict[str, Tensor]]:
        """r (n, d) of images (n, 3, H, W), and the mean over positions of the named layers {layer: (n, C)}."""
        rows, pooled = [], {name: [] for name in layers}
        with ExitStack() as stack:
            for name in layers:
                stack.callback(self._pool(name, pooled[name]).remove)
            if self.head is not None:
                module = self.model.module.get_submodule(self.path)
                stack.callback(module.register_forward_pre_hook(lambda _, given: rows.append(given[0].float())).remove)
            for part in images.split(batch):
                part = to_device(part, self.model.device)
                if self.head is None:
                    rows.append(self.model.embed(part).float())
                else:
                    self.model(part)
        return torch.cat(rows), {name: torch.cat(parts) for name, parts in pooled.items()}

    def _pool(self, name: str, kept: list):
        layer = self.model.layer(name)
        module = self.model.module.get_submodule(layer.path)
        return module.register_forward_hook(
            lambda _, __, output: kept.append(layer.to_map(output).mean((2, 3)).float())
        )

    def logits(self, r: Tensor) -> Tensor:
        """o(r) (n, c).

        Raises
        ------
        UnitscopeError
            If the network has no head.
        """
        if self.head is None:
            raise UnitscopeError(
                f"{self.name} has no classifier head, so activations have no logits; take critters/resnet."
            )
        return self.head(r)

    @torch.no_grad()
    def probabilities(self, r: Tensor) -> Tensor:
        """Softmax of the logits (n, c)."""
        return self.logits(r).softmax(1)

    def columns(self, names: Sequence[str]) -> Tensor:
        """Numbers of classes by name (len(names),).

        Raises
        ------
        UnitscopeError
            If the classifier does not know one of them.
        """
        missing = [name for name in names if name not in (self.classes or ())]
        if missing:
            raise UnitscopeError(
                f"{self.name} has no class {missing[0]!r}; classes: {', '.join(self.classes or ('none',))}."
            )
        return torch.tensor([self.classes.index(name) for name in names])


def last_linear(model: VisionModel) -> tuple[str, nn.Linear]:
    """Path and module of the last linear layer with one output a class."""
    found = [
        (path, module) for path, module in model.module.named_modules()
        if isinstance(module, nn.Linear) and module.out_features == len(model.classes)
    ]  # fmt: skip
    if not found:
        raise UnitscopeError(f"{model.name} has {len(model.classes)} classes but no linear layer that gives them.")
    return found[-1]
