"""What a direction is, and the one interface of every way to find directions.

    n  images    N  units of the layer    K  directions
    y (n, N)     responses of the units, mean over positions
    y^ (n, N)    the rows of y divided by their norm (at least 1e-6)
    u (K, N)     directions, unit norm
    responses (n, K)    how strongly each image drives each direction; its top images are the MEIs

A way to find directions is a function (activations, k, seed) -> Directions; `methods.FINDERS` names ours.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope.data import ImageSet
from unitscope.errors import UnitscopeError
from unitscope.extract import Pooled, stream
from unitscope.metrics.interpretability import interpretability, top_images
from unitscope.metrics.similarity import Similarity
from unitscope.models import VisionModel

NORM_FLOOR = 1e-6
CONSTANT = 1e-6  # a unit whose deviation is below this share of its largest response gives no ranking


@dataclass(frozen=True)
class Activations:
    """raw (n, N): y without constant units; units (N,): their channel numbers; constant: channels left out."""

    raw: Tensor
    units: Tensor
    constant: tuple[int, ...] = ()

    @property
    def unit_norm(self) -> Tensor:
        """y^ (n, N)."""
        return self.raw / self.raw.norm(dim=1, keepdim=True).clamp(min=NORM_FLOOR)

    def __len__(self) -> int:
        return len(self.raw)

    def select(self, columns: Tensor) -> Activations:
        """Some units only; y^ is normalised within them."""
        return Activations(self.raw[:, columns], self.units[columns])

    def sample(self, count: int, seed: int = 0) -> Activations:
        """At most `count` units, drawn at random and kept in order; 0 keeps all."""
        if count < 0:
            raise UnitscopeError(f"a number of units is 0 (all) or more, got {count}.")
        if count == 0 or count >= len(self.units):
            return self
        drawn = torch.randperm(len(self.units), generator=torch.Generator().manual_seed(seed))[:count].sort().values
        return Activations(self.raw[:, drawn], self.units[drawn], self.constant)


@dataclass(frozen=True)
class Directions:
    """K directions of one kind: u (K, N) and responses (n, K); `note` says what a reader must know of them."""

    name: str
    vectors: Tensor
    responses: Tensor
    note: str = ""

    def __len__(self) -> int:
        return len(self.vectors)

    def flipped(self) -> Directions:
        """The same axes with the other sign: what drives them least drives these most."""
        return replace(self, name=f"{self.name}, flipped", vectors=-self.vectors, responses=-self.responses)


def activations(y: Tensor, keep_constant: bool = False) -> Activations:
    """Responses y (n, N) made ready: constant units are left out, for no image is their most exciting one.

    Parameters
    ----------
    keep_constant : raise instead of leaving constant units out.

    Raises
    ------
    UnitscopeError
        If y is not (n, N) with n >= 2, holds values that are not numbers, or every unit is constant.
    """
    if y.ndim != 2 or len(y) < 2 or not torch.isfinite(y).all():
        raise UnitscopeError(f"activations must be finite numbers (n, N) of at least 2 images, got {tuple(y.shape)}.")
    y = y.float()
    alive = y.std(0) > CONSTANT * y.abs().amax(0).clamp(min=1e-30)
    constant = tuple((~alive).nonzero().flatten().tolist())
    if not alive.any() or (constant and keep_constant):
        raise UnitscopeError(
            f"units {constant[:8]} of {y.shape[1]} answer all images alike; take other images or another layer."
        )
    return Activations(y[:, alive], alive.nonzero().flatten(), constant)


def layer_activations(
    model: VisionModel, images: ImageSet, layers: Iterable[str], pool: str = "mean"
) -> dict[str, Activations]:
    """One pass over the images: pooled responses of each layer, by name."""
    layers = list(layers)
    found = stream(model, images, layers, [Pooled(layer, pool) for layer in layers])
    return {layer: activations(y) for layer, y in zip(layers, found, strict=True)}


def spread_layers(model: VisionModel, layer: str, count: int = 4) -> list[str]:
    """`count` of a model's layers from early to late, `layer` among them; all of them where there are no more.

    Raises
    ------
    UnitscopeError
        If the model has no layer of that name.
    """
    model.layer(layer)
    names = list(model.layers)
    if len(names) > count:
        names = [names[round(i * (len(names) - 1) / (count - 1))] for i in range(count)]
    if layer not in names:
        names = sorted({*names, layer}, key=lambda name: list(model.layers).index(name) if name in model.layers else -1)
    return names


def along(name: str, x: Tensor, vectors: Tensor, note: str = "") -> Directions:
    """Directions from vectors (K, N) of any length and the rows x (n, N) that they are scored on by inner product."""
    return Directions(name, F.normalize(vectors, dim=1), x @ vectors.T, note)


def neurons(given: Activations, k: int | None = None, seed: int = 0) -> Directions:
    """The units themselves, ranked by their raw response, as the paper does."""
    return Directions("neurons", torch.eye(given.raw.shape[1]), given.raw)


def neurons_normalised(given: Activations, k: int | None = None, seed: int = 0) -> Directions:
    """The units ranked by y^: the control for features being ranked by y^ while neurons are ranked by y."""
    return Directions("neurons, cosine", torch.eye(given.raw.shape[1]), given.unit_norm)


def random_directions(given: Activations, k: int, seed: int = 0) -> Directions:
    """k Gaussian directions: what any rotation would give."""
    generator = torch.Generator().manual_seed(seed)
    x = given.unit_norm
    return along("random", x - x.mean(0), torch.randn(k, x.shape[1], generator=generator))


def rotated_units(given: Activations, k: int, seed: int = 0) -> Directions:
    """k units of a randomly rotated layer, ranked by raw responses like the units: is their basis privileged?

    Raises
    ------
    UnitscopeError
        If k is larger than the number of units.
    """
    size = given.raw.shape[1]
    check_count("a rotation", k, size, "units")
    turn = torch.linalg.qr(torch.randn(size, size, generator=torch.Generator().manual_seed(seed))).Q[:k]
    return along("rotated units", given.raw - given.raw.mean(0), turn)


def random_images(given: Activations, k: int, seed: int = 0) -> Directions:
    """k images' own y^ as directions: nearest neighbours of a point, the control for locality.

    Raises
    ------
    UnitscopeError
        If k is larger than the number of images.
    """
    check_count("random images", k, len(given), "images")
    x = given.unit_norm
    return along("images", x, x[torch.randperm(len(x), generator=torch.Generator().manual_seed(seed))[:k]])


def check_count(method: str, k: int, limit: int, of: str) -> None:
    """Refuse a number of directions that the method cannot give."""
    if not 1 <= k <= limit:
        raise UnitscopeError(f"{method} gives 1 to {limit} directions here (as many as {of}), got k={k}; lower k.")


def orient(x: Tensor, vectors: Tensor) -> Tensor:
    """Each vector with the sign that makes its projection skewed to the right: few strong images, II unseen."""
    projected = x @ vectors.T
    skewness = (projected - projected.mean(0)).pow(3).mean(0)
    return vectors * torch.where(skewness < 0, -1.0, 1.0)[:, None]


def index(similarity: Similarity, found: Directions, m: int = 5) -> np.ndarray:
    """II of every direction (K,): how alike its m most exciting images are."""
    return interpretability(similarity, top_images(found.responses, m)).numpy()


def plane_arrows(vectors: Tensor, pair: tuple[int, int], count: int = 3) -> np.ndarray:
    """Directions (K, N) seen in the plane of two units: (count, 2), long there, spread over its angles."""
    seen = vectors[:, list(pair)]
    kept = seen[seen.norm(dim=1).topk(max(count, len(seen) // 4)).indices]
    order = torch.atan2(kept[:, 1], kept[:, 0]).argsort()
    return kept[order[torch.linspace(0, len(kept) - 1, count).round().long()]].numpy()
