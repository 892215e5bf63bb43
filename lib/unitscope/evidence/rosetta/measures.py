"""Measures behind the mining claims: matches on held-out pictures, depth, the published code's score, costs.

match   a Match: one network's correlations with the generator, by shards of the pass
Scores of a unit are those of its best partner: chosen on one half of the pictures, read on the other.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.evidence.rosetta import literal, nulls
from unitscope.evidence.rosetta.nulls import expected_buddies
from unitscope.metrics.statistics import Estimate
from unitscope.papers.rosetta.matches import CODE, best_buddies, one_sided
from unitscope.papers.rosetta.mining import Match, Mining, mine


@dataclass(frozen=True)
class Evidence:
    """One network's matches on held-out pictures.

    held        best buddies, scored on the other half        every   the best partner of every generator unit, likewise
    score, repaired   medians over best buddies, and what pictures paired anew would leave of them
    tau         the 99.9 % quantile of the re-pairing null: matches above it are called good
    replication (P,) whether a best buddy of one half is one of the other, and `replicated_left` (P,) its generator unit
    """

    match: Match
    held: nulls.HeldOut
    every: nulls.HeldOut
    score: Estimate
    repaired: Estimate
    tau: float
    replication: Tensor
    replicated_left: Tensor


def evidence(match: Match, tau: float | None = None) -> Evidence:
    """What one network's matches are worth; `tau`: another network's threshold."""
    held = nulls.held_out(match)
    first = best_buddies(match.halves[0].rho)
    return Evidence(
        match, held, nulls.held_out(match, one_sided),
        nulls.interval_over_shards(match, held, nulls.median_of("rho")),
        nulls.interval_over_shards(match, held, nulls.median_of("position")),
        nulls.threshold(match) if tau is None else tau, nulls.replicated(match), first.left,
    )  # fmt: skip


def beyond_place(rho: Tensor, _image: Tensor, position: Tensor) -> float:
    """Mean of what a correlation holds beyond the usual place, which pictures paired anew would keep."""
    return float((rho - position).mean())


def mean_of_rho(rho: Tensor, _image: Tensor, _position: Tensor) -> float:
    return float(rho.mean())


def passing(one: Evidence) -> Tensor:
    """Whether the held-out score of every generator unit's best partner lies above tau, in both halves: (N,) bool."""
    units = one.match.whole.rho.shape[0]
    passed = torch.zeros(2, units, dtype=torch.bool)
    for side, chosen in enumerate((one.every.first, ~one.every.first)):
        passed[side, one.every.left[chosen]] = one.every.rho[chosen] > one.tau
    return passed.all(0)


def replication_of_units(one: Evidence) -> Tensor:
    """Share of each generator unit's best buddies of one half that are found again in the other: (units that have
    any,).
    """
    units = one.match.whole.rho.shape[0]
    found = torch.zeros(units, dtype=torch.float64).index_add_(0, one.replicated_left, one.replication.double())
    count = torch.bincount(one.replicated_left, minlength=units)
    return (found / count.clamp(min=1))[count > 0]


def by_depth(match: Match, side: int = 0, chosen: int = 0) -> list[Tensor]:
    """Best score of every unit, layer by layer, of the generator (side 0) or the network (1).

    The partner is chosen on half `chosen` of the pictures and scored on the other.
    """
    first, second = match.halves[chosen].rho, match.halves[1 - chosen].rho
    best = first.argmax(1 - side, keepdim=True)
    score = second.gather(1 - side, best).squeeze(1 - side)
    table = match.whole.left if side == 0 else match.whole.right
    return [score[list(table.units(layer))] for layer in table.layers]


def code_score(mining: Mining, name: str, n: int, batch: int = 10) -> dict[str, Tensor]:
    """The published code's score beside Pearson's: {"code", "exact"} (N, M), {"gap", "silence"} (N,) of generator
    units.

    gap : how far the code's score lies above Pearson's, mean over the network's units.
    silence : share of pictures in which the unit's peak stays below half of its mean peak (both above its lowest).
    """
    w = mining.w[:n]
    code, exact = literal.batch_cosine(mining.gan, mining.networks[name], w.split(batch))
    return {"code": code.float(), "exact": exact, "gap": (code.float() - exact).mean(1), "silence": silence(mining, w)}


@torch.no_grad()
def silence(mining: Mining, w: Tensor) -> Tensor:
    """Share of pictures in which each generator unit's peak stays below half of its mean peak, (N,)."""
    peaks = []
    for batch in w.split(40):
        maps = mining.gan.features(batch, mining.table.layers)
        peaks.append(torch.cat([maps[layer].amax((2, 3)) for layer in mining.table.layers], 1).cpu())
    peaks = torch.cat(peaks)
    low = peaks.amin(0, keepdim=True)
    return ((peaks - low) < 0.5 * (peaks - low).mean(0)).float().mean(0)


@dataclass(frozen=True)
class Literal:
    """The one pass beside the published procedure: largest difference, share of equal best buddies, seconds of each
    run.
    """

    error: float
    agree: float
    slow: Tensor
    fast: Tensor


def against_literal(mining: Mining, name: str, n: int = 16, runs: int = 6) -> Literal:
    """Run both on n pictures, in turns, after one run of each that is not timed (processor seconds)."""
    model, w = mining.networks[name], mining.w[:n]
    slow, fast, rho, found = [], [], None, None
    for _ in range(runs + 1):
        start = time.process_time()
        rho = literal.pairwise(mining.gan, model, w.split(20))
        middle = time.process_time()
        found = mine(mining.gan, {name: model}, n, shards=2, own=False)
        slow.append(middle - start)
        fast.append(time.process_time() - middle)
    ours = found.match(name).whole.rho
    if not torch.equal(found.w, w):  # another class or truncation: the same latents are needed
        ours = literal.batch_cosine(mining.gan, model, w.split(20))[1]
    rho = rho.cpu().float()
    one, other = (set(zip(p.left.tolist(), p.right.tolist(), strict=True)) for p in map(best_buddies, (ours, rho)))
    error, agree = float((ours - rho).abs().max()), len(one & other) / max(1, len(one | other))
    return Literal(error, agree, torch.tensor(slow[1:]), torch.tensor(fast[1:]))


def noise_counts(match: Match) -> dict[str, float]:
    """How many best buddies there are, and how many pure noise of that size would have, for both rules."""
    shape = match.whole.rho.shape
    return {
        "K = 5 and 5": len(match.buddies()),
        "noise, 5 and 5": expected_buddies(*shape),
        "K = 1 and 5": len(match.buddies(CODE)),
        "noise, 1 and 5": expected_buddies(*shape, CODE),
    }


def average(found: Mapping[str, Evidence], which: str) -> float:
    """Mean over networks of an estimate, "score" or "repaired"; 0 without networks."""
    return sum(getattr(one, which).value for one in found.values()) / max(1, len(found))
