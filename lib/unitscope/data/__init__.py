"""Images in: the critter world and named data sets."""

from __future__ import annotations

from pathlib import Path

from unitscope.data.images import Batch, ImageSet, Sample
from unitscope.errors import UnitscopeError, unknown

__all__ = ["Batch", "ImageSet", "Sample", "load_dataset"]

NAMES = (
    "critters/train",
    "critters/val",
    "critters/test",
    "cifar10/train",
    "cifar10/test",
    "imagenet/train",
    "imagenet/val",
)
FOLDER = "folder:"


def load_dataset(
    name: str,
    *,
    root: str | Path | None = None,
    limit: int | None = None,
    size: int | None = None,
    skip_corrupt: bool = False,
) -> ImageSet:
    """A data set by name.

    Parameters
    ----------
    name : "critters/SPLIT" (painted, needs no files), "cifar10/SPLIT", "imagenet/SPLIT" or "folder:PATH" (one folder of
        images a class, or images without labels).
    root : folder with the files of CIFAR-10 or ImageNet; the environment's UNITSCOPE_DATA if not given.
    limit : at most so many images. Of files, evenly spaced over the list sorted by class; of critters, the first.
    size : side of the square images: the shorter side is resized to size x 256/224 (to `size` below 128) and the centre
        cropped. None keeps the images as they are if all are equal and square, else takes 224.
    skip_corrupt : leave out broken files with a warning, instead of an error.

    Raises
    ------
    UnitscopeError
        For an unknown name, absent or corrupt files, a limit below 1.
    """
    if limit is not None and limit < 1:
        raise UnitscopeError(f"limit must be at least 1, got {limit}.")
    options = {"limit": limit, "size": size, "skip_corrupt": skip_corrupt}
    if name.startswith(FOLDER):
        from unitscope.data.folders import folder_set

        return folder_set(name.removeprefix(FOLDER), **options)
    if name not in NAMES:
        raise unknown("dataset", name, [*NAMES, "folder:PATH"])
    family, split = name.split("/")
    if family == "critters":
        return _critters(split, limit, size)
    from unitscope.data import folders

    return getattr(folders, family)(split, root, **options)


def _critters(split: str, limit: int | None, size: int | None) -> ImageSet:
    from unitscope.data.critters import Critters, critter_set

    images = critter_set(split, limit)
    if size in (None, images.image_size):
        return images
    return Critters(images.seed, len(images), name=images.name, image_size=size)
