"""What every generator gives to the methods, whatever draws its pictures.

    n  pictures    D = w_dim    C  channels of a layer    (h, w)  its grid    S  classes

A picture is a deterministic map of one vector w (D,): no noise inputs. Feature maps are square, cover the whole picture
and nothing more, so that resizing a map to the picture puts every unit where it acts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from unitscope.data.critters import Factors
from unitscope.data.critters.latent_factors import latents
from unitscope.device import pick_device
from unitscope.errors import UnitscopeError, unknown
from unitscope.identity import fingerprint
from unitscope.models.layers import Layer

SAMPLES = 1_000_003  # latents of sample seed s are those of the world SAMPLES + s: no picture of a data set

Edit = Callable[[Tensor], Tensor]


class Generator:
    """Base of all generators; a subclass sets the attributes and writes `draw` and `synthesize`.

    Attributes
    ----------
    name, classes, image_size, w_dim, device : what they say.
    module : the network, or None where there is none.
    layers : {name: Layer} in order of depth; empty where there is no network.
    w_mean : (S, D), the mean w of each class; truncation pulls towards it.
    differentiable : whether gradients flow from the picture to w.
    knows_truth : whether `factors` and `masks` answer.
    z_dim : coordinates of the Gaussian latent behind w.
    """

    name: str
    classes: tuple[str, ...]
    image_size: int
    w_dim: int
    z_dim: int
    w_mean: Tensor
    differentiable = True
    knows_truth = False
    module: nn.Module | None = None

    def __init__(self, device: str | torch.device = "auto"):
        self.device = pick_device(device)
        self.layers: dict[str, Layer] = {}

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({self.name!r}, {len(self.classes)} classes, w {self.w_dim}, {self.image_size} px,"
            f" {self.device})"
        )

    def to(self, device: str | torch.device) -> Generator:
        """Move everything to `device`, in place."""
        self.device = pick_device(device)
        if self.module is not None:
            self.module.to(self.device)
        self.w_mean = self.w_mean.to(self.device)
        return self

    # latents

    def labels_of(self, n: int, label: int | str | Sequence[int] | Tensor | None = None) -> Tensor:
        """The labels (n,) int64 that `sample` uses: one for all (number or name), one each, or None: classes take
        turns.
        """
        if n < 1:
            raise UnitscopeError(f"n must be at least 1, got {n}.")
        if label is None:
            return torch.arange(n) % len(self.classes)
        if isinstance(label, str):
            if label not in self.classes:
                raise unknown("class", label, self.classes)
            label = self.classes.index(label)
        labels = torch.as_tensor(label, dtype=torch.int64).cpu()
        labels = labels.expand(n) if labels.ndim == 0 else labels
        if labels.shape != (n,):
            raise UnitscopeError(f"label must be one number, one name or {n} numbers, got {tuple(labels.shape)}.")
        if int(labels.min()) < 0 or int(labels.max()) >= len(self.classes):
            raise UnitscopeError(
                f"labels of {self.name} lie in 0..{len(self.classes) - 1}, got"
                f" {int(labels.min())}..{int(labels.max())}."
            )
        return labels.clone()

    @torch.no_grad()
    def sample(
        self, n: int, label: int | str | Sequence[int] | Tensor | None = None, seed: int = 0, truncation: float = 1.0
    ) -> Tensor:
        """w (n, D) of n fresh pictures, the same for the same seed; the first rows do not depend on n.

        w = w_mean[c] + truncation (w(z, c) - w_mean[c]), z standard normal.
        """
        labels = self.labels_of(n, label).to(self.device)
        z = self.latents(n, seed)
        centre = self.w_mean[labels]
        return (centre + truncation * (self.draw(z, labels) - centre)).float()

    def latents(self, n: int, seed: int = 0) -> Tensor:
        """The standard normal z (n, z_dim) that `sample` starts from, by a hash of (seed, row, coordinate)."""
        if self.z_dim > 32:
            parts = [
                latents(SAMPLES + seed + 7_000_003 * part, torch.arange(n)) for part in range(-(-self.z_dim // 32))
            ]
            return torch.cat(parts, 1)[:, : self.z_dim].to(self.device)
        return latents(SAMPLES + seed, torch.arange(n))[:, : self.z_dim].to(self.device)

    def draw(self, z: Tensor, labels: Tensor) -> Tensor:
        """w (n, D) of latents z (n, z_dim) and labels (n,), not truncated."""
        raise NotImplementedError

    # pictures

    def synthesize(self, w: Tensor) -> Tensor:
        """Pictures (n, 3, H, W) in [0, 1] of any w (n, D)."""
        raise NotImplementedError

    def features(self, w: Tensor, layers: Sequence[str] | None = None) -> dict[str, Tensor]:
        """{layer: (n, C, h, w)} of the named layers, all by default."""
        return self.synthesize_with_features(w, layers)[1]

    def synthesize_with_features(
        self, w: Tensor, layers: Sequence[str] | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Pictures and feature maps from one forward pass."""
        raise self.without_network("feature maps")

    def edit(self, w: Tensor, edits: Mapping[str, Edit]) -> Tensor:
        """Pictures (n, 3, H, W) made while `edits[layer](map)` takes the place of that layer's map (n, C, h, w)."""
        raise self.without_network("layers to edit")

    # truth

    def factors(self, w: Tensor) -> Factors:
        """What the pictures of w show; known to the procedural generator only."""
        raise UnitscopeError(f"{self.name} does not know its factors; take critters/procedural.")

    def masks(self, w: Tensor) -> Tensor:
        """Exact part masks (n, H, W) uint8, numbers of PARTS; known to the procedural generator only."""
        raise UnitscopeError(f"{self.name} does not know its part masks; take critters/procedural.")

    # identity and errors

    def fingerprint(self) -> str:
        """16 hexadecimal digits over all that decides the pictures of w, and which w is sampled; see
        `unitscope.identity`.
        """
        return fingerprint(type(self).__name__, self.z_dim, self.w_dim, self.image_size, self.w_mean, self.module)

    def check(self, w: Tensor) -> Tensor:
        """`w` as float (n, D) on the generator's device."""
        if not isinstance(w, Tensor) or w.ndim != 2 or w.shape[1] != self.w_dim or not w.is_floating_point():
            got = f"{tuple(w.shape)} of {w.dtype}" if isinstance(w, Tensor) else type(w).__name__
            raise UnitscopeError(f"w of {self.name} must be float (n, {self.w_dim}), got {got}; see `sample`.")
        return w.to(self.device, torch.float32)

    def layer(self, name: str) -> Layer:
        """A layer by name, or an error with the nearest one."""
        if not self.layers:
            raise self.without_network("layers")
        if name not in self.layers:
            raise unknown("layer", name, self.layers)
        return self.layers[name]

    def without_network(self, what: str) -> UnitscopeError:
        """The error for what only a network has."""
        return UnitscopeError(
            f"{self.name} has no {what}: no network draws its pictures; take critters/stylegan or critters/biggan."
        )
