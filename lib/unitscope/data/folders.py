"""Named data sets of files: folder trees, and what torchvision downloads or unpacks (CIFAR-10, ImageNet).

A tree is `<root>/<class>/<any depth>/<image>`, as torchvision's ImageFolder reads it; images directly under the root
and no class folders make a set without labels.
"""

from __future__ import annotations

import os
import socket
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unitscope.data.datasets import SUFFIXES, Files, Pixels, spread
from unitscope.data.images import ImageSet
from unitscope.errors import UnitscopeError
from unitscope.files import cache_folder

DATA_VARIABLE = "UNITSCOPE_DATA"
NAMES_FILE = "classes.txt"  # lines of "folder<TAB>name" beside or above a tree
IMAGENET_CLASSES = 1000
CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
BESIDE = {".txt", ".csv", ".tsv", ".json", ".xml", ".md", ".yaml", ".yml", ".html", ".db", ".ini", ".py"}
IMAGENETTE = "imagenette2-160"  # torchvision's folder
IMAGENETTE_CLASSES = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}
SPLITS = {"train", "val", "test", "valid", "validation"}
STALLED = 30.0  # seconds without an answer after which a download is given up


def data_folder() -> Path:
    """Where data sets lie if no root is named: UNITSCOPE_DATA, or `data` in the cache folder."""
    return Path(os.environ.get(DATA_VARIABLE) or cache_folder() / "data")


def folder_set(
    path: str | Path, *, name: str = "", limit: int | None = None, size: int | None = None, skip_corrupt: bool = False
) -> Files:
    """The images below a folder, `limit` of them evenly spaced over the sorted list (so over the classes, too).

    Images that lie beside class folders belong to no class: they are left out, and so are files of other kinds than
    `SUFFIXES` (HEIC, raw files of cameras, films). A warning counts both, and `left_out` of the set says so;
    with `skip_corrupt`, broken files too.

    Raises
    ------
    UnitscopeError
        If the folder is absent or empty, holds splits instead of classes, or a file in it is broken.
    """
    root = Path(path).expanduser()
    if not root.is_dir():
        raise UnitscopeError(
            f"folder {root.absolute()} does not exist; give one with images, or with one folder of images a class."
        )
    folders = sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    if folders and set(folders) <= SPLITS:
        raise UnitscopeError(f"folder {root} holds splits, not classes: take folder:{root / folders[0]}.")
    found = [(file, label) for label, folder in enumerate(folders) for file in _images(root / folder)]
    beside = [path.name for path in root.iterdir() if _is_image(path.name) and not path.is_dir()] if found else []
    left_out = []
    if beside:
        warnings.warn(
            f"{root}: {len(beside)} images that lie beside the class folders are left out"
            f" ({', '.join(sorted(beside)[:5])}).",
            stacklevel=3,
        )
        left_out.append(f"{len(beside)} images that lie beside the class folders")
    if others := _warn_of_others(root):
        left_out.append(others)
    if not found:
        found, folders = [(file, -1) for file in _images(root)], []
    if not found:
        beside = f"; it holds {' and '.join(left_out)}" if left_out else ""
        raise UnitscopeError(f"folder {root} holds no images ({', '.join(sorted(SUFFIXES))}){beside}.")
    files, labels = zip(*spread(found, limit), strict=True)
    found = Files(name or f"folder:{root.name}", root, files, labels, _class_names(root, folders), size, skip_corrupt)
    found.left_out = " ".join([*(f"Left out: {part}." for part in left_out), *filter(None, [found.left_out])])
    return found


def _images(folder: Path) -> list[Path]:
    """All image files below a folder, sorted."""

    def closed(error: OSError) -> None:
        raise UnitscopeError(f"a folder below {folder} cannot be read: {error}.") from error

    return sorted(
        Path(where, file) for where, _, files in os.walk(folder, onerror=closed) for file in files if _is_image(file)
    )


def _warn_of_others(root: Path) -> str:
    """Count what is left out because it is of another kind, in words too; texts and tables are expected there."""
    names = [name for _, _, files in os.walk(root) for name in files if not name.startswith(".")]
    kinds = Counter(os.path.splitext(name)[1].lower() or "no ending" for name in names if not _is_image(name))
    told = [f"{kind} {count}" for kind, count in kinds.most_common() if kind not in BESIDE]
    if told:
        count = sum(number for kind, number in kinds.items() if kind not in BESIDE)
        warnings.warn(
            f"{root}: {count} files are of no kind that is read and are left out ({', '.join(told[:5])}); convert "
            f"pictures among them to {', '.join(sorted(SUFFIXES)[:4])}, ...",
            stacklevel=4,
        )
        return f"{count} files of no kind that is read ({', '.join(told[:5])})"
    return ""


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in SUFFIXES and not name.startswith(".")


