"""How every still picture of the book looks, and the strips of crops that most of them hold.

    image    (3, h, w)   RGB in [0, 1], torch or numpy
    mosaic   (H, W, 3)   many images in rows, white between them

A figure is a white card with dark ink: it reads the same on a light page and on a dark one. Letters are sized for
a figure of 6 to 7 inches, which a phone scrolls sideways instead of shrinking.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from unitscope.errors import UnitscopeError

# Okabe and Ito (2008): told apart by readers with any common colour vision.
METHOD_COLOURS = {
    "PURE": "#0072B2",
    "activations": "#D55E00",
    "DINO": "#009E73",
    "CLIP": "#AA4499",
    "random": "#7A7A7A",
}
CLUSTER_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#AA4499", "#B58900")
PART_COLOURS = {
    "background": "#20242b", "body": "#8dd3c7", "head": "#e6d95c", "ears": "#fb8072", "eyes": "#3b7dd8",
    "snout": "#fdb462", "legs": "#8a63b8", "tail": "#4daf4a", "tongue": "#e377a8",
}  # fmt: skip
INK, FAINT, PAPER = "#1f2328", "#c9ced6", "#ffffff"

STYLE = {
    "figure.facecolor": PAPER,
    "figure.dpi": 130,
    "figure.figsize": (6.4, 3.8),
    "figure.constrained_layout.use": True,
    "savefig.facecolor": PAPER,
    "font.size": 11,
    "axes.titlesize": 11,
    "axes.labelsize": 11,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.prop_cycle": plt.cycler(color=CLUSTER_COLOURS),
    "grid.color": FAINT,
    "grid.linewidth": 0.5,
    "xtick.color": INK,
    "ytick.color": INK,
    "text.color": INK,
    "legend.frameon": False,
    "image.interpolation": "nearest",
}


def bare(axes: Axes) -> Axes:
    """The same axes without ticks, grid and frame, for a picture."""
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    return axes


def skipped(reason: str) -> Figure:
    """A figure that says why a panel is not drawn."""
    figure, axes = plt.subplots(figsize=(6.4, 0.9))
    axes.axis("off")
    axes.text(
        0.5, 0.5, textwrap.fill(f"Panel skipped: {reason}.", 76), ha="center", va="center", color=INK, style="italic"
    )
    return figure


def use_style() -> None:
    """Make the book's look the default of every matplotlib figure from here on."""
    plt.rcParams.update(STYLE)


def to_pixels(image, size: int | None = None) -> np.ndarray:
    """One image (3, h, w) in [0, 1] as bytes (h, w, 3); with `size`, as a square of that side.

    An image that is not square is fitted into the square and padded with white.
    """
    array = np.asarray(image, dtype=np.float32)
    if array.ndim != 3 or array.shape[0] != 3:
        raise UnitscopeError(f"a picture must be (3, h, w) with values in [0, 1], got shape {array.shape}.")
    pixels = (array.clip(0, 1).transpose(1, 2, 0) * 255).round().astype(np.uint8)
    if size is None:
        return pixels
    height, width = pixels.shape[:2]
    scale = size / max(height, width)
    fitted = Image.fromarray(pixels).resize(
        (max(1, round(width * scale)), max(1, round(height * scale))), Image.BICUBIC
    )
    square = Image.new("RGB", (size, size), PAPER)
    square.paste(fitted, ((size - fitted.width) // 2, (size - fitted.height) // 2))
    return np.asarray(square)


def mosaic(images: Sequence, per_row: int = 8, size: int = 72, gap: int = 4) -> np.ndarray:
    """Images of any size in rows of `per_row`, each in a square of `size` pixels -> (H, W, 3) bytes."""
    if not len(images):
        raise UnitscopeError("a mosaic needs at least one image, got none.")
    columns = min(per_row, len(images))
    rows = -(-len(images) // columns)
    step = size + gap
    canvas = np.full((rows * step - gap, columns * step - gap, 3), 255, dtype=np.uint8)
    for index, image in enumerate(images):
        top, left = divmod(index, columns)
        canvas[top * step : top * step + size, left * step : left * step + size] = to_pixels(image, size)
    return canvas


def draw_strip(axes: Axes, images: Sequence, per_row: int = 8, label: str = "", colour: str = INK) -> None:
    """Fill `axes` with a mosaic of the images; `label` stands at its left in `colour`."""
    axes.imshow(mosaic(images, per_row))
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    if label:
        axes.set_ylabel(label, rotation=0, ha="right", va="center", color=colour)


def strip(images: Sequence, captions: Sequence[str] | None = None, per_row: int = 8, cell: float = 0.8) -> Figure:
    """A figure of crops, one square of `cell` inches each, with a short caption under each if given.

    Raises
    ------
    UnitscopeError
        If there are no images, or not as many captions as images.
    """
    if captions is not None and len(captions) != len(images):
        raise UnitscopeError(f"a strip of {len(images)} images needs as many captions, got {len(captions)}.")
    if captions is None:
        rows = -(-len(images) // per_row)
        figure, axes = plt.subplots(figsize=(cell * min(per_row, len(images)), cell * max(rows, 1)))
        draw_strip(axes, images, per_row)
        return figure
    columns = min(per_row, len(images))
    rows = -(-len(images) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(cell * columns, (cell + 0.25) * rows), squeeze=False)
    for place, axes in enumerate(grid.flat):
        axes.axis("off")
        if place < len(images):
            axes.imshow(to_pixels(images[place], 72))
            axes.set_title(captions[place], fontsize=9, y=-0.32)
    return figure
