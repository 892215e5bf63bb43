"""Rendering a sweep of tuned units: images a second against the bare generator.

Floor: the generator over latents that lie ready. Peer: the paper's way, one unit, one picture and one step at a time.
"""

from __future__ import annotations

import torch
from common import DEVICE, Row
from unitscope.errors import UnitscopeError
from unitscope.models import load_generator
from unitscope.papers.linking import Link, Tuner
from unitscope.papers.linking.tuning import BATCH, rendered

UNITS, CLASSIFIER_UNITS = 64, 256


def generator():
    try:
        return load_generator("critters/stylegan", device=DEVICE), "trained"
    except UnitscopeError:
        return load_generator("critters/stylegan", device=DEVICE, pretrained=False), "random weights"


def prepare(quick: bool) -> Row:
    gan, weights = generator()
    pictures, units = (2, 16) if quick else (8, UNITS)
    draw = torch.Generator().manual_seed(0)
    link = Link(0.05 * torch.randn(gan.w_dim, CLASSIFIER_UNITS, generator=draw), gan.w_mean[0].cpu())
    r = torch.rand(pictures, CLASSIFIER_UNITS, generator=draw)
    rows = torch.arange(units)
    tuner = Tuner(link.A.T[rows], torch.zeros(units), torch.ones(units), rows, torch.eye(CLASSIFIER_UNITS)[rows])
    ready = tuner.latents(link, r).flatten(0, 2).to(gan.device)

    def ours():
        return list(rendered(gan, tuner.latents(link, r)))

    @torch.no_grad()
    def floor():
        return [gan.synthesize(part) for part in ready.split(BATCH)]

    @torch.no_grad()
    def peer(some: int = max(1, units // 8)):
        found = []
        for unit in range(some):
            for value in (0.0, 1.0):
                for picture in r:
                    tuned = picture.clone()
                    tuned[unit] = value
                    found.append(gan.synthesize(link.predict(tuned[None]).to(gan.device)))
        return found

    def error() -> float:
        mine, theirs = torch.cat(ours()), torch.cat(peer())
        return float((mine[: len(theirs)] - theirs).abs().max())

    share = max(1, units // 8) / units
    note = f"{gan.name} ({weights}), {len(ready)} pictures of {units} units"
    return Row(ours, floor, peer, error, note, repeats=3 if quick else 7, peer_repeats=2, peer_share=share)
