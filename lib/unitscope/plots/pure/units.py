"""Pictures of single units: maps of their references, strips before and after the split, pairs, new images.

n  references of a unit    x (n, 2)  coordinates for the eye only: UMAP differs by machine, nothing is computed on it
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import plotly.graph_objects as go
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.stats import gaussian_kde
from torch import Tensor

from unitscope.evidence.pure.contents import Factor, describe
from unitscope.papers.pure import LayerStudy
from unitscope.papers.pure.scores import CropPairs, Split
from unitscope.plots.interactive import Interactive, data_uri, show
from unitscope.plots.pure.concepts import LETTERS, outline, padded, paste
from unitscope.plots.pure.view_names import COLOURS, names
from unitscope.plots.style import CLUSTER_COLOURS, INK, bare, draw_strip, skipped, to_pixels

NEIGHBOURS, MIN_DIST, BANDWIDTH = 6, 0.3, 0.5  # of UMAP and of the contours: the paper's figure script


@dataclass(frozen=True)
class Portrait:
    """One unit for the eye: coordinates x (n, 2), crops (n, 3, s, s), circuits (n,), gap, words for each circuit."""

    unit: int
    gap: float
    x: np.ndarray
    crops: Tensor
    labels: np.ndarray
    words: tuple[str, ...]

    def members(self, circuit: int) -> Tensor:
        """Crops of one circuit, strongest first."""
        return self.crops[np.flatnonzero(self.labels == circuit)]


def portraits(
    study: LayerStudy, rows: Sequence[int], split: Split, gaps: Tensor, factors: Mapping[str, Factor], seed: int = 0
) -> list[Portrait]:
    """Portraits of the units in `rows`, with the circuits of `split` and any score `gaps` (U,) to call them by."""
    made = []
    for row in map(int, rows):
        labels, references = split.labels[row], study.references[row]
        words = tuple(describe(factors, references[labels == circuit]) for circuit in range(int(labels.max()) + 1))
        x = map_coordinates(study.vectors["PURE"][row], seed)
        made.append(Portrait(int(study.units[row]), float(gaps[row]), x, study.crops(row), labels.numpy(), words))
    return made


def map_coordinates(vectors, seed: int = 0) -> np.ndarray:
    """UMAP coordinates (n, 2) of vectors (n, D): a picture, not a measurement."""
    from umap import UMAP  # takes seconds to import

    plain = np.asarray(vectors, dtype=np.float32)
    flat = UMAP(
        n_neighbors=min(NEIGHBOURS, len(plain) - 1), min_dist=MIN_DIST, random_state=seed, n_jobs=1, init="random"
    )
    threads = torch.get_num_threads()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return flat.fit_transform(plain)
    finally:
        torch.set_num_threads(threads)  # numba, behind UMAP, sets OpenMP's for the whole process


def graded(made: Sequence[Portrait], pasted: int = 20) -> Figure:
    """The paper's Fig. 3, one row per unit: map with crops, strongest crops, and those of its first two circuits."""
    figure = plt.figure(figsize=(7.4, 1.8 * len(made)))
    grid = figure.subplots(len(made), 4, squeeze=False, gridspec_kw={"width_ratios": [1.25, 1, 1, 1]})
    for axes, one in zip(grid, made, strict=True):
        draw_map(axes[0], one, pasted)
        axes[0].set_title(f"#{one.unit}   gap {one.gap:.2f}", loc="left", fontsize=10)
        draw_strip(axes[1], padded(one.crops), per_row=4)
        axes[1].set_title("all references", fontsize=9)
        for circuit, place in enumerate(axes[2:]):
            draw_strip(place, padded(one.members(circuit)), per_row=4)
            title = f"{LETTERS[circuit]}: {one.words[circuit]}" if circuit < len(one.words) else ""
            place.set_title(title.replace(", ", "\n"), fontsize=9, color=CLUSTER_COLOURS[circuit])
    return figure


def draw_map(axes: Axes, one: Portrait, pasted: int) -> None:
    """References at their coordinates: a dot in the colour of its circuit, density contours, crops of the strongest."""
    margin = 0.2 * np.ptp(one.x, axis=0)
    low, high = one.x.min(0) - margin, one.x.max(0) + margin
    across, up = np.meshgrid(np.linspace(low[0], high[0], 60), np.linspace(low[1], high[1], 60))
    density = gaussian_kde(one.x.T, bw_method=BANDWIDTH)(np.stack([across.ravel(), up.ravel()]))
    axes.contour(across, up, density.reshape(across.shape), levels=6, colors="grey", alpha=0.35, linewidths=0.8)
    axes.scatter(*one.x.T, s=9, c=[CLUSTER_COLOURS[label] for label in one.labels], zorder=2)
    for place, crop, label in zip(one.x[:pasted], one.crops, one.labels, strict=False):
        paste(axes, crop, tuple(place), 17, CLUSTER_COLOURS[label])
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]))
    bare(axes)


