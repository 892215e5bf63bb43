"""Is one kind of direction more interpretable than another? (Klindt et al. 2023, Figs. 3 and 9)

II (K,) of each direction of a kind; kinds are unrelated groups, each drawn again by itself
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from unitscope.evidence.directions import reported
from unitscope.evidence.directions.autoencoders import Sweep
from unitscope.evidence.directions.comparing import better, groups
from unitscope.metrics import verdicts
from unitscope.metrics.interpretability import normalised_interpretability
from unitscope.metrics.verdicts import Verdict
from unitscope.papers.directions.measured import BASELINES, Measured

ALEXNET_LAYERS = 5
HIGHEST = 3  # the fourth layer, "Layer 3" in the paper


def beats_units(features, units) -> Verdict:
    """C1: the mean II of k-means directions (K,) is above that of units (N,)."""
    return better(features, units)


def gain_in_words(verdict: Verdict) -> str:
    """C1's verdict for a sentence: clusters "have a higher index than", "are not clearly different from", ... units."""
    return {
        "holds": "have a higher mean index than",
        "contradicted": "have a lower mean index than",
        "undecided": "do not clearly differ in their mean index from",
    }.get(verdict.state, "were not compared with")


def by_layer(features: Sequence, units: Sequence, names: Sequence[str]) -> Verdict:
    """C2: C1 in every layer of the judge."""
    return verdicts.every({name: better(a, b) for name, a, b in zip(names, features, units, strict=True)})


def beats_all(kinds: Mapping[str, Measured], features: Measured, sweep: Sweep, matched) -> Verdict:
    """C3: k-means beats PCA, ICA, NMF and the best autoencoder; the latter with as many directions (`matched`)."""
    parts = {name: better(features.index, kinds[name].index, ("k-means", name)) for name in BASELINES if name in kinds}
    if sweep.best is None:
        parts["autoencoder"] = verdicts.untested(sweep.told())
    else:
        found = better(matched, sweep.best_index(), ("k-means of as many", "autoencoder"))
        parts["autoencoder"] = found.but(reason=f"{found.reason}; {sweep.told()}")
    return verdicts.every(parts)


def autoencoder_beats_units(sweep: Sweep, units) -> Verdict:
    """C4: the best autoencoder of the sweep is above the units."""
    if sweep.best is None:
        return verdicts.untested(sweep.told())
    found = better(sweep.best_index(), units, ("autoencoder", "units"))
    return found.but(reason=f"{found.reason}; {sweep.told()}")


def ratio(sweep: Sweep, matched, top: float = 0.0) -> Verdict:
    """C5: mean II of k-means over that of the best autoencoder is below 1, with as many directions of each.

    top : the judge's similarity of an image with itself; a ratio means something where that is 0, for distances.
    """
    if top != 0:
        return verdicts.untested("a ratio means something for distances only")
    if sweep.best is None:
        return verdicts.untested(sweep.told())
    other = sweep.best_index()
    found = groups(_ratio, matched, other, threshold=1.0, over=False, effect=1 - reported.RATIO)
    return found.but(reason=f"{np.mean(matched):.4f} / {np.mean(other):.4f}; {sweep.told()}")


def figure(verdict: Verdict) -> float:
    """A verdict's number for a sentence; not a number where there is none."""
    return verdict.ours if isinstance(verdict.ours, float) else float("nan")


def count_matters_little(fewest, features, most, units) -> Verdict:
    """C6: II of the fewest and of the most clusters differ, either way, by less than half of k-means' gain over
    units.
    """
    sides = {
        "fewer clusters are less than half the gain ahead": 1,
        "more clusters are less than half the gain ahead": -1,
    }
    return verdicts.every({name: groups(_margin(sign), fewest, most, features, units) for name, sign in sides.items()})


def halves_improve(split: Mapping[str, Sequence]) -> Verdict:
    """C7: k-means within the units of low, and of high, II is above those units."""
    parts = {half: better(split[f"k-means in {half} half"], split[f"neurons, {half} half"]) for half in ("low", "high")}
    return verdicts.every(parts)


def halves_end_alike(split: Mapping[str, Sequence]) -> Verdict:
    """C8: k-means of the two halves differ, either way, by less than half of what the units of the halves differ."""
    low, high = (split[f"k-means in {half} half"] for half in ("low", "high"))
    units = [split[f"neurons, {half} half"] for half in ("high", "low")]
    sides = {"low is less than half the units' gap ahead": 1, "high is less than half the units' gap ahead": -1}
    return verdicts.every({name: groups(_margin(sign), low, high, *units) for name, sign in sides.items()})


def highest_layer(*kinds: Sequence) -> Verdict:
    """C9, B14: the fourth of LPIPS' five layers gives a higher II than each other one, direction by direction.

    kinds : of each kind of direction II (K,) in every layer.
    """
    rows = [np.concatenate(parts) for parts in zip(*kinds, strict=True)]
    if len(rows) != ALEXNET_LAYERS:
        return verdicts.untested(f"this judge has {len(rows)} layers, not the {ALEXNET_LAYERS} of AlexNet")
    others = (layer for layer in range(ALEXNET_LAYERS) if layer != HIGHEST)
    parts = {f"layer {HIGHEST} > layer {i}": verdicts.above(rows[HIGHEST], rows[i], of="directions") for i in others}
    means = ", ".join(f"{np.mean(row):.3f}" for row in rows)
    return verdicts.every(parts).but(reason=f"layers 0 to 4: {means}")


def highest_normalised_layer(layers: Sequence, best) -> Verdict:
    """B14: C9 with the variance of all images set to 1 in each layer; best (K, M): MEIs. Colour has no variance."""
    if any(layer.root for layer in layers):
        return verdicts.untested(f"this judge has {len(layers)} layers, not the {ALEXNET_LAYERS} of AlexNet")
    return highest_layer([normalised_interpretability(layer, best).numpy() for layer in layers])


def _ratio(a, b, axis=-1):
    return np.mean(a, axis=axis) / np.mean(b, axis=axis)


def _margin(sign: int):
    """Half of c - d, less a - b on one side."""

    def statistic(a, b, c, d, axis=-1):
        a, b, c, d = (np.mean(one, axis=axis) for one in (a, b, c, d))
        return (c - d) / 2 - sign * (a - b)

    return statistic
