"""Figures about class relevance (Fig. 6); each says that it is skipped where the classifier has no head (`found`
None).
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from unitscope.evidence.linking import NO_HEAD
from unitscope.evidence.linking.relevance import RELEVANT, Relevance, correlations, venn
from unitscope.plots.linking.common import SPECIES_COLOURS, grid_of, inset, name_row, show_picture
from unitscope.plots.style import INK, skipped


def changes(found: Relevance | None) -> Figure:
    """Fig. 6A: mean change of the class's probability by every unit, one row of dots a class."""
    if found is None:
        return skipped(NO_HEAD)
    figure, axes = plt.subplots(figsize=(6.8, 0.62 * len(found.names) + 1.1))
    jitter = np.random.default_rng(0)
    for place, (row, colour) in enumerate(zip(found.change, SPECIES_COLOURS, strict=False)):
        axes.scatter(row, place + jitter.uniform(-0.28, 0.28, len(row)), s=12, color=colour, alpha=0.6, lw=0)
        axes.text(
            1.01,
            place,
            f"{int(found.relevant[place].sum())} relevant",
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=9,
        )
    for edge in (-RELEVANT, RELEVANT):
        axes.axvline(edge, color=INK, ls="--", lw=1)
    axes.set_yticks(range(len(found.names)), found.names)
    axes.set(
        xlabel="change of the probability of the class, lowest to highest value", ylim=(len(found.names) - 0.5, -0.5)
    )
    axes.grid(axis="y", visible=False)
    return figure


def memberships(found: Relevance | None) -> Figure:
    """Fig. 6B: the paper's Venn diagram as bars, one for every set of classes that some units are relevant to."""
    if found is None:
        return skipped(NO_HEAD)
    members = venn(found.sets())[:14]
    if not members:
        return skipped("no unit is relevant to any class at this threshold")
    figure, (top, bottom) = plt.subplots(
        2, 1, figsize=(0.42 * max(len(members), 6) + 1.6, 3.4), sharex=True, height_ratios=(1.4, 1)
    )
    counts = [count for _, count in members]
    top.bar(range(len(members)), counts, color="#6b7280", width=0.6)
    for place, count in enumerate(counts):
        top.text(place, count, str(count), ha="center", va="bottom", fontsize=9)
    top.set_ylabel("units")
    top.margins(y=0.2)
    for place, (key, _) in enumerate(members):
        rows = [found.names.index(name) for name in key]
        bottom.plot([place, place], [min(rows), max(rows)], color=INK, lw=1.5, zorder=1)
        bottom.scatter([place] * len(rows), rows, s=60, color=[SPECIES_COLOURS[row] for row in rows], zorder=2)
    bottom.set_yticks(range(len(found.names)), found.names)
    bottom.set(xticks=[], xlabel="relevant to exactly these classes", ylim=(len(found.names) - 0.5, -0.5))
    for axes in (top, bottom):
        axes.grid(axis="x", visible=False)
    return figure


def class_table(found: Relevance | None) -> Figure:
    """Fig. 6C: correlation over units of the probability changes of every two classes."""
    if found is None:
        return skipped(NO_HEAD)
    table = correlations(found.change).numpy()
    figure, axes = plt.subplots(figsize=(4.4, 3.5))
    drawn = axes.imshow(table, cmap="RdBu_r", vmin=-1, vmax=1)
    for (row, column), value in np.ndenumerate(table):
        axes.text(
            column,
            row,
            f"{value:.2f}",
            ha="center",
            va="center",
            fontsize=9,
            color="white" if abs(value) > 0.6 else INK,
        )
    axes.set_xticks(range(len(found.names)), found.names, rotation=30, ha="right")
    axes.set_yticks(range(len(found.names)), found.names)
    axes.grid(False)
    figure.colorbar(drawn, ax=axes, label="correlation over units", shrink=0.85)
    return figure


def shared_unit(
    images: Tensor, p: Tensor | None, names, own: Tensor | None = None, predicted: Tensor | None = None
) -> Figure:
    """Fig. 6D: one unit tuned on one picture of each class, p(own class) in the corner; a red frame where another class
    wins.

    images (C, S, 3, H, W); p (C, S); own (C,) numbers of the classes; predicted (C, S).
    """
    if p is None:
        return skipped(NO_HEAD)
    rows, steps = images.shape[:2]
    figure, axes = grid_of(rows, steps, cell=min(0.95, 6.2 / steps))
    for row in range(rows):
        for step in range(steps):
            lost = predicted is not None and int(predicted[row, step]) != int(own[row])
            show_picture(axes[row, step], images[row, step], "#c0392b" if lost else "#1a7f4b")
            inset(axes[row, step], float(p[row, step]))
        name_row(axes[row, 0], names[row])
    return figure
