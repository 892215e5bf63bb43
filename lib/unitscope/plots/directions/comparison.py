"""Groups side by side: boxes of the index, ROC curves, accuracy over difficulty, sweeps, intervals of single units."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unitscope.errors import UnitscopeError
from unitscope.plots.style import CLUSTER_COLOURS, FAINT, INK, METHOD_COLOURS, skipped

COLOURS = {
    "neurons": "#6b7280",
    "k-means": CLUSTER_COLOURS[0],
    "SAE": CLUSTER_COLOURS[1],
    "PCA": CLUSTER_COLOURS[4],
    "ICA": CLUSTER_COLOURS[4],
    "NMF": CLUSTER_COLOURS[4],
    "images": CLUSTER_COLOURS[2],
    "random": METHOD_COLOURS["random"],
}
BLUES = ("#9ecae1", "#4292c6", "#08519c", "#08306b")


def colour_of(name: str) -> str:
    """The colour of a kind of direction, by the beginning of its name."""
    return next((colour for kind, colour in COLOURS.items() if name.startswith(kind)), CLUSTER_COLOURS[3])


def draw_boxes(axes: Axes, groups: Mapping[str, Sequence[float]]) -> None:
    """One horizontal box a group, the first on top: quartiles, median, whiskers at 5 % and 95 %, mean as a diamond."""
    values = [np.asarray(group, dtype=float) for group in groups.values()]
    boxes = axes.boxplot(
        values,
        orientation="horizontal",
        whis=(5, 95),
        showfliers=False,
        widths=0.6,
        patch_artist=True,
        showmeans=True,
        meanprops={"marker": "D", "markerfacecolor": "white", "markeredgecolor": INK, "markersize": 4.5},
        medianprops={"color": INK},
        whiskerprops={"color": INK},
        capprops={"color": INK},
    )
    for box, name in zip(boxes["boxes"], groups, strict=True):
        box.set(facecolor=colour_of(name), edgecolor=INK, alpha=0.75)
    axes.set_yticks(range(1, len(groups) + 1), list(groups))
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)


def boxes(
    groups: Mapping[str, Sequence[float]], label: str = "II (higher: more alike)", reference: str = "neurons"
) -> Figure:
    """Distribution of each group's values; a dashed line at the mean of the group `reference`, if it is there."""
    if not groups:
        raise UnitscopeError("boxes need at least one group, got none.")
    figure = plt.figure(figsize=(6.4, 0.6 + 0.42 * len(groups)))
    axes = figure.subplots()
    draw_boxes(axes, groups)
    axes.set_xlabel(label)
    if reference in groups:
        axes.axvline(np.mean(groups[reference]), color=COLOURS["neurons"], ls="--", lw=1)
    return figure


def layer_boxes(
    neurons: Sequence, features: Sequence, names: Sequence[str], label: str = "II of one LPIPS layer"
) -> Figure:
    """Fig. 3 middle: neurons and features beside each other, one pair for each layer of the similarity."""
    figure = plt.figure(figsize=(6.4, 3.4))
    axes = figure.subplots()
    for shift, values, kind in ((-0.2, neurons, "neurons"), (0.2, features, "k-means")):
        places = np.arange(len(names)) + shift
        drawn = axes.boxplot(
            [np.asarray(v, float) for v in values],
            positions=places,
            widths=0.34,
            whis=(5, 95),
            showfliers=False,
            patch_artist=True,
            medianprops={"color": INK},
        )
        for box in drawn["boxes"]:
            box.set(facecolor=COLOURS[kind], alpha=0.75)
        drawn["boxes"][0].set_label(kind)
    axes.set_xticks(range(len(names)), names)
    axes.set(ylabel=label)
    axes.grid(axis="x", visible=False)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return figure


