"""Scores over many units: matches against their nulls, depth, what concepts are, networks against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from unitscope.evidence.rosetta.across import Between, depth_agreement, flow
from unitscope.evidence.rosetta.measures import Evidence
from unitscope.evidence.rosetta.naming import Named
from unitscope.metrics.statistics import median
from unitscope.plots.rosetta.maps import short
from unitscope.plots.style import CLUSTER_COLOURS, INK

GREY = "#7A7A7A"


def against_nulls(trained: Mapping[str, Evidence], random: Mapping[str, Evidence]) -> Figure:
    """Held-out scores of best buddies, network by network: trained, random weights, pictures paired anew."""
    figure = plt.figure(figsize=(6.8, 3.6))
    axes = figure.subplots()
    for place, (name, one) in enumerate(trained.items()):
        _violin(axes, place - 0.22, one.held.rho.numpy(), CLUSTER_COLOURS[0])
        if name in random:
            _violin(axes, place + 0.04, random[name].held.rho.numpy(), CLUSTER_COLOURS[1])
        _violin(axes, place + 0.3, one.held.position.numpy(), GREY)
    words = {"trained": CLUSTER_COLOURS[0], "random weights": CLUSTER_COLOURS[1], "trained, pictures paired anew": GREY}
    for word, colour in words.items():
        axes.plot([], [], lw=6, alpha=0.6, color=colour, label=word)
    axes.axhline(0, color=INK, lw=0.8)
    axes.set_xticks(range(len(trained)), [short(name) for name in trained])
    axes.set_ylabel("correlation on held-out pictures")
    axes.grid(axis="x", visible=False)
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def _violin(axes, place: float, values: np.ndarray, colour: str) -> None:
    if len(values) < 2 or not np.ptp(values):
        return
    parts = axes.violinplot(values, [place], widths=0.24, showextrema=False, showmedians=True)
    for body in parts["bodies"]:
        body.set(facecolor=colour, alpha=0.6)
    parts["cmedians"].set(color=INK, lw=1.2)


def moments(statistics: Mapping[str, tuple[Tensor, Tensor]]) -> Figure:
    """The published code's histograms: mean and standard deviation of every unit; the generator, which comes first, in
    ink.
    """
    figure = plt.figure(figsize=(7.0, 3.4))
    for axes, column, word in zip(figure.subplots(1, 2), (0, 1), ("mean", "standard deviation"), strict=True):
        for number, (name, both) in enumerate(statistics.items()):
            values = both[column].numpy()
            edges = np.linspace(*np.quantile(values, [0.005, 0.995]), 50)
            axes.hist(
                values,
                edges,
                density=True,
                histtype="step",
                lw=1.6,
                color=f"C{number - 1}" if number else INK,
                label=short(name),
            )
        axes.set(xlabel=f"{word} of a unit", ylabel="density", yscale="log")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return figure


def depth(generator: Mapping[str, Sequence[Tensor]], networks: Mapping[str, Sequence[Tensor]]) -> Figure:
    """The published code's "score against depth": median and quartiles of the best held-out score, layer by layer."""
    figure = plt.figure(figsize=(7.2, 3.4))
    for axes, columns, word in zip(
        figure.subplots(1, 2, sharey=True), (generator, networks), ("generator", "network"), strict=True
    ):
        for number, (name, layers) in enumerate(columns.items()):
            quartiles = np.array([np.quantile(layer.numpy(), [0.25, 0.5, 0.75]) for layer in layers]).T
            place = np.linspace(0, 1, len(layers)) if len(layers) > 1 else np.zeros(1)
            colour = f"C{number}"
            axes.fill_between(place, quartiles[0], quartiles[2], color=colour, alpha=0.12, lw=0)
            axes.plot(place, quartiles[1], "o-", ms=4, color=colour, label=short(name))
        axes.set(xlabel=f"relative depth of the {word}'s layer", xticks=[0, 0.5, 1])
    axes.figure.axes[0].set_ylabel("best held-out score of a unit")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside upper center", ncols=5, fontsize=9)
    return figure


def parts_of_rho(trained: Mapping[str, Evidence]) -> Figure:
    """What matched scores are made of: mean share of images, positions and the rest, one stacked bar a network."""
    figure = plt.figure(figsize=(6.2, 3.0))
    axes = figure.subplots()
    parts = {"images": "image", "positions": "position", "neither": "rest"}
    for place, one in enumerate(trained.values()):
        bottom = 0.0
        for number, column in enumerate(parts.values()):
            value = float(getattr(one.held, column).mean())
            axes.bar(place, value, bottom=bottom, width=0.6, color=CLUSTER_COLOURS[number], alpha=0.85)
            bottom += value
    for number, word in enumerate(parts):
        axes.plot([], [], lw=7, color=CLUSTER_COLOURS[number], label=word)
    axes.set_xticks(range(len(trained)), [short(name) for name in trained])
    axes.set_ylabel("mean held-out correlation")
    axes.grid(axis="x", visible=False)
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def code_gap(gap: Tensor, silence: Tensor) -> Figure:
    """How far the published code's score lies above Pearson's, against how often a unit is silent."""
    figure = plt.figure(figsize=(5.6, 3.2))
    axes = figure.subplots()
    axes.scatter(silence, gap, s=9, alpha=0.5, lw=0)
    axes.axhline(0, color=INK, lw=0.8)
    axes.set(xlabel="share of pictures in which the unit is silent", ylabel="mean score of the code\nminus Pearson's")
    return figure


