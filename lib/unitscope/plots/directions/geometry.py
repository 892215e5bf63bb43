"""Directions among images: the t-SNE plane in several colourings, and the way between two far clusters."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import plotly.graph_objects as go
import torch
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from unitscope.metrics.interpretability import at_quantiles
from unitscope.metrics.verdicts import spearman
from unitscope.plots.directions.comparison import COLOURS
from unitscope.plots.interactive import Interactive, data_uri, show
from unitscope.plots.style import CLUSTER_COLOURS, FAINT, INK

LETTERS = "ABCDEFGH"


def draw_plane(axes: Axes, points: np.ndarray, colours, title: str, **style) -> None:
    """Points of a t-SNE; its axes have no meaning and no ticks."""
    axes.scatter(*points.T, c=colours, s=9, lw=0, **style)
    axes.set(xticks=[], yticks=[], aspect="equal", title=title)
    axes.grid(False)
    axes.spines[:].set_visible(False)


def manifold(
    points: np.ndarray, rgb: np.ndarray, labels: np.ndarray, pairs: Sequence[tuple], graded: Sequence[np.ndarray]
) -> Figure:
    """Fig. 6: the plane by mean colour (A) and class (B), distance of top images against II for neurons and features
    (C, D), and the graded activation of one neuron (E) and one feature (F).

    Parameters
    ----------
    points (m, 2), rgb (m, 3), labels (m,) : the embedded images.
    pairs : for neurons and features: (name, distance (K,), index (K,), caption).
    graded : Eq. 4 of one neuron and of one feature, (m,) each.
    """
    figure = plt.figure(figsize=(7.2, 9.6))
    grid = figure.subplots(3, 2)
    draw_plane(grid[0, 0], points, rgb.clip(0, 1), "A  mean colour")
    draw_plane(grid[0, 1], points, labels, "B  class", cmap="tab20")
    for axes, letter, (name, distance, index, caption) in zip(grid[1], "CD", pairs, strict=True):
        axes.plot(distance, index, ".", color=COLOURS.get(name, INK), ms=5, alpha=0.7)
        axes.set(
            title=f"{letter}  {name}, {caption}", xlabel="mean distance of ranks 6 to 20", ylabel="II of ranks 1 to 5"
        )
    top = max(float(np.quantile(f, 0.99)) for f in graded)
    for axes, letter, (name, *_), f in zip(grid[2], "EF", pairs, graded, strict=True):
        order = f.argsort()
        draw_plane(
            axes, points[order], f[order], f"{letter}  one of the directions: {name}", cmap="viridis", vmin=0, vmax=top
        )
    figure.colorbar(
        ScalarMappable(Normalize(0, top), "viridis"),
        ax=grid[2],
        orientation="horizontal",
        fraction=0.06,
        label="graded activation $f$ (same scale)",
    )
    return figure


def manifold_explorer(
    points: np.ndarray, colours: Sequence[str], names: Sequence[str], pictures: Sequence[str]
) -> Interactive:
    """The plane to hover over: each point in its image's mean colour, with the image (`data_uri`) and its class."""
    marks = {"color": list(colours), "size": 7, "line": {"width": 0.5, "color": "#888"}}
    trace = go.Scattergl(
        x=points[:, 0].round(2),
        y=points[:, 1].round(2),
        mode="markers",
        marker=marks,
        text=list(names),
        customdata=list(pictures),
        hovertemplate="%{text}<extra></extra>",
    )
    axis = {"visible": False}
    figure = go.Figure(trace).update_layout(xaxis=axis, yaxis={**axis, "scaleanchor": "x"}, showlegend=False)
    return show(figure, height=520)


