"""LPIPS of all pairs of images: every image embedded once, all distances by one matrix product.

Floor: the bare forward passes of the trunk. Peer: the lpips package on pairs, in batches of 32 pairs; timed on a few
hundred pairs and scaled to all. Trunk and heads are the package's AlexNet; its trunk is random, for ImageNet's weights
are a download and no part of the time.
"""

from __future__ import annotations

import lpips
import torch
from common import DEVICE, Held, Row
from unitscope.metrics.lpips import embed_set, from_package, squared_distances

BATCH, PEER_BATCH = 64, 32


def prepare(quick: bool) -> Row:
    torch.manual_seed(0)
    package = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False).to(DEVICE)
    images = Held("critters/test", 128 if quick else 1000)
    n = len(images)
    pairs = torch.combinations(torch.arange(n))
    some = pairs[torch.randperm(len(pairs))[: 64 if quick else 640]]

    def ours():
        return squared_distances(embed_set(from_package(package), images, batch_size=BATCH).vectors)

    def floor():
        with torch.inference_mode():
            for batch in images.batches(BATCH):
                package.net(package.scaling_layer(2 * batch.images.to(DEVICE) - 1))

    def peer():
        found = []
        with torch.inference_mode():
            for part in some.split(PEER_BATCH):
                a, b = (images.images[part[:, side]].to(DEVICE) for side in (0, 1))
                found.append(package(a, b, normalize=True).flatten().cpu())
        return torch.cat(found)

    def error() -> float:
        theirs = peer()
        return float(((ours()[some[:, 0], some[:, 1]] - theirs).abs() / theirs).max())

    note = f"alex, {n} images of {images.image_size} px, {len(pairs)} pairs, peer on {len(some)} of them"
    return Row(ours, floor, peer, error, note, repeats=3, peer_repeats=1, peer_share=len(some) / len(pairs))
