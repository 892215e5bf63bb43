"""Figures about the link: the two spaces (Fig. 3A), cycles (3B), distances (3C, S1), kinds of links, layers,
truncation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from unitscope.evidence.linking.cycles import DISTANCES
from unitscope.evidence.linking.depth import LayerLink
from unitscope.evidence.linking.spaces import KINDS, Likeness
from unitscope.metrics.statistics import bootstrap_interval
from unitscope.plots.linking.common import grid_of, name_row, show_picture
from unitscope.plots.style import CLUSTER_COLOURS, FAINT, INK

BLUE, ORANGE, GREEN, GREY = CLUSTER_COLOURS[0], CLUSTER_COLOURS[1], CLUSTER_COLOURS[2], "#9aa2ad"
COLUMN_COLOURS = {"cycled": BLUE, "class mean": "#B58900", "same class": GREEN, "other class": GREY}


def cloud(axes: Axes, place: float, values, colour: str, width: float = 0.32) -> None:
    """Values as a violin, with the median as a line; a plain line where they do not vary."""
    values = np.asarray(values, dtype=float)
    if np.ptp(values) > 1e-12:
        body = axes.violinplot(values, [place], widths=2 * width, showextrema=False)["bodies"][0]
        body.set(facecolor=colour, alpha=0.45, edgecolor=colour)
    axes.plot([place - width, place + width], [np.median(values)] * 2, color=colour, lw=2.5)


def spaces(found: Likeness) -> Figure:
    """Fig. 3A: adjusted Rand index of k-means in W and R, and correlation of the two spaces' matrices, over
    repetitions.
    """
    figure, (left, right) = plt.subplots(1, 2, figsize=(7.2, 3.1))
    for place, (name, colour) in enumerate({"W": ORANGE, "R": BLUE, "shuffled": GREY}.items()):
        cloud(left, place, found.ari[name], colour)
    left.set_xticks(range(3), ["W", "R", "shuffled\nclasses"])
    left.set(ylabel="adjusted Rand index", ylim=(-0.1, 1.05))
    for place, kind in enumerate(KINDS):
        cloud(right, 3 * place, found.rsa[kind], BLUE)
        cloud(right, 3 * place + 0.9, found.within[kind], GREEN)
        cloud(right, 3 * place + 1.8, found.null[kind], GREY)
    right.set_xticks(
        [0.9, 3.9], [f"{kind}\n({what})" for kind, what in zip(KINDS, ("correlation", "distance"), strict=True)]
    )
    right.set(ylabel="correlation of W's with R's matrix", ylim=(min(-0.1, right.get_ylim()[0]), 1.05))
    handles = [
        plt.Line2D([], [], color=c, lw=3, label=n)
        for c, n in ((BLUE, "all classes"), (GREEN, "within a class"), (GREY, "99 % of shuffles"))
    ]
    right.legend(handles=handles, fontsize=9, loc="upper right")
    return figure


def cycles(originals: Sequence[Tensor], cycled: Sequence[Tensor], names: Sequence[str]) -> Figure:
    """Fig. 3B: pictures and, below them, what comes back after one round; `names` above each column."""
    figure, axes = grid_of(2, len(originals), cell=7.0 / max(len(originals), 1) * 0.92, left=0.9)
    for column, (one, other) in enumerate(zip(originals, cycled, strict=True)):
        show_picture(axes[0, column], one, title=names[column])
        show_picture(axes[1, column], other)
    name_row(axes[0, 0], "original")
    name_row(axes[1, 0], "cycled")
    return figure


def distances(found: Mapping[str, Mapping[str, Tensor]], names: Sequence[str] = tuple(DISTANCES)) -> Figure:
    """Fig. 3C and S1: distance of every held-out picture to its cycled one and to three baselines."""
    figure, axes = plt.subplots(1, len(names), figsize=(1.55 * len(names) + 0.6, 3.3))
    for one, name in zip(np.atleast_1d(axes), names, strict=True):
        for place, (column, colour) in enumerate(COLUMN_COLOURS.items()):
            cloud(one, place, found[name][column], colour, 0.4)
        one.set(xticks=[], xlabel=DISTANCES[name].replace(" (", "\n("))
        one.xaxis.label.set_fontsize(9.5)
        one.tick_params(labelsize=8.5)
        one.set_ylim(bottom=0)
    np.atleast_1d(axes)[0].set_ylabel("distance to the original")
    handles = [plt.Line2D([], [], color=colour, lw=3, label=name) for name, colour in COLUMN_COLOURS.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=4)
    return figure


def links(found: Mapping[str, tuple[float, float]]) -> Figure:
    """R^2 on held-out pairs of several links: {name: (about the overall mean, about the class mean)}."""
    figure, axes = plt.subplots(figsize=(6.4, 0.42 * len(found) + 1.2))
    for place, (whole, within) in enumerate(found.values()):
        for shift, value, colour in ((-0.18, whole, GREY), (0.18, within, BLUE)):
            axes.barh(place + shift, max(value, -1), 0.34, color=colour)
            axes.text(max(value, 0) + 0.01, place + shift, f"{value:.2f}", va="center", fontsize=9)
    axes.axvline(0, color=INK, lw=0.8)
    axes.set_yticks(range(len(found)), list(found))
    axes.set(xlabel="explained share of the variance of W, held-out pairs", ylim=(len(found) - 0.5, -0.5))
    axes.set_xlim(right=max(1.0, axes.get_xlim()[1]))
    handles = [
        plt.Line2D([], [], color=c, lw=5, label=n)
        for c, n in ((GREY, "about the overall mean"), (BLUE, "within a class"))
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=2)
    axes.grid(axis="y", visible=False)
    return figure


def layers(found: Mapping[str, LayerLink]) -> Figure:
    """Explained variance within classes, and share of cycles that keep their class, by depth of the linked layer."""
    figure, axes = plt.subplots(figsize=(6.2, 3.1))
    places = np.arange(len(found))
    within = [one.within for one in found.values()]
    axes.plot(places, within, "o-", color=BLUE, label="explained within a class ($R^2$)")
    if all(one.kept is not None for one in found.values()):
        kept = [one.kept.double().numpy() for one in found.values()]
        means = np.array([column.mean() for column in kept])
        ends = np.array([bootstrap_interval(column) for column in kept])
        axes.errorbar(
            places,
            means,
            [means - ends[:, 0], ends[:, 1] - means],
            fmt="s--",
            color=ORANGE,
            capsize=3,
            label="cycles that keep their class",
        )
    axes.axhline(0, color=FAINT, lw=1)
    axes.set_xticks(places, list(found))
    axes.set(xlabel="linked layer, from input to output", ylabel="share", ylim=(min(0, *within) - 0.05, 1.05))
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def truncations(found: Mapping[float, float]) -> Figure:
    """ARI of k-means in W by truncation."""
    figure, axes = plt.subplots(figsize=(4.8, 2.8))
    axes.plot(list(found), list(found.values()), "o-", color=ORANGE)
    axes.set(xlabel=r"truncation $\psi$ (1: none)", ylabel="adjusted Rand index in W", ylim=(-0.05, 1.05))
    axes.invert_xaxis()
    return figure
