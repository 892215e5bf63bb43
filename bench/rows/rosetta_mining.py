"""Correlation of every unit of a generator with every unit of an image network, over sampled pictures.

Floor: the bare forward passes of the two networks. Peer: the published procedure, twice through both networks, with a
resized copy of every map for every pair of layers; timed on some of the pictures and scaled to all.
"""

from __future__ import annotations

import torch
from common import DEVICE, Row, network
from unitscope.errors import UnitscopeError
from unitscope.evidence.rosetta.literal import pairwise
from unitscope.models import load_generator
from unitscope.papers.rosetta.mining import mine

GENERATOR, NETWORK, BATCH = "critters/stylegan", "critters/resnet", 40


def generator(name: str):
    """A generator of the zoo and a word on its weights, as `network` for vision models."""
    try:
        return load_generator(name, device=DEVICE), "trained"
    except UnitscopeError:
        return load_generator(name, device=DEVICE, pretrained=False), "random weights"


def prepare(quick: bool, name: str = NETWORK) -> Row:
    gan, drawn = generator(GENERATOR)
    model, weights = network(name)
    n, few = (160, 40) if quick else (640, 80)
    w = gan.sample(n)

    def ours(n: int = n):
        return mine(gan, {name: model}, n, batch_size=BATCH, shards=2, own=False).match(name).whole.rho

    def floor():
        with torch.inference_mode():
            for batch in w.split(BATCH):
                model(gan.synthesize(batch))

    def peer():
        return pairwise(gan, model, w[:few].split(BATCH))

    def error() -> float:
        return float((ours(few) - peer().cpu()).abs().max())

    note = f"{GENERATOR} ({drawn}) x {name} ({weights}), {n} pictures, peer on {few} of them"
    return Row(ours, floor, peer, error, note, repeats=3, peer_repeats=1, peer_share=few / n)
