"""Figures beyond the paper: the segmenter by number of labels, units against known factors, cycles of real pictures."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from unitscope.data.critters import PARTS
from unitscope.evidence.linking.rendered_truth import SHOWS
from unitscope.evidence.linking.shots import ShotScores
from unitscope.plots.style import INK, PART_COLOURS


def shots(scores: ShotScores, oracle: Tensor) -> Figure:
    """IoU of every label by the number of labelled pictures a class; crosses: the oracle on renders with exact
    masks.
    """
    figure, axes = plt.subplots(figsize=(6.6, 3.2))
    counts = list(scores.by_shots)
    for label, part in enumerate(PARTS):
        values = [float(scores.by_shots[count][label]) for count in counts]
        axes.plot(range(len(counts)), values, "o-", color=PART_COLOURS[part], label=part)
        axes.plot(len(counts), float(oracle[label]), "x", ms=8, mew=2, color=PART_COLOURS[part])
    axes.set_xticks(range(len(counts) + 1), [f"{count} a class" for count in counts] + ["oracle\n(renders)"])
    axes.set(xlabel="labelled pictures", ylabel="intersection over union", ylim=(-0.02, 1.02))
    figure.legend(loc="outside right center", fontsize=9)
    return figure


def factor_table(table: Tensor) -> Figure:
    """Rank correlation over units: each factor that the renderer changed (rows) with each measure where a factor must
    show.
    """
    names = list(SHOWS)
    figure, axes = plt.subplots(figsize=(6.4, 4.3))
    drawn = axes.imshow(table, cmap="RdBu_r", vmin=-1, vmax=1)
    for (row, column), value in np.ndenumerate(table.numpy()):
        axes.text(
            column,
            row,
            f"{value:.2f}",
            ha="center",
            va="center",
            fontsize=9,
            color="white" if abs(value) > 0.6 else INK,
            fontweight="bold" if row == column else "normal",
        )
    axes.set_xticks(
        range(len(names)),
        [f"{'+'.join(labels) if len(labels) < 2 else 'critter'}\n{metric}" for labels, metric in SHOWS.values()],
        fontsize=8,
        rotation=35,
        ha="right",
    )
    axes.set_yticks(range(len(names)), [name.replace("_", " ") for name in names], fontsize=9)
    axes.set(xlabel="measured on the pictures", ylabel="factor in the renderer")
    axes.grid(False)
    figure.colorbar(drawn, ax=axes, label="rank correlation over units", shrink=0.85)
    return figure


def networks(found: Mapping[str, tuple[float, float | None]]) -> Figure:
    """Other classifiers: explained variance within classes, and share of kept classes (none without a head)."""
    figure, axes = plt.subplots(figsize=(6.4, 0.45 * len(found) + 1.1))
    for place, (within, kept) in enumerate(found.values()):
        axes.barh(place - 0.18, within, 0.34, color="#0072B2")
        axes.text(max(within, 0) + 0.01, place - 0.18, f"{within:.2f}", va="center", fontsize=9)
        if kept is not None:
            axes.barh(place + 0.18, kept, 0.34, color="#D55E00")
        axes.text(
            (kept or 0) + 0.01, place + 0.18, "no head" if kept is None else f"{kept:.0%}", va="center", fontsize=9
        )
    axes.set_yticks(range(len(found)), list(found))
    axes.set(
        xlabel="share", xlim=(min(0, *(one[0] for one in found.values())) - 0.02, 1.12), ylim=(len(found) - 0.5, -0.5)
    )
    handles = [
        plt.Line2D([], [], color=c, lw=5, label=n)
        for c, n in (("#0072B2", "explained within a class ($R^2$)"), ("#D55E00", "cycles that keep their class"))
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2)
    axes.grid(axis="y", visible=False)
    return figure
