"""The units as a population: synergies, co-activation, ReLU and orthants, eigenspectrum."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from unitscope.metrics.verdicts import spearman
from unitscope.plots.style import CLUSTER_COLOURS, FAINT, INK

ORTHANT_COLOURS = (
    "#7b4fa3",
    CLUSTER_COLOURS[0],
    CLUSTER_COLOURS[2],
    "#d9a400",
)  # by the number of positive coordinates


def scatter(x: np.ndarray, y: np.ndarray, labels: tuple[str, str], caption: str = "", colours=None) -> Figure:
    """Points with named axes; `caption` above them."""
    figure = plt.figure(figsize=(5.4, 3.8))
    axes = figure.subplots()
    draw_scatter(axes, x, y, labels, caption, colours)
    return figure


def draw_scatter(axes: Axes, x, y, labels: tuple[str, str], caption: str = "", colours=None) -> None:
    """Points with a least-squares line, as a guide to the eye."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    axes.scatter(x, y, s=14, lw=0, alpha=0.75, c=CLUSTER_COLOURS[0] if colours is None else colours)
    if np.ptp(x) > 0:
        ends = np.array([x.min(), x.max()])
        axes.plot(ends, np.polyval(np.polyfit(x, y, 1), ends), color=INK, lw=1.2)
    axes.set(xlabel=labels[0], ylabel=labels[1], title=caption)


def synergy_panels(
    values: np.ndarray,
    null: np.ndarray,
    correlation: np.ndarray,
    single: np.ndarray,
    best: np.ndarray,
    captions: Sequence[str],
) -> Figure:
    """Fig. 8C, D, E: histogram of all pairs with its null, correlation against synergy, II against the best synergy."""
    figure = plt.figure(figsize=(7.2, 6.2))
    grid = figure.subplot_mosaic([["C", "C"], ["D", "E"]])
    edges = np.linspace(min(values.min(), null.min()), max(values.max(), null.max()), 80)
    grid["C"].hist(values, edges, color=CLUSTER_COLOURS[0], alpha=0.75, label="all pairs")
    grid["C"].hist(null, edges, histtype="step", color=INK, lw=1.3, label="images of b permuted")
    grid["C"].axvline(0, color=CLUSTER_COLOURS[1], lw=1.5)
    grid["C"].set(xlabel="synergy", ylabel="pairs", title=f"C  {captions[0]}")
    grid["C"].legend()
    grid["D"].hexbin(correlation, values, gridsize=40, mincnt=1, cmap="Blues", bins="log")
    grid["D"].axhline(0, color=CLUSTER_COLOURS[1], lw=1)
    grid["D"].set(xlabel="correlation of the two units", ylabel="synergy", title=f"D  {captions[1]}")
    draw_scatter(grid["E"], single, best, ("II of the unit", "best synergy with a partner"), f"E  {captions[2]}")
    return figure


def relu_orthants(
    points: np.ndarray,
    counts: np.ndarray,
    co_activation: np.ndarray,
    index: np.ndarray,
    caption: str,
    cube: Sequence[int],
) -> Figure:
    """Fig. 10: points before (A) and after (B) a ReLU, co-activation against II (C), and the octants of K = 3 (D).

    Parameters
    ----------
    points (n, 2), counts (n,) : before the ReLU, and how many coordinates are positive.
    cube : orthants of K = 3 with 0, 1, 2, 3 positive coordinates.
    """
    figure = plt.figure(figsize=(7.2, 6.6))
    (a, b), (c, d) = figure.subplots(2, 2)
    flat = (counts == 1) & (points[:, 0] > 0)
    colours = np.select(
        [counts == 2, counts == 0, flat], ["#d9a400", "#7b4fa3", CLUSTER_COLOURS[2]], CLUSTER_COLOURS[0]
    )
    for axes, shown, title in ((a, points, "A  before the ReLU"), (b, points.clip(0), "B  after the ReLU")):
        axes.axhline(0, color=FAINT, lw=1)
        axes.axvline(0, color=FAINT, lw=1)
        axes.scatter(*shown.T, c=colours, s=10, lw=0, alpha=0.7)
        axes.set(
            title=title, xlabel="neuron 1", ylabel="neuron 2", aspect="equal", xlim=a.get_xlim(), ylim=a.get_ylim()
        )
    draw_scatter(c, co_activation, index, ("co-activation with the others", "II"), f"C  {caption}")
    kept = ("to zero", "to 1 axis", "to 2 axes", "untouched")
    d.bar(range(4), cube, color=ORTHANT_COLOURS)
    d.set_xticks(range(4), [f"{m} positive\n{fate}" for m, fate in enumerate(kept)], fontsize=8.5)
    d.set(ylabel="octants", title="D  the 8 octants of K = 3")
    d.grid(axis="x", visible=False)
    return figure


def eigenspectrum(shares: np.ndarray, fit, critical: float) -> Figure:
    """Fig. 11: shares of variance on linear axes, and on logarithmic ones with the fit and the critical slope."""
    ranks = np.arange(1, len(shares) + 1)
    figure = plt.figure(figsize=(7.2, 3.4))
    left, right = figure.subplots(1, 2)
    enough = int(np.searchsorted(np.cumsum(shares), 0.95)) + 1
    left.plot(ranks, shares, color=CLUSTER_COLOURS[0])
    left.axvline(enough, color=FAINT)
    left.set(xlabel="principal component", ylabel="share of variance", title=f"95 % of the variance at {enough}")
    right.loglog(ranks, np.maximum(shares, 1e-9), ".", color=CLUSTER_COLOURS[0], ms=4)
    inside = ranks[fit.first - 1 : fit.last]
    right.loglog(
        inside, np.exp(fit.intercept) * inside**fit.slope, color=INK, lw=2, label=f"fit, slope {fit.slope:.2f}"
    )
    right.loglog(
        ranks, shares[0] * ranks**critical, color=CLUSTER_COLOURS[2], lw=1.5, label=f"critical, slope {critical:.3f}"
    )
    right.set(xlabel="principal component", ylim=(max(shares[shares > 0].min() / 2, 1e-7), 1))
    right.legend()
    return figure


def synergy_of(found, null, correlation) -> Figure:
    """Fig. 8C to E of two `Synergy`, one with permuted images, and the units' correlation (N, N)."""
    best, chance = found.best_partner(), null.best_partner()
    corr = correlation[tuple(found.pairs.T)]
    shares = [float((one.values > 0).double().mean()) for one in (found, null)]
    captions = [
        f"{shares[0]:.1%} of {len(found.values)} pairs gain (null {shares[1]:.1%})",
        f"$\\rho$ = {spearman(corr, found.values):.2f}",
        f"$\\rho$ = {spearman(found.single, best):.2f} (null {spearman(null.single, chance):.2f})",
    ]
    return synergy_panels(
        found.values.numpy(), null.values.numpy(), corr.numpy(), found.single.numpy(), best.numpy(), captions
    )
