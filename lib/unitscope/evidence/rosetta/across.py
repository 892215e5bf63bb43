"""Between all networks: matched scores of every pair, flow between depths, and two generators joined through a zoo.

u   units drawn from each network for the matrix, the same number everywhere (the best of more is better by chance)
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

import torch
from scipy.stats import spearmanr
from torch import Tensor

from unitscope.errors import MissingWeights
from unitscope.extract.cross_moments import CrossMoments
from unitscope.extract.taps import Taps
from unitscope.extract.unit_views import Pilot, UnitTable, unit_table, views
from unitscope.models import Generator, VisionModel, load_generator
from unitscope.papers.rosetta.matches import CODE, UnitPairs, best_buddies
from unitscope.papers.rosetta.mining import Mining


@dataclass(frozen=True)
class Sampled:
    """Some channels of a network: its table, and {layer: channels}."""

    table: UnitTable
    channels: Mapping[str, Tensor]

    def take(self, maps: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The chosen channels of maps {layer: (B, C, s, s)}."""
        return {name: maps[name][:, chosen] for name, chosen in self.channels.items()}


def sampled(network: VisionModel | Generator, units: int, seed: int = 0) -> Sampled:
    """At most `units` units of a network, as many of each layer as it has to give."""
    whole = unit_table(network)
    random = torch.Generator().manual_seed(seed)
    share = max(1, units // len(whole.layers))
    chosen = {
        name: torch.randperm(count, generator=random)[:share].sort().values
        for name, count in zip(whole.layers, whole.channels)
    }
    return Sampled(UnitTable(whole.network, whole.layers, tuple(map(len, chosen.values())), whole.sides), chosen)


@dataclass(frozen=True)
class Between:
    """Two networks' matched units: best buddies of one half of the pictures, scored on the other."""

    left: UnitTable
    right: UnitTable
    pairs: UnitPairs
    score: Tensor


@torch.no_grad()
def between_all(
    mining: Mining, n: int, units: int, *, seed: int = 0, batch_size: int = 40
) -> dict[tuple[str, str], Between]:
    """Every pair of networks (the generator among them) on the first n mined pictures."""
    gan = mining.gan
    everyone = {gan.name: gan, **mining.networks}
    some = {name: sampled(one, units, seed) for name, one in everyone.items()}
    pilots = {name: Pilot(one.table) for name, one in some.items()}
    sides = {side for one in some.values() for side in one.table.sides}
    halves = {
        pair: [CrossMoments(pilots[pair[0]], pilots[pair[1]]) for _ in range(2)] for pair in combinations(everyone, 2)
    }
    for number, w in enumerate(mining.w[:n].split(min(batch_size, -(-n // 2)))):  # at least one batch a half
        images, drawn = gan.synthesize_with_features(w)
        seen = {gan.name: views(some[gan.name].take(drawn), pilots[gan.name], sides)}
        for name, model in mining.networks.items():
            with Taps(model, some[name].table.layers) as taps:
                seen[name] = views(some[name].take(taps(images)), pilots[name], sides)
        for (one, other), moments in halves.items():
            moments[number % 2].update(seen[one], seen[other])
    found = {}
    for pair, (first, second) in halves.items():
        pairs = best_buddies(first.result().rho, CODE)
        found[pair] = Between(
            some[pair[0]].table, some[pair[1]].table, pairs, second.of_pairs(pairs.left, pairs.right)[0]
        )
    return found


def flow(left: UnitTable, right: UnitTable, pairs: UnitPairs) -> Tensor:
    """How many pairs join each layer of the left to each layer of the right network: (layers, layers) int64."""
    code = left.layer_of[pairs.left] * len(right.layers) + right.layer_of[pairs.right]
    return torch.bincount(code, minlength=len(left.layers) * len(right.layers)).view(len(left.layers), -1)


def depths(left: UnitTable, right: UnitTable, pairs: UnitPairs) -> tuple[Tensor, Tensor]:
    """Number of the layer of either unit of every pair, each (P,)."""
    return left.layer_of[pairs.left], right.layer_of[pairs.right]


def depth_agreement(left: UnitTable, right: UnitTable, pairs: UnitPairs) -> float:
    """Spearman's correlation of the two depths over pairs; 0 where one does not vary."""
    a, b = depths(left, right, pairs)
    return float(spearmanr(a, b).statistic) if len(set(a.tolist())) > 1 and len(set(b.tolist())) > 1 else 0.0


def composed(first: Mapping[str, UnitPairs], second: Mapping[str, UnitPairs], shape: tuple[int, int]) -> Tensor:
    """How many networks join a unit of one generator with one of another: (N_1, N_2) int64.

    A network joins j with j' if some unit of it is a best buddy of both.
    first, second : {network: UnitPairs}, the generator on the left.
    """
    votes = torch.zeros(shape, dtype=torch.int64)
    for name in first.keys() & second.keys():
        both = torch.cat([first[name].right, second[name].right])
        width = int(both.max()) + 1 if len(both) else 1
        a, b = (torch.zeros(count, width) for count in shape)
        a[first[name].left, first[name].right] = 1
        b[second[name].left, second[name].right] = 1
        votes += ((a @ b.T) > 0).long()
    return votes


def shuffled(pairs: Mapping[str, UnitPairs], seed: int = 0) -> dict[str, UnitPairs]:
    """The same pairs with the networks' ends dealt out anew: the null of a composition."""
    random = torch.Generator().manual_seed(seed)
    return {
        name: UnitPairs(one.left, one.right[torch.randperm(len(one), generator=random)], one.score)
        for name, one in pairs.items()
    }


def agreed(votes: Tensor, most: int) -> list[int]:
    """How many pairs are joined by at least 1, 2, ..., `most` networks."""
    return [int((votes >= count).sum()) for count in range(1, most + 1)]


def dealt(
    first: Mapping[str, UnitPairs], second: Mapping[str, UnitPairs], shape: tuple[int, int], seed: int
) -> list[int]:
    """`agreed` of the composition with both generators' ends dealt out anew: one draw of its null."""
    some = [shuffled(one, 2 * seed + place) for place, one in enumerate((first, second))]
    return agreed(composed(*some, shape), len(first))


def generator(name: str, weights: str = "", device: str = "auto") -> tuple[Generator, str]:
    """A generator and a word on its weights, "trained" or "random weights", for a chapter to state.

    Published weights that are not there leave a random generator, with a warning: a control and no result. Weights that
    are there and do not fit, or are corrupt, are an error, and so is a local file (`weights`) that is not there.
    """
    if weights:
        return load_generator(name, device=device, weights=weights), "trained"
    try:
        return load_generator(name, device=device), "trained"
    except MissingWeights as error:
        warnings.warn(f"{error} Random weights take their place.", stacklevel=2)
        return load_generator(name, device=device, pretrained=False), "random weights"