def interpolation(
    distance: np.ndarray,
    cross: np.ndarray,
    alphas: np.ndarray,
    index: np.ndarray,
    norms: np.ndarray,
    pair_cross: np.ndarray,
    ends: tuple[np.ndarray, np.ndarray],
    captions: Sequence[str],
) -> Figure:
    """Fig. 7: cross-II over the distance of two clusters (A), II on the way between far pairs (B), gradient norm on the
    way, coloured by the pair's cross-II (C), gradient norm at own images over II (D).

    Parameters
    ----------
    distance, cross : of all pairs of clusters.
    index, norms (P, A) : II and mean gradient norm of each far pair at each alpha; pair_cross (P,).
    ends : II of clusters and the gradient norm at their own images.
    captions : behind the letters A and D.
    """
    figure = plt.figure(figsize=(7.2, 6.4))
    (a, b), (c, d) = figure.subplots(2, 2)
    a.hexbin(distance, cross, gridsize=40, mincnt=1, cmap="Blues", bins="log")
    a.set(title=f"A  {captions[0]}", xlabel="distance of centroids", ylabel="cross-II")
    b.plot(alphas, index.T, color=FAINT, lw=0.5)
    b.plot(alphas, index.mean(0), color=CLUSTER_COLOURS[0], lw=2.5)
    b.set(title="B  II between and beyond", xlabel="$\\alpha$", ylabel="II")
    scale = Normalize(*np.quantile(pair_cross, [0.02, 0.98]))
    mapped = ScalarMappable(scale, "viridis")
    for row, value in zip(norms, pair_cross, strict=True):
        c.plot(alphas, row, color=mapped.to_rgba(value), lw=0.8, alpha=0.8)
    c.plot(alphas, np.median(norms, 0), color=INK, lw=2.2)
    c.set(title="C  sensitivity of the start unit", xlabel="$\\alpha$", ylabel="mean input-gradient norm")
    figure.colorbar(mapped, ax=c, label="cross-II of the pair")
    d.plot(*ends, ".", color=CLUSTER_COLOURS[0], ms=6)
    d.set(title=f"D  {captions[1]}", xlabel="II of the cluster", ylabel="gradient norm at its own images")
    for axes in (b, c):
        axes.axvspan(0, 1, color=FAINT, alpha=0.25, lw=0)
    return figure


def manifold_of(found, kinds) -> Figure:
    """Fig. 6 of an `Embedded` set and {name: Measured}: E and F show the direction of median II."""
    panels = [
        (name, found.later[name], one.index, f"$\\rho$ = {spearman(found.later[name], one.index):.2f}")
        for name, one in kinds.items()
    ]
    medians = {name: int(at_quantiles(torch.from_numpy(one.index), [0.5])[0]) for name, one in kinds.items()}
    graded = [found.graded[name][:, number].numpy() for name, number in medians.items()]
    return manifold(found.points.numpy(), found.rgb.numpy(), found.labels.numpy(), panels, graded)


def explorer_of(found, classes: Sequence[str], side: int = 48) -> Interactive:
    """`manifold_explorer` of an `Embedded` set."""
    pairs = zip(found.labels.tolist(), found.numbers.tolist(), strict=True)
    names = [classes[label] if label >= 0 and classes else f"image {number}" for label, number in pairs]
    colours = ["#{:02x}{:02x}{:02x}".format(*tuple((255 * c).int().tolist())) for c in found.rgb]
    return manifold_explorer(found.points.numpy(), colours, names, [data_uri(image, side) for image in found.images])


def ways_of(found, distance: torch.Tensor, cross: torch.Tensor, index: np.ndarray, calm: np.ndarray) -> Figure:
    """Fig. 7 of the `Ways` between far pairs; tables (K, K) of all clusters; II and own gradient norm (K,) for D."""
    upper = tuple(torch.triu_indices(len(cross), len(cross), 1))
    captions = [f"$\\rho$ = {spearman(distance[upper], cross[upper]):.2f}", f"$\\rho$ = {spearman(index, calm):.2f}"]
    return interpolation(
        distance[upper].numpy(), cross[upper].numpy(), found.alphas.numpy(), found.index.numpy(),
        found.norms.mean(2).numpy(), cross[tuple(found.pairs.T)].numpy(), (index, calm), captions,
    )  # fmt: skip
