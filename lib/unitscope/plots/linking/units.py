"""Figures about units: tuned strips (Fig. 4), label sparsity (5A and the supplement), order (5B), clusters (5C)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from unitscope.data.critters import PARTS
from unitscope.evidence.linking import NOTHING
from unitscope.evidence.linking.semantics import Order
from unitscope.metrics.parts import METRICS, hoyer, hoyer_null
from unitscope.papers.linking.motions import Motion
from unitscope.plots.linking.common import SPECIES_COLOURS, grid_of, inset, legend_of_parts, name_row, show_picture
from unitscope.plots.linking.concepts import arrows
from unitscope.plots.style import CLUSTER_COLOURS, INK, PART_COLOURS, skipped


def strips(
    images: Tensor, names: Sequence[str], fields: Sequence[Motion] | None = None, p: Tensor | None = None
) -> Figure:
    """Fig. 4: a row of pictures a unit or class, lowest value at the left; with `fields`, the aligned arrows at the
    end.

    images (rows, S, 3, H, W); p (rows, S) probabilities for the corners.
    """
    rows, steps = images.shape[:2]
    columns = steps + (fields is not None)
    figure, axes = grid_of(rows, columns, cell=min(0.95, 6.2 / columns))
    for row in range(rows):
        for step in range(steps):
            show_picture(axes[row, step], images[row, step])
            if p is not None:
                inset(axes[row, step], float(p[row, step]))
        if fields is not None:
            arrows(axes[row, -1], fields[row].aligned, fields[row].after)
        name_row(axes[row, 0], names[row])
    axes[0, 0].set_title("lowest", fontsize=9, pad=3)
    axes[0, steps - 1].set_title("highest", fontsize=9, pad=3)
    if fields is not None:
        axes[0, -1].set_title("motion", fontsize=9, pad=3)
    return figure


def echoes(units: Tensor, random: Tensor) -> Figure:
    """How far tuned directions rise when their drawings are read again, as a share of their range: units (U,), random
    (V,).
    """
    figure, axes = plt.subplots(figsize=(6.6, 2.7))
    reach = max(1.1, float(torch.cat([units, random]).abs().max()) * 1.05)
    edges = np.linspace(-0.25 * reach, reach, 61)
    for values, colour, label in ((random, "#b8bec8", "random directions"), (units, CLUSTER_COLOURS[0], "units")):
        axes.hist(
            values.numpy(), edges, weights=np.full(len(values), 1 / len(values)), color=colour, alpha=0.75, label=label
        )
        axes.axvline(float(values.quantile(0.5)), color=colour, lw=2)
    axes.axvline(1, color=INK, ls="--", lw=1.2, label="what was asked for")
    axes.set(
        xlabel="rise of the direction when drawn and read again, as a share of its range", ylabel="share of directions"
    )
    axes.legend(fontsize=9)
    return figure


def densities(values: Tensor, edges: np.ndarray) -> np.ndarray:
    """A histogram of unit area over the finite values; all zero where there is none."""
    counts = np.histogram(values[values.isfinite()].numpy(), edges)[0]
    return counts / max(counts.sum(), 1) / np.diff(edges)


def sparsity(vectors: Tensor, names: Sequence[str], random: Tensor | None = None, bins: int = 24) -> Figure:
    """Fig. 5A left: one line of counts a class, with lines at what Gaussian noise reaches; random directions in grey.

    vectors (C, U, K), random (C, V, K).
    """
    figure, axes = plt.subplots(figsize=(6.6, 3.4))
    edges = np.linspace(0, 1, bins + 1)
    if random is not None:
        axes.hist(
            edges[:-1], edges, weights=densities(hoyer(random), edges), color="#d5d9df", label="random directions"
        )
    for name, colour, rows in zip(names, SPECIES_COLOURS, vectors, strict=False):
        axes.hist(
            edges[:-1], edges, weights=densities(hoyer(rows), edges), histtype="step", lw=1.8, color=colour, label=name
        )
    null = hoyer_null(vectors.shape[-1])
    for level, style in ((0.95, ":"), (0.99, "--")):
        axes.axvline(float(null.quantile(level)), color=INK, ls=style, lw=1.2, label=f"{level:.0%} of noise")
    axes.set(
        xlabel=f"label sparsity s of the {vectors.shape[-1]} area changes (1: one label alone)",
        ylabel="density of units",
        xlim=(0, 1),
    )
    figure.legend(fontsize=9, loc="outside right center")
    return figure


def sparsity_by_metric(vectors: Mapping[str, Tensor], names: Sequence[str]) -> Figure:
    """The supplement: sparsity of every measure as box plots, one box per class."""
    figure, axes = plt.subplots(1, len(METRICS), figsize=(7.4, 2.8), sharey=True)
    for one, metric in zip(axes, METRICS, strict=True):
        columns = [(values := hoyer(rows).numpy())[np.isfinite(values)] for rows in vectors[metric]]
        drawn = one.boxplot(columns, widths=0.6, patch_artist=True, showfliers=False, medianprops={"color": INK})
        for box, colour in zip(drawn["boxes"], SPECIES_COLOURS, strict=False):
            box.set(facecolor=colour, alpha=0.6)
        one.axhline(float(hoyer_null(vectors[metric].shape[-1]).quantile(0.99)), color=INK, ls="--", lw=1)
        one.set(xticks=[], xlabel=metric, ylim=(0, 1))
    axes[0].set_ylabel("label sparsity s")
    handles = [
        plt.Line2D([], [], color=c, lw=6, alpha=0.6, label=n) for n, c in zip(names, SPECIES_COLOURS, strict=False)
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(names))
    return figure


def order_map(found: Order | None, coordinates: np.ndarray | None) -> Figure:
    """Fig. 5B: every unit at its place on the t-SNE map, in the colour of the label it changes most."""
    if found is None:
        return skipped(NOTHING)
    figure, axes = plt.subplots(figsize=(5.6, 4.6))
    dominant = found.dominant.numpy()
    for label in np.unique(dominant):
        rows = dominant == label
        axes.scatter(*coordinates[rows].T, s=24, color=PART_COLOURS[PARTS[label]], edgecolor=INK, lw=0.3)
    axes.set(xlabel="t-SNE 1", ylabel="t-SNE 2", xticks=[], yticks=[])
    axes.grid(False)
    legend_of_parts(figure, [PARTS[label] for label in np.unique(dominant)], ncols=5)
    return figure


def clusters(found: Order | None, shown: int = 6) -> Figure:
    """Fig. 5C: mean change vectors of some clusters, from the most single-minded to the most mixed."""
    if found is None:
        return skipped(NOTHING)
    shares = found.profiles()
    sizes = np.bincount(found.clusters.numpy(), minlength=len(shares))
    large = [cluster for cluster in shares.amax(1).argsort(descending=True).tolist() if sizes[cluster] >= 2] or [0]
    chosen = [large[i] for i in np.unique(np.linspace(0, len(large) - 1, min(shown, len(large))).astype(int))]
    figure, axes = plt.subplots(1, len(chosen), figsize=(7.4, 2.5), sharey=True, squeeze=False)
    for one, cluster in zip(axes[0], chosen, strict=True):
        mean = found.vectors[found.clusters == cluster].mean(0).numpy()
        one.barh(range(len(PARTS)), mean, color=list(PART_COLOURS.values()))
        one.axvline(0, color=INK, lw=0.8)
        one.set(xlim=(-1, 1), ylim=(len(PARTS) - 0.5, -0.5))
        one.set_title(f"cluster {cluster}\n{sizes[cluster]} units", fontsize=9)
        one.tick_params(labelsize=8)
    axes[0, 0].set_yticks(range(len(PARTS)), PARTS, fontsize=9)
    figure.supxlabel("mean area change (unit length)", fontsize=10)
    return figure
