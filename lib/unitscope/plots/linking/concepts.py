"""The method in pictures: the cycle, a tuned unit, the way to a counterfactual (Fig. 1 and 2A), motion and masks (Fig.
2B).
"""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure
from torch import Tensor

from unitscope.data.critters import PARTS
from unitscope.metrics.parts import METRICS
from unitscope.papers.linking.motions import Motion, strongest
from unitscope.plots.linking.common import coloured, legend_of_parts, show_picture
from unitscope.plots.style import CLUSTER_COLOURS, INK, PART_COLOURS, to_pixels

UNITS_SHOWN = 48
RED = "#c0392b"
NAMES = {
    "area": "area\n(relative)",
    "luminance": "luminance\n(of white)",
    "entropy": "entropy\n(bits)",
    "eccentricity": "eccentricity",
    "angle": "angle\n(degrees)",
}


def concept(original: Tensor, cycled: Tensor, r: Tensor, unit: int, tuned: Sequence[Tensor]) -> Figure:
    """Fig. 1 and 2A with a real picture: w to picture to r, over the link (red) back to a picture, and one unit tuned.

    original, cycled (3, H, W); r (d,) its activations; tuned: pictures with the unit from its lowest to its highest
    value.
    """
    figure = plt.figure(figsize=(7.4, 3.5))
    figure.set_layout_engine("none")
    count = len(tuned)

    def picture(x, y, image, title, side=0.2):
        axes = figure.add_axes((x, y, side * 3.5 / 7.4 * 2.1, side * 2.1))
        show_picture(axes, image, INK, title, 1)
        return axes

    picture(0.02, 0.52, original, "I = G(w)")
    picture(0.78, 0.52, cycled, "cycled: G(f(r))")
    bars = figure.add_axes((0.31, 0.58, 0.36, 0.28))
    step = max(1, len(r) // UNITS_SHOWN)
    shown = np.unique([*range(0, len(r), step)[:UNITS_SHOWN], unit])
    bars.bar(range(len(shown)), r[shown], color=["#9aa2ad" if one != unit else CLUSTER_COLOURS[1] for one in shown])
    bars.set(xticks=[], yticks=[], xlabel=f"some of the {len(r)} units, #{unit} in orange")
    bars.set_title("activations r", fontsize=10)
    bars.xaxis.label.set_fontsize(9)
    bars.grid(False)
    figure.text(0.263, 0.72, "classifier", ha="center", fontsize=9)
    figure.text(0.725, 0.72, "link f, G", ha="center", fontsize=9, color=RED)
    for start, end, colour in ((0.235, 0.295, INK), (0.69, 0.765, RED)):
        figure.add_artist(
            plt.matplotlib.patches.FancyArrowPatch(
                (start, 0.68),
                (end, 0.68),
                transform=figure.transFigure,
                arrowstyle="-|>",
                mutation_scale=15,
                lw=2,
                color=colour,
            )
        )
    side = min(0.17, 0.92 * 0.84 / count)
    for place, image in enumerate(tuned):
        picture(
            0.14 + place * 0.84 / count,
            0.04,
            image,
            ("lowest", "", "highest")[0 if place == 0 else 2 if place == count - 1 else 1],
            side,
        )
    figure.text(0.125, 0.2, f"unit #{unit}\ntuned", ha="right", va="center", fontsize=10, color=CLUSTER_COLOURS[1])
    return figure


def field(original: Tensor, tuned: Tensor, found: Motion) -> Figure:
    """Fig. 2B left: the pair overlaid as it is, overlaid after alignment, and the arrows that remain."""
    figure, axes = plt.subplots(1, 4, figsize=(7.4, 2.2))
    show_picture(axes[0], original, title="original")
    show_picture(axes[1], tuned, title="tuned")
    overlay = 0.5 * original + 0.5 * found.aligned
    show_picture(axes[2], overlay, title="overlaid, aligned")
    arrows(axes[3], found.aligned, found.after)
    axes[3].set_title("strongest local motion", fontsize=9, pad=2)
    return figure


def arrows(axes, image: Tensor, flow: np.ndarray, every: int = 2) -> None:
    """The longest arrows of a field (2, H, W) over a darkened picture; hue is direction, as in the authors' code."""
    show_picture(axes, image * 0.35)
    kept = strongest(flow)
    rows, columns = (index[::every] for index in np.nonzero(kept))
    down, right = flow[0][rows, columns], flow[1][rows, columns]
    length = np.hypot(down, right)
    if not len(length):
        return
    hue = (np.degrees(np.arctan2(-down, right)) + 180) % 360 / 360
    colours = hsv_to_rgb(np.stack([hue, np.maximum(length / length.max(), 0.5), np.ones_like(hue)], 1))
    axes.quiver(
        columns,
        rows,
        right,
        down,
        color=colours,
        angles="xy",
        scale_units="xy",
        scale=0.35 * max(1.0, length.max() / 6),
        width=0.012,
    )


def measured(images: Sequence[Tensor], masks: Sequence[Tensor], changes: Tensor) -> Figure:
    """Fig. 2B right and the notebook's figure: pictures of a tuned unit, their masks, and five bars of change a label.

    changes (K, M) from the first picture to the last.
    """
    count = len(images)
    figure = plt.figure(figsize=(7.4, 4.9))
    top, bottom = figure.subfigures(2, 1, height_ratios=(2.1, 1.7))
    for place, (row, things) in enumerate(
        zip(top.subplots(2, count), (images, [coloured(mask) for mask in masks]), strict=True)
    ):
        for axes, thing, title in zip(row, things, ["lowest", *[""] * (count - 2), "highest"], strict=True):
            show_picture(axes, thing, title=title if not place else "")
    for axes, name in zip(bottom.subplots(1, len(METRICS)), METRICS, strict=True):
        values = changes[:, METRICS.index(name)].numpy()
        axes.barh(range(len(PARTS)), values, color=list(PART_COLOURS.values()))
        axes.axvline(0, color=INK, lw=0.8)
        axes.set(yticks=[], xlabel=NAMES[name], ylim=(len(PARTS) - 0.5, -0.5))
        axes.xaxis.label.set_fontsize(9)
        axes.tick_params(labelsize=8)
        reach = max(float(np.abs(values).max()), 0.05) * 1.1
        axes.set_xlim(-reach, reach)
    legend_of_parts(figure, PARTS)
    return figure


def masks_of(images: Sequence[Tensor], masks: Sequence[Tensor], names: Sequence[str] = ("pictures", "masks")) -> Figure:
    """Pictures over their masks."""
    figure, axes = plt.subplots(2, len(images), figsize=(7.2, 2.3), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0.01, hspace=0.01)
    for column, (image, mask) in enumerate(zip(images, masks, strict=True)):
        show_picture(axes[0, column], to_pixels(image))
        show_picture(axes[1, column], coloured(mask))
    for row, name in enumerate(names):
        axes[row, 0].set_ylabel(name, fontsize=9)
    legend_of_parts(figure, PARTS)
    return figure
