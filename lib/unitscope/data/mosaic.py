"""Pictures made of several pictures: a known dose of unrelated scenery beside each subject.

    N  pictures of the set    T  tiles of a mosaic    S = image_size

Mosaic i holds picture i, its *subject*, and T - 1 others, each in a cell of its own; which others and which cells is
drawn once by the seed. Every picture of the set stands in exactly T mosaics.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope import checking
from unitscope.data.images import Batch, ImageSet, Truth
from unitscope.errors import UnitscopeError

GRIDS = {1: (1, 1), 2: (1, 2), 4: (2, 2), 9: (3, 3)}  # tiles: rows and columns


class Mosaic(ImageSet):
    """See `mosaic`.

    sources : (N, T) int64, which pictures of `parent` stand in a mosaic; the subject is the first.
    cells : (N, T) int64, the cell of each, counted row by row from the upper left.
    """

    def __init__(self, parent: ImageSet, tiles: int, seed: int):
        self.parent, self.tiles, self.seed, self.decodes = parent, tiles, seed, parent.decodes
        self.grid = GRIDS[tiles]
        self.name = f"{parent.name} in mosaics of {tiles}"
        self.classes, self.image_size, self.labels = parent.classes, parent.image_size, parent.labels
        self.sources, self.cells = arrangement(len(parent), tiles, seed)

    def load(self, indices: Sequence[int] | Tensor) -> Batch:
        order = self.check(indices)
        wanted, places = self.sources[order].unique(return_inverse=True)
        found = self.parent.load(wanted).images
        canvas = found.new_zeros(len(order), 3, self.image_size, self.image_size)
        for cell, (top, left, bottom, right) in enumerate(self.boxes().tolist()):
            tile = covering(found, bottom - top, right - left)
            canvas[:, :, top:bottom, left:right] = tile[self._in_cell(places, order, cell)]
        return Batch(canvas, self.labels[order], order)

    def _in_cell(self, places: Tensor, order: Tensor, cell: int) -> Tensor:
        """Of values (n, T) of the mosaics `order`, the one that belongs to `cell`: (n,)."""
        return places[self.cells[order] == cell]

    def boxes(self) -> Tensor:
        """(T, 4) int64: top, left, bottom, right of each cell in pixels; together they cover the picture."""
        rows, columns = ([round(self.image_size * k / n) for k in range(n + 1)] for n in self.grid)
        found = [
            (rows[y], columns[x], rows[y + 1], columns[x + 1]) for y in range(self.grid[0]) for x in range(self.grid[1])
        ]
        return torch.tensor(found)

    def source_at(self, indices: Sequence[int] | Tensor, y: Tensor, x: Tensor) -> Tensor:
        """Which picture of `parent` is seen in mosaics `indices` (n,) at pixels y, x (n,): (n,) int64.

        Raises
        ------
        UnitscopeError
            For pixels outside of the picture, or not one for each mosaic.
        """
        order = self.check(indices)
        y, x = (checking.indices(name, value, empty=True).flatten() for name, value in (("y", y), ("x", x)))
        if not len(y) == len(x) == len(order):
            raise UnitscopeError(f"`y` and `x` must name one pixel for each of {len(order)} mosaics, got {len(y)}.")
        if len(y) and not (0 <= int(min(y.min(), x.min())) and int(max(y.max(), x.max())) < self.image_size):
            raise UnitscopeError(f"`y` and `x` must lie in 0..{self.image_size - 1}.")
        top, left, bottom, right = self.boxes().T
        inside = (y[:, None] >= top) & (y[:, None] < bottom) & (x[:, None] >= left) & (x[:, None] < right)
        cell = inside.long().argmax(1)
        return self.sources[order][self.cells[order] == cell[:, None]]

    def truth(self, indices: Sequence[int] | Tensor) -> Truth | None:
        """Factors of the subjects, and masks of everything that is seen; None where the set knows none."""
        order = self.check(indices)
        subjects = self.parent.truth(self.sources[order, 0])
        return None if subjects is None else Truth(subjects.factors, lambda: self._masks(order))

    def _masks(self, order: Tensor) -> Tensor:
        wanted, places = self.sources[order].unique(return_inverse=True)
        masks = self.parent.truth(wanted).masks
        canvas = masks.new_zeros(len(order), self.image_size, self.image_size)
        for cell, (top, left, bottom, right) in enumerate(self.boxes().tolist()):
            tile = covering(masks[:, None].float(), bottom - top, right - left, mode="nearest-exact")[:, 0]
            canvas[:, top:bottom, left:right] = tile.to(masks.dtype)[self._in_cell(places, order, cell)]
        return canvas

    def fingerprint(self) -> str:
        text = f"{self.parent.fingerprint()} mosaic {self.tiles} {self.seed}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def mosaic(images: ImageSet, tiles: int = 4, seed: int = 0) -> Mosaic:
    """Each picture of a set beside `tiles` - 1 others of it.

    Every tile is resized (antialiased) until it covers its cell, and cut around its centre; with `tiles=1` nothing
    changes. Labels and factors are those of the subject, `sources` and `cells` tell where everything stands.

    Parameters
    ----------
    images : at least `tiles` pictures, (3, S, S) in [0, 1] each.
    tiles : 1, 2 (side by side), 4 or 9 (square grids).
    seed : of the arrangement.

    Raises
    ------
    UnitscopeError
        For another number of tiles, or fewer pictures than tiles.

    Examples
    --------
    >>> from unitscope.data import load_dataset
    >>> pictures = mosaic(load_dataset("critters/test", limit=8), tiles=4)
    >>> pictures.load([0]).images.shape, pictures.sources[0, 0].item()
    (torch.Size([1, 3, 64, 64]), 0)
    """
    if tiles not in GRIDS or isinstance(tiles, bool):
        raise UnitscopeError(f"`tiles` must be one of {', '.join(map(str, GRIDS))}, got {tiles!r}.")
    if len(images) < tiles:
        raise UnitscopeError(f"mosaics of {tiles} tiles need as many pictures, {images.name} holds {len(images)}.")
    return Mosaic(images, tiles, seed)


def arrangement(n: int, tiles: int, seed: int) -> tuple[Tensor, Tensor]:
    """Sources and cells, both (n, tiles): picture i first; then those that follow i in one random circle of all n."""
    generator = torch.Generator().manual_seed(seed)
    circle = torch.randperm(n, generator=generator)
    place = circle.argsort()  # where each picture stands in the circle
    steps = (1 + torch.randperm(n - 1, generator=generator)[: tiles - 1]) if tiles > 1 else torch.empty(0).long()
    others = circle[(place[:, None] + steps) % n]
    cells = torch.rand(n, tiles, generator=generator).argsort(1)
    return torch.cat([torch.arange(n)[:, None], others], 1), cells


def covering(images: Tensor, height: int, width: int, mode: str = "bilinear") -> Tensor:
    """Images (n, C, h, w) resized until they cover (height, width), cut around the centre."""
    scale = max(height / images.shape[2], width / images.shape[3])
    if scale != 1:
        size = [max(height, round(images.shape[2] * scale)), max(width, round(images.shape[3] * scale))]
        smooth = {"antialias": True} if mode == "bilinear" else {}
        images = F.interpolate(images, size, mode=mode, **smooth)
    top, left = (images.shape[2] - height) // 2, (images.shape[3] - width) // 2
    return images[:, :, top : top + height, left : left + width]
