"""Training pictures in memory as bytes, painted once and kept in the user's cache folder.

N  pictures    uint8 (N, 3, H, W)
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from unitscope.data.critters import CHUNK, Critters, factors, render
from unitscope.data.critters.latent_factors import COORDINATES, latents
from unitscope.data.images import ImageSet
from unitscope.files import atomic, cache_folder
from unitscope.progress import progress

IDENTITY = ("colour", "shade", "pattern", "pattern_scale", "plumpness", "eye_size")
SIGHTING_SEED = 101


def kept(name: str, count: int, size: int, paint) -> Tensor:
    """`count` pictures as bytes; `paint(rows)` makes floats (B, 3, H, W), once, and the cache keeps them."""
    path = cache_folder() / "pictures" / f"{name}.npy"
    if not path.exists():
        with atomic(path) as part:
            array = np.lib.format.open_memmap(part, mode="w+", dtype=np.uint8, shape=(count, 3, size, size))
            for rows in progress(torch.arange(count).split(CHUNK), label=name):
                array[rows[0] : rows[-1] + 1] = (paint(rows) * 255).round().byte().numpy()
            array.flush()
            del array
    return torch.from_numpy(np.load(path, mmap_mode="r+"))


def as_bytes(images: ImageSet) -> Tensor:
    """Every image of a set."""
    return kept(images.fingerprint(), len(images), images.image_size, lambda rows: images.load(rows).images)


def second_sighting(world: Critters) -> Tensor:
    """The same animals met again: species, coat and build are kept, scene, pose, light and everything else are new.

    Self-distillation learns from such pairs in the place of two crops of one photograph; no label is used.
    """
    keep = torch.tensor([COORDINATES.index(name) for name in IDENTITY])

    def paint(rows: Tensor) -> Tensor:
        z = latents(world.seed + SIGHTING_SEED, rows)
        z[:, keep] = world.latents(rows)[:, keep]
        return render(factors(z, world.labels[rows]), world.image_size).images

    return kept(f"{world.fingerprint()}-again", len(world), world.image_size, paint)