def universality(ratios: Sequence[float], names: Sequence[str]) -> Figure:
    """Shared units over what independent networks would share, as networks join."""
    figure = plt.figure(figsize=(5.6, 3.0))
    axes = figure.subplots()
    axes.plot(range(1, len(ratios) + 1), ratios, "o-")
    axes.axhline(1, color=GREY, ls="--", lw=1.2)
    axes.set_xticks(range(1, len(ratios) + 1), [f"+ {short(name)}" for name in names], fontsize=9)
    axes.set_ylabel("units shared by all,\nover chance")
    return figure


def concept_table(names: Named, count: int) -> Figure:
    """IoU of concepts with known regions in every network: rows are the concepts that fit best, with the names of the
    atlas.
    """
    best = [names.best(concept) for concept in range(names.iou.shape[1])]
    order = np.argsort([-one[1] + one[2] for one in best])[:count]
    table = np.array(
        [
            [float(names.iou[net, c, names.regions.index(best[c][0])]) for net in range(len(names.networks))]
            + [best[c][2]]
            for c in order
        ]
    )
    figure = plt.figure(figsize=(6.6, 0.27 * len(order) + 0.9))
    axes = figure.subplots()
    axes.imshow(table, cmap="Blues", vmin=0, vmax=max(0.3, table.max()), aspect="auto")
    for (row, column), value in np.ndenumerate(table):
        axes.text(
            column,
            row,
            f"{value:.2f}",
            ha="center",
            va="center",
            fontsize=8,
            color="white" if value > 0.6 * table.max() else INK,
        )
    axes.set_xticks(range(table.shape[1]), [*map(short, names.networks), "paired\nanew"], fontsize=9)
    words = [
        f"#{c} {best[c][0]}" if names.name(c) != "unknown" else f"#{c} unknown, nearest: {best[c][0]}" for c in order
    ]
    axes.set_yticks(range(len(order)), words, fontsize=9)
    axes.xaxis.tick_top()
    axes.grid(False)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure


def census(counts: Mapping[str, int]) -> Figure:
    """How many concepts are parts, critters, coats, backgrounds, or nothing we know."""
    figure = plt.figure(figsize=(5.6, 2.4))
    axes = figure.subplots()
    bars = axes.barh(list(counts), list(counts.values()), height=0.65, color=[*CLUSTER_COLOURS[:4], GREY])
    axes.bar_label(bars, padding=3)
    axes.invert_yaxis()
    axes.set_xlabel("concepts")
    axes.grid(axis="y", visible=False)
    return figure


def matrix(found: Mapping[tuple[str, str], Between]) -> Figure:
    """Median held-out score of matched units between all networks; the small number is how many match."""
    names = list(dict.fromkeys(name for pair in found for name in pair))
    table = np.full((len(names), len(names)), np.nan)
    figure = plt.figure(figsize=(5.6, 4.6))
    axes = figure.subplots()
    for (one, other), between in found.items():
        i, j = names.index(one), names.index(other)
        table[i, j] = table[j, i] = float(median(between.score)) if len(between.score) else 0.0
        for x, y in ((i, j), (j, i)):
            axes.text(
                x,
                y,
                f"{table[i, j]:.2f}\n{len(between.score)}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if table[i, j] < 0.55 * np.nanmax(table) else INK,
            )
    drawn = axes.imshow(table, cmap=MAP_SCORES, vmin=0, vmax=np.nanmax(table))
    axes.set_xticks(range(len(names)), [short(name) for name in names], rotation=25, ha="right")
    axes.set_yticks(range(len(names)), [short(name) for name in names])
    axes.grid(False)
    figure.colorbar(drawn, label="median held-out correlation", shrink=0.8)
    return figure


MAP_SCORES = "viridis"


def flows(found: Mapping[tuple[str, str], Between], pairs: Sequence[tuple[str, str]]) -> Figure:
    """Which depth meets which: share of matched pairs, rows the first network's layers (each row sums to 1)."""
    figure = plt.figure(figsize=(7.2, 2.7 * -(-len(pairs) // 3)))
    grid = figure.subplots(-(-len(pairs) // 3), 3, squeeze=False).ravel()
    for axes in grid[len(pairs) :]:
        axes.set_visible(False)
    for axes, pair in zip(grid, pairs, strict=False):
        one = found[pair]
        counts = flow(one.left, one.right, one.pairs).numpy().astype(float)
        share = counts / np.maximum(counts.sum(1, keepdims=True), 1)
        axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto", origin="lower")
        axes.set(xlabel=f"layer of {short(pair[1])}", ylabel=f"layer of {short(pair[0])}")
        axes.xaxis.label.set_fontsize(9)
        axes.yaxis.label.set_fontsize(9)
        axes.set_title(f"rank correlation {depth_agreement(one.left, one.right, one.pairs):.2f}", fontsize=9)
        axes.grid(False)
    return figure


def votes(found: Sequence[int], null: Sequence[int]) -> Figure:
    """Pairs of units of two generators that are joined by at least m networks, and with the networks' ends shuffled."""
    figure = plt.figure(figsize=(5.4, 3.0))
    axes = figure.subplots()
    place = np.arange(1, len(found) + 1)
    axes.bar(place - 0.2, found, width=0.36, color=CLUSTER_COLOURS[0], label="through the same units")
    axes.bar(place + 0.2, null, width=0.36, color=GREY, label="ends shuffled")
    axes.set_yscale("symlog")
    axes.set(xlabel="networks that join them, at least", ylabel="pairs of generator units", xticks=place)
    axes.grid(axis="x", visible=False)
    figure.legend(loc="outside upper center", ncols=2)
    return figure