def crop_map(made: Sequence[Portrait]) -> Interactive:
    """The paper's Fig. 2, left, to touch: a unit's references, a button for each unit, the crop at the pointer."""
    figure, owner = go.Figure(), []
    for one in made:
        for circuit, words in enumerate(one.words):
            figure.add_trace(dots(one, circuit, words, visible=one is made[0]))
            owner.append(one.unit)
    buttons = [
        {"label": f"#{one.unit}", "method": "update", "args": [{"visible": [unit == one.unit for unit in owner]}]}
        for one in made
    ]
    menu = {
        "buttons": buttons,
        "type": "buttons",
        "direction": "right",
        "x": 0,
        "xanchor": "left",
        "y": -0.03,
        "yanchor": "top",
    }
    legend = {"orientation": "v", "x": 0, "y": 1.02, "yanchor": "bottom"}
    figure.update_layout(updatemenus=[menu], legend=legend, margin={"t": 70, "b": 60, "l": 10, "r": 10})
    return show(figure.update_xaxes(visible=False).update_yaxes(visible=False), height=520)


def dots(one: Portrait, circuit: int, words: str, visible: bool) -> go.Scatter:
    """One circuit of a unit as points that carry their crops."""
    chosen = np.flatnonzero(one.labels == circuit)
    return go.Scatter(
        x=one.x[chosen, 0], y=one.x[chosen, 1], mode="markers", visible=visible,
        name=f"{one.unit}{LETTERS[circuit]}: {words}",
        marker={"size": 11, "color": CLUSTER_COLOURS[circuit], "line": {"width": 1, "color": "white"}},
        customdata=[data_uri(one.crops[index], 64) for index in chosen],
        text=[f"reference {index + 1}" for index in chosen], hovertemplate="%{text}<extra></extra>",
    )  # fmt: skip


def overestimated(study: LayerStudy, found: CropPairs, examples: Sequence[tuple[int, int, int]]) -> Figure:
    """The paper's Fig. 4, right: pairs of references, their crops, and how far apart each view ranks them.

    examples : (row, first, second) of pairs of references, as `scores.exemplary` finds them; there may be none.
    """
    if not examples:
        return skipped("no unit has two references with crops smaller than half of the picture")
    figure = plt.figure(figsize=(7.2, 1.45 * len(examples) + 0.4))
    grid = figure.subplots(len(examples), 5, squeeze=False, gridspec_kw={"width_ratios": [1, 1, 1, 1, 1.7]})
    for axes, (row, *pair) in zip(grid, examples, strict=True):
        for side, (picture, crop, box) in enumerate(
            zip(study.pictures(row, pair), study.crops(row, pair), study.boxes[row, pair].tolist(), strict=True)
        ):
            axes[side].imshow(to_pixels(picture))
            outline(axes[side], box, INK)
            axes[2 + side].imshow(to_pixels(crop))
        axes[0].set_ylabel(f"#{int(study.units[row])}")
        for place in axes[:4]:
            bare(place)
        draw_ranks(axes[4], study, {view: found.at(view, row, *pair) for view in ("activations", "PURE", "judge")})
    for axes in grid[:-1, 4]:
        axes.set_xticklabels([])
    grid[0, 0].set_title("images", loc="left")
    grid[0, 2].set_title("crops", loc="left")
    grid[-1, 4].set_xlabel("rank of distance, %")
    return figure


def draw_ranks(axes: Axes, study: LayerStudy, ranks: Mapping[str, float]) -> None:
    """One bar a view: 0 is the unit's nearest pair, 100 its farthest."""
    titles = names(study)
    axes.barh(
        [titles[view] for view in ranks],
        [100 * rank for rank in ranks.values()],
        color=[COLOURS[view] for view in ranks],
        height=0.6,
    )
    axes.set(xlim=(0, 100), xticks=[0, 50, 100])
    axes.grid(axis="y", visible=False)


def assigned(study: LayerStudy, new: LayerStudy, row: int, new_row: int, labels: Tensor, found: Tensor) -> Figure:
    """Eq. (7) to see: for each circuit its strongest references, and below them unseen images assigned to it.

    labels (n,) : circuits of the references of `row` in `study`; found (m,) : of those of `new_row` in `new`.
    """
    circuits = int(labels.max()) + 1
    figure = plt.figure(figsize=(7.2, 1.9 * circuits))
    rows = figure.subplots(2 * circuits, 1).ravel()
    known, unseen = study.crops(row), new.crops(new_row)
    for circuit in range(circuits):
        colour, unit = CLUSTER_COLOURS[circuit], int(study.units[row])
        draw_strip(
            rows[2 * circuit], padded(known[labels == circuit]), label=f"#{unit}{LETTERS[circuit]}", colour=colour
        )
        draw_strip(rows[2 * circuit + 1], padded(unseen[found == circuit]), label="unseen", colour=colour)
    return figure
