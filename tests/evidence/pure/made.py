"""Scores made to support a claim, to speak against it, or to leave it open."""

from __future__ import annotations

import torch
from unitscope.metrics.clusters import distances, pair_sums
from unitscope.papers.pure.scores import Split

UNITS = 40
VIEWS = ("rival", "PURE", "activations")


def near(value=0.0, spread=0.02, seed=0, units=UNITS):
    """Values (U,) with exactly this mean, or around the values of a column, that spread about it."""
    noise = torch.randn(units, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return torch.as_tensor(value, dtype=torch.float64) + spread * (noise - noise.mean())


def split(gap, labels=None, spread=0.02, seed=0, units=UNITS):
    """Units whose clusters stand `gap` apart around 1, give or take."""
    gaps = near(gap, spread, seed, units)
    labels = torch.zeros(units, 6, dtype=torch.int64) if labels is None else labels
    return Split(labels, 1 - gaps / 2, 1 + gaps / 2, torch.ones(units, dtype=torch.float64))


def splits(rival=0.3, pure=0.25, activations=0.1, judge=0.5, spread=0.02, units=UNITS):
    values = {"rival": rival, "PURE": pure, "activations": activations, "judge": judge}
    return {view: split(value, None, spread, seed, units) for seed, (view, value) in enumerate(values.items())}


def sums(rival, pure, activations, units=30, n=12):
    """Sums over pairs, (U, 6) a view, where each sees the judge's vectors through so much noise."""
    draw = torch.Generator().manual_seed(0)
    judge, *noise = torch.randn(4, units, n, 3, generator=draw, dtype=torch.float64)
    levels = zip(VIEWS, (rival, pure, activations), noise, strict=True)
    return {view: pair_sums(distances(judge), distances(judge + level * one)) for view, level, one in levels}


def labelled(pure, activations, units=UNITS):
    """Units whose judge splits them in halves and in which each view takes over so many of these labels, or by
    chance.
    """
    truth = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1]).repeat(units, 1)
    draw = torch.Generator().manual_seed(1)
    parts = {}
    for view, kind in {"PURE": pure, "activations": activations}.items():
        chance = torch.randint(2, truth.shape, generator=draw)
        parts[view] = split(0.2, {"right": truth, "wrong": truth.roll(2, 1), "chance": chance}[kind], units=units)
    return parts | {"judge": split(0.5, truth, units=units)}
