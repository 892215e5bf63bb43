"""PURE's first two figures, redrawn from a real unit: the circuits that share it, and how its crops are made."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.patches import FancyArrowPatch, Rectangle
from scipy.ndimage import gaussian_filter
from torch import Tensor

from unitscope.evidence.pure.contents import Factor, describe
from unitscope.papers.pure import LayerStudy
from unitscope.papers.pure.circuits import typical_channels
from unitscope.papers.pure.collect import lower_crops
from unitscope.plots.style import CLUSTER_COLOURS, INK, bare, draw_strip, to_pixels

LETTERS = "abcdefgh"
SHOWN = 8  # crops of a strip, as in the paper
UNIT, VIRTUAL = (0.5, 0.5), ((0.84, 0.77), (0.84, 0.23))
HEAT_BLUR = 1.1  # sigma in pixels, the one that boxes are made with


def concept(study: LayerStudy, row: int, labels: Tensor, factors: Mapping[str, Factor], count: int = 3) -> Figure:
    """The paper's Fig. 1 for the unit in `row`: its two circuits, its two virtual neurons, and the crops of all three.

    labels (n,) : circuit of each reference, 0 or 1; count : channels of the lower layer drawn for each circuit.
    """
    figure = plt.figure(figsize=(7.2, 6.4))
    top, *rows = figure.subplots(4, 1, gridspec_kw={"height_ratios": [3.4, 1, 1, 1]})
    top.set(xlim=(0, 1.25), ylim=(0, 1))
    top.axis("off")
    channels, strength = typical_channels(study.vectors["PURE"][row], labels, count)
    draw_circuits(top, study, channels, strength)
    words = [describe(factors, study.references[row, labels == circuit]) for circuit in (0, 1)]
    draw_unit(top, int(study.units[row]), words)
    top.set_title(f"channels of {study.setting.lower}", loc="left", fontsize=10)
    top.set_title(f"unit of {study.setting.layer}, and its virtual neurons", loc="center", fontsize=10)
    crops, unit = study.crops(row), int(study.units[row])
    for axes, label, chosen, colour in zip(
        rows, ("", "a", "b"), (labels >= 0, labels == 0, labels == 1), (INK, *CLUSTER_COLOURS), strict=False
    ):
        draw_strip(axes, padded(crops[chosen]), label=f"#{unit}{label}", colour=colour)
    return figure


def draw_circuits(axes: Axes, study: LayerStudy, channels: Tensor, strength: Tensor) -> None:
    """Channels (2, m) of the lower layer as framed crops, each with an edge to the unit as thick as its attribution."""
    crops = lower_crops(study, channels.flatten())
    places = enumerate(zip(np.linspace(0.91, 0.09, channels.numel()), channels.flatten().tolist(), strict=True))
    widths = 1 + 6 * (strength / strength.max()).clamp(min=0).flatten()
    for place, (y, channel) in places:
        colour = CLUSTER_COLOURS[place // channels.shape[1]]
        edge = {"arrowstyle": "-", "lw": float(widths[place]), "color": colour, "alpha": 0.7, "zorder": 1}
        axes.add_patch(FancyArrowPatch((0.15, y), UNIT, **edge))
        paste(axes, crops[place], (0.13, y), 34, colour)
        axes.text(0.075, y, f"#{channel}", ha="right", va="center", fontsize=9.5)


def draw_unit(axes: Axes, unit: int, words: list[str]) -> None:
    """The unit, half in each colour, and the virtual neurons that it becomes."""
    centred = {"ha": "center", "va": "center", "color": "white", "weight": "bold", "zorder": 3}
    for (x, y), text, letter, colour in zip(VIRTUAL, words, LETTERS, CLUSTER_COLOURS, strict=False):
        arrow = {"arrowstyle": "-|>", "mutation_scale": 16, "lw": 1.6, "color": colour, "zorder": 1, "shrinkB": 17}
        axes.add_patch(FancyArrowPatch(UNIT, (x, y), **arrow))
        axes.plot(x, y, "o", ms=32, color=colour, zorder=2)
        axes.text(x, y, f"{unit}{letter}", fontsize=9.5, **centred)
        axes.text(x + 0.07, y, text.replace(", ", "\n"), va="center", color=colour)
        axes.text(
            0.6, 0.5 + 0.62 * (y - 0.5), f"if circuit {letter}", ha="right", va="center", fontsize=9.5, color=colour
        )
    halves = {"fillstyle": "top", "ms": 42, "markerfacecoloralt": CLUSTER_COLOURS[1], "mec": "none", "zorder": 2}
    axes.plot(*UNIT, marker="o", color=CLUSTER_COLOURS[0], **halves)
    axes.text(*UNIT, f"{unit}", fontsize=10.5, **centred)


def paste(axes: Axes, picture, place: tuple[float, float], points: int, colour: str) -> None:
    """A picture of `points` a side at a place of the axes, framed in a colour."""
    image = OffsetImage(to_pixels(picture, 72), zoom=points / 72, interpolation="bilinear")
    frame = {"edgecolor": colour, "linewidth": 1.6, "boxstyle": "square,pad=0"}
    axes.add_artist(AnnotationBbox(image, place, pad=0, bboxprops=frame))


def padded(crops, count: int = SHOWN) -> list:
    """The first `count` crops, filled up with white so that strips of small clusters keep their scale."""
    shown = list(crops[:count])
    return shown + [np.ones((3, 8, 8), dtype=np.float32)] * (count - len(shown))


def pipeline(study: LayerStudy, row: int, count: int = 5) -> Figure:
    """The paper's Fig. 2, right: references of the unit in `row`, where its evidence lies, and the crops from it."""
    columns = slice(0, count)
    heated = study.setting.crop == "lrp"
    labels = ("image", "heat", "crop") if heated else ("image", "crop")
    figure = plt.figure(figsize=(7.2, 1.42 * len(labels)))
    grid = figure.subplots(len(labels), count, squeeze=False)
    pictures = study.pictures(row, columns)
    for axes, picture, box in zip(grid[0], pictures, study.boxes[row, columns].tolist(), strict=False):
        axes.imshow(to_pixels(picture))
        outline(axes, box)
    for axes, crop in zip(grid[-1], study.crops(row, columns), strict=False):
        axes.imshow(to_pixels(crop))
    for axes, picture, heat in zip(grid[1], pictures, study.heat(row, columns) if heated else (), strict=False):
        draw_heat(axes, picture, heat.numpy())
    for axes, label in zip(grid[:, 0], labels, strict=True):
        axes.set_ylabel(label)
    for axes in grid.ravel():
        bare(axes)
    return figure


def draw_heat(axes: Axes, picture, heat: np.ndarray) -> None:
    """Blurred relevance over the grey image; the root of its magnitude, so that weak evidence shows."""
    smooth = gaussian_filter(heat, HEAT_BLUR)
    shown = np.sign(smooth) * np.sqrt(np.abs(smooth) / (np.abs(smooth).max() or 1))
    axes.imshow(to_pixels(picture).mean(2), cmap="gray", alpha=0.45)
    axes.imshow(shown, cmap="RdBu_r", vmin=-0.8, vmax=0.8, alpha=0.7)


def outline(axes: Axes, box: list[int], colour: str = CLUSTER_COLOURS[1]) -> None:
    """Draw a box (top, left, bottom, right)."""
    top, left, bottom, right = box
    axes.add_patch(Rectangle((left - 0.5, top - 0.5), right - left, bottom - top, fill=False, lw=1.8, ec=colour))
