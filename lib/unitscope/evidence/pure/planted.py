"""Planted truth: two units that mean different things are summed into one, and every image's source is known (our X2).

    P  pairs of units (a, b)    s  scales that give both one strength    n  references of a merged unit    C  channels

The merged unit is A_m = s_a A_a + s_b A_b. Its references are the images where its peak is largest, and the source of a
reference is the unit that contributes more to that peak. A merged unit is viewed as any other (`collect`), with the
layer mixed on the way: its attributions are those of both units, each seeded by A_m, and the relevance of its peak
flows to both in the ratio of their contributions, eq. (1). In its activations, their sum replaces channels a and b.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.errors import UnitscopeError
from unitscope.extract import StoredMaps, stream
from unitscope.metrics.clusters import adjusted_rand
from unitscope.models import VisionModel
from unitscope.models.layers import before_limit
from unitscope.papers.pure.circuits import purify
from unitscope.papers.pure.collect import LayerStudy, attribute, box, look

LARGEST_OVERLAP = 0.05  # share of references that the two sources may have in common
SMALLEST_SHARE = 0.2  # of the merged unit's references that the weaker source must own


@dataclass(frozen=True)
class Planted:
    """Merged units: pairs (P, 2) of channels, their scales (P, 2), source (P, n) of each reference: 0 for a, 1 for b.

    references (P, n), and vectors {view: (P, n, D)} as in a `LayerStudy`.
    """

    pairs: Tensor
    scales: Tensor
    references: Tensor
    source: Tensor
    vectors: dict[str, Tensor]


class NothingToMerge(UnitscopeError):
    """No two of the channels that were given mean different things."""


def plant(known: LayerStudy, channels: Tensor, count: int = 16, seed: int = 0, looked: int | None = None) -> Planted:
    """Merge at most `count` random pairs of `channels` (m,) of a study's layer and view them at their references.

    A channel is in one pair only. A pair is taken if its two units are different (they share at most 5 % of their
    references) and the weaker one still owns 20 % of the merged unit's references.

    Parameters
    ----------
    looked : how many of the pairs judge and rival see (crops are the dear part); None: all. Their vectors have that
        many rows.

    Raises
    ------
    NothingToMerge
        If no two of the channels are so.
    """
    setting = known.setting
    stored = StoredMaps(setting.layer, tuple(channels.tolist()), peaks=True)
    (maps,) = stream(setting.model, setting.images, [setting.layer], [stored])
    return see(known, *choose(known, channels, maps, count, seed), looked)


def choose(known: LayerStudy, channels: Tensor, maps: Tensor, count: int, seed: int) -> tuple[Tensor, ...]:
    """Pairs (P, 2) of `channels` (m,), their scales, and references, positions and sources (P, n) of their sums.

    No channel is taken twice, so the pairs are independent of each other.
    maps : (N, m, h, w) of the channels at all images. As many references as the study's units have.
    """
    n = known.references.shape[1]
    strength = known.ranking.values[channels, :n].mean(1)
    kept, used = [], set()
    for a, b in candidates(known.ranking.indices[channels, :n], seed):
        if {a, b} & used:
            continue
        scales = (strength[[b, a]] / strength[[a, b]]).sqrt()
        merged = merge(maps[:, [a, b]], scales, n)
        if SMALLEST_SHARE <= merged[2].double().mean() <= 1 - SMALLEST_SHARE:
            kept.append((channels[[a, b]], scales, *merged))
            used |= {a, b}
        if len(kept) == count:
            break
    if not kept:
        raise NothingToMerge(
            f"no two of {len(channels)} units of {known.setting.layer!r} mean different things; give more units."
        )
    return tuple(torch.stack(column) for column in zip(*kept, strict=True))


def candidates(references: Tensor, seed: int) -> Iterator[tuple[int, int]]:
    """Pairs of rows (m, n) that share few references, in random order."""
    pairs = torch.combinations(torch.arange(len(references)))
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(seed))
    for a, b in pairs[order].tolist():
        if torch.isin(references[a], references[b]).double().mean() <= LARGEST_OVERLAP:
            yield a, b


def merge(maps: Tensor, scales: Tensor, n: int) -> tuple[Tensor, Tensor, Tensor]:
    """References, positions and sources (n,) of sum_i s_i A_i, from maps (N, k, h, w) and scales (k,).

    The source of a reference is the channel with the largest part of its peak.
    """
    scaled = (maps * scales[:, None, None]).flatten(2)  # (N, k, hw)
    peaks, positions = scaled.sum(1).max(1)
    references = peaks.argsort(descending=True, stable=True)[:n]
    places = positions[references]
    return references, places, scaled[references, :, places].argmax(1)


def see(
    known: LayerStudy, pairs: Tensor, scales: Tensor, references: Tensor, positions: Tensor, source: Tensor,
    looked: int | None = None,
) -> Planted:  # fmt: skip
    """View merged units in all four ways, the first `looked` of them (None: all) through the eyes of judge and
    rival.
    """
    setting, first = known.setting, slice(0, looked)
    with mixed(setting.model, setting.layer, mixing(known, pairs, scales)):
        boxes = box(setting, torch.arange(len(pairs))[first], references[first], positions[first])
        attributions = attribute(setting, torch.arange(len(pairs)), references)
    vectors = {
        "PURE": attributions,
        "activations": activations(known, pairs, scales, references),
        **look(setting.eyes, setting.images, references[first], boxes),
    }
    return Planted(pairs, scales, references, source, vectors)


def mixing(known: LayerStudy, pairs: Tensor, scales: Tensor) -> Tensor:
    """What each merged unit takes of every channel (P, C)."""
    return torch.zeros(len(pairs), known.pooled.shape[1]).scatter_(1, pairs, scales)


def activations(known: LayerStudy, pairs: Tensor, scales: Tensor, references: Tensor) -> Tensor:
    """Mean responses (P, n, C - 1) of the layer in which each merged unit stands for its two channels."""
    merged = zip(references, pairs, scales, strict=True)
    return torch.stack([without(known.pooled[rows], pair, factors) for rows, pair, factors in merged])


def without(responses: Tensor, pair: Tensor, scales: Tensor) -> Tensor:
    """Responses (n, C) in which the channels of a pair are replaced by their scaled sum: (n, C - 1)."""
    others = torch.ones(responses.shape[1], dtype=torch.bool).index_fill_(0, pair, False)
    return torch.cat([responses[:, others], (responses[:, pair] * scales).sum(1, keepdim=True)], 1)


@contextmanager
def mixed(model: VisionModel, layer: str, weights: Tensor):
    """Inside, channel p of `layer` is sum_c weights[p, c] A_c, weights (P, C); what follows the layer must not run."""
    about, before = model.layer(layer), []

    def mixture(output: Tensor) -> Tensor:
        rows = weights.to(output)
        return torch.einsum("pc,bchw->bphw", rows, output) if about.kind == "map" else output @ rows.T

    def note(module, inputs, _output: Tensor) -> None:
        before[:] = [before_limit(module, inputs[0])]

    def mix(_module, _inputs, output: Tensor) -> Tensor:
        found = mixture(output)
        if before:
            found.before_limit = mixture(before.pop())  # where `Taps` look for it
        return found

    hooks = [(about.limiter, note)] if about.limiter else []
    handles = [
        model.module.get_submodule(path).register_forward_hook(hook) for path, hook in [*hooks, (about.path, mix)]
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def source_recovery(found: Planted, clusters: int = 2, seed: int = 0) -> dict[str, Tensor]:
    """Adjusted Rand index between each view's clusters and the known source, (P,) or as many as the view has seen.

    "chance" is PURE with the source shuffled.
    """
    labels = {view: purify(vectors, clusters, seed=seed).labels for view, vectors in found.vectors.items()}
    order = torch.rand(found.source.shape, generator=torch.Generator().manual_seed(seed)).argsort(1)
    scores = {view: rand_index(one, found.source[: len(one)]) for view, one in labels.items()}
    return {**scores, "chance": rand_index(labels["PURE"], found.source.gather(1, order))}


def found_again(
    known: LayerStudy, channels: Tensor, count: int = 16, seed: int = 0, looked: int | None = None
) -> dict[str, Tensor]:
    """`source_recovery` of what `plant` plants; {} where no two of the channels mean different things."""
    try:
        return source_recovery(plant(known, channels, count, seed, looked), seed=seed)
    except NothingToMerge:
        return {}


def rand_index(labels: Tensor, source: Tensor) -> Tensor:
    """Adjusted Rand index (P,), row by row."""
    return torch.tensor([adjusted_rand(one, other) for one, other in zip(labels, source, strict=True)])
