"""Planted correspondences between networks: do best buddies find the right partner? (`papers.rosetta`)

    n  images    C  units    s  side of a map    maps (n, C, s, s)    partner (C,)  the right unit that belongs to a
    left one

The left network is a real layer. The right one is made of it, so the partner of every unit is known:

    noisy    units in another order, each a mixture of its partner's map of the same image, the `share`, and of its
             partner's map of another image
    turned   units mixed with each other by a rotation that goes a fraction of its way (`axes.rotation`)
    kin      two thirds of the units share a cause with a unit of the other network, the others have none

A private part is a real map of another image, so it lies where such maps usually lie; white noise would average away.
So rho is taken apart as well: without its part by positions (`extract.cross_moments`), two units that are merely often
active at the same place have nothing in common.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor

from unitscope.errors import UnitscopeError
from unitscope.evidence.ground_truth.axes import columns, rotation
from unitscope.extract.cross_moments import Correlations, CrossMoments
from unitscope.extract.unit_views import Pilot, UnitTable, views
from unitscope.papers.rosetta.matches import UnitPairs, best_buddies

BUDDIES, LOOSE, PLACELESS = "best buddies, K = 1", "best buddies, K = 5", "K = 1, without position"
METHODS = {                                              # (neighbours on either side, what the score leaves out)
    BUDDIES: ((1, 1), False), LOOSE: ((5, 5), False), PLACELESS: ((1, 1), True),
}  # fmt: skip


def correlate(left: Tensor, right: Tensor) -> Correlations:
    """rho (C, C') between the maps of two layers on the same images, by the chapter's own moments."""
    if left.ndim != 4 or right.ndim != 4 or len(left) != len(right):
        got = f"{tuple(left.shape)} and {tuple(right.shape)}"
        raise UnitscopeError(f"maps must be (n, C, s, s) of the same images, got {got}.")
    pilots = [Pilot(UnitTable("planted", ("layer",), (maps.shape[1],), (maps.shape[2],))) for maps in (left, right)]
    moments = CrossMoments(*pilots)
    sides = {left.shape[2]}, {right.shape[2]}
    moments.update(views({"layer": left}, pilots[0], sides[1]), views({"layer": right}, pilots[1], sides[0]))
    return moments.result()


def standard(maps: Tensor) -> Tensor:
    """Maps (n, C, s, s) of mean 0 and deviation 1, unit by unit; constant units are left out."""
    deviation = maps.std((0, 2, 3))
    kept = deviation > 1e-6 * deviation.max()
    return ((maps - maps.mean((0, 2, 3), keepdim=True))[:, kept]) / deviation[kept][:, None, None]


def elsewhere(maps: Tensor, draw: torch.Generator) -> Tensor:
    """The same units' maps, each unit's taken from other images in an order of its own."""
    order = torch.rand(maps.shape[:2], generator=draw).argsort(0)
    return torch.stack([maps[order[:, unit], unit] for unit in range(maps.shape[1])], 1)


def blend(own: Tensor, other: Tensor, share: float) -> Tensor:
    """Two standard maps mixed so that, if they are unrelated, `share` of the variance comes from the first."""
    return share**0.5 * own + (1 - share) ** 0.5 * other


def noisy(maps: Tensor, share: float = 1.0, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """left, right (n, C, s, s) and partner (C,): units in another order, a `share` of the same image kept."""
    draw, left = torch.Generator().manual_seed(seed), standard(maps)
    order = torch.randperm(left.shape[1], generator=draw)
    return left, blend(left, elsewhere(left, draw), share)[:, order], order.argsort()


def turned(maps: Tensor, fraction: float = 1.0, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """left, right and partner (C,): units turned into each other, a `fraction` of the way of a random rotation."""
    left = standard(maps)
    right = torch.einsum("ncxy,dc->ndxy", left, rotation(left.shape[1], seed, fraction))
    return left, right, torch.arange(left.shape[1])


def kin(maps: Tensor, share: float = 1.0, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """left, right (n, 3 C // 4, s, s) and partner (3 C // 4,), -1 for the third of the units that have none.

    Of a shared unit, a `share` on both sides is the cause, a real unit's map; the rest is its map of other images.
    Units without a partner are made of other real units, others on the left than on the right.
    """
    draw, causes = torch.Generator().manual_seed(seed), standard(maps)
    quarter = causes.shape[1] // 4
    order = torch.randperm(causes.shape[1], generator=draw)
    common, first, second = order[: 2 * quarter], order[2 * quarter : 3 * quarter], order[3 * quarter : 4 * quarter]
    sides = []
    for alone in (first, second):
        shared = blend(causes[:, common], elsewhere(causes[:, common], draw), share)
        sides.append(torch.cat([shared, elsewhere(causes[:, alone], draw)], 1))
    mixed = torch.randperm(3 * quarter, generator=draw)
    partner = torch.where(torch.arange(3 * quarter) < 2 * quarter, mixed.argsort(), -1)
    return sides[0], sides[1][:, mixed], partner


PLANTS: dict[str, Callable[..., tuple[Tensor, Tensor, Tensor]]] = {"noisy": noisy, "turned": turned, "kin": kin}


def matches(found: Correlations, method: str) -> UnitPairs:
    """Best buddies by one of METHODS."""
    k, placeless = METHODS[method]
    return best_buddies(found.rho - found.position if placeless else found.rho, k)


def recall(pairs: UnitPairs, partner: Tensor) -> float:
    """Share of the units with a partner (C,) that have it among their best buddies."""
    right = (partner[pairs.left] == pairs.right).sum()
    return float(right) / max(1, int((partner >= 0).sum()))


def precision(pairs: UnitPairs, partner: Tensor) -> float:
    """Share of the best buddies that are partners; 0 where there are no buddies."""
    return float((partner[pairs.left] == pairs.right).double().mean()) if len(pairs) else 0.0


def partner_recovery(
    maps: Mapping[str, Tensor], kind: str, level: float, seeds: int = 5, seed: int = 0
) -> dict[str, list[float]]:  # fmt: skip
    """{"METHOD, NETWORK": recall of each of `seeds` plants} in the maps {network: (n, C, s, s)} at one difficulty."""
    worlds = []
    for world in range(1000 * seed, 1000 * seed + seeds):
        row = {}
        for network, own in maps.items():
            left, right, partner = PLANTS[kind](own, level, world)
            found = correlate(left, right)
            row |= {f"{method}, {network}": recall(matches(found, method), partner) for method in METHODS}
        worlds.append(row)
    return columns(worlds)


def kinship(
    maps: Tensor, shares: Iterable[float], seeds: int = 5, seed: int = 0
) -> dict[float, dict[str, list[float]]]:
    """{share: {"METHOD: recall", "METHOD: precision" of each plant}} of `kin`."""
    found = {}
    for share in shares:
        worlds = []
        for world in range(1000 * seed, 1000 * seed + seeds):
            left, right, partner = kin(maps, share, world)
            rho, row = correlate(left, right), {}
            for method in METHODS:
                pairs = matches(rho, method)
                row |= {f"{method}: recall": recall(pairs, partner), f"{method}: precision": precision(pairs, partner)}
            worlds.append(row)
        found[share] = columns(worlds)
    return found


def strangers(maps: Mapping[str, Tensor], seeds: int = 5, seed: int = 0) -> dict[str, list[float]]:
    """{network: best buddies by units} of a network and another that shares nothing with it, not even places.

    Left and right are different units, each seen on other images.
    """
    worlds = []
    for world in range(1000 * seed, 1000 * seed + seeds):
        row = {}
        for network, own in maps.items():
            draw = torch.Generator().manual_seed(world)
            half = standard(own)[:, torch.randperm(own.shape[1], generator=draw)]
            left, right = half.chunk(2, 1)
            row[network] = len(matches(correlate(left, elsewhere(right, draw)), BUDDIES)) / left.shape[1]
        worlds.append(row)
    return columns(worlds)


def few_images(
    maps: Tensor, counts: Iterable[int], share: float = 0.5, seeds: int = 5, seed: int = 0
) -> dict[int, dict[str, list[float]]]:
    """{images: recall of each plant} of `noisy` when only so many images are seen."""
    found = {}
    for count in counts:
        rows = []
        for world in range(1000 * seed, 1000 * seed + seeds):
            order = torch.randperm(len(maps), generator=torch.Generator().manual_seed(world))[:count]
            rows.append(
                {name: one[0] for name, one in partner_recovery({"": maps[order]}, "noisy", share, 1, world).items()}
            )
        found[count] = {name.removesuffix(", "): values for name, values in columns(rows).items()}
    return found
