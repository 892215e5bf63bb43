"""Scores over many units: distance bars, correlations, numbers of clusters, planted truth, factors.

view  a way to split units, as in `unitscope.papers.pure.collect`    names  {view: its name in figures}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unitscope.evidence.pure.depth import Recovered
from unitscope.metrics.statistics import Estimate, bootstrap_interval
from unitscope.papers.pure.scores import Split
from unitscope.plots.pure.view_names import COLOURS
from unitscope.plots.style import FAINT, INK, METHOD_COLOURS, skipped


def distance_bars(
    found: Mapping[str, Split], names: Mapping[str, str], reported: Mapping[str, tuple[float, float]] = {}
) -> Figure:
    """The paper's Fig. 4, top left: a bar from the mean distance within clusters (square) to that between them (dot).

    Intervals are those of the difference from a random split of the same units. reported : {view: (within, between)} of
    the paper, drawn hollow beside ours.
    """
    figure = plt.figure(figsize=(6.6, 3.8))
    axes = figure.subplots()
    axes.axhline(1, color=COLOURS["random"], lw=1.2, ls="--")
    axes.annotate(
        "random",
        (1, 1),
        (0, 3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right",
        color=COLOURS["random"],
    )
    for place, (view, split) in enumerate(found.items()):
        ends = float(split.intra.mean()), float(split.inter.mean())
        axes.plot([place, place], ends, color=COLOURS[view], lw=11, alpha=0.3, solid_capstyle="butt")
        for value, column, marker in zip(ends, (split.intra, split.inter), "so", strict=True):
            dot(axes, place, value, (column - split.overall + split.overall.mean()).numpy(), COLOURS[view], marker)
            axes.annotate(
                f"{value:.3f}",
                (place, value),
                (-12, 0),
                textcoords="offset points",
                ha="right",
                va="center",
                fontsize=9.5,
            )
        if view in reported:
            axes.plot([place + 0.25] * 2, reported[view], ":", color=COLOURS[view], lw=1)
            axes.plot(
                place + 0.25,
                reported[view][0],
                "s",
                place + 0.25,
                reported[view][1],
                "o",
                ms=6,
                mfc="white",
                color=COLOURS[view],
            )
    axes.set_xticks(range(len(found)), [names[view] for view in found])
    axes.set(ylabel=f"{names['judge']} distance\n(mean of all pairs = 1)", xlim=(-0.6, len(found) - 0.4))
    axes.grid(axis="x", visible=False)
    return figure


def dot(axes: Axes, place: float, value: float, column: np.ndarray, colour: str, marker: str = "o") -> None:
    """A mean with its 95 % interval over units."""
    low, high = bootstrap_interval(column)
    axes.errorbar(place, value, [[value - low], [high - value]], fmt=marker, ms=8, color=colour, capsize=3)


def view_bars(
    found: Mapping[str, Estimate], names: Mapping[str, str], ylabel: str, reported: Mapping[str, float] = {}
) -> Figure:
    """A bar a view with its 95 % interval, the paper's value as a hollow diamond.

    The paper's Fig. 4, bottom left, is drawn so.
    """
    figure = plt.figure(figsize=(5.4, 3.2))
    axes = figure.subplots()
    for place, (view, one) in enumerate(found.items()):
        axes.bar(place, one.value, width=0.6, color=COLOURS[view], alpha=0.85)
        whiskers = np.abs(np.array([one.interval]).T - one.value)
        axes.errorbar(place, one.value, whiskers, fmt="none", color=INK, capsize=3)
        axes.annotate(f"{one.value:.2f}", (place, max(one.value, 0)), (-16, 5), textcoords="offset points", ha="center")
        if view in reported:
            axes.plot(place + 0.2, reported[view], "D", ms=8, mfc="white", color=INK, zorder=4)
    axes.set_xticks(range(len(found)), [names[view] for view in found])
    axes.set_ylabel(ylabel)
    axes.margins(y=0.15)
    axes.grid(axis="x", visible=False)
    return figure


def gap_lines(found: Mapping[object, Mapping[str, Split]], names: Mapping[str, str], xlabel: str) -> Figure:
    """Appendix A.4: {setting: {view: Split}} as one line a view, mean gap over settings."""
    figure = plt.figure(figsize=(6.0, 3.4))
    axes = figure.subplots()
    views = list(next(iter(found.values())))
    for shift, view in zip(np.linspace(-0.06, 0.06, len(views)), views, strict=True):
        columns = [one[view].gap.numpy() for one in found.values()]
        axes.plot(
            np.arange(len(columns)) + shift,
            [column.mean() for column in columns],
            color=COLOURS[view],
            label=names[view],
        )
        for place, column in enumerate(columns):
            dot(axes, place + shift, column.mean(), column, COLOURS[view])
    axes.axhline(0, color=COLOURS["random"], lw=1.2, ls="--")
    axes.set_xticks(range(len(found)), list(map(str, found)))
    axes.set(xlabel=xlabel, ylabel="gap (between minus within)")
    figure.legend(loc="outside upper center", ncols=len(views))
    return figure


def recovery(found: Mapping[str, Sequence[float]], names: Mapping[str, str]) -> Figure:
    """Planted truth: agreement with the known source, a dot a merged unit, a line at the mean; "chance" as a band."""
    if not found:
        return skipped("no two units of the layer mean different things, so none could be merged")
    figure = plt.figure(figsize=(6.4, 3.8))
    axes = figure.subplots()
    jitter = np.random.default_rng(0)
    axes.axhspan(*np.quantile(np.asarray(found["chance"]), [0.025, 0.975]), color=FAINT, alpha=0.7, lw=0)
    views = [view for view in found if view != "chance"]
    for place, view in enumerate(views):
        column = np.asarray(found[view], dtype=float)
        axes.scatter(
            place + jitter.uniform(-0.16, 0.16, len(column)), column, s=26, color=COLOURS[view], alpha=0.5, lw=0
        )
        axes.plot([place - 0.28, place + 0.28], [column.mean()] * 2, color=COLOURS[view], lw=3)
        axes.annotate(f"{column.mean():.2f}", (place + 0.3, column.mean()), ha="left", va="center")
    axes.set_xticks(range(len(views)), [names[view] for view in views])
    axes.set(ylabel="agreement with the planted\nsource (adjusted Rand index)", xlim=(-0.5, len(views) - 0.3))
    axes.grid(axis="x", visible=False)
    return figure


def recovery_by_layer(found: Mapping[str, Recovered]) -> Figure:
    """Planted truth layer by layer: mean agreement of each view, and how far the image's class tells the source."""
    if not found:
        return skipped("no layer has two units that mean different things")
    figure = plt.figure(figsize=(6.4, 3.6))
    axes = figure.subplots()
    views = list(next(iter(found.values())).scores)
    colours = {**COLOURS, **dict.fromkeys([view for view in views if view not in COLOURS], METHOD_COLOURS["DINO"])}
    columns = {view: [one.scores[view].numpy() for one in found.values()] for view in views}
    columns["class tells the source"] = [one.told.numpy() for one in found.values()]
    for shift, (view, parts) in zip(np.linspace(-0.09, 0.09, len(columns)), columns.items(), strict=True):
        colour, style = colours.get(view, COLOURS["random"]), "-" if view in views else "--"
        places = np.arange(len(parts)) + shift
        axes.plot(places, [part.mean() for part in parts], style, color=colour, label=view)
        for place, part in zip(places, parts, strict=True):
            dot(axes, place, part.mean(), part, colour)
    axes.set_xticks(range(len(found)), [f"{name}\n({len(one.told)} pairs)" for name, one in found.items()])
    axes.set(xlabel="layer of the merged units", ylabel="agreement with the planted\nsource (0: chance)")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def factor_table(found: Mapping[str, Sequence[float]], factors: Sequence[str], names: Mapping[str, str]) -> Figure:
    """Which known factor the clusters of each view follow: {view: (F,)} as a table in colour."""
    if not factors:
        return skipped("nothing is known of these images, not even a class")
    table = np.array([np.asarray(row, dtype=float) for row in found.values()])
    highest = max(0.2, table.max())
    figure = plt.figure(figsize=(7.0, 0.5 * len(found) + 0.9))
    axes = figure.subplots()
    axes.imshow(table, cmap="Blues", vmin=0, vmax=highest, aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        axes.text(
            column, row, f"{value:.2f}", ha="center", va="center", color="white" if value > 0.6 * highest else INK
        )
    axes.set_xticks(range(len(factors)), list(factors))
    axes.set_yticks(range(len(found)), [names.get(view, view) for view in found])
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def variant_bars(found: Mapping[str, Split]) -> Figure:
    """Mean gap of every variant of the attributions as a horizontal bar; activations in their own colour."""
    figure = plt.figure(figsize=(6.8, 0.5 * len(found) + 0.8))
    axes = figure.subplots()
    for place, (name, split) in enumerate(reversed(found.items())):
        column = split.gap.numpy()
        low, high = bootstrap_interval(column)
        mean = column.mean()
        axes.barh(place, mean, height=0.6, color=COLOURS.get(name, COLOURS["PURE"]), alpha=0.85)
        axes.errorbar(mean, place, xerr=[[mean - low], [high - mean]], color=INK, capsize=3)
    axes.set_yticks(range(len(found)), list(reversed(found)))
    axes.set_xlabel("gap (between minus within)")
    axes.grid(axis="y", visible=False)
    return figure
