"""What matches are worth: scored on pictures that did not choose them, and held against nulls from the same pass.

    A, B   halves of the pass; best buddies of A are scored in B and those of B in A
    rho^pos   the part of rho that is left, on average, if pictures are paired anew: the re-pairing null

Best buddies can be counted in pure noise (`matches.expected_buddies`), so no claim rests on their number. Intervals
are over pictures: shards of the pass are left out in turn (jackknife, t quantile).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import t as student
from torch import Tensor

from unitscope.papers.rosetta.matches import PAPER, Pairs, best_buddies, one_sided
from unitscope.papers.rosetta.mining import Match, merged


@dataclass(frozen=True)
class HeldOut:
    """Scores of matched pairs on the other half: rho and its parts by images and positions, each (P,).

    left, right (P,) : the units; `first` (P,) tells which half chose them.
    """

    left: Tensor
    right: Tensor
    rho: Tensor
    image: Tensor
    position: Tensor
    first: Tensor

    @property
    def rest(self) -> Tensor:
        return self.rho - self.image - self.position


def held_out(match: Match, find: Callable[[Tensor], Pairs] = best_buddies) -> HeldOut:
    """Pairs found in each half by `find`, scored in the other."""
    parts = []
    for side, (chosen, others) in enumerate(((0, 1), (1, 0))):
        pairs = find(match.halves[chosen].rho)
        other, at = match.halves[others], (pairs.left, pairs.right)
        first = torch.full((len(pairs),), side == 0)
        parts.append((pairs.left, pairs.right, other.rho[at], other.image[at], other.position[at], first))
    return HeldOut(*(torch.cat(column) for column in zip(*parts, strict=True)))


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval over pictures."""

    value: float
    interval: tuple[float, float]


def interval_over_shards(match: Match, held: HeldOut, statistic: Callable[[Tensor, Tensor, Tensor], float]) -> Estimate:
    """A statistic of the held-out (rho, image, position) of fixed pairs, with a jackknife over shards."""

    def of(left_out: int | None) -> float:
        parts = []
        for chosen in (True, False):
            rows = held.first == chosen
            kept = [s for s in match.half_shards[1 if chosen else 0] if left_out is None or s is not match.shards[left_out]]
            parts.append(merged(kept).of_pairs(held.left[rows], held.right[rows]))
        return statistic(*(torch.cat(column) for column in zip(*parts, strict=True)))

    if not len(held.rho):
        return Estimate(0.0, (0.0, 0.0))
    value, count = of(None), len(match.shards)
    return jackknife(value, [of(number) for number in range(count)])


def jackknife(value: float, left_out: Sequence[float]) -> Estimate:
    """95 % interval from the values with one group left out in turn, by Student's t."""
    values, count = np.asarray(left_out), len(left_out)
    error = np.sqrt((count - 1) / count * np.square(values - values.mean()).sum())
    reach = student.ppf(0.975, count - 1) * error
    return Estimate(float(value), (float(value - reach), float(value + reach)))


def median_of(column: str) -> Callable[[Tensor, Tensor, Tensor], float]:
    """The median of "rho", "position", "image" or "rest" as a statistic of the three columns."""

    def statistic(rho: Tensor, image: Tensor, position: Tensor) -> float:
        return float({"rho": rho, "image": image, "position": position, "rest": rho - image - position}[column].median())

    return statistic


def threshold(match: Match, share: float = 0.999) -> float:
    """tau: that quantile of the re-pairing null over all pairs of units."""
    values = match.whole.position.flatten()
    return float(values.kthvalue(max(1, round(share * len(values)))).values)


def replicated(match: Match, k: tuple[int, int] = PAPER) -> Tensor:
    """Whether each best buddy of A is one in B: (P,) bool."""
    a, b = (best_buddies(half.rho, k) for half in match.halves)
    return torch.isin(codes(a, match), codes(b, match))


def codes(pairs: Pairs, match: Match) -> Tensor:
    """One number a pair."""
    return pairs.left * len(match.table) + pairs.right


def exclusive_one_sided(rho: Tensor) -> Pairs:
    """Best partners of generator units that are not best buddies."""
    pairs, mutual = one_sided(rho), best_buddies(rho)
    alone = ~torch.isin(pairs.left * rho.shape[1] + pairs.right, mutual.left * rho.shape[1] + mutual.right)
    return pairs.select(alone)


def universality(matches: dict[str, Pairs], units: int, order: Sequence[str]) -> list[float]:
    """|R| over what independent matches would give, N_g times the product of shares, for the first 1, 2, ... networks."""
    everywhere, expected, found = torch.ones(units, dtype=torch.bool), float(units), []
    for name in order:
        here = torch.zeros(units, dtype=torch.bool)
        here[matches[name].left] = True
        everywhere &= here
        expected *= float(here.float().mean())
        found.append(float(everywhere.sum()) / expected if expected else 0.0)
    return found
