"""The critter world: a procedural data set with known factors, exact part masks and captions.

    B  images of a batch    Z  latent coordinates    S = 12 species

A picture is a deterministic map of a Gaussian latent and a species, (z, c) -> image. `Critters` numbers them:
image `index` of world `seed` is always the same picture, on any device, alone or in a batch.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from unitscope.data.critters.latent_factors import (
    BACKGROUNDS,
    LATENT,
    OBJECTS,
    OCCLUDERS,
    Factors,
    caption,
    factors,
    latents,
    mix,
)
from unitscope.data.critters.renderer import Pictures, render
from unitscope.data.critters.species import COLOURS, NAMES, PARTS, PATTERNS, SPECIES
from unitscope.data.images import Batch, ImageSet, Truth
from unitscope.device import pick_device
from unitscope.errors import UnitscopeError, unknown

__all__ = [
    "BACKGROUNDS",
    "COLOURS",
    "LATENT",
    "NAMES",
    "OBJECTS",
    "OCCLUDERS",
    "PARTS",
    "PATTERNS",
    "SPECIES",
    "SPLITS",
    "Critters",
    "Factors",
    "Pictures",
    "critter_set",
    "factors",
    "render",
]

VERSION = 1  # raise when a change alters any picture: caches and content keys depend on it
SPLITS = {"train": (1, 60_000), "val": (2, 2_000), "test": (3, 4_000)}
CHUNK = 32  # pictures painted at once: temporaries stay in the processor's cache


class Critters(ImageSet):
    """`size` pictures of the world `seed`; species take turns, so every class has the same share.

    Parameters
    ----------
    seed : number of the world.
    size : number of images.
    image_size : height and width in pixels.
    device : where to paint; batches come from there.
    spurious : share of pictures whose background is tied to the species (see `factors`).
    """

    def __init__(
        self, seed: int, size: int, *, name: str = "", image_size: int = 64, device: str = "cpu", spurious: float = 0.0
    ):
        if size < 1 or image_size < 8 or not 0 <= spurious <= 1:
            raise UnitscopeError(
                f"Critters needs size >= 1, image_size >= 8 and spurious in [0, 1], got {size}, {image_size},"
                f" {spurious}."
            )
        self.seed, self.spurious, self.device = seed, spurious, pick_device(device)
        self.name = name or f"critters/seed{seed}"
        self.image_size = image_size
        self.classes = NAMES
        self.labels = mix(torch.arange(size) // len(NAMES) + 7919 * seed) % len(NAMES)
        self.labels = (self.labels + torch.arange(size)) % len(NAMES)

    def fingerprint(self) -> str:
        return f"critters-v{VERSION}-{self.seed}-{len(self)}-{self.image_size}-{self.spurious:g}"

    def latents(self, indices: Sequence[int] | Tensor) -> Tensor:
        """z (B, Z), standard normal, of the images at `indices`."""
        return latents(self.seed, self.check(indices).to(self.device))

    def factors(self, indices: Sequence[int] | Tensor) -> Factors:
        """What the images at `indices` show."""
        order = self.check(indices)
        return factors(self.latents(order), self.labels[order].to(self.device), self.spurious)

    def pictures(self, indices: Sequence[int] | Tensor) -> Pictures:
        """Images (B, 3, H, W) in [0, 1] and part masks (B, H, W) of the images at `indices`."""
        found = self.factors(indices)
        chunks = [render(found.select(rows), self.image_size) for rows in torch.arange(len(found.x)).split(CHUNK)]
        return Pictures(torch.cat([c.images for c in chunks]), torch.cat([c.masks for c in chunks]))

    def load(self, indices: Sequence[int] | Tensor) -> Batch:
        order = self.check(indices)
        return Batch(self.pictures(order).images, self.labels[order], order)

    def masks(self, indices: Sequence[int] | Tensor) -> Tensor:
        """Part masks (B, H, W) uint8, numbers of PARTS; they partition the image."""
        return self.pictures(indices).masks

    def truth(self, indices: Sequence[int] | Tensor) -> Truth:
        """Factors and part masks of the images at `indices`."""
        order = self.check(indices)
        return Truth(self.factors(order), lambda: self.masks(order))

    def captions(self, indices: Sequence[int] | Tensor, variant: int | None = None) -> list[str]:
        """A sentence for each image; the wording follows the index unless `variant` (0 to 3) fixes it."""
        order = self.check(indices)
        found = {name: value.tolist() for name, value in vars(self.factors(order)).items()}
        rows = ({name: value[i] for name, value in found.items()} for i in range(len(order)))
        return [
            caption(row, index if variant is None else variant) for row, index in zip(rows, order.tolist(), strict=True)
        ]


def critter_set(split: str, limit: int | None = None, **options) -> Critters:
    """The split "train", "val" or "test" of the critter world, or its first `limit` images."""
    if split not in SPLITS:
        raise unknown("critters split", split, SPLITS)
    seed, size = SPLITS[split]
    return Critters(seed, min(size, limit or size), name=f"critters/{split}", **options)
