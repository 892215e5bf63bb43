"""Generators that a reader's own Python file builds, by name: "python:FILE.py:FUNCTION".

    z (n, z_dim) standard normal    w (n, w_dim)    S classes

The function takes nothing and returns an nn.Module, or (nn.Module, about). The module's `forward` takes w to pictures
(n, 3, H, H); a method `mapping(z, labels)` makes w of z and the class, and without one w is z. The file is run, as
importing it would; name only files that you trust.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from unitscope.errors import UnitscopeError, shortened, unknown
from unitscope.models.generators.neural import Neural
from unitscope.models.layers import trace
from unitscope.models.own_code import PREFIX, built_by, forget
from unitscope.models.weights import fit, read_state

ABOUT = ("z_dim", "classes", "layers", "range")
MEANS_FROM = 1000  # latents of each class whose mean w truncation pulls towards


class Own(nn.Module):
    """A reader's network behind what `Neural` asks of one.

    Parameters
    ----------
    about : z_dim (needed here or as the module's attribute), classes (names; one, "0", by default), layers (module
        paths; by default all convolutions that give a square map), range (what black and white are, (0, 1) by default).
    """

    def __init__(self, network: nn.Module, about: dict, name: str):
        super().__init__()
        for key in about:
            if key not in ABOUT:
                raise unknown("key", key, ABOUT, "These can be said of a generator of your own.")
        self.network = network.eval()
        self.z_dim = about.get("z_dim", getattr(network, "z_dim", None))
        if type(self.z_dim) is not int or self.z_dim < 1:
            raise UnitscopeError(
                f"{name} must say z_dim, a whole number above 0, in `about` or as an attribute, got"
                f" {shortened(self.z_dim)}."
            )
        self.classes = tuple(str(one) for one in about.get("classes", ("0",)))
        self.low, self.high = about.get("range", (0.0, 1.0))
        with torch.no_grad():
            draws = torch.randn(MEANS_FROM, self.z_dim, generator=torch.Generator().manual_seed(0))
            means = [
                self.mapping(draws, torch.full((MEANS_FROM,), label)).mean(0) for label in range(len(self.classes))
            ]
            self.register_buffer("w_mean", torch.stack(means), persistent=False)
            self.w_dim = self.w_mean.shape[1]
            pictures = self(self.w_mean[:1])
        if pictures.ndim != 4 or pictures.shape[:2] != (1, 3) or pictures.shape[2] != pictures.shape[3]:
            raise UnitscopeError(
                f"{name} must give square pictures (n, 3, H, H) of w (n, {self.w_dim}), got {tuple(pictures.shape)}."
            )
        if pictures.min() < 0 or pictures.max() > 1:
            low, high = (float(value) * (self.high - self.low) + self.low for value in (pictures.min(), pictures.max()))
            raise UnitscopeError(
                f"{name} gives values from {low:.3g} to {high:.3g}, outside {self.low:g} to {self.high:g}; say 'range'"
                " in `about`."
            )
        self.image_size = pictures.shape[-1]
        self.unit_layers = tuple(f"network.{path}" for path in self._layers(about.get("layers"), name))

    def _layers(self, named: Sequence[str] | None, name: str) -> list[str]:
        """The module paths of the units: those that are named, or all convolutions."""
        calls = trace(self.network, self.w_mean[:1])
        usable = {
            path: call
            for path, call in calls.items()
            if path and call.layer is not None and call.layer.kind == "map" and call.times == 1
        }
        if named is None:
            kinds = (nn.Conv2d, nn.ConvTranspose2d)
            found = [
                path
                for path in usable
                if isinstance(self.network.get_submodule(path), kinds) and usable[path].shape[1] > 3
            ]
            if not found:
                raise UnitscopeError(
                    f"{name} has no convolution with more than 3 channels that runs once; say 'layers' in `about`."
                )
            return found
        for path in named:
            if path not in usable:
                raise unknown("layer", path, usable, "These modules give square maps.")
        return list(named)

    def mapping(self, z: Tensor, labels: Tensor) -> Tensor:
        """w (n, w_dim) of z (n, z_dim) and labels (n,)."""
        return self.network.mapping(z, labels) if hasattr(self.network, "mapping") else z

    def forward(self, w: Tensor) -> Tensor:
        """Pictures (n, 3, H, H) in [0, 1] of w (n, w_dim)."""
        return (self.network(w) - self.low) / (self.high - self.low)


def own_generator(
    name: str, device: str | torch.device, path: str | Path | None, pretrained: bool, seed: int
) -> Neural:
    """The generator that FUNCTION in FILE.py builds, with the weights of `path` where it is given.

    Raises
    ------
    UnitscopeError
        For what `built_by` and `Own` refuse, and for weights that do not fit.
    """
    network, about = built_by(name.removeprefix(PREFIX))
    if path is not None:
        fit(network, read_state(path), path)
    elif not pretrained:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            forget(network)
    module = Own(network, about, name)
    return Neural(name, module, module.classes, device)
