"""Images in: the critter world and named data sets."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor

from unitscope import checking
from unitscope.data.images import Batch, ImageSet, Sample
from unitscope.errors import UnitscopeError, shortened, unknown

__all__ = ["Batch", "ImageSet", "Sample", "load_dataset"]

NAMES = (
    "critters/train",
    "critters/val",
    "critters/test",
    "cifar10/train",
    "cifar10/test",
    "imagenette/train",
    "imagenette/val",
    "imagenet/train",
    "imagenet/val",
)
FOLDER = "folder:"
READABLE = "readable:"  # the same without broken files


def load_dataset(
    name: str | Path | Tensor,
    *,
    root: str | Path | None = None,
    limit: int | None = None,
    size: int | None = None,
    skip_corrupt: bool = False,
) -> ImageSet:
    """A set of images: a named data set, a folder, or pictures in memory.

    >>> import unitscope as us
    >>> us.load_dataset("critters/test", limit=24)
    Critters('critters/test', 24 images of 64 px, 12 classes)
    >>> us.load_dataset("critters/test", limit=24)[0].image.shape       # RGB in [0, 1]
    torch.Size([3, 64, 64])

    Parameters
    ----------
    name : "critters/SPLIT" (painted, needs no files), "cifar10/SPLIT", "imagenette/SPLIT" (10 classes of ImageNet
        at 160 pixels), "imagenet/SPLIT", or "folder:PATH" or a `Path` (one folder of images a class, or images without
        labels), or a tensor (n, 3, H, H) of RGB in [0, 1]. "readable:PATH" is the folder with `skip_corrupt`, for where
        a name is all that can be given.
    root : folder with the files of CIFAR-10, Imagenette or ImageNet; the environment's UNITSCOPE_DATA if not given.
    limit : at most so many images. Of files, evenly spaced over the list sorted by class; of critters, the first.
    size : side of the square images: the shorter side is resized to size x 256/224 (to `size` below 128) and the centre
        cropped. None keeps the images as they are if all are equal and square, else takes 224.
    skip_corrupt : leave out broken files with a warning, instead of an error.

    Returns
    -------
    ImageSet: `images[3]`, `images.load([3, 5])` as a batch (B, 3, H, W) in [0, 1], `images.subset([3, 5])`.

    Raises
    ------
    UnitscopeError
        For an unknown name, absent or corrupt files, a limit below 1.

    See also
    --------
    stream : one pass of a network over the images. load_model, load_generator : the other things that come in.
    """
    limit = None if limit is None else checking.count("limit", limit)
    size = None if size is None else checking.count("size", size)
    options = {"limit": limit, "size": size, "skip_corrupt": skip_corrupt}
    if isinstance(name, Tensor):
        from unitscope.data.held import Pictures

        return Pictures(name[:limit], size)
    if isinstance(name, Path):
        name = f"{FOLDER}{name}"
    if not isinstance(name, str):
        raise UnitscopeError(f"`name` must be a name, a folder or a tensor of pictures, got {shortened(name)}.")
    if name.startswith((FOLDER, READABLE)):
        from unitscope.data.folders import folder_set

        kind, _, path = name.partition(":")
        return folder_set(path, **{**options, "skip_corrupt": skip_corrupt or f"{kind}:" == READABLE})
    if name not in NAMES:
        a_folder = f"For the folder {Path(name).resolve()} write folder:{name}." if is_folder(name) else ""
        raise unknown("dataset", name, [*NAMES, "folder:PATH", "readable:PATH"], a_folder)
    family, split = name.split("/")
    if family == "critters":
        return _critters(split, limit, size)
    from unitscope.data import folders

    return getattr(folders, family)(split, root, **options)


def is_folder(name: str) -> bool:
    """Whether there is such a folder; no name is too long or too odd to ask."""
    try:
        return Path(name).expanduser().is_dir()
    except (OSError, ValueError, RuntimeError):
        return False


def _critters(split: str, limit: int | None, size: int | None) -> ImageSet:
    from unitscope.data.critters import Critters, critter_set

    images = critter_set(split, limit)
    if size in (None, images.image_size):
        return images
    return Critters(images.seed, len(images), name=images.name, image_size=size)
