"""Heat maps of matched units: a concept in every network, all concepts on one picture, the method as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from torch import Tensor

from unitscope.papers.rosetta.dictionary import Dictionary, agreement, all_maps, maps_of
from unitscope.plots.style import INK, bare, to_pixels

MAP = "viridis"
FINE = 64


def short(name: str) -> str:
    """A network's name without its family."""
    return name.split("/")[-1]


def heat(axes: Axes, one: Tensor) -> None:
    """One normalised map, smoothly enlarged, its own range in colour."""
    large = F.interpolate(one[None, None].float(), (FINE, FINE), mode="bilinear", align_corners=False)[0, 0]
    bare(axes).imshow(large.cpu(), cmap=MAP, interpolation="bilinear")


def seen_on(found: Dictionary, w: Tensor) -> tuple[Tensor, dict]:
    """Pictures of latents w and all maps of the generator and the networks on them."""
    with torch.no_grad():
        images, drawn = found.mining.gan.synthesize_with_features(w)
    return images.cpu(), all_maps(found.mining, list(found.partners), images, drawn)


def best_picture(found: Dictionary, seen: dict, concept: int) -> int:
    """Where a concept's maps agree most."""
    return int(agreement(maps_of(found.mining, seen, found.tuple_of(concept))).argmax())


def tuples(
    found: Dictionary, concepts: Sequence[int], images: Tensor, seen: dict, labels: Sequence[str] | None = None
) -> Figure:
    """The paper's Fig. 1, left: a row a concept: its best picture, then one heat map a network, with layer and unit."""
    columns = 2 + len(found.partners)
    figure = plt.figure(figsize=(1.12 * columns, 1.38 * len(concepts)))
    grid = figure.subplots(len(concepts), columns, squeeze=False)
    for row, (axes, concept) in enumerate(zip(grid, concepts, strict=True)):
        maps = maps_of(found.mining, seen, found.tuple_of(concept))
        picture = best_picture(found, seen, concept)
        bare(axes[0]).imshow(to_pixels(images[picture]))
        axes[0].set_ylabel(f"#{concept}" if labels is None else labels[row], fontsize=8)
        for place, (name, one) in zip(axes[1:], maps.items(), strict=True):
            heat(place, one[picture])
            place.set_xlabel(found.names_of(concept)[name].replace(", ", "\n"), fontsize=7)
            if row == 0:
                place.set_title(short(name), fontsize=8)
    return figure


def atlas(found: Dictionary, image: Tensor, seen: dict, picture: int, names: Sequence[str], per_row: int = 8) -> Figure:
    """The paper's Fig. 2: one picture and the generator's heat map of every concept on it."""
    count = min(len(found), 6 * per_row - 1)
    rows = -(-(count + 1) // per_row)
    figure = plt.figure(figsize=(0.92 * per_row, 1.12 * rows))
    grid = figure.subplots(rows, per_row, squeeze=False).ravel()
    for axes in grid:
        bare(axes)
    grid[0].imshow(to_pixels(image))
    for concept, axes in zip(range(count), grid[1:], strict=False):
        gan = found.mining.gan.name
        heat(axes, maps_of(found.mining, {gan: seen[gan]}, {gan: found.tuple_of(concept)[gan]})[gan][picture])
        axes.set_title(f"#{concept} {names[concept]}", fontsize=6.5, pad=2)
    return figure


def rows_on(
    found: Dictionary,
    concepts: Sequence[int],
    pictures: Sequence[int],
    images: Tensor,
    seen: dict,
    labels: Sequence[str],
) -> Figure:
    """The paper's Fig. 3: for each picture, some concepts as rows of heat maps in all networks."""
    columns = 1 + len(found.partners)
    figure = plt.figure(figsize=(1.0 * (columns + 1), 0.98 * len(concepts) * len(pictures)))
    grid = figure.subplots(len(concepts) * len(pictures), columns + 1, squeeze=False)
    for line, axes in enumerate(grid):
        picture, concept = pictures[line // len(concepts)], concepts[line % len(concepts)]
        bare(axes[0])
        if line % len(concepts) == 0:
            axes[0].imshow(to_pixels(images[picture]))
        maps = maps_of(found.mining, seen, found.tuple_of(concept))
        for place, (name, one) in zip(axes[1:], maps.items(), strict=True):
            heat(place, one[picture])
            if line == 0:
                place.set_title(short(name), fontsize=8)
        axes[1].set_ylabel(labels[line % len(concepts)], fontsize=7)
    return figure


def pair_strip(found: Dictionary, concept: int, network: str, images: Tensor, seen: dict) -> Figure:
    """The published code's strip for a pair: picture, overlay of each map, both raw maps."""
    units = found.tuple_of(concept)
    maps = maps_of(found.mining, seen, {name: units[name] for name in (found.mining.gan.name, network)})
    picture = best_picture(found, seen, concept)
    figure = plt.figure(figsize=(7.2, 1.75))
    axes = figure.subplots(1, 5)
    bare(axes[0]).imshow(to_pixels(images[picture]))
    axes[0].set_title("picture", fontsize=9)
    for place, (name, one) in zip(axes[1:3], maps.items(), strict=True):
        bare(place).imshow(to_pixels(images[picture]))
        large = F.interpolate(one[picture][None, None].float(), (64, 64), mode="bilinear", align_corners=False)[0, 0]
        place.imshow(large.cpu(), cmap="jet", alpha=0.45)
        place.set_title(short(name), fontsize=9)
    for place, (name, one) in zip(axes[3:], maps.items(), strict=True):
        bare(place).imshow(one[picture].cpu(), cmap=MAP)
        place.set_title(f"{short(name)}, raw", fontsize=9)
    return figure


def scheme(image: Tensor, start: Tensor, drawn: Tensor, maps: Mapping[str, Tensor]) -> Figure:
    """The paper's Fig. 4 with real maps: target, its map in a network, the generator's map before and after, the
    picture.

    maps : {"network": (h, w), "before": (h, w), "after": (h, w)} of one pair.
    """
    figure = plt.figure(figsize=(7.2, 2.0))
    axes = figure.subplots(1, 6)
    bare(axes[0]).imshow(to_pixels(image.cpu()))
    heat(axes[1], maps["network"])
    heat(axes[2], maps["before"])
    bare(axes[3]).imshow(to_pixels(start.cpu()))
    heat(axes[4], maps["after"])
    bare(axes[5]).imshow(to_pixels(drawn.cpu()))
    words = (
        "target",
        "network's unit:\nthe goal",
        "generator's unit\nat the start",
        "start",
        "generator's unit\nat the end",
        "end",
    )
    for place, word in zip(axes, words, strict=True):
        place.set_title(word, fontsize=8.5, color=INK)
    for left in axes[:-1]:
        arrow = FancyArrowPatch(
            (1.02, 0.5),
            (1.16, 0.5),
            transform=left.transAxes,
            arrowstyle="-|>",
            mutation_scale=9,
            color=INK,
            clip_on=False,
        )
        left.add_artist(arrow)
    return figure


def agreement_on(found: Dictionary, seen: dict, concept: int) -> Tensor:
    """How much a concept's maps agree on each picture, (n,)."""
    return agreement(maps_of(found.mining, seen, found.tuple_of(concept)))
