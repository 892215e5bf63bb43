"""A generator network behind the contract: latents by its mapping, pictures by its synthesis, layers by hooks.

A network has `z_dim`, `w_dim`, `image_size`, `unit_layers` (module paths in order of depth), a buffer `w_mean` (S, D),
`mapping(z, labels) -> w` and `forward(w) -> pictures in [0, 1]`. Where its maps are wider than the picture, `margins`
says by how much: {path: rows and columns on each side}.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitscope.errors import UnitscopeError
from unitscope.models.generators.contract import Edit, Generator
from unitscope.models.layers import Layer


class Neural(Generator):
    """A frozen generator network in evaluation mode."""

    def __init__(self, name: str, module: nn.Module, classes: Sequence[str], device: str | torch.device = "auto"):
        super().__init__(device)
        self.name, self.classes = name, tuple(classes)
        self.module = module.eval().requires_grad_(False).to(memory_format=torch.channels_last)  # faster on a CPU
        self.image_size, self.w_dim, self.z_dim = module.image_size, module.w_dim, module.z_dim
        self.w_mean = module.w_mean.detach().clone()
        self.to(self.device)
        self.layers = self._dry_run()

    def _dry_run(self) -> dict[str, Layer]:
        maps: dict[str, Tensor] = {}

        def keep(path: str):
            return lambda _module, _inputs, output: maps.__setitem__(path, output)

        with torch.no_grad(), self._hooks({path: keep(path) for path in self.module.unit_layers}):
            self.module(self.w_mean[:1])
        margins = getattr(self.module, "margins", {})
        return {
            path: Layer(
                path,
                path,
                "map",
                m.shape[1],
                tuple(side - 2 * margins.get(path, 0) for side in m.shape[2:]),
                margin=margins.get(path, 0),
            )
            for path, m in maps.items()
        }

    @contextmanager
    def _hooks(self, hooks: Mapping[str, object]) -> Iterator[None]:
        """Forward hooks by module path that live inside the `with` block and not a moment longer."""
        handles = []
        try:
            for path, hook in hooks.items():
                handles.append(self.module.get_submodule(path).register_forward_hook(hook))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def draw(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.module.mapping(z, labels)

    def synthesize(self, w: Tensor) -> Tensor:
        return self.module(self.check(w))

    def synthesize_with_features(
        self, w: Tensor, layers: Sequence[str] | None = None, whole: bool = False
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Pictures and the named maps, no others are kept; with `whole`, maps have their margins."""
        names = list(self.layers) if layers is None else list(layers)
        maps: dict[str, Tensor] = {}

        def keep(name: str):
            return lambda _module, _inputs, output: maps.__setitem__(
                name, output if whole else self.layers[name].to_map(output)
            )

        with self._hooks({self.layer(name).path: keep(name) for name in names}):
            images = self.synthesize(w)
        return images, {name: maps[name] for name in names}

    def edit(self, w: Tensor, edits: Mapping[str, Edit]) -> Tensor:
        """See the contract; an edit gets the map without its margins, which stay as they are."""

        def change(name: str):
            def hook(_module, _inputs, output: Tensor) -> Tensor:
                layer = self.layers[name]
                old = layer.to_map(output)
                new = edits[name](old)
                if not isinstance(new, Tensor) or new.shape != old.shape:
                    got = tuple(new.shape) if isinstance(new, Tensor) else type(new).__name__
                    raise UnitscopeError(f"the edit of layer {name!r} must return a map {tuple(old.shape)}, got {got}.")
                return new if not layer.margin else output + F.pad(new - old, [layer.margin] * 4)

            return hook

        with self._hooks({self.layer(name).path: change(name) for name in edits}):
            return self.synthesize(w)
