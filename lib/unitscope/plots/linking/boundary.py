"""Figures about the decision boundary (Fig. 7); each says that it is skipped where there is no journey (an empty list
or None).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import plotly.graph_objects as go
from matplotlib.figure import Figure
from torch import Tensor

from unitscope.data.critters import PARTS
from unitscope.evidence.linking import NOT_CROSSED
from unitscope.evidence.linking.journey import Journey
from unitscope.metrics.parts import METRICS
from unitscope.papers.linking.counterfactuals import Counterfactual
from unitscope.plots.interactive import Interactive, data_uri, show
from unitscope.plots.linking.common import grid_of, inset, legend_of_parts, name_row, show_picture
from unitscope.plots.style import CLUSTER_COLOURS, INK, PART_COLOURS, skipped

HOME, TARGET, ELSEWHERE = CLUSTER_COLOURS[0], CLUSTER_COLOURS[1], "#7A7A7A"
GREEN = "#1a7f4b"


def frame_colour(way: Journey, step: int) -> str:
    """Blue where the picture is classified as the original class, orange as the target, grey as another."""
    return {way.numbers[0]: HOME, way.numbers[1]: TARGET}.get(int(way.predicted[step]), ELSEWHERE)


def straddling(way: Journey) -> tuple[int, int]:
    """The steps before and after the boundary; the middle of the way where there is none."""
    after = way.boundary or len(way.positions) // 2
    return after - 1, after


def ways(found: Sequence[Journey]) -> Figure:
    """Fig. 7A: the original, the two pictures at the boundary, and the last one; p(target) in the corner."""
    if not found:
        return skipped(NOT_CROSSED)
    figure, axes = grid_of(len(found), 4, cell=1.25, left=1.5)
    for row, way in zip(axes, found, strict=True):
        for one, step in zip(row, (0, *straddling(way), len(way.positions) - 1), strict=True):
            show_picture(one, way.images[step], frame_colour(way, step), width=4)
            inset(one, float(way.target[step]))
        name_row(row[0], f"{way.names[0]}\nto {way.names[1]}")
    for one, title in zip(axes[0], ("original", "last before", "first behind", "end"), strict=True):
        one.set_title(title, fontsize=9.5, pad=3)
    handles = [
        plt.Line2D([], [], color=c, lw=4, label=n)
        for c, n in ((HOME, "seen as the original class"), (TARGET, "as the target"), (ELSEWHERE, "as another"))
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=9)
    return figure


def slider(way: Journey | None, every: int = 2) -> Interactive | Figure:
    """The way to walk along: a slider moves the picture, its masks' areas and the probabilities of both classes."""
    if way is None:
        return skipped(NOT_CROSSED)
    steps = list(range(0, len(way.positions), every))
    pictures = [data_uri(way.images[step], 160) for step in steps]
    area = way.changes()[:, 1:, METRICS.index("area")]
    parts = PARTS[1:]

    def picture(index: int) -> dict:
        return {
            "source": pictures[index],
            "xref": "paper",
            "yref": "paper",
            "x": 0,
            "y": 1,
            "sizex": 0.34,
            "sizey": 1,
            "xanchor": "left",
            "yanchor": "top",
            "layer": "above",
        }

    def traces(index: int) -> list:
        step = steps[index]
        return [
            go.Bar(
                x=list(way.names),
                y=[float(way.p[step, n]) for n in way.numbers],
                marker_color=[HOME, TARGET],
                showlegend=False,
            ),
            go.Bar(
                x=list(parts),
                y=area[step].tolist(),
                marker_color=[PART_COLOURS[part] for part in parts],
                xaxis="x2",
                yaxis="y2",
                showlegend=False,
            ),
        ]

    figure = go.Figure(
        traces(0),
        frames=[go.Frame(name=str(i), data=traces(i), layout={"images": [picture(i)]}) for i in range(len(steps))],
    )
    reach = max(0.2, float(area.abs().max())) * 1.05
    ticks = [
        {
            "label": f"{float(way.positions[step]):.2f}",
            "method": "animate",
            "args": [
                [str(i)],
                {"mode": "immediate", "frame": {"duration": 0, "redraw": True}, "transition": {"duration": 0}},
            ],
        }
        for i, step in enumerate(steps)
    ]
    figure.update_layout(
        images=[picture(0)],
        sliders=[
            {"steps": ticks, "currentvalue": {"prefix": "position on the way (1: counterfactual): "}, "pad": {"t": 46}}
        ],
        xaxis={"domain": [0.42, 0.56]},
        yaxis={"range": [0, 1], "title": "probability"},
        xaxis2={"domain": [0.68, 1], "anchor": "y2", "tickangle": 45},
        yaxis2={"range": [-reach, reach], "title": "area change (relative)", "anchor": "x2"},
    )
    return show(figure, height=420)


