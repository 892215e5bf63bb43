"""The dictionary: Rosetta units gathered into concepts, with one tuple of units each and pictures to see them on.

concept   a cluster of the generator's Rosetta units; its tuple is that of the unit whose partners score best
maps      {network: (n, C, h, w)} normalised heat maps of a concept's units, the generator's first
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope.errors import UnitscopeError
from unitscope.extract.taps import Taps
from unitscope.papers.rosetta.losses import FLOOR
from unitscope.papers.rosetta.matches import PAPER, UnitPairs, clusters, shared, tuples
from unitscope.papers.rosetta.mining import Mining


@dataclass(frozen=True)
class Dictionary:
    """Concepts of a zoo.

    units (R,) : Rosetta units of the generator.    labels (R,) : their concept.    partners : {network: Pairs of R
    rows}. first (C,) : row of the unit that stands for each concept, best concept first.
    """

    mining: Mining
    units: Tensor
    labels: Tensor
    partners: Mapping[str, UnitPairs]
    first: Tensor

    def __len__(self) -> int:
        return len(self.first)

    @property
    def scores(self) -> Tensor:
        """Mean rho over networks of every Rosetta unit's tuple, (R,)."""
        return torch.stack([pairs.score for pairs in self.partners.values()]).mean(0)

    def size(self, concept: int) -> int:
        """How many Rosetta units make a concept."""
        return int((self.labels == self.labels[self.first[concept]]).sum())

    def tuple_of(self, concept: int) -> dict[str, int]:
        """{network: unit} of a concept, the generator first."""
        row = int(self.first[concept])
        return {
            self.mining.gan.name: int(self.units[row]),
            **{name: int(pairs.right[row]) for name, pairs in self.partners.items()},
        }

    def names_of(self, concept: int) -> dict[str, str]:
        """{network: "layer, unit"} of a concept, both counted from 0 as in the paper's Fig. 1."""
        found = {}
        for name, unit in self.tuple_of(concept).items():
            table = table_of(self.mining, name)
            found[name] = f"layer {int(table.layer_of[unit])}, unit {int(table.channel_of[unit])}"
        return found


def table_of(mining: Mining, name: str):
    """The units of a network or of the generator."""
    return mining.table if name == mining.gan.name else mining.match(name).table


def dictionary(mining: Mining, names: Sequence[str], k: tuple[int, int] = PAPER) -> Dictionary:
    """Rosetta units over `names`, clustered by the generator's self-matches.

    Raises
    ------
    UnitscopeError
        If the mining left the generator's self-matches out, or no unit is shared by all networks.
    """
    if mining.own is None:
        raise UnitscopeError("clusters need the generator's self-matches: mine(..., own=True).")
    matches = mining.buddies(names, k)
    units = shared(matches, len(mining.table))
    if not len(units):
        raise UnitscopeError(
            f"no unit of {mining.gan.name} has a best buddy in all of {', '.join(names)}; raise `k`, take fewer"
            " `networks`, or more pictures."
        )
    labels = clusters(mining.own.whole.rho, units, k[0])
    partners = tuples(matches, units)
    scores = torch.stack([pairs.score for pairs in partners.values()]).mean(0)
    best = [
        rows[scores[rows].argmax()]
        for rows in ((labels == label).nonzero()[:, 0] for label in range(int(labels.max()) + 1))
    ]
    first = torch.stack(best)
    return Dictionary(mining, units, labels, partners, first[scores[first].argsort(descending=True)])


@torch.no_grad()
def all_maps(
    mining: Mining, names: Sequence[str], images: Tensor, drawn: Mapping[str, Tensor] | None = None
) -> dict[str, dict[str, Tensor]]:
    """{network: {layer: (n, C, h, w)}} of image networks for pictures; `drawn` are the generator's own maps, if any."""
    found = {mining.gan.name: dict(drawn)} if drawn is not None else {}
    for name in names:
        with Taps(mining.networks[name], mining.match(name).table.layers) as taps:
            found[name] = taps(images)
    return found


def maps_of(mining: Mining, seen: Mapping[str, Mapping[str, Tensor]], units: Mapping[str, int]) -> dict[str, Tensor]:
    """Normalised maps {network: (n, h, w)} of one unit in each network, from what `all_maps` read."""
    found = {}
    for name, unit in units.items():
        table = table_of(mining, name)
        layer, channel = table.place(unit)
        mean, deviation = mining.moments_of(None if name == mining.gan.name else name)
        found[name] = (seen[name][layer][:, channel] - mean[unit].float()) / (deviation[unit].float() + FLOOR)
    return found


def agreement(maps: Mapping[str, Tensor], size: int = 16) -> Tensor:
    """How much all maps of a concept respond to each picture together, (n,): the mean product of generator and
    networks.

    The published code shows a pair on the picture where the mean product of the two normalised maps is largest.
    """
    first, *others = (
        F.interpolate(m[:, None], (size, size), mode="bilinear", align_corners=False)[:, 0] for m in maps.values()
    )
    return torch.stack([(first * other).mean((1, 2)) for other in others]).mean(0)
