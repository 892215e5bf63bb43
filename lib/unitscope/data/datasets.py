"""Image sets made of files, or of pixels in memory: shorter side resized, centre cropped, RGB in [0, 1].

N  images    H = W = image_size
"""

from __future__ import annotations

import hashlib
import os
import struct
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from unitscope.data.images import Batch, ImageSet
from unitscope.errors import UnitscopeError
from unitscope.files import sha256

SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff"}
READERS = min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
PHOTO_SIZE = 224  # size of sets whose images differ in size
EVALUATION_CROP = 224 / 256  # ImageNet's usual share of the shorter side that a centre crop keeps
SMALLEST_CROPPED = 128  # smaller images are resized without losing their border
LOOKED_AT = 16  # images whose sizes decide on the set's own size
PICTURE_ERRORS = (
    OSError,
    UnidentifiedImageError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    Image.DecompressionBombError,
    MemoryError,
)
LONGEST = 20  # times its shorter side; resizing something longer takes more memory than any photograph
SIXTEEN = {"I;16", "I;16B", "I;16L", "I;16N"}  # Pillow's modes of 16-bit grey
DECODING = 2  # raise when a change alters the pixels of any file: part of every fingerprint
CONTENT_BYTES = 1 << 28  # sets up to this size are identified by their bytes, larger ones by names, sizes and dates


class Files(ImageSet):
    """Image files with labels.

    Parameters
    ----------
    name : how the set calls itself.
    root : folder below which `paths` lie; not part of the fingerprint.
    paths, labels : one of each an image, label -1 where there is none.
    size : side of the square images; None takes their own if they are all equal and square, else 224.
    skip_corrupt : decode every file once, now, and drop those that fail, with a warning. Otherwise their ends are
        looked at, which finds empty and truncated files, and the first broken one is an error.

    Raises
    ------
    UnitscopeError
        If a file is broken (here, or where it is first decoded), with its name.
    """

    decodes = True

    def __init__(
        self,
        name: str,
        root: Path,
        paths: Sequence[Path],
        labels: Sequence[int],
        classes: Sequence[str],
        size: int | None = None,
        skip_corrupt: bool = False,
    ):
        broken = _broken(paths, decode=skip_corrupt)
        if broken and not skip_corrupt:
            raise _corrupt(broken[0][0], broken[0][1], len(broken))
        if broken:
            named = ", ".join(path.name for path, _ in broken[:5])
            more = ", ..." if len(broken) > 5 else ""
            reason = _reason(*broken[0])
            warnings.warn(
                f"{name}: {len(broken)} broken files of {len(paths)} are left out ({named}{more}; the first:"
                f" {reason}).",
                stacklevel=3,
            )
            self.left_out = f"Left out: {len(broken)} broken files of {len(paths)} ({named}{more})."
        gone = {path for path, _ in broken}
        kept = [i for i, path in enumerate(paths) if path not in gone]
        self.name, self.root, self.classes = name, root, tuple(classes)
        self.paths = [paths[i] for i in kept]
        self.labels = torch.tensor([labels[i] for i in kept], dtype=torch.int64)
        if not kept:
            raise UnitscopeError(f"{name} holds no readable image below {root}.")
        own = None if size else own_size(self.paths)
        self.image_size = own or size or PHOTO_SIZE
        self.short = own or shorter_side(self.image_size)

    def load(self, indices: Sequence[int] | Tensor) -> Batch:
        order = self.check(indices)
        with ThreadPoolExecutor(READERS) as readers:
            pictures = list(readers.map(self._picture, order.tolist()))
        return Batch(_floats(pictures, self.image_size), self.labels[order], order)

    def _picture(self, index: int) -> np.ndarray:
        path = self.paths[index]
        try:
            with opened(path) as picture:
                return np.asarray(fitted(picture, self.short, self.image_size))
        except PICTURE_ERRORS as error:
            raise _corrupt(path, error) from error

    def fingerprint(self) -> str:
        """Over names below the root, labels, sizes, decoding, and the files' bytes; of more than CONTENT_BYTES, their
        dates instead, so that a copy of a large set counts as the same only if it kept them.
        """
        try:
            about = [path.stat() for path in self.paths]
            small = sum(one.st_size for one in about) <= CONTENT_BYTES
            digest = hashlib.sha256(f"{DECODING} {self.short} {self.image_size} {small}".encode())
            for path, one, label in zip(self.paths, about, self.labels.tolist(), strict=True):
                name = os.fsencode(path.relative_to(self.root).as_posix())
                content = _content(path, one.st_size, one.st_mtime_ns, one.st_ctime_ns) if small else one.st_mtime_ns
                digest.update(b"%d %s %d %d %s\n" % (len(name), name, one.st_size, label, str(content).encode()))
        except OSError as error:
            raise UnitscopeError(f"a file of {self.name} cannot be read any more: {error}.") from error
        return digest.hexdigest()[:16]


class Pixels(ImageSet):
    """Images in memory, `pixels` (N, H, W, 3) bytes, H = W; `size` None keeps theirs."""

    def __init__(
        self, name: str, pixels: np.ndarray, labels: Sequence[int], classes: Sequence[str], size: int | None = None
    ):
        self.name, self.pixels, self.classes = name, pixels, tuple(classes)
        self.labels = torch.tensor(labels, dtype=torch.int64)
        self.image_size = size or pixels.shape[1]
        self.short = shorter_side(size) if size else self.image_size

    def load(self, indices: Sequence[int] | Tensor) -> Batch:
        order = self.check(indices)
        pictures = [
            np.asarray(fitted(Image.fromarray(self.pixels[i]), self.short, self.image_size)) for i in order.tolist()
        ]
        return Batch(_floats(pictures, self.image_size), self.labels[order], order)

    def fingerprint(self) -> str:
        digest = hashlib.sha256(f"{DECODING} {self.short} {self.image_size} {self.labels.tolist()}".encode())
        digest.update(np.ascontiguousarray(self.pixels).data)
        return digest.hexdigest()[:16]


