"""Reference samples of every unit of every layer in one pass.

Floor: the bare forward passes over the same batches. Peer: keep all responses of all layers, then sort.
"""

from __future__ import annotations

import torch
from common import DEVICE, Held, Row, network
from unitscope.extract import Taps, TopK, stream
from unitscope.extract.taps import to_device

K, BATCH = 100, 64


def prepare(quick: bool) -> Row:
    model, weights = network("critters/resnet")
    images = Held("critters/test", 256 if quick else 2048)
    layers = list(model.layers)

    def ours():
        return stream(model, images, layers, [TopK(layer, K) for layer in layers], batch_size=BATCH, progress=False)

    def floor():
        with torch.inference_mode():
            for batch in images.batches(BATCH):
                model(to_device(batch.images, torch.device(DEVICE)))

    def peer():
        stored = {layer: [] for layer in layers}
        with torch.inference_mode(), Taps(model, layers) as taps:
            for batch in images.batches(BATCH):
                for layer, maps in taps(batch.images).items():
                    stored[layer].append(maps.cpu())
        peaks = [torch.cat(stored[layer]).amax(dim=(2, 3)) for layer in layers]
        return [found.sort(dim=0, descending=True, stable=True) for found in peaks]

    def error() -> float:
        worst = 0.0
        for mine, theirs in zip(ours(), peer(), strict=True):
            values, indices = theirs.values[:K].T, theirs.indices[:K].T
            assert torch.equal(mine.indices, indices), "other references than by a full sort"
            worst = max(worst, float(((mine.values - values).abs() / values.abs().clamp(min=1e-6)).max()))
        return worst

    note = f"{model.name} ({weights}), {len(layers)} layers, {len(images)} images, top {K}"
    return Row(ours, floor, peer, error, note, repeats=3 if quick else 9, peer_repeats=3)
