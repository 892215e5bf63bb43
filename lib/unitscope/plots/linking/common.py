"""What the chapter's figures share: colours of parts and species, frames, masks in colour, and a card for skipped
panels.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unitscope.plots.style import CLUSTER_COLOURS, INK, PART_COLOURS, to_pixels

SPECIES_COLOURS = (*CLUSTER_COLOURS, "#56B4E9", "#7A7A7A")
CELL = 0.85  # inches of one picture in a strip


def coloured(mask) -> np.ndarray:
    """A mask (H, W) of part numbers as bytes (H, W, 3)."""
    table = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in PART_COLOURS.values()], np.uint8)
    return table[np.asarray(mask)]


def show_picture(axes: Axes, image, frame: str | None = None, title: str = "", width: float = 2.5) -> None:
    """One picture (3, H, W), or bytes (H, W, 3), with an optional coloured frame and a line above it."""
    pixels = np.asarray(image)
    axes.imshow(pixels if pixels.dtype == np.uint8 else to_pixels(image))
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set_visible(frame is not None)
    if frame is not None:
        axes.spines[:].set(color=frame, linewidth=width)
    if title:
        axes.set_title(title, fontsize=9, pad=2)


def inset(axes: Axes, p: float) -> None:
    """A probability in the upper left corner of a picture, as the authors' code writes it."""
    text = f"{p:.2f}" if p > 0.01 else f"{p:.0e}"
    axes.text(0.04, 0.95, text, transform=axes.transAxes, ha="left", va="top", fontsize=8.5, color="black",
              bbox={"facecolor": "white", "alpha": 0.85, "lw": 0, "pad": 1.2})  # fmt: skip


def grid_of(rows: int, columns: int, cell: float = CELL, left: float = 1.1) -> tuple[Figure, np.ndarray]:
    """A figure of picture cells, `left` inches for row names."""
    figure, axes = plt.subplots(
        rows, columns, figsize=(cell * columns + left, cell * rows + 0.25), squeeze=False, layout="constrained"
    )
    figure.get_layout_engine().set(w_pad=0.015, h_pad=0.015, wspace=0.01, hspace=0.01)
    return figure, axes


def name_row(axes: Axes, text: str, colour: str = INK) -> None:
    """A name at the left of a row's first picture."""
    axes.set_ylabel(text, rotation=0, ha="right", va="center", fontsize=9.5, color=colour, labelpad=6)


def legend_of_parts(figure: Figure, parts, ncols: int = 9) -> None:
    """Which colour is which part, above a figure."""
    handles = [plt.Line2D([], [], marker="s", ls="", ms=8, color=PART_COLOURS[part], label=part) for part in parts]
    figure.legend(
        handles=handles, loc="outside upper center", ncols=ncols, fontsize=9, handletextpad=0.2, columnspacing=0.9
    )
