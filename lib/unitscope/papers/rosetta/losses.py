"""The matching loss: how well a generator's maps follow given maps (Rosetta Neurons, eqs. 5 to 7).

    G, D   (s, s), (t, t)   maps of a pair of units for one picture, less the data set's mean, over its deviation
    M = max(s, t)           the side at which they are compared, the smaller one resized
    P                       pairs

    normaliser "dataset":  1/M^2 sum over positions of G D    as the paper prints it: grows with the maps, without bound
    normaliser "image":    <G, D> / (|G| |D|)                 as the published code: a cosine in [-1, 1]

Targets are fixed, so each is brought to the side of the generator's map once (`resize_adjoint`); a step gathers P
native maps and makes one product and one norm. The loss is minus the mean over pairs (the code sums; a mean does not
grow with P).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.errors import UnitscopeError, unknown
from unitscope.extract.resize_adjoint import enlarge, pull_down, resized_squares
from unitscope.extract.taps import Taps
from unitscope.papers.rosetta.matches import UnitPairs
from unitscope.papers.rosetta.mining import Mining

NORMALISERS = ("image", "dataset")
FLOOR = 1e-5  # added to deviations, as the published code does


@dataclass(frozen=True)
class Group:
    """Pairs of one layer of the generator that are compared at one side: channels, mean and deviation (P,), targets (B,
    P, s, s), norms (B, P).
    """

    layer: str
    large: int
    channels: Tensor
    mean: Tensor
    deviation: Tensor
    target: Tensor
    norm: Tensor

    def select(self, rows) -> Group:
        """The targets of some pictures."""
        return Group(
            self.layer, self.large, self.channels, self.mean, self.deviation, self.target[rows], self.norm[rows]
        )


@dataclass(frozen=True)
class Targets:
    """What the maps of B pictures should look like, for P units of the generator."""

    groups: tuple[Group, ...]
    normaliser: str = "image"

    @property
    def layers(self) -> tuple[str, ...]:
        """Layers of the generator that have to be read."""
        return tuple(dict.fromkeys(group.layer for group in self.groups))

    def scores(self, maps: Mapping[str, Tensor]) -> Tensor:
        """Agreement (B, P) of the generator's maps {layer: (B, C, s, s)} with the targets."""
        return torch.cat([score(group, maps[group.layer], self.normaliser) for group in self.groups], 1)

    def select(self, rows) -> Targets:
        """The targets of some pictures."""
        return Targets(tuple(group.select(rows) for group in self.groups), self.normaliser)


def score(group: Group, maps: Tensor, normaliser: str) -> Tensor:
    """Agreement (B, P) of one group."""
    g = (maps[:, group.channels] - group.mean[:, None, None]) / (group.deviation + FLOOR)[:, None, None]
    product = (g * group.target).sum((2, 3))
    if normaliser == "dataset":
        return product / group.large**2
    return product / (resized_squares(g, group.large).clamp(min=1e-12).sqrt() * group.norm).clamp(min=1e-6)


def joined(*targets: Targets) -> Targets:
    """All pairs of several targets for the same pictures."""
    return Targets(tuple(group for one in targets for group in one.groups), targets[0].normaliser)


def towards(mining: Mining, units: Tensor, maps: Sequence[Tensor], normaliser: str = "image") -> Targets:
    """Targets for `units` (P,) of the generator: normalised maps, one (B, t, t) a unit.

    Raises
    ------
    UnitscopeError
        If there are no units, not one map for each, or the normaliser is unknown.
    """
    if normaliser not in NORMALISERS:
        raise unknown("normaliser", normaliser, NORMALISERS)
    if not len(units) or len(units) != len(maps):
        raise UnitscopeError(
            f"targets need one map for each of at least one unit, got {len(maps)} maps for {len(units)} units."
        )
    sides, layers, channels = mining.table.side_of, mining.table.layer_of, mining.table.channel_of
    grouped: dict[tuple[int, int, int], list[int]] = {}
    for place, unit in enumerate(units.tolist()):
        t = maps[place].shape[-1]
        grouped.setdefault((int(layers[unit]), max(t, int(sides[unit])), t), []).append(place)
    mean, deviation = mining.moments_of()
    groups = []
    for (layer, large, t), places in grouped.items():
        own, wanted = units[places], torch.stack([maps[place] for place in places], 1)
        s = mining.table.sides[layer]
        target = pull_down(wanted, s) if t > s else enlarge(wanted, s) if t < s else wanted
        norm = resized_squares(wanted, large).sqrt()
        device = wanted.device
        groups.append(Group(
            mining.table.layers[layer], large, channels[own].to(device), mean[own].float().to(device),
            deviation[own].float().to(device), target, norm,
        ))  # fmt: skip
    return Targets(tuple(groups), normaliser)


@torch.no_grad()
def from_network(mining: Mining, name: str, pairs: UnitPairs, images: Tensor, normaliser: str = "image") -> Targets:
    """Targets for the generator's units of `pairs`: the maps of their partners in a network for images (B, 3, H, W)."""
    match, model = mining.match(name), mining.networks[name]
    mean, deviation = mining.moments_of(name)
    table = match.table
    with Taps(model, table.layers) as taps:
        seen = taps(images)
    layers, channels = table.layer_of, table.channel_of
    maps = [
        (seen[table.layers[layers[k]]][:, channels[k]] - mean[k].float()) / (deviation[k].float() + FLOOR)
        for k in pairs.right.tolist()
    ]
    return towards(mining, pairs.left, maps, normaliser)


@torch.no_grad()
def from_networks(mining: Mining, pairs: Mapping[str, UnitPairs], images: Tensor, normaliser: str = "image") -> Targets:
    """Targets from several networks at once, {name: UnitPairs}; a network without a pair has none to give."""
    some = {name: one for name, one in pairs.items() if len(one)}
    if not some:
        raise UnitscopeError(
            f"no unit of the generator is matched in {', '.join(pairs) or 'any network'}, so nothing can be followed; "
            "take other networks or more pictures."
        )
    return joined(*(from_network(mining, name, one, images, normaliser) for name, one in some.items()))
