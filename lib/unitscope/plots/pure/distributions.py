"""How polysemantic the units of a network are (appendix A.2): mean distance against gap, with histograms."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import numpy as np
import plotly.graph_objects as go
from matplotlib.figure import Figure
from torch import Tensor

from unitscope.evidence.pure.contents import Factor, describe
from unitscope.papers.pure import LayerStudy
from unitscope.papers.pure.scores import Split
from unitscope.plots.interactive import Interactive, data_uri, show
from unitscope.plots.style import CLUSTER_COLOURS, INK, mosaic

BINS = 10  # the paper's
XLABEL, YLABEL = "mean distance of a unit's references", "gap of the judge's own clusters"


def gap_scatter(units: Tensor, split: Split, threshold: float, named: int = 5) -> Figure:
    """Appendix A.2 for one network: one dot per unit, histograms of ten bins with counts, the largest gaps named.

    split : the judge's own; threshold : gap from which a unit counts as polysemantic.
    """
    figure = plt.figure(figsize=(6.8, 4.8))
    grid = figure.subplots(
        2, 2, sharex="col", sharey="row", gridspec_kw={"width_ratios": [4, 1.1], "height_ratios": [1, 3.4]}
    )
    axes, gaps, overall = grid[1, 0], split.gap.numpy(), split.overall.numpy()
    grid[0, 1].axis("off")
    axes.scatter(overall, gaps, s=30, color=CLUSTER_COLOURS[0], alpha=0.7, lw=0)
    for place in np.argsort(gaps)[::-1][:named]:
        axes.annotate(
            f"#{int(units[place])}", (overall[place], gaps[place]), (5, 3), textcoords="offset points", fontsize=9
        )
    axes.axhline(threshold, color=INK, lw=1, ls="--")
    axes.set(xlabel=XLABEL, ylabel=YLABEL)
    for histogram, values, orientation in ((grid[0, 0], overall, "vertical"), (grid[1, 1], gaps, "horizontal")):
        counts, _, bars = histogram.hist(
            values, bins=BINS, color=CLUSTER_COLOURS[0], alpha=0.45, orientation=orientation
        )
        histogram.bar_label(bars, [f"{count:.0f}" if count else "" for count in counts], fontsize=8.5, padding=2)
        histogram.margins(**{"y" if orientation == "vertical" else "x": 0.25})
        histogram.axis("off")
    return figure


def gap_histograms(gaps: Mapping[str, Tensor], threshold: float) -> Figure:
    """Appendix A.2 for several networks: units in ten bins of gap, a panel a network, the mean as a line."""
    figure = plt.figure(figsize=(7.0, 2.7))
    panels = figure.subplots(1, len(gaps), sharey=True, sharex=True, squeeze=False).ravel()
    bins = np.linspace(0, max(float(values.max()) for values in gaps.values()), BINS + 1)
    for axes, (name, values) in zip(panels, gaps.items(), strict=True):
        axes.hist(
            values.numpy(), bins, weights=np.full(len(values), 100 / len(values)), color=CLUSTER_COLOURS[0], alpha=0.5
        )
        axes.axvline(float(values.mean()), color=CLUSTER_COLOURS[0], lw=2)
        axes.axvline(threshold, color=INK, lw=1, ls="--")
        axes.set_title(f"{name}\nmean {float(values.mean()):.2f}", fontsize=10)
        axes.set_xlabel("gap")
    panels[0].set_ylabel("units, %")
    return figure


def gap_explorer(study: LayerStudy, split: Split, factors: Mapping[str, Factor], shown: int = 9) -> Interactive:
    """The scatter to touch: the pointer shows a unit's strongest crops and what its references have in common."""
    rows = range(len(study.units))
    sheets = [
        mosaic(study.crops(row, slice(0, shown), 42), per_row=3, size=42, gap=2).transpose(2, 0, 1) / 255
        for row in rows
    ]
    figure = go.Figure(
        go.Scatter(
            x=split.overall.numpy(), y=split.gap.numpy(), mode="markers",
            marker={"size": 11, "color": CLUSTER_COLOURS[0], "opacity": 0.75},
            customdata=[data_uri(sheet, 130) for sheet in sheets],
            text=[f"#{int(study.units[row])}<br>{describe(factors, study.references[row])}" for row in rows],
            hovertemplate="%{text}<extra></extra>",
        )
    )  # fmt: skip
    return show(figure.update_layout(xaxis_title=XLABEL, yaxis_title=YLABEL), height=440)