def cams(found: Sequence[Journey], heats: Sequence[Tensor]) -> Figure:
    """Fig. 7B: Grad-CAM of the target on both pictures at the boundary, and what changed between them, label by label.

    heats: (2, H, W) of each way.
    """
    if not found:
        return skipped(NOT_CROSSED)
    figure = plt.figure(figsize=(7.4, 1.95 * len(found)))
    rows = figure.subplots(len(found), 4, width_ratios=(1, 1, 1.5, 1.5), squeeze=False)
    for axes, way, heat in zip(rows, found, heats, strict=True):
        before, after = straddling(way)
        for one, step, map_ in zip(axes[:2], (before, after), heat, strict=True):
            show_picture(one, way.images[step], frame_colour(way, step))
            one.imshow(map_, cmap="inferno", alpha=0.55)
        changes = way.changes()
        for one, metric, unit in ((axes[2], "area", "area (relative)"), (axes[3], "luminance", "luminance (of white)")):
            step = (changes[after] - changes[before])[:, METRICS.index(metric)]
            one.barh(range(len(PARTS)), step, color=list(PART_COLOURS.values()))
            one.axvline(0, color=INK, lw=0.8)
            one.set(ylim=(len(PARTS) - 0.5, -0.5), xlabel=f"change: {unit}", yticks=[])
            one.xaxis.label.set_fontsize(9)
            one.tick_params(labelsize=8)
        axes[2].set_yticks(range(len(PARTS)), PARTS, fontsize=8)
        name_row(axes[0], f"{way.names[0]}\nto {way.names[1]}")
    rows[0, 0].set_title("Grad-CAM before", fontsize=9)
    rows[0, 1].set_title("Grad-CAM behind", fontsize=9)
    return figure


def curves(found: Sequence[Journey], shown: int = 4) -> Figure:
    """Fig. 7C: on the left MSE, LPIPS and p(target) along the way; then area and luminance of the labels that change
    most.
    """
    if not found:
        return skipped(NOT_CROSSED)
    figure, grid = plt.subplots(len(found), 3, figsize=(7.4, 2.45 * len(found)), squeeze=False)
    drawn: set[int] = set()
    for axes, way in zip(grid, found, strict=True):
        for name, colour, label in (("pixels", CLUSTER_COLOURS[0], "MSE"), ("LPIPS", CLUSTER_COLOURS[3], "LPIPS")):
            axes[0].plot(way.positions, scaled(way.distances[name]), color=colour, label=label)
        axes[0].plot(way.positions, way.target, color=GREEN, lw=2, label="p(target)")
        axes[0].set_ylabel(f"{way.names[0]} to {way.names[1]}\nshare of the largest")
        for one, metric in zip(axes[1:], ("area", "luminance"), strict=True):
            values = way.changes()[..., METRICS.index(metric)]
            top = values.abs().amax(0).argsort(descending=True)[:shown].tolist()
            drawn |= set(top)
            for label in top:
                one.plot(way.positions, scaled(values[:, label]), color=PART_COLOURS[PARTS[label]], lw=1.8)
            one.set_ylabel(f"{metric} change (scaled)")
            one.set_ylim(-1.08, 1.08)
        for one in axes:
            one.tick_params(labelsize=8.5)
            one.yaxis.label.set_fontsize(9.5)
            if way.boundary:
                one.axvline(float(way.positions[way.boundary - 1 : way.boundary + 1].mean()), color=INK, ls="--", lw=1)
    for one in grid[-1]:
        one.set_xlabel("position on the way", fontsize=9.5)
    grid[0, 0].legend(fontsize=8, loc="lower right", frameon=True, framealpha=0.9, edgecolor="none")
    legend_of_parts(figure, [PARTS[label] for label in sorted(drawn)], ncols=9)
    return figure


def settings(found: Mapping[str, Counterfactual], away: Mapping[str, Tensor], edge: float) -> Figure:
    """Where counterfactuals end: distance of each latent to the nearest class mean, by setting; full dots reached the
    target.

    away : (n,) of each setting. edge : the distance within which 99 % of sampled latents lie.
    """
    if not found:
        return skipped(NOT_CROSSED)
    figure, axes = plt.subplots(figsize=(7.0, 0.5 * len(found) + 1.1))
    for row, (name, one) in enumerate(found.items()):
        for reached, face in ((True, TARGET), (False, "none")):
            far = away[name][one.reached == reached]
            axes.scatter(
                far,
                np.full(len(far), row),
                s=34,
                facecolors=face,
                edgecolors=TARGET if reached else ELSEWHERE,
                alpha=0.8,
            )
    axes.axvline(edge, color=INK, ls="--", lw=1)
    axes.set_yticks(
        range(len(found)),
        [f"{name}\n{float(one.reached.double().mean()):.0%} reach it" for name, one in found.items()],
        fontsize=9,
    )
    axes.set(
        xscale="log",
        xlabel="Mahalanobis distance to the nearest class mean (standard deviations)",
        ylim=(len(found) - 0.5, -0.5),
    )
    return figure


def scaled(curve: Tensor) -> np.ndarray:
    """A curve divided by its largest absolute value."""
    return (curve / curve.abs().max().clamp(min=1e-9)).numpy()
