"""Images that excite directions: rows of MEIs, synergistic pairs, two units' plane with images in it."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from unitscope.metrics.interpretability import at_quantiles, top_images
from unitscope.papers.directions.basis import plane_arrows
from unitscope.plots.directions.comparison import COLOURS
from unitscope.plots.style import CLUSTER_COLOURS, FAINT, INK, draw_strip, to_pixels

THUMBNAIL = 30


def exciting_rows(columns: Sequence[tuple[str, Sequence, Sequence[str]]]) -> Figure:
    """Fig. 4: one column a kind of direction; in it one row of MEIs for each chosen direction, its label at the left.

    Parameters
    ----------
    columns : (title, rows of images, labels), as many rows in each.
    """
    count = max(len(rows) for _, rows, _ in columns)
    figure = plt.figure(figsize=(3.7 * len(columns), 0.62 * count + 0.4))
    grid = figure.subplots(count, len(columns), squeeze=False)
    for column, (title, rows, labels) in enumerate(columns):
        for axes, images, label in zip(grid[:, column], rows, labels, strict=True):
            draw_strip(axes, images, per_row=len(images), label=label, colour=INK)
            axes.yaxis.label.set_size(9)
        grid[0, column].set_title(title, color=COLOURS.get(title, INK))
    return figure


def synergy_rows(pairs: Sequence[tuple[str, Sequence[Sequence], Sequence[str]]]) -> Figure:
    """Fig. 8A, B: for each pair the MEIs of a, of b and of a + b."""
    return exciting_rows(pairs)


def unit_plane(
    first: np.ndarray,
    second: np.ndarray,
    images: Sequence,
    shown: Sequence[int],
    marks: Sequence[Sequence[int]],
    arrows: np.ndarray | None,
    labels: tuple[str, str],
) -> Figure:
    """Fig. 1: images in the plane of two units' responses.

    Parameters
    ----------
    first, second : (n,) responses of the two units.
    images : pictures of the images `shown`.
    marks : numbers of each unit's MEIs, framed in the unit's colour.
    arrows (a, 2) : directions in the plane, drawn from the origin; None draws none.
    """
    figure = plt.figure(figsize=(6.4, 5.2))
    axes = figure.subplots()
    axes.plot(first, second, ".", color=FAINT, ms=3, zorder=1)
    for picture, number in zip(images, shown, strict=True):
        colour = next((CLUSTER_COLOURS[place] for place, chosen in enumerate(marks) if number in chosen), None)
        frame = {"edgecolor": colour or FAINT, "lw": 2 if colour else 0.6}
        image = OffsetImage(to_pixels(picture, THUMBNAIL), zoom=0.75)
        axes.add_artist(
            AnnotationBbox(image, (first[number], second[number]), pad=0.08, bboxprops=frame, zorder=3 if colour else 2)
        )
    reach = 0.95 * min(first.max(), second.max())
    for place, arrow in enumerate(() if arrows is None else arrows):
        end = arrow / np.abs(arrow).max() * reach
        axes.annotate(
            "",
            end,
            (0, 0),
            arrowprops={"arrowstyle": "-|>", "lw": 2.2, "color": CLUSTER_COLOURS[2 + place % 3]},
            zorder=5,
        )
    axes.set(
        xlabel=labels[0],
        ylabel=labels[1],
        xlim=(min(0, first.min()), first.max() * 1.08),
        ylim=(min(0, second.min()), second.max() * 1.08),
    )
    return figure


def plane_of_two(
    images, given, units, features, layer: str, seed: int = 0, strewn: int = 50, marked: int = 7
) -> Figure:
    """Fig. 1 of the two units with the lowest II: `strewn` random images, the `marked` strongest of each, arrows.

    Parameters
    ----------
    images, given : the image set and its `Activations`.
    units, features : `Measured` units and k-means directions.
    """
    pair = np.argsort(units.index)[:2].tolist()
    first, second = (given.unit_norm[:, unit].numpy() for unit in pair)
    marks = [top_images(given.unit_norm[:, [unit]], marked)[0].tolist() for unit in pair]
    some = torch.randperm(len(images), generator=torch.Generator().manual_seed(seed))[:strewn].tolist()
    shown = list(dict.fromkeys([*some, *marks[0], *marks[1]]))
    names = [f"{layer}, unit {given.units[unit]} (normalised)" for unit in pair]
    arrows = plane_arrows(features.vectors, pair)
    return unit_plane(first, second, images.load(shown).images, shown, marks, arrows, names)


def quantile_rows(images, kinds) -> Figure:
    """Fig. 4: the MEIs of directions at fixed quantiles of their kind's II, the highest on top.

    Parameters
    ----------
    kinds : {title: Measured}.
    """
    columns = []
    for title, one in kinds.items():
        chosen = at_quantiles(torch.from_numpy(one.index)).flip(0)
        rows = [images.load(one.best[number]).images for number in chosen]
        columns.append((title, rows, [f"{one.index[number]:.4f}" for number in chosen]))
    return exciting_rows(columns)


def best_synergies(images, given, units, synergy, count: int = 2, shown: int = 4) -> Figure:
    """Fig. 8A, B: the pairs with the highest synergy, and the strongest images of both units and of their sum."""
    columns = []
    for number in synergy.values.argsort(descending=True)[:count].tolist():
        a, b = synergy.pairs[number].tolist()
        trio = [units.best[a], units.best[b], synergy.sets[number]]
        labels = [f"unit {given.units[a]}", f"unit {given.units[b]}", "sum"]
        rows = [images.load(chosen[:shown]).images for chosen in trio]
        columns.append((f"synergy {synergy.values[number]:.4f}", rows, labels))
    return synergy_rows(columns)
