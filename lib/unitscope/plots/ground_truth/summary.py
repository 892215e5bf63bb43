"""The chapter in one picture: how much of the way from chance to perfect each method comes, from easy to hard."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from unitscope.errors import UnitscopeError
from unitscope.evidence.ground_truth.checks import Line
from unitscope.plots.style import INK

CELLS = ("easiest", "middle", "hardest")


def summary(lines: Sequence[Line]) -> Figure:
    """One row a method of each question, a cell for the easiest, the middle and the hardest difficulty of its curve."""
    if not lines:
        raise UnitscopeError("summary needs at least one line, got none.")
    table = np.array([line.way for line in lines])
    figure, axes = plt.subplots(figsize=(7.2, 0.27 * len(lines) + 0.9))
    axes.imshow(table.clip(0, 1), cmap="YlGnBu", vmin=0, vmax=1, aspect="auto")
    for row, line in enumerate(lines):
        for column, (value, difficulty) in enumerate(zip(line.way, line.at, strict=True)):
            axes.text(column, row, f"{value:.2f}   at {difficulty}", ha="center", va="center", fontsize=8.5,
                      color="white" if value > 0.6 else INK)  # fmt: skip
        if row and line.question != lines[row - 1].question:
            axes.axhline(row - 0.5, color=INK, lw=1.2)
    names = [f"{line.question}: {line.method}" for line in lines]
    axes.set(xticks=range(len(CELLS)), xticklabels=CELLS, yticks=range(len(lines)))
    axes.set_yticklabels(names, fontsize=9)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.grid(False)
    axes.spines[:].set_visible(False)
    return figure
