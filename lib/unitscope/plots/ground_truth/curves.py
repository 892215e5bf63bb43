"""Difficulty curves as small multiples: a line and its 95 % band a method, one colour a method in the whole chapter.

Difficulties stand side by side at equal distances, easy ones left. What is known without measuring (chance, the best
that any method could do) is grey. A method's name may end in ", NETWORK": the same colour, and another stroke for
another network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from unitscope.errors import UnitscopeError
from unitscope.evidence.ground_truth.checks import Line
from unitscope.evidence.ground_truth.curves import Curve
from unitscope.plots.style import INK, METHOD_COLOURS

GREY = METHOD_COLOURS["random"]
COLOURS = {
    "PURE": METHOD_COLOURS["PURE"], "activations": METHOD_COLOURS["activations"], "DINO": METHOD_COLOURS["DINO"],
    "CLIP": METHOD_COLOURS["CLIP"], "PCA": "#8C564B", "ICA": "#E69F00", "NMF": "#882255", "k-means": "#0072B2",
    "SAE": "#D55E00", "LPIPS": "#56B4E9", "colour": "#B58900", "label": INK,
    "best buddies, K = 1": "#0072B2", "best buddies, K = 5": "#56B4E9",
    "K = 1, without position": "#D55E00", "link": "#0072B2", "ridge": "#009E73",
    "alone": "#E69F00",
    "random": GREY, "chance": GREY, "shuffled": GREY, "best linear": INK,
}  # fmt: skip
REFERENCES = ("random", "chance", "shuffled", "best linear")  # drawn thin: levels, not methods
MARKERS = {name: "osD^vPX<>*hdp8"[place % 14] for place, name in enumerate(COLOURS)}
STROKES = {"trained": "-", "random weights": "--", "Gaussian twin": ":", "recall": "-", "precision": "--"}


def base(name: str) -> str:
    """The method in "METHOD", "METHOD, NETWORK" or "METHOD: MEASURE"."""
    fits = (known for known in COLOURS if name == known or name.startswith((f"{known}, ", f"{known}: ")))
    return max(fits, key=len, default=name)


def variant(name: str) -> str:
    """What follows the method's own name; "" if nothing does."""
    return name.removeprefix(base(name)).lstrip(",: ")


def panels(
    curves: Mapping[str, Curve], ylabel: str, *, methods: Sequence[str] | None = None, chance: float | None = None,
    columns: int = 2, limits: tuple[float, float] = (0, 1), height: float = 2.7,
) -> Figure:  # fmt: skip
    """One panel a curve, with one legend for all of them above.

    Parameters
    ----------
    curves : {what makes it harder in this panel: Curve}; the name stands over the panel.
    methods : which of the scores, in this order; default: all of each curve.
    chance : a level that is known without measuring.
    """
    if not curves:
        raise UnitscopeError("panels needs at least one curve, got none.")
    columns = min(columns, len(curves))
    rows = -(-len(curves) // columns)
    figure, grid = plt.subplots(rows, columns, figsize=(7.4, height * rows + 0.5), squeeze=False, sharey=True)
    shown: dict[str, None] = {}
    for axes, (title, one) in zip(grid.flat, curves.items(), strict=False):
        kept = [name for name in methods or one.scores if name in one.scores]
        shown |= dict.fromkeys(kept)
        draw_curve(axes, one, kept)
        axes.set_title(title, fontsize=10, loc="left")
        axes.set_xlabel(one.difficulty, fontsize=10)
        if chance is not None:
            axes.axhline(chance, color=GREY, lw=1, ls=(0, (1, 1.5)), zorder=1)
    for axes in grid.flat[len(curves) :]:
        axes.axis("off")
    for axes in grid[:, 0]:
        axes.set_ylabel(ylabel, fontsize=10)
    grid[0, 0].set_ylim(*limits)
    legend(figure, list(shown))
    return figure


def draw_curve(axes: Axes, one: Curve, methods: Sequence[str]) -> None:
    """Every method's mean and interval in one panel."""
    x = np.arange(len(one.x))
    for name in methods:
        mean, interval, kind = one.mean(name), one.interval(name), base(name)
        colour, reference = COLOURS.get(kind, INK), kind in REFERENCES
        stroke = (0, (4, 2)) if reference else STROKES.get(variant(name), "-")
        axes.fill_between(x, *interval.T, color=colour, alpha=0.10 if reference else 0.18, lw=0)
        axes.plot(
            x, mean, color=colour, ls=stroke, lw=1.1 if reference else 1.8, zorder=2 if reference else 3, ms=4.5,
            marker="" if reference else MARKERS.get(kind, "o"),
            mfc="white" if variant(name) in ("random weights", "precision") else colour,
        )  # fmt: skip
    axes.set_xticks(x)
    axes.set_xticklabels([f"{v:g}" if isinstance(v, (int, float)) else str(v) for v in one.x], fontsize=9)
    axes.tick_params(axis="y", labelsize=9)


def legend(figure: Figure, names: Sequence[str]) -> None:
    """Colours for methods, strokes for networks."""
    kinds = list(dict.fromkeys(base(name) for name in names))
    strokes: dict[str, list[str]] = {}
    for one in dict.fromkeys(variant(name) for name in names if variant(name)):
        strokes.setdefault(STROKES.get(one, "-"), []).append(one)
    handles = [
        Line2D(
            [],
            [],
            color=COLOURS.get(kind, INK),
            lw=1.8,
            label=kind,
            ms=5,
            ls=(0, (4, 2)) if kind in REFERENCES else "-",
            marker="" if kind in REFERENCES else MARKERS.get(kind, "o"),
        )
        for kind in kinds
    ]
    if len(strokes) > 1:
        joined = {stroke: ", ".join(own) for stroke, own in strokes.items()}
        handles += [Line2D([], [], color=INK, lw=1.3, ls=stroke, label=label) for stroke, label in joined.items()]
    wide = max(len(handle.get_label()) for handle in handles) > 16
    columns = -(-len(handles) // -(-len(handles) // (4 if wide else 6)))
    look = {"fontsize": 9, "columnspacing": 1.2, "handlelength": 2.4}
    figure.legend(handles=handles, loc="outside upper center", ncols=columns, **look)


CELLS = ("easiest", "middle", "hardest")


def summary(lines: Sequence[Line]) -> Figure:
    """One row a method of each question, a cell for the easiest, the middle and the hardest difficulty of its curve."""
    if not lines:
        raise UnitscopeError("summary needs at least one line, got none.")
    table = np.array([line.way for line in lines])
    figure, axes = plt.subplots(figsize=(7.2, 0.27 * len(lines) + 0.9))
    axes.imshow(table.clip(0, 1), cmap="YlGnBu", vmin=0, vmax=1, aspect="auto")
    for row, line in enumerate(lines):
        for column, (value, difficulty) in enumerate(zip(line.way, line.at, strict=True)):
            axes.text(column, row, f"{value:.2f}   at {difficulty}", ha="center", va="center", fontsize=8.5,
                      color="white" if value > 0.6 else INK)  # fmt: skip
        if row and line.question != lines[row - 1].question:
            axes.axhline(row - 0.5, color=INK, lw=1.2)
    names = [f"{line.question}: {line.method}" for line in lines]
    axes.set(xticks=range(len(CELLS)), xticklabels=CELLS, yticks=range(len(lines)))
    axes.set_yticklabels(names, fontsize=9)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    return figure
