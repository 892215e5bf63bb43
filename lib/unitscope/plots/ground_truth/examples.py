"""What was planted, to look at: a summed unit with its sources, codes matched with directions, units of some purity."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor

from unitscope.data import ImageSet
from unitscope.evidence.ground_truth.channels import Bench
from unitscope.evidence.pure.planted import Planted
from unitscope.metrics.interpretability import top_images
from unitscope.plots.ground_truth.curves import COLOURS
from unitscope.plots.style import CLUSTER_COLOURS, INK, draw_strip

PER_ROW = 10


def summed_unit(on: Bench, found: Planted, row: int = 0) -> Figure:
    """The strongest images of each source, and below them those of the planted unit, framed by their source."""
    images, chosen = on.study.setting.images, found.pairs[row].tolist()
    figure, grid = plt.subplots(len(chosen) + 1, 1, figsize=(7.2, 0.82 * (len(chosen) + 1)))
    for number, channel in enumerate(chosen):
        best = on.study.ranking.indices[channel, :PER_ROW]
        draw_strip(grid[number], images.load(best).images, PER_ROW, f"channel {channel}", CLUSTER_COLOURS[number])
    order = torch.linspace(0, found.references.shape[1] - 1, PER_ROW).round().long()
    framed = [frame(image, CLUSTER_COLOURS[int(source)]) for image, source in
              zip(images.load(found.references[row, order]).images, found.source[row, order], strict=True)]  # fmt: skip
    draw_strip(grid[-1], framed, PER_ROW, "their sum")
    return figure


def frame(image: Tensor, colour: str, share: float = 0.06) -> Tensor:
    """An image (3, h, w) with a frame."""
    rgb = torch.tensor([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])[:, None, None]
    width = max(1, round(share * image.shape[1]))
    framed = rgb.expand_as(image).clone()
    framed[:, width:-width, width:-width] = image[:, width:-width, width:-width]
    return framed


def matches(tables: Mapping[str, Mapping[str, Tensor]]) -> Figure:
    """Correlations of planted codes (rows) with found directions (columns): {line: {method: (G, K)}}."""
    methods = sorted({name for line in tables.values() for name in line}, key=list(COLOURS).index)
    figure, grid = plt.subplots(len(tables), len(methods), figsize=(7.2, 1.75 * len(tables)), squeeze=False)
    for line, (label, row) in zip(grid, tables.items(), strict=True):
        for axes, method in zip(line, methods, strict=True):
            axes.set(xticks=[], yticks=[])
            axes.grid(False)
            if method in row:
                picture = axes.imshow(row[method].numpy(), cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
            else:
                middle = {"ha": "center", "va": "center", "transform": axes.transAxes}
                axes.text(0.5, 0.5, "not for\nthese data", fontsize=8, **middle)
            axes.spines[:].set_visible(True)
        line[0].set_ylabel(f"{label}\nplanted", fontsize=9)
    for axes, method in zip(grid[0], methods, strict=True):
        axes.set_title(method, fontsize=10, color=COLOURS.get(method, INK))
    for axes in grid[-1]:
        axes.set_xlabel("found", fontsize=9)
    figure.colorbar(picture, ax=grid, shrink=0.8, label="correlation")
    return figure


def units_of_purity(images: ImageSet, responses: dict[str, Tensor], m: int = 5, each: int = 2) -> Figure:
    """The strongest images of `each` units of every kind: responses {what it responds to: (N, units)}."""
    figure, grid = plt.subplots(len(responses), 1, figsize=(7.2, 0.85 * len(responses)), squeeze=False)
    for axes, (label, own) in zip(grid.flat, responses.items(), strict=True):
        best = top_images(own[:, :each], m)
        gap = torch.ones(1, 3, images.image_size, images.image_size)
        shown = torch.cat([part for row in best for part in (images.load(row).images.cpu(), gap)])[:-1]
        draw_strip(axes, list(shown), len(shown), label)
    return figure