@lru_cache(maxsize=1 << 16)
def _content(path: Path, size: int, modified: int, changed: int) -> str:
    """SHA-256 of a file, read again only where its size or one of its dates changed."""
    return sha256(path)


def opened(path: Path) -> Image.Image:
    """A picture file, not decoded yet.

    Raises
    ------
    OSError
        If it is no regular file: a pipe would wait for ever.
    ValueError
        If its numbers have no known range, or it is LONGEST times as long as wide.
    """
    if not path.is_file():
        raise OSError("it is no regular file")
    picture = Image.open(path)
    w, h = picture.size
    fault = ""
    if max(w, h) > LONGEST * min(w, h):
        fault = f"it has {w} x {h} pixels; at most {LONGEST} times as long as wide is taken"
    elif picture.mode == "F" or (picture.mode == "I" and picture.format == "TIFF"):
        fault = f"its numbers (mode {picture.mode}) have no known range; save it with 8 or 16 bits"
    if fault:
        picture.close()
        raise ValueError(fault)
    return picture


def eight_bits(picture: Image.Image) -> Image.Image:
    """A picture of 16-bit grey with 0..65535 as 0..255; any other as it is."""
    if picture.mode not in SIXTEEN and picture.mode != "I":
        return picture
    grey = np.asarray(picture).astype(np.int64).clip(0, 65535)
    return Image.fromarray(((grey + 128) // 257).astype(np.uint8))


def _floats(pictures: Sequence[np.ndarray], size: int) -> Tensor:
    """Bytes (size, size, 3), one an image, as floats (B, 3, size, size)."""
    stacked = np.stack(pictures) if len(pictures) else np.zeros((0, size, size, 3), np.uint8)
    return torch.from_numpy(stacked).permute(0, 3, 1, 2).float().div_(255)


def shorter_side(size: int) -> int:
    """What the shorter side is resized to before the centre is cropped: size x 256/224, or `size` for small images."""
    return round(size / EVALUATION_CROP) if size >= SMALLEST_CROPPED else size


def fitted(picture: Image.Image, short: int, size: int) -> Image.Image:
    """An image as RGB (size, size): shorter side to `short`, then the centre, as torchvision's Resize and CenterCrop.

    It is turned as its EXIF says. JPEGs at least four times as large are decoded at a fraction of their size.
    """
    picture.draft("RGB", (2 * short, 2 * short))
    picture = eight_bits(ImageOps.exif_transpose(picture))
    if min(picture.size) != short:
        w, h = picture.size
        long = int(short * max(w, h) / min(w, h))
        shape = (short, long) if w <= h else (long, short)
        picture = picture.convert("RGB").resize(shape, Image.Resampling.BILINEAR)
    left, top = (round((side - size) / 2) for side in picture.size)
    return picture.convert("RGB").crop((left, top, left + size, top + size))


def own_size(paths: Sequence[Path]) -> int | None:
    """The common side of square images, judged by a few spread over the set; None where they differ."""
    sizes = set()
    for path in spread(paths, LOOKED_AT):
        try:
            with opened(path) as picture:
                sizes.add(picture.size)
        except PICTURE_ERRORS as error:
            raise _corrupt(path, error) from error
    w, h = sizes.pop() if len(sizes) == 1 else (0, 1)
    return w if w == h else None


def spread(items: Sequence, count: int | None) -> list:
    """At most `count` items, evenly spaced over the whole list."""
    if count is None or count >= len(items):
        return list(items)
    return [items[i * len(items) // count] for i in range(count)]


def _broken(paths: Sequence[Path], decode: bool) -> list[tuple[Path, Exception]]:
    """The files that are not whole images, with what is wrong with them."""

    def fault(path: Path) -> Exception | None:
        try:
            if not path.is_file():
                raise OSError("it is no regular file")
            if decode or not _ends_well(path):
                with opened(path) as picture:
                    picture.load()
        except PICTURE_ERRORS as error:
            return error
        return None

    with ThreadPoolExecutor(READERS) as readers:
        faults = readers.map(fault, paths)
        return [(path, error) for path, error in zip(paths, faults, strict=True) if error is not None]


def _ends_well(path: Path) -> bool:
    """Whether a JPEG or PNG starts and ends as it must; False asks for a closer look."""
    with open(path, "rb") as file:
        head = file.read(4)
        file.seek(max(0, path.stat().st_size - 12))
        tail = file.read()
    return (head[:2] == b"\xff\xd8" and tail.endswith(b"\xff\xd9")) or (head == b"\x89PNG" and b"IEND" in tail)


def _reason(path: Path, error: Exception) -> str:
    """What is wrong with a file, in one line."""
    if isinstance(error, MemoryError):
        return "there is not enough memory to decode it"
    return str(error).replace(str(path), "it").splitlines()[0] if str(error) else type(error).__name__


def _corrupt(path: Path, error: Exception, count: int = 1) -> UnitscopeError:
    others = f" (and {count - 1} more)" if count > 1 else ""
    return UnitscopeError(
        f"image file {path}{others} is corrupt: {_reason(path, error)}. Restore or remove it, or pass"
        " skip_corrupt=True (of a chapter: -p skip_corrupt=True), which decodes every file once and leaves out those"
        " that fail."
    )
