"""Synergy of all pairs of units: strongest images of every sum by ranked lists with a proof, II by sums and norms.

Floor: one ranking of every unit alone. Peer: the definition, a sum over all images, a full sort and a table of pairs
of images for every pair of units; timed on some pairs, scaled to all. Responses are sparse mixtures, as after a ReLU.
"""

from __future__ import annotations

import torch
from common import Row
from unitscope.metrics.interpretability import top_images
from unitscope.metrics.similarity import Similarity
from unitscope.metrics.synergy import standardise, synergies

CAUSES, DIMENSIONS, M = 40, 512, 5


def prepare(quick: bool) -> Row:
    n, units = (4_000, 64) if quick else (50_000, 256)
    generator = torch.Generator().manual_seed(0)
    causes = torch.randn(n, CAUSES, generator=generator).relu()
    y = (causes @ torch.randn(CAUSES, units, generator=generator)).relu() + 0.1 * torch.rand(
        n, units, generator=generator
    )
    lpips = Similarity("lpips", torch.randn(n, DIMENSIONS, generator=generator), scale=0.2)
    pairs = torch.combinations(torch.arange(units))
    some = torch.randperm(len(pairs), generator=generator)[: 50 if quick else 100]
    proven = synergies(lpips, y, M).proven

    def ours():
        return synergies(lpips, y, M).values

    def floor():
        return top_images(y, M)

    def peer():
        z, found = standardise(y), []
        for a, b in pairs[some].tolist():
            index = [literal(lpips, response) for response in (z[:, a] + z[:, b], z[:, a], z[:, b])]
            found.append(index[0] - max(index[1:]))
        return torch.tensor(found)

    def error() -> float:
        theirs = peer()
        return float((ours()[some] - theirs).abs().max() / theirs.abs().max())

    note = f"{units} units, {n} images, {len(pairs)} pairs, {proven:.1%} proven early; peer on {len(some)} pairs"
    return Row(ours, floor, peer, error, note, repeats=2, peer_repeats=1, peer_share=len(some) / len(pairs))


def literal(lpips: Similarity, response: torch.Tensor) -> float:
    """II from every pair of the M strongest images of a full sort."""
    chosen = lpips.vectors[response.argsort(descending=True, stable=True)[:M]]
    return float(-lpips.scale * (chosen[:, None] - chosen[None]).square().sum(2).mean())
