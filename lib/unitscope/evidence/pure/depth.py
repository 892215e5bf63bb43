"""Planted truth layer by layer: where do circuits know more than activations do? (our explanation of X2)

    P  merged units of a layer    n  references of each

Units of a last stage are near to classes. Two of them are driven by images of different classes, so the class gives the
source away, and the whole layer, which encodes the class, knows it as well as any circuit does. Units of earlier layers
are colours, patterns, edges: an image shows many of them, and most of what the layer says of it has nothing to do with
the unit. The attributions are taken as the authors' code does, eq. (3'), and from the peak alone, eq. (3), because the
source is defined at the peak.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import torch
from torch import Tensor

from unitscope.evidence.pure import contents, planted
from unitscope.extract import Pooled, StoredMaps, TopK, stream
from unitscope.models import VisionModel
from unitscope.papers.pure.circuits import purify
from unitscope.papers.pure.collect import LayerStudy, attribute

STARTS = {"PURE": "activation", "PURE, eq. (3) at the peak": "argmax"}
BYTES = 1 << 28  # of maps that are held at once
CHANNELS = 32  # the cleanest of a layer, whose pairs are merged


@dataclass(frozen=True)
class Recovered:
    """Merged units of one layer: {view: adjusted Rand index (P,) with the source}; `told`: adjusted mutual information

    (P,) between the source and the class of the image."""

    scores: dict[str, Tensor]
    told: Tensor


def up_to(model: VisionModel, lower: str, layer: str, count: int = 4) -> list[str]:
    """At most `count` layers of a network that end in `lower`, `layer`; the two alone where `lower` is not listed."""
    listed = list(model.layers)
    before = listed[: listed.index(lower)] if lower in listed else []
    return [*before[max(0, len(before) - count + 2) :], lower, layer]


def by_layer(
    known: LayerStudy, layers: Sequence[str], count: int = 12, n_ref: int = 50, n_images: int = 1000, seed: int = 0
) -> dict[str, Recovered]:
    """Plant `count` pairs in every layer but the first and find their sources again.

    Parameters
    ----------
    layers : at least two, each fed by the one before it.
    n_images : the first images of the study's set; fewer where their maps would not fit into BYTES.

    Returns
    -------
    {layer: Recovered}; a layer without two units that mean different things, or without known factors, is left out.
    """
    model, upper = known.setting.model, list(layers)[1:]
    largest = max(CHANNELS * 4 * model.layer(name).grid[0] * model.layer(name).grid[1] for name in upper)
    n_images = min(n_images, len(known.setting.images), BYTES // (largest * len(upper)))
    images = known.setting.images.subset(range(n_images))
    factors = contents.known_factors(images)
    n_ref = min(n_ref, n_images // 2)
    found = stream(model, images, upper, [reducer for name in upper for reducer in (TopK(name, n_ref), Pooled(name))])
    parts = {
        layer: replace(
            known,
            setting=replace(known.setting, images=images, layer=layer, lower=lower),
            ranking=ranking,
            pooled=pooled,
            references=ranking.indices,
        )
        for (lower, layer), ranking, pooled in zip(pairwise(layers), found[::2], found[1::2], strict=True)
    }
    clean = {layer: contents.purest(factors, part, CHANNELS) for layer, part in parts.items()} if factors else {}
    clean = {layer: channels for layer, channels in clean.items() if len(channels) > 1}
    stored = [StoredMaps(layer, tuple(channels.tolist()), peaks=True) for layer, channels in clean.items()]
    maps = stream(model, images, list(clean), stored) if clean else []
    recovered = {}
    for (layer, channels), own in zip(clean.items(), maps, strict=True):
        try:
            chosen = planted.choose(parts[layer], channels, own, count, seed)
        except planted.NothingToMerge:
            continue
        recovered[layer] = recover(parts[layer], factors, *chosen, seed=seed)
    return recovered


def recover(
    part: LayerStudy, factors: Mapping[str, contents.Factor], pairs: Tensor, scales: Tensor, references: Tensor,
    _positions: Tensor, source: Tensor, seed: int = 0,
) -> Recovered:  # fmt: skip
    """Sources of merged units, as `planted.choose` gives them, found again by attributions and by activations."""
    setting, units = part.setting, torch.arange(len(pairs))
    with planted.mixed(setting.model, setting.layer, planted.mixing(part, pairs, scales)):
        vectors = {name: attribute(setting, units, references, seed_map=start) for name, start in STARTS.items()}
    vectors["activations"] = planted.activations(part, pairs, scales, references)
    scores = {name: planted.rand_index(purify(own, seed=seed).labels, source) for name, own in vectors.items()}
    return Recovered(scores, contents.followed(factors, references, source)[:, 0])


def earlier(found: Mapping[str, Recovered]) -> dict[str, Tensor]:
    """Scores of all layers but the last, one after the other: {view: (P',)}; empty with fewer than two layers."""
    rest = list(found.values())[:-1]
    return {view: torch.cat([one.scores[view] for one in rest]) for view in rest[0].scores} if rest else {}
