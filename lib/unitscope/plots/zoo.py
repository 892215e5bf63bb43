"""Figures of the zoo chapter: the critter world and what its networks can do."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from torch import Tensor

from unitscope.data.critters import BACKGROUNDS, NAMES, OBJECTS, OCCLUDERS, PARTS, Critters, Factors, factors, render
from unitscope.data.critters.latent_factors import latents
from unitscope.models import Generator
from unitscope.plots.style import CLUSTER_COLOURS, FAINT, INK, PART_COLOURS, draw_strip, to_pixels

PART_RGB = torch.tensor([to_rgb(PART_COLOURS[part]) for part in PARTS])
RELATIVES = (
    ("pika", "hare", "ears"),
    ("pig", "tapir", "snout"),
    ("cat", "lynx", "tail"),
    ("cat", "leopard", "pattern"),
    ("horse", "zebra", "pattern"),
    ("fox", "hound", "ears and tail"),
)
MEASURES = {
    "top1": "top-1",
    "knn5": "5 nearest neighbours",
    "linear": "linear probe",
    "zero_shot_species": "zero-shot species",
    "zero_shot_colour": "zero-shot colour",
    "zero_shot_pattern": "zero-shot pattern",
}


def contact_sheet(world: Critters, per_species: int = 8) -> Figure:
    """`per_species` pictures of each species, a row for each."""
    figure, grid = plt.subplots(len(NAMES), 1, figsize=(7, 10.6), constrained_layout={"h_pad": 0.01, "hspace": 0.0})
    for number, axes in enumerate(grid):
        rows = (world.labels == number).nonzero()[:per_species, 0]
        draw_strip(axes, world.load(rows).images, per_species, NAMES[number])
    return figure


def part_masks(world: Critters, count: int = 8) -> Figure:
    """Pictures above their exact part masks, with the colours' meaning."""
    shown = world.pictures(range(count))
    masks = PART_RGB[shown.masks.long()].permute(0, 3, 1, 2)
    figure, grid = plt.subplots(2, 1, figsize=(7, 2.3))
    draw_strip(grid[0], shown.images, count)
    draw_strip(grid[1], masks, count)
    patches = [plt.Rectangle((0, 0), 1, 1, color=PART_RGB[part].numpy()) for part in range(len(PARTS))]
    figure.legend(patches, PARTS, loc="outside lower center", ncols=5, fontsize=9)
    return figure


def with_factors(found: Factors, **values: float) -> Factors:
    """The same pictures with some factors set to one value for all."""
    return Factors(
        **{name: torch.full_like(old, values[name]) if name in values else old for name, old in vars(found).items()}
    )


def relatives(seed: int = 0) -> Figure:
    """Close relatives side by side: one latent, two species, and the part in which they differ."""
    figure, grid = plt.subplots(2, 3, figsize=(7, 2.9))
    for number, (first, second, part) in enumerate(RELATIVES):
        z = latents(seed, torch.full((2,), 3 + number))
        pair = render(
            with_factors(factors(z, torch.tensor([NAMES.index(first), NAMES.index(second)])), object=0, occluder=0), 128
        ).images
        axes = grid.flat[number]
        draw_strip(axes, pair, 2)
        axes.set_title(f"{first} | {second}: {part}", fontsize=10)
    return figure


def scenes(seed: int = 0) -> Figure:
    """One animal in front of every background, then with every object behind it and every occluder before it."""
    z = latents(seed, torch.full((1,), 11))
    scene = with_factors(
        factors(z, torch.tensor([NAMES.index("cat")])),
        background=1,
        object=0,
        occluder=0,
        occluder_x=0.45,
        object_x=0.45,
        object_y=0.4,
    )

    def changed(**values: float) -> Tensor:
        return render(with_factors(scene, **values)).images[0]

    figure, grid = plt.subplots(2, 1, figsize=(7, 2.1))
    draw_strip(grid[0], [changed(background=n) for n in range(len(BACKGROUNDS))], 8)
    extras = [changed(object=n) for n in range(len(OBJECTS))] + [changed(occluder=n) for n in range(1, len(OCCLUDERS))]
    draw_strip(grid[1], extras, 8)
    return figure


def abilities(cards: list[dict]) -> Figure:
    """What each network reaches (dot) and what the same network with random weights reaches (ring), chance as a
    line.
    """
    rows = [
        (card["name"].split("/")[1], label, card["metrics"][key], card["random_weights"][key])
        for card in cards
        for key, label in MEASURES.items()
        if key in card["metrics"]
    ]
    figure, axes = plt.subplots(figsize=(7, 0.34 * len(rows) + 0.9))
    for y, (_, _, ours, chance) in enumerate(rows):
        axes.plot([chance, ours], [y, y], color=FAINT, lw=3, zorder=1)
        axes.scatter(ours, y, color=CLUSTER_COLOURS[0], s=55, zorder=2, label="trained" if y == 0 else None)
        axes.scatter(
            chance, y, facecolor="white", edgecolor=INK, s=45, zorder=2, label="random weights" if y == 0 else None
        )
        axes.text(min(ours + 0.02, 1.02), y, f"{ours:.1%}", va="center", fontsize=9)
    axes.set(
        yticks=range(len(rows)),
        yticklabels=[f"{name}, {label}" for name, label, _, _ in rows],
        xlim=(0, 1.12),
        xlabel="share of critters/test that is named right",
    )
    axes.invert_yaxis()
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=2)
    return figure


