"""Pictures before and after: single units drawn, inversions, edits, and their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from torch import Tensor

from unitscope.evidence.rosetta.inversions import Inverted
from unitscope.evidence.rosetta.reported import TABLE_1
from unitscope.metrics.statistics import bootstrap_interval
from unitscope.plots.rosetta.maps import heat
from unitscope.plots.style import CLUSTER_COLOURS, INK, bare, to_pixels

GREY = "#7A7A7A"


def columns(rows: Mapping[str, Tensor], width: float = 0.9, maps: Sequence[str] = ()) -> Figure:
    """Pictures in rows, one word a row: {word: (B, 3, H, W), or (B, h, w) for the rows named in `maps`}."""
    count = len(next(iter(rows.values())))
    figure = plt.figure(figsize=(width * count + 1.0, (width + 0.02) * len(rows)))
    grid = figure.subplots(len(rows), count, squeeze=False)
    for line, (word, pictures) in zip(grid, rows.items(), strict=True):
        for axes, picture in zip(line, pictures, strict=True):
            heat(axes, picture) if word in maps else bare(axes).imshow(to_pixels(picture.cpu()))
        line[0].set_ylabel(word, rotation=0, ha="right", va="center", fontsize=9)
    return figure


def drawn_units(rows: Mapping[str, tuple[Tensor, Tensor]]) -> Figure:
    """The paper's Fig. 1, right: for each concept, pictures drawn for one pair from several starts, its map over
    them.
    """
    count = len(next(iter(rows.values()))[0])
    figure = plt.figure(figsize=(0.85 * 2 * count + 1, 0.9 * len(rows)))
    grid = figure.subplots(len(rows), 2 * count, squeeze=False)
    for line, (word, (pictures, maps)) in zip(grid, rows.items(), strict=True):
        for place, (picture, one) in enumerate(zip(pictures, maps, strict=True)):
            bare(line[2 * place]).imshow(to_pixels(picture.cpu()))
            heat(line[2 * place + 1], one)
        line[0].set_ylabel(word, rotation=0, ha="right", va="center", fontsize=9)
    return figure


def table_1(found: Mapping[str, Inverted]) -> Figure:
    """Table 1 as differences from the perceptual loss alone, paired over pictures, 95 % intervals; diamonds: the
    paper's.
    """
    figure = plt.figure(figsize=(7.4, 0.42 * len(found) + 1.2))
    ways = [way for way in found if way != "perceptual"]
    base = found["perceptual"]
    for number, (axes, measure) in enumerate(
        zip(figure.subplots(1, 3, sharey=True), ("psnr", "ssim", "lpips"), strict=True)
    ):
        for place, way in enumerate(ways):
            difference = (getattr(found[way], measure) - getattr(base, measure)).double().cpu().numpy()
            low, high = bootstrap_interval(difference)
            mean = difference.mean()
            colour = GREY if "mis" in way else CLUSTER_COLOURS[0]
            axes.errorbar(mean, place, xerr=[[mean - low], [high - mean]], fmt="o", color=colour, capsize=3)
            if way in TABLE_1:
                axes.plot(
                    TABLE_1[way][number] - TABLE_1["perceptual"][number], place, "D", ms=6, mfc="white", color=INK
                )
        axes.axvline(0, color=INK, lw=0.8)
        axes.set_yticks(range(len(ways)), ways)
        axes.set_xlabel({"psnr": "PSNR, dB", "ssim": "SSIM", "lpips": "LPIPS (lower is better)"}[measure])
    figure.axes[0].invert_yaxis()
    return figure


def traces(found: Mapping[str, Inverted]) -> Figure:
    """Mean reconstruction loss step by step, a line a way."""
    figure = plt.figure(figsize=(6.0, 3.2))
    axes = figure.subplots()
    for way, one in found.items():
        axes.plot(one.found.trace["reconstruction"].mean(1), label=way, lw=1.8, color=GREY if "mis" in way else None)
    axes.set(xlabel="step", ylabel="reconstruction loss (mean)")
    figure.legend(loc="outside upper center", ncols=3)
    return figure


def displaced(found: Mapping[str, Tensor], asked: Mapping[str, float]) -> Figure:
    """How far held-out maps moved, one dot per picture, for each edit; hollow: what was asked."""
    figure = plt.figure(figsize=(5.6, 0.5 * len(found) + 1.0))
    axes = figure.subplots()
    jitter = np.random.default_rng(0)
    for place, (word, values) in enumerate(found.items()):
        axes.scatter(
            values.cpu(),
            place + jitter.uniform(-0.15, 0.15, len(values)),
            s=22,
            alpha=0.6,
            lw=0,
            color=CLUSTER_COLOURS[place % 5],
        )
        axes.plot(asked[word], place, "D", ms=8, mfc="white", color=INK)
    axes.axvline(0, color=INK, lw=0.8)
    axes.set_yticks(range(len(found)), list(found))
    axes.set(xlabel="displacement to the right, in widths", xlim=(-0.55, 0.55))
    return figure