def _class_names(root: Path, folders: list[str]) -> list[str]:
    """Names for class folders: from classes.txt beside or above them, ImageNet's for its 1,000, else the folders'."""
    for place in (root, root.parent):
        file = place / NAMES_FILE
        if file.is_file():
            names = dict(
                line.split(maxsplit=1)
                for line in file.read_text(encoding="utf-8").splitlines()
                if " " in line or "\t" in line
            )
            return [names.get(folder, folder).strip() for folder in folders]
    if len(folders) == IMAGENET_CLASSES and all(folder[0] == "n" and folder[1:].isdigit() for folder in folders):
        from torchvision.models import AlexNet_Weights

        return list(AlexNet_Weights.DEFAULT.meta["categories"])
    return folders


def cifar10(
    split: str, root: str | Path | None = None, *, limit: int | None = None, size: int | None = None, **options
) -> ImageSet:
    """CIFAR-10: a tree `{train,test}/<class>/` in `root` or `root/cifar10`, else torchvision's files, else a download.

    torchvision compares the hash of its files before it reads them.

    Raises
    ------
    UnitscopeError
        If it is neither there nor to be had.
    """
    base = Path(root).expanduser() if root else data_folder()
    for tree in (base / split, base / "cifar10" / split):
        if tree.is_dir():
            return folder_set(tree, name=f"cifar10/{split}", limit=limit, size=size, **options)
    from torchvision.datasets import CIFAR10

    try:
        with _impatient():
            source = CIFAR10(base, train=split == "train", download=True)
    except (OSError, RuntimeError) as error:
        raise UnitscopeError(
            f"CIFAR-10 is not in {base} and cannot be downloaded ({str(error).splitlines()[0]}). Put a tree "
            f"cifar10/{split}/<class>/*.jpg or torchvision's cifar-10-batches-py there, name its folder with root= or "
            f"{DATA_VARIABLE}, or take critters/{split}, which needs no download."
        ) from error
    chosen = spread(sorted(range(len(source.targets)), key=source.targets.__getitem__), limit)
    labels = [source.targets[i] for i in chosen]
    return Pixels(f"cifar10/{split}", source.data[chosen], labels, CIFAR10_CLASSES, size)


def imagenette(split: str, root: str | Path | None = None, **options) -> Files:
    """Imagenette, ten classes of ImageNet at 160 pixels: a tree `{train,val}/<wnid>/` in `root` or `root/imagenette`,
    else torchvision's folder, else a download, whose hash torchvision compares.

    Raises
    ------
    UnitscopeError
        If it is neither there nor to be had.
    """
    base = Path(root).expanduser() if root else data_folder()
    trees = (base / split, base / "imagenette" / split, base / IMAGENETTE / split)
    if not any(tree.is_dir() for tree in trees):
        from torchvision.datasets import Imagenette

        try:
            with _impatient():
                Imagenette(base, split, size="160px", download=True)
        except (OSError, RuntimeError) as error:
            raise UnitscopeError(
                f"Imagenette is not in {base} and cannot be downloaded ({str(error).splitlines()[0]}). Put a tree "
                f"imagenette/{split}/<wnid>/*.jpg there, name its folder with root= or {DATA_VARIABLE}, or take "
                "critters/test, which needs no download."
            ) from error
    found = folder_set(next(tree for tree in trees if tree.is_dir()), name=f"imagenette/{split}", **options)
    found.classes = tuple(IMAGENETTE_CLASSES.get(name, name) for name in found.classes)
    return found


@contextmanager
def _impatient() -> Iterator[None]:
    """Sockets give up after STALLED seconds: torchvision sets no limit."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(STALLED)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def imagenet(split: str, root: str | Path | None = None, **options) -> Files:
    """ImageNet (ILSVRC2012) as a tree `{train,val}/<wnid>/`; torchvision unpacks the official archives if need be.

    Raises
    ------
    UnitscopeError
        If neither the tree nor the archives are there: the images are given out on request only.
    """
    base = Path(root).expanduser() if root else data_folder() / "imagenet"
    tree = base / split
    if not tree.is_dir():
        from torchvision.datasets import ImageNet

        try:
            ImageNet(base, split)
        except (OSError, RuntimeError) as error:
            raise UnitscopeError(
                f"ImageNet is not at {tree}: no tree {split}/<wnid>/*.JPEG and no official archives "
                f"({str(error).splitlines()[0]}). Name its folder: root=, a chapter's data_root or {DATA_VARIABLE}; "
                "critters/test needs none."
            ) from error
    return folder_set(tree, name=f"imagenet/{split}", **options)
