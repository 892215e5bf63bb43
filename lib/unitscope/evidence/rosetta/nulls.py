"""What matches are worth: scored on pictures that did not choose them, and held against nulls from the same pass.

    A, B   halves of the pass; best buddies of A are scored in B and those of B in A
    rho^pos   the part of rho that is left, on average, if pictures are paired anew: the re-pairing null

Best buddies can be counted in pure noise (`expected_buddies`), so no claim rests on their number. Intervals
are over pictures: shards of the pass are left out in turn (jackknife, t quantile).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.integrate import quad
from scipy.stats import binom
from scipy.stats import t as student
from torch import Tensor

from unitscope import checking
from unitscope.metrics.statistics import Estimate, median
from unitscope.papers.rosetta.matches import PAPER, UnitPairs, _both, best_buddies, one_sided
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


def held_out(match: Match, find: Callable[[Tensor], UnitPairs] = best_buddies) -> HeldOut:
    """Pairs found in each half by `find`, scored in the other."""
    parts = []
    for side, (chosen, others) in enumerate(((0, 1), (1, 0))):
        pairs = find(match.halves[chosen].rho)
        other, at = match.halves[others], (pairs.left, pairs.right)
        first = torch.full((len(pairs),), side == 0)
        parts.append((pairs.left, pairs.right, other.rho[at], other.image[at], other.position[at], first))
    return HeldOut(*(torch.cat(column) for column in zip(*parts, strict=True)))


Statistic = Callable[[Tensor, Tensor, Tensor], float]


def over_shards(match: Match, held: HeldOut, statistic: Statistic) -> np.ndarray:
    """A statistic of the held-out (rho, image, position) of fixed pairs: of all shards, then with each left out, (1 +
    shards,).
    """

    def of(left_out: int | None) -> float:
        parts = []
        for chosen in (True, False):
            rows = held.first == chosen
            kept = [
                s for s in match.half_shards[1 if chosen else 0] if left_out is None or s is not match.shards[left_out]
            ]
            parts.append(merged(kept).of_pairs(held.left[rows], held.right[rows]))
        return statistic(*(torch.cat(column) for column in zip(*parts, strict=True)))

    if not len(held.rho):
        return np.zeros(1 + len(match.shards))
    return np.array([of(None), *(of(number) for number in range(len(match.shards)))])


def interval_over_shards(match: Match, held: HeldOut, statistic: Statistic) -> Estimate:
    """`over_shards` as an estimate over pictures."""
    return jackknife(over_shards(match, held, statistic))


def jackknife(values: np.ndarray) -> Estimate:
    """A value with its 95 % interval, from (1 + groups,) values: the whole, then with one group left out in turn.

    By Student's t. Differences of two statistics of the same pictures are differences of such arrays.
    """
    value, values, count = values[0], np.asarray(values[1:]), len(values) - 1
    error = np.sqrt((count - 1) / count * np.square(values - values.mean()).sum())
    reach = student.ppf(0.975, count - 1) * error
    return Estimate(float(value), (float(value - reach), float(value + reach)), float(error), count)


def median_of(column: str) -> Callable[[Tensor, Tensor, Tensor], float]:
    """The median of "rho", "position", "image" or "rest" as a statistic of the three columns."""

    def statistic(rho: Tensor, image: Tensor, position: Tensor) -> float:
        columns = {"rho": rho, "image": image, "position": position, "rest": rho - image - position}
        return float(median(columns[column]))

    return statistic


def threshold(match: Match, share: float = 0.999) -> float:
    """tau: that quantile of the re-pairing null over all pairs of units."""
    values = match.whole.position.flatten()
    return float(values.kthvalue(max(1, round(share * len(values)))).values)


def replicated(match: Match, k: tuple[int, int] = PAPER) -> Tensor:
    """Whether each best buddy of A is one in B: (P,) bool."""
    a, b = (best_buddies(half.rho, k) for half in match.halves)
    return torch.isin(codes(a, match), codes(b, match))


def codes(pairs: UnitPairs, match: Match) -> Tensor:
    """One number a pair."""
    return pairs.left * len(match.table) + pairs.right


def exclusive_one_sided(rho: Tensor) -> UnitPairs:
    """Best partners of generator units that are not best buddies."""
    pairs, mutual = one_sided(rho), best_buddies(rho)
    alone = ~torch.isin(pairs.left * rho.shape[1] + pairs.right, mutual.left * rho.shape[1] + mutual.right)
    return pairs.select(alone)


def universality(matches: dict[str, UnitPairs], units: int, order: Sequence[str]) -> list[float]:
    """|R| over what independent matches would give, N_g times the product of shares, for the first 1, 2, ...
    networks.
    """
    everywhere, expected, found = torch.ones(units, dtype=torch.bool), float(units), []
    for name in order:
        here = torch.zeros(units, dtype=torch.bool)
        here[matches[name].left] = True
        everywhere &= here
        expected *= float(here.float().mean())
        found.append(float(everywhere.sum()) / expected if expected else 0.0)
    return found


def expected_buddies(left: int, right: int, k: tuple[int, int] = PAPER) -> float:
    """How many best buddies a matrix of independent noise has on average: counting them proves nothing.

    N_g N_d times the integral over q of P(Bin(N_d - 1, q) < K_g) P(Bin(N_g - 1, q) < K_d); N_g N_d / (N_g + N_d - 1)
    for K = 1.
    """
    left, right, k = checking.count("left", left), checking.count("right", right), _both(k)

    def both(q: float) -> float:
        return binom.cdf(k[0] - 1, right - 1, q) * binom.cdf(k[1] - 1, left - 1, q)

    edge = min(1.0, 40 * max(k) / min(left, right))
    return left * right * quad(both, 0, edge, limit=200)[0]


def mismatched(pairs: UnitPairs, units: int, seed: int = 0) -> UnitPairs:
    """The control: the same generator units with partners drawn from all `units` of the network."""
    random = torch.Generator().manual_seed(seed)
    return UnitPairs(pairs.left, torch.randint(units, (len(pairs),), generator=random), pairs.score)
