"""Planted circuits: several channels of a layer are summed into one unit; who finds the sources again? (`papers.pure`)

    P  planted units    k  sources of each    n  references    maps (N, m, h, w) of m candidate channels

The unit is sum_i s_i A_i over k clean channels. The s_i bring the channels to one strength, times a weight each where
sources are unequal. Its references are the images of its largest peaks; the source of a reference is the channel that
contributes most there. Views and clustering are PURE's own (`evidence.pure.planted`), with k clusters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.data import ImageSet
from unitscope.errors import UnitscopeError
from unitscope.evidence.pure import contents, planted
from unitscope.evidence.pure.planted import LARGEST_OVERLAP, SMALLEST_SHARE, Planted, rand_index
from unitscope.extract import StoredMaps, stream
from unitscope.models import VisionModel
from unitscope.papers.pure import circuits, collect

DRAWS = 400  # sets of channels that are tried before fewer units than asked are accepted
SHUFFLES = 20
BINS = ((-1.0, 0.1), (0.1, 0.25), (0.25, 0.4), (0.4, 0.6), (0.6, 1.0))  # correlation of two sources' peaks


@dataclass(frozen=True)
class Bench:
    """A layer made ready: PURE's study of it, clean channels (m,), and their maps (N, m, h, w).

    strength (m,) : mean peak over the n strongest images.    ranked (m, n) : those images.
    """

    study: collect.LayerStudy
    channels: Tensor
    maps: Tensor
    strength: Tensor
    ranked: Tensor

    @property
    def peaks(self) -> Tensor:
        """(N, m)."""
        return self.maps.flatten(2).amax(2)


def bench(
    model: VisionModel,
    images: ImageSet,
    layer: str,
    lower: str,
    judge,
    rival,
    n_ref: int = 40,
    channels: int = 48,
    seed: int = 0,
) -> Bench:
    """Rank the images for every unit, and keep the maps of those whose references agree most in one known factor."""
    known = collect.study(model, images, layer, lower, judge, rival, n_units=1, n_ref=n_ref, seed=seed)
    chosen = contents.purest(contents.known_factors(images), known, channels)
    (maps,) = stream(model, images, [layer], [StoredMaps(layer, tuple(chosen.tolist()), peaks=True)], progress=False)
    ranked = known.ranking.indices[chosen, :n_ref]
    return Bench(known, chosen, maps, known.ranking.values[chosen, :n_ref].mean(1), ranked)


def sets(ranked: Tensor, k: int, seed: int = 0) -> Iterator[Tensor]:
    """Sets of k rows (k,) whose references (m, n) hardly overlap, at random, none twice; ends after many vain attempts.

    A set grows from a random row by random rows that fit all it holds.
    """
    fits = torch.stack([torch.isin(ranked, row).double().mean(1) <= LARGEST_OVERLAP for row in ranked])
    draw = torch.Generator().manual_seed(seed)
    seen = set()
    for _ in range(DRAWS):
        chosen: list[int] = []
        for row in torch.randperm(len(ranked), generator=draw).tolist():
            if len(chosen) < k and all(fits[row, other] and fits[other, row] for other in chosen):
                chosen.append(row)
        if len(chosen) == k and tuple(sorted(chosen)) not in seen:
            seen.add(tuple(sorted(chosen)))
            yield torch.tensor(sorted(chosen))


def correlated_sets(peaks: Tensor, low: float, high: float, seed: int = 0) -> Iterator[Tensor]:
    """Pairs of rows (2,) whose peaks (N, m) correlate between `low` and `high`, at random."""
    found = torch.corrcoef(peaks.T.double())
    pairs = torch.combinations(torch.arange(len(found)))
    inside = (found[pairs[:, 0], pairs[:, 1]] > low) & (found[pairs[:, 0], pairs[:, 1]] <= high)
    kept = pairs[inside]
    yield from kept[torch.randperm(len(kept), generator=torch.Generator().manual_seed(seed))]


def plant(
    on: Bench, rows: Iterator[Tensor], count: int = 12, weights: Sequence[float] = (), least: float = SMALLEST_SHARE,
    looked: int | None = 0,
) -> Planted | None:  # fmt: skip
    """Up to `count` planted units from sets of rows of the bench, seen in every way; None if there is none.

    Parameters
    ----------
    weights : of the sources of each set, first to last; default: all equal.
    least : share of the references that every source must own, for two sources; 2/k of it for k.
    looked : how many of the units rival and judge see, by crops, which costs most of the time; None: all.
    """
    n, kept = on.ranked.shape[1], []
    for chosen in rows:
        strength = on.strength[chosen]
        scales = strength.log().mean().exp() / strength * (torch.tensor(weights) if len(weights) else 1.0)
        merged = planted.merge(on.maps[:, chosen], scales, n)
        if torch.bincount(merged[2], minlength=len(chosen)).min() >= least * 2 / len(chosen) * n:
            kept.append((on.channels[chosen], scales, *merged))
        if len(kept) == count:
            break
    return see(on, *(torch.stack(column) for column in zip(*kept, strict=True)), looked) if kept else None


def see(
    on: Bench, chosen: Tensor, scales: Tensor, references: Tensor, positions: Tensor, source: Tensor, looked: int | None
) -> Planted:
    """View planted units by attributions and activations, `looked` of them (None: all) by their crops as well."""
    if looked != 0:
        return planted.see(on.study, chosen, scales, references, positions, source, looked)
    setting = on.study.setting
    with planted.mixed(setting.model, setting.layer, planted.mixing(on.study, chosen, scales)):
        attributions = collect.attribute(setting, torch.arange(len(chosen)), references)
    vectors = {"PURE": attributions, "activations": planted.activations(on.study, chosen, scales, references)}
    return Planted(chosen, scales, references, source, vectors)


def circuit_recovery(found: Planted | None, names: dict[str, str], seed: int = 0) -> dict[str, list[float]]:
    """{method: adjusted Rand index of each planted unit}, and "chance": PURE's clusters against shuffled sources, the
    mean of several shuffles.

    Parameters
    ----------
    names : what the views "rival" and "judge" are called.
    """
    if found is None:
        return {}
    clusters = found.pairs.shape[1]
    labels = {view: circuits.purify(vectors, clusters, seed=seed).labels for view, vectors in found.vectors.items()}
    scores = {names.get(view, view): rand_index(own, found.source[: len(own)]).tolist() for view, own in labels.items()}
    draw = torch.Generator().manual_seed(seed)
    orders = (torch.rand(found.source.shape, generator=draw).argsort(1) for _ in range(SHUFFLES))
    null = torch.stack([rand_index(labels["PURE"], found.source.gather(1, order)) for order in orders]).mean(0)
    return {**scores, "chance": null.tolist()}


def by_number(
    on: Bench, ks: Sequence[int], names: dict[str, str], count: int = 12, looked: int | None = 0, seed: int = 0
) -> dict:
    """{k: circuit_recovery} of units with k equal sources; `looked` as in `plant`."""
    return {k: circuit_recovery(plant(on, sets(on.ranked, k, seed), count, looked=looked), names, seed) for k in ks}


def by_weight(on: Bench, ratios: Sequence[float], names: dict[str, str], count: int = 12, seed: int = 0) -> dict:
    """{ratio: circuit_recovery} of two sources, the first `ratio` times as strong, each with two references or more."""
    least = 2 / on.ranked.shape[1]
    found = {}
    for ratio in ratios:
        weights = (ratio**0.5, ratio**-0.5)
        found[ratio] = circuit_recovery(plant(on, sets(on.ranked, 2, seed), count, weights, least), names, seed)
    return found


def by_correlation(
    on: Bench, names: dict[str, str], bins: Sequence[tuple[float, float]] = BINS, count: int = 12, seed: int = 0
) -> dict:
    """{mean of the bin: circuit_recovery} of two sources whose peaks correlate that much; empty bins are left out."""
    found = {}
    for low, high in bins:
        one = circuit_recovery(plant(on, correlated_sets(on.peaks, low, high, seed), count), names, seed)
        if one:
            found[f"{max(low, 0):g}–{high:g}" if low > -1 else f"< {high:g}"] = one
    if not found:
        raise UnitscopeError("no two channels correlate so that both own references; give more channels.")
    return found
