"""Units that encode a known factor: does tuning them through a link change that factor? (`papers.linking`)

    w (n, D)   latents of the procedural generator; each coordinate draws one factor (twelve draw the species)
    M (d, D)   what unit i encodes: a unit row, sqrt(1 - overlap) on its own factor, the rest spread over the others
    r (n, d)   r = M w + noise, rectified at its median if `rectified`
    A (D, d)   the link f(r) = A r + a; tuning unit i by v moves w by v A_i

The generator draws its factors from w exactly, so what a tuned unit changes is read off w. Three ways to get a unit's
direction in W:

    link      A_i, all units fitted together by least squares (Wehrheim et al. 2024, eq. 1)
    ridge     the same with a penalty on A, the strength of which is the number of units (units standardised)
    alone     A_i, the link fitted to that unit alone: cov(w, r_i) / var(r_i)
    shuffled  A_i of a link fitted to pairs that do not belong together: chance

The first says what changes if r_i changes while all other units stay, the second what usually changes with r_i.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope.errors import UnitscopeError
from unitscope.evidence.ground_truth.axes import columns, correlation
from unitscope.metrics.statistics import median
from unitscope.papers.linking.link import fit_linear

WAYS = ("link", "ridge", "alone", "shuffled")


@dataclass(frozen=True)
class Tuned:
    """Planted units: encodes M (d, D), the planted factor (d,) of each, and responses r (n, d) to latents w (n, D)."""

    encodes: Tensor
    factor: Tensor
    r: Tensor
    w: Tensor


def planted_units(
    w: Tensor,
    count: int,
    overlap: float = 0.0,
    noise: float = 0.5,
    seen: int = 0,
    rectified: bool = True,
    seed: int = 0,
) -> Tuned:
    """`count` units over latents w (n, D), factors taking turns in random order.

    Parameters
    ----------
    seen : how many of the D factors any unit encodes; 0: all.
    overlap : share of a unit's variance that comes from other factors, in [0, 1].
    noise : deviation of what no factor explains, in those of the signal.
    """
    if not 0 <= overlap <= 1 or noise < 0 or count < 1:
        got = f"{overlap}, {noise}, {count}"
        raise UnitscopeError(f"overlap lies in [0, 1], noise is not negative, count at least 1; got {got}.")
    draw = torch.Generator().manual_seed(seed)
    scale = w.std(0).clamp(min=1e-6)
    size = w.shape[1]
    known = torch.randperm(size, generator=draw)[: seen or size]
    factor = known.repeat(-(-count // len(known)))[:count]
    own, inside = F.one_hot(factor, size).float(), torch.zeros(size).index_fill_(0, known, 1.0)
    others = F.normalize(torch.randn(count, size, generator=draw) * (1 - own) * inside, dim=1)
    encodes = (1 - overlap) ** 0.5 * own + overlap**0.5 * others
    signal = ((w - w.mean(0)) / scale) @ encodes.T
    r = signal + noise * signal.std(0) * torch.randn(signal.shape, generator=draw)
    return Tuned(encodes, factor, (r - median(r, 0)).clamp(min=0) if rectified else r, w)


def directions(r: Tensor, w: Tensor, way: str = "link", seed: int = 0) -> Tensor:
    """What tuning each unit does to the latents: (d, D), in their deviations.

    Raises
    ------
    UnitscopeError
        If `way` is none of WAYS.
    """
    scale = w.std(0).clamp(min=1e-6)
    if way == "alone":
        x, y = r - r.mean(0), w - w.mean(0)
        return (x.T @ y) / x.square().sum(0).clamp(min=1e-12)[:, None] / scale
    if way not in WAYS:
        raise UnitscopeError(f"way must be one of {', '.join(WAYS)}, got {way!r}.")
    if way == "ridge":
        spread = r.std(0).clamp(min=1e-6)
        return fit_linear(r / spread, w, ridge=float(r.shape[1])).A.T / spread[:, None] / scale
    if way == "shuffled":
        w = w[torch.randperm(len(w), generator=torch.Generator().manual_seed(seed))]
    return fit_linear(r, w).A.T / scale


def changed(found: Tensor, factor: Tensor) -> Tensor:
    """Whether the coordinate that changes most is the planted one: (d,) bool, from directions (d, D) and factors
    (d,).
    """
    return found.abs().argmax(1) == factor


def factor_recovery(w: Tensor, count: int = 64, seeds: int = 5, seed: int = 0, **plant) -> dict[str, list[float]]:
    """{way: share of units whose tuning changes the planted factor most, of each of `seeds` sets of units}."""
    worlds = []
    for world in range(1000 * seed, 1000 * seed + seeds):
        units = planted_units(w, count, seed=world, **plant)
        found = {way: changed(directions(units.r, w, way, world), units.factor) for way in WAYS}
        worlds.append({way: float(right.double().mean()) for way, right in found.items()})
    return columns(worlds)


def encoded(r: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """The coordinate that each unit of a real network follows most closely, and how closely: (d,), (d,)."""
    found = correlation(r, w).abs()
    return found.argmax(1), found.amax(1)


def real_units(
    networks: Mapping[str, Tensor], w: Tensor, counts: Iterable[int], units: int = 64, clearest: float = 0.5,
    seeds: int = 5, seed: int = 0,
) -> dict[int, dict[str, list[float]]]:  # fmt: skip
    """Units of real networks, by the number of pairs that the link is fitted to: {pairs: {"WAY, NETWORK": shares}}.

    For each seed, `units` units and an order of the pairs are drawn. The last quarter of the pairs says what a unit
    encodes (`encoded`), and only the `clearest` share of the units counts; the link is fitted to the first pairs.

    Parameters
    ----------
    networks : {name: r (n, d)} for the same latents w (n, D).

    Raises
    ------
    UnitscopeError
        If more pairs are asked for than three quarters of what is there.
    """
    counts, limit = list(counts), len(w) - len(w) // 4
    if max(counts) > limit:
        raise UnitscopeError(
            f"a link can be fitted to {limit} of {len(w)} pairs, the rest is held back; got {max(counts)}."
        )
    found = {count: [] for count in counts}
    for world in range(1000 * seed, 1000 * seed + seeds):
        draw = torch.Generator().manual_seed(world)
        order = torch.randperm(len(w), generator=draw)
        for count in counts:
            row = {}
            for name, r in networks.items():
                own = r[:, torch.randperm(r.shape[1], generator=torch.Generator().manual_seed(world))[:units]]
                factor, how = encoded(own[order[limit:]], w[order[limit:]])
                clear = how.topk(max(1, round(clearest * len(how)))).indices
                some = order[:count]
                for way in WAYS:
                    right = changed(directions(own[some], w[some], way, world), factor)[clear]
                    row[f"{way}, {name}"] = float(right.double().mean())
            found[count].append(row)
    return {count: columns(rows) for count, rows in found.items()}