def roc_panels(found: Sequence, bold: str) -> Figure:
    """Figs. 2 and 13: one panel a group of trials, one curve a similarity with its area, the one named `bold` thick."""
    if not found:
        return skipped("nothing is known of these images, so there is no observer who could answer")
    groups = list(dict.fromkeys(one.group for one in found))
    columns = len(groups) if len(groups) <= 4 else 3
    rows = -(-len(groups) // columns)
    figure = plt.figure(figsize=(2.55 * columns, 2.9 * rows))
    for place, axes in enumerate(np.atleast_1d(figure.subplots(rows, columns, sharex=True, sharey=True)).flat):
        axes.set_visible(place < len(groups))
        if place >= len(groups):
            continue
        axes.plot([0, 1], [0, 1], color=FAINT, lw=1)
        for number, one in enumerate(one for one in found if one.group == groups[place]):
            thick = one.name == bold
            style = (
                {"color": INK, "lw": 2.2, "zorder": 5}
                if thick
                else {"color": CLUSTER_COLOURS[number % 5], "lw": 1, "alpha": 0.9}
            )
            axes.plot(*one.curve, label=f"{'mean' if thick else one.name}  {one.area:.2f}", **style)
        axes.set(title=groups[place], aspect="equal", xlim=(0, 1), ylim=(0, 1))
        axes.set(xticks=[0, 0.5, 1], yticks=[0, 0.5, 1])
        axes.legend(  # below the diagonal, where curves of a useful similarity never come
            loc="lower right", fontsize=7.5, handlelength=1, labelspacing=0.15, borderaxespad=0.2, framealpha=0.8
        )
        if place + columns >= len(groups):
            axes.set_xlabel("wrong answers above cut")
        if place % columns == 0:
            axes.set_ylabel("right answers above cut")
    return figure


def accuracy_curves(panels: Mapping[str, Mapping[str, np.ndarray]], q: Sequence[float]) -> Figure:
    """Fig. 5: one panel a similarity; for each kind the mean accuracy over its directions (q, K), +- 2 s.e."""
    figure = plt.figure(figsize=(2.7 * len(panels), 3.6))
    for place, (axes, (title, kinds)) in enumerate(
        zip(np.atleast_1d(figure.subplots(1, len(panels), sharey=True)), panels.items(), strict=True)
    ):
        blues = iter(BLUES)
        for name, values in kinds.items():
            values = np.asarray(values, float)
            mean, error = values.mean(1), 2 * values.std(1) / values.shape[1] ** 0.5
            colour = COLOURS["neurons"] if name == "neurons" else next(blues)
            axes.fill_between(q, mean - error, mean + error, color=colour, alpha=0.2, lw=0)
            axes.plot(q, mean, color=colour, marker="o", ms=3, label=name)
        axes.axhline(0.5, color=INK, ls=":", lw=1)
        axes.set(title=title, xlabel="quantiles cut on each side")
        if place == 0:
            axes.set_ylabel("accuracy in the task")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=len(panels) + 1)
    return figure


def sweep_curves(networks: Sequence, values: Sequence[float], lines: Mapping[str, float], label: str) -> Figure:
    """Fig. 9: a value of every autoencoder over its penalty, one curve a width, other kinds as horizontal lines."""
    figure = plt.figure(figsize=(6.4, 3.6))
    axes = figure.subplots()
    shades = [BLUES[round(i)] for i in np.linspace(0, len(BLUES) - 1, len({n.width for n in networks}))]
    for width, shade in zip(sorted({network.width for network in networks}), shades, strict=True):
        rows = [(n.penalty, v) for n, v in zip(networks, values, strict=True) if n.width == width and v == v]
        axes.plot(*zip(*rows, strict=True), color=shade, marker="o", ms=4, label=f"Z = {width}")
    for name, value in lines.items():
        axes.axhline(value, color=colour_of(name), ls="--", lw=1.3)
        axes.annotate(
            name,
            (1, value),
            xycoords=("axes fraction", "data"),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9.5,
            color=colour_of(name),
        )
    axes.set(xscale="log", xlabel="penalty $\\lambda$", ylabel=label)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=5, columnspacing=1)
    return figure


def ranked_intervals(values: Sequence[float], intervals, label: str = "II") -> Figure:
    """Every unit's value in rising order with its interval."""
    order = np.argsort(values)
    values, intervals = np.asarray(values)[order], np.asarray(intervals)[order]
    figure = plt.figure(figsize=(6.4, 3.2))
    axes = figure.subplots()
    axes.vlines(range(len(values)), intervals[:, 0], intervals[:, 1], color=CLUSTER_COLOURS[0], alpha=0.35, lw=2)
    axes.plot(values, ".", color=INK, ms=4)
    axes.set(xlabel="unit, by rank", ylabel=label, xlim=(-1, len(values)))
    return figure


def scores_table(
    rows: Mapping[str, tuple[float, tuple[float, float]]], label: str, chance: float | None = None
) -> Figure:
    """A dot with its interval for every name, in falling order; a dotted line at chance."""
    if not rows:
        return skipped("nothing is known of these images, not even a class")
    names = sorted(rows, key=lambda name: rows[name][0])
    figure = plt.figure(figsize=(6.4, 0.7 + 0.34 * len(names)))
    axes = figure.subplots()
    for place, name in enumerate(names):
        value, (low, high) = rows[name]
        axes.plot([low, high], [place, place], color=CLUSTER_COLOURS[0], lw=3, alpha=0.4, solid_capstyle="butt")
        axes.plot(value, place, "o", color=CLUSTER_COLOURS[0])
        axes.annotate(
            f"{value:.2f}",
            (1, place),
            xycoords=("axes fraction", "data"),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            fontsize=10,
        )
    if chance is not None:
        axes.axvline(chance, color=INK, ls=":", lw=1)
    axes.set_yticks(range(len(names)), names)
    axes.set(xlabel=label, ylim=(-0.6, len(names) - 0.4))
    return figure
