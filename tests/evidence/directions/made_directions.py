"""Scores made to support a claim, to speak against it, or to leave it open."""

from __future__ import annotations

import numpy as np
import torch
from unitscope.evidence.directions.agreement import Agreement
from unitscope.evidence.directions.autoencoders import Sweep
from unitscope.metrics.synergy import Synergy
from unitscope.papers.directions.autoencoder import Autoencoder
from unitscope.papers.directions.basis import Directions
from unitscope.papers.directions.measured import Measured

UNITS = 40


def near(value=0.0, spread=0.02, seed=0, count=UNITS):
    """Values (K,) around a number or a column; their own mean is exact."""
    noise = np.random.default_rng(seed).normal(size=count)
    return np.asarray(value, dtype=float) + spread * (noise - noise.mean())


def measured(value, spread=0.02, seed=0, count=UNITS):
    """Directions of a kind with such an index."""
    found = Directions("made", torch.eye(count), torch.eye(count))
    return Measured(found, torch.zeros(count, 5, dtype=torch.int64), near(value, spread, seed, count))


def swept(value, spread=0.02, count=UNITS):
    """A sweep of two autoencoders: the second, at penalty 1 of 0.1 to 1, has this index; `None`: no hidden units
    live.
    """
    nothing = torch.zeros(1, 8)
    networks = [Autoencoder(nothing, nothing[0], nothing.T, penalty) for penalty in (0.1, 1.0)]
    alive = Directions("SAE", torch.eye(count), torch.eye(count))
    return Sweep(networks, [alive, alive], [None, None if value is None else near(value, spread, 7, count)])


def agreeing(area, spread=0.01, seed=0, name="LPIPS", group="layer1", units=30):
    """An area under the curve whose draws spread so much."""
    drawn = torch.from_numpy(near(area, spread, seed, 500))
    return Agreement(group, name, float(area), (0.0, 1.0), (torch.zeros(2), torch.ones(2)), 90, drawn, units)


def stages(*areas, spread=0.01):
    return {f"layer{i}": agreeing(area, spread, i, group=f"layer{i}") for i, area in enumerate(areas, 1)}


def skilled(colour, lpips, label, slope=-0.5, spread=0.02, q=10):
    """Accuracy (Q, K) of units and of k-means that gains so much for each similarity, falling with difficulty."""
    fall = slope * np.linspace(0, 0.45, q)[:, None]
    return {
        name: {
            "neurons": 0.7 + fall + near(0, spread, seed)[None],
            "k-means": 0.7 + gain + fall + near(0, spread, seed + 10)[None],
        }
        for seed, (name, gain) in enumerate((("colour", colour), ("LPIPS", lpips), ("label", label)))
    }


def tabled(values, single=None):
    """A `Synergy` with the values of a symmetric table (N, N)."""
    pairs = torch.combinations(torch.arange(len(values)))
    chosen = torch.as_tensor(np.asarray(values, dtype=float))[tuple(pairs.T)]
    single = torch.zeros(len(values)) if single is None else torch.as_tensor(single)
    return Synergy(pairs, chosen, single.double(), chosen, torch.zeros(len(pairs), 5, dtype=torch.int64), 1.0)


def table(seed=0, count=UNITS, shift=0.0, by_unit=0.0):
    """A symmetric table of noise around a shift; `by_unit`: how much of it belongs to units, not to pairs."""
    rng = np.random.default_rng(seed)
    noise, own = rng.normal(size=(count, count)), by_unit * rng.normal(size=count)
    return (noise + noise.T) / 2 + own[:, None] + own[None] + shift
