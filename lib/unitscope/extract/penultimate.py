"""The classifier's side of the link: penultimate activations, logits from them, pooled layers (Wehrheim et al. 2024,
3.1).

    n  pictures    d  units of the penultimate layer    c  classes
    r (n, d)  what the last linear layer reads    o(r) = V r + b  (n, c) logits

"Penultimate" is defined by the head, not by counting modules: r is the input of the network's last linear layer, so
that logits(r) is the network's own output, exactly. A network without a head is read at its embedding.

A convolution of 1 x 1 with one output a class, whose outputs are averaged over places, is a linear layer of the
averaged input: r is the mean of its input. SqueezeNet has a ReLU between the convolution and the mean, so there
logits(r) is near the network's output and not equal to it (`exact` is False).
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitscope.errors import UnitscopeError, unknown
from unitscope.extract.taps import to_device
from unitscope.models import VisionModel

TOLERANCE = 1e-3
BATCH = 64
LEAVE = "; to read it at its embedding, leave its classes aside (Reader(model, head=False), of the chapter: head=False)"


class Reader:
    """A VisionModel read at its penultimate layer.

    Parameters
    ----------
    head : False leaves a head aside: the network is read at its embedding and not asked for classes.

    Raises
    ------
    UnitscopeError
        If the network has classes but no linear layer, or convolution of 1 x 1, that gives them from one vector an
        image.
    """

    def __init__(self, model: VisionModel, head: bool = True):
        self.model, self.name = model, model.name
        self.path, self.head = last_linear(model) if model.has_head and head else (None, None)
        self.classes = model.classes if self.head is not None else None
        self.exact = self.head is None or self.check()

    def __repr__(self) -> str:
        return f"Reader({self.name!r}, {'logits' if self.head is not None else 'no head'})"

    @property
    def has_head(self) -> bool:
        return self.head is not None

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the unit layers, from input to output."""
        return tuple(self.model.layers)

    @property
    def weight(self) -> Tensor:
        """V (c, d)."""
        return self.head.weight.detach().flatten(1)

    def check(self) -> bool:
        """Whether the head on r gives the network's logits, asked on two grey pictures; a linear layer must."""
        size = self.model.input_size
        probe = torch.linspace(0, 1, 2 * 3 * size * size, device=self.model.device).view(2, 3, size, size)
        with torch.inference_mode():
            gap = (self.logits(self.read(probe)[0]) - self.model.logits(probe)).abs().max()
        equal = float(gap) <= TOLERANCE * (1 + float(self.weight.abs().sum(1).max()))
        if not equal and isinstance(self.head, nn.Linear):
            raise UnitscopeError(
                f"{self.name}: its last linear layer does not end the network, so r has no logits{LEAVE}."
            )
        return equal

    @torch.no_grad()
    def read(self, images: Tensor, layers: Sequence[str] = (), batch: int = BATCH) -> tuple[Tensor, dict[str, Tensor]]:
        """r (n, d) of images (n, 3, H, W), and the mean over positions of the named layers {layer: (n, C)}."""
        rows, pooled = [], {name: [] for name in layers}
        with ExitStack() as stack:
            for name in layers:
                stack.callback(self._pool(name, pooled[name]).remove)
            if self.head is not None:
                module = self.model.module.get_submodule(self.path)
                stack.callback(
                    module.register_forward_pre_hook(lambda _, given: rows.append(_vectors(given[0]))).remove
                )
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
        return F.linear(r, self.head.weight.flatten(1), self.head.bias)

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
            raise unknown(f"class of {self.name}", missing[0], self.classes or ())
        return torch.tensor([self.classes.index(name) for name in names])


def _vectors(given: Tensor) -> Tensor:
    """What a head reads as (n, d): of maps (n, d, h, w) the mean over places."""
    return given.float().mean((2, 3)) if given.ndim == 4 else given.float()


def last_linear(model: VisionModel) -> tuple[str, nn.Linear | nn.Conv2d]:
    """Path and module of the last linear layer, or convolution of 1 x 1, with one output a class."""
    found = [
        (path, module) for path, module in model.module.named_modules()
        if (isinstance(module, nn.Linear) and module.out_features == len(model.classes))
        or (isinstance(module, nn.Conv2d) and module.out_channels == len(model.classes) and module.kernel_size == (1, 1)
            and module.groups == 1)
    ]  # fmt: skip
    if not found:
        raise UnitscopeError(
            f"{model.name} has {len(model.classes)} classes but neither a linear layer after pooling nor a convolution "
            f"of 1 x 1 that gives them{LEAVE}."
        )
    return found[-1]