def confusion_map(counts: Tensor) -> Figure:
    """Rows are species, columns what the network says; off the diagonal only, in percent of the row."""
    share = (counts / counts.sum(1, keepdim=True).clamp(min=1) * 100).numpy()
    errors = np.where(np.eye(len(share), dtype=bool), np.nan, share)
    figure, axes = plt.subplots(figsize=(6, 5.2))
    picture = axes.imshow(errors, cmap="Blues", vmin=0)
    axes.set(xticks=range(len(NAMES)), yticks=range(len(NAMES)), xlabel="the network says", ylabel="species")
    axes.set_xticklabels(NAMES, rotation=60, ha="right")
    axes.set_yticklabels(NAMES)
    axes.grid(False)
    for i, j in zip(*np.nonzero(np.nan_to_num(errors) >= 1), strict=True):
        axes.text(
            j,
            i,
            f"{errors[i, j]:.0f}",
            ha="center",
            va="center",
            fontsize=8,
            color="white" if errors[i, j] > np.nanmax(errors) / 2 else INK,
        )
    figure.colorbar(picture, label="errors [% of the species' images]", shrink=0.8)
    return figure


def feature_maps(image: Tensor, maps: Tensor, count: int = 7) -> Figure:
    """An image and the `count` strongest maps (C, h, w) of a layer on it."""
    order = maps.amax((1, 2)).argsort(descending=True)[:count]
    figure, grid = plt.subplots(1, count + 1, figsize=(7, 1.2))
    grid[0].imshow(to_pixels(image))
    grid[0].set_title("image", fontsize=9)
    for axes, channel in zip(grid[1:], order.tolist(), strict=True):
        axes.imshow(maps[channel].numpy(), cmap="magma")
        axes.set_title(f"#{channel}", fontsize=9)
    for axes in grid:
        axes.axis("off")
    return figure


def generator_sheet(
    world: Critters, generators: list[Generator], truncation: float, seed: int = 0, rows: int = 2
) -> Figure:
    """Real pictures above what each generator draws at a truncation: one column a species, `rows` pictures of each."""
    count = rows * len(NAMES)
    chosen = torch.stack([(world.labels == label).nonzero()[:rows, 0] for label in range(len(NAMES))], 1).flatten()
    strips = {"real": world.load(chosen).images}
    with torch.no_grad():
        strips |= {
            gan.name.split("/")[1]: gan.synthesize(gan.sample(count, seed=seed, truncation=truncation)).cpu()
            for gan in generators
        }
    figure, grid = plt.subplots(
        len(strips),
        1,
        figsize=(7.6, 1.22 * len(strips) * rows / 2 + 0.2),
        squeeze=False,
        constrained_layout={"h_pad": 0.03},
    )
    for axes, (name, pictures) in zip(grid[:, 0], strips.items(), strict=True):
        draw_strip(axes, pictures, len(NAMES), name)
    step = grid[0, 0].images[0].get_array().shape[1] / len(NAMES)
    grid[0, 0].set_xticks([(place + 0.5) * step for place in range(len(NAMES))], NAMES, fontsize=8)
    grid[0, 0].tick_params(top=True, labeltop=True, bottom=False, labelbottom=False, length=0)
    return figure


def generator_table(cards: dict[str, dict | None]) -> pd.DataFrame:
    """The judge's figures of each generator, of its random weights and of real pictures; None: not trained yet."""
    columns = {
        "named": "named as intended",
        "frechet": "Frechet distance",
        "diversity": "diversity within a class, of the real one",
    }
    rows = {}
    for name, card in cards.items():
        if card is None:
            rows[name, "not trained yet"] = {}
            continue
        for who, figures in ((name, card["metrics"]), (f"{name}, random weights", card["random_weights"])):
            for psi in ("0.7", "1"):
                rows[who, f"truncation {psi}"] = {label: figures[f"{key}_at_{psi}"] for key, label in columns.items()}
    if real := next((card["metrics"] for card in cards.values() if card), None):  # every card holds the same
        rows["real", "against other real ones"] = dict(
            zip(columns.values(), (real["named_real"], real["frechet_real"], 1.0), strict=True)
        )
        rows["real", "blurred, sigma 1 pixel"] = {columns["frechet"]: real["frechet_blurred"]}
    table = pd.DataFrame.from_dict(
        {key: {label: row.get(label) for label in columns.values()} for key, row in rows.items()}, orient="index"
    )
    table.index = pd.MultiIndex.from_tuples(rows)
    return table.astype(float)
