"""Best buddies, Rosetta tuples and clusters (Rosetta Neurons, eqs. 3 and 4).

    rho  (N_g, N_d)  correlations of the generator's units with a network's        K  neighbours on either side
    m    networks    BB  best buddies: pairs that are among each other's K best, with positive rho

The paper prints argmin of a "distance"; what it defines is a similarity, so the largest rho is nearest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from unitscope import checking
from unitscope.errors import UnitscopeError, shortened

PAPER, CODE = (5, 5), (1, 5)  # K on either side: as the paper writes, and as its published code does


@dataclass(frozen=True)
class UnitPairs:
    """Matched units: `left` (P,), `right` (P,) int64 and their score (P,), best first."""

    left: Tensor
    right: Tensor
    score: Tensor

    def __len__(self) -> int:
        return len(self.left)

    def select(self, rows) -> UnitPairs:
        """Some of the pairs."""
        return UnitPairs(self.left[rows], self.right[rows], self.score[rows])


def among_best(rho: Tensor, k: int) -> Tensor:
    """Whether an entry is one of the k largest of its row and positive: bool, as rho."""
    rho, k = checking.finite("rho", rho, "(N_g, N_d)"), checking.count("k", k)
    best = torch.zeros_like(rho, dtype=torch.bool)
    best.scatter_(1, rho.topk(min(k, rho.shape[1]), dim=1).indices, True)
    return best & (rho > 0)


def best_buddies(rho: Tensor, k: tuple[int, int] = PAPER) -> UnitPairs:
    """Pairs (j, k) where k is among the k[0] best of j and j among the k[1] best of k.

    Raises
    ------
    UnitscopeError
        If rho is not a matrix or k is not two numbers of at least 1.
    """
    k, rho = _both(k), checking.finite("rho", rho, "(N_g, N_d)")
    return chosen_pairs(rho, among_best(rho, k[0]) & among_best(rho.T, k[1]).T)


def one_sided(rho: Tensor) -> UnitPairs:
    """The best partner of every left unit, mutual or not."""
    rho = checking.finite("rho", rho, "(N_g, N_d)")
    return chosen_pairs(rho, among_best(rho, 1))


def chosen_pairs(rho: Tensor, chosen: Tensor) -> UnitPairs:
    """The chosen entries of rho as pairs, best first."""
    rho, chosen = checking.finite("rho", rho, "(N_g, N_d)"), checking.mask("chosen", chosen, "(N_g, N_d)")
    checking.same_shape("rho", rho, "chosen", chosen)
    left, right = chosen.nonzero(as_tuple=True)
    order = rho[left, right].argsort(descending=True, stable=True)
    return UnitPairs(left[order], right[order], rho[left, right][order])


def shared(matches: Mapping[str, UnitPairs], units: int) -> Tensor:
    """Rosetta units: those of the generator that have a best buddy in every network, (R,) sorted.

    units : how many units the generator has.
    """
    checking.instance("matches", matches, Mapping, "{network: UnitPairs}")
    units = checking.count("units", units)
    if not matches:
        raise UnitscopeError("shared needs the matches of at least one network, got none.")
    everywhere = torch.ones(units, dtype=torch.bool)
    for name, pairs in matches.items():
        here = torch.zeros(units, dtype=torch.bool)
        checking.instance(f"matches[{name!r}]", pairs, UnitPairs)
        here[checking.indices("pairs.left", pairs.left, units, empty=True)] = True
        everywhere &= here
    return everywhere.nonzero()[:, 0]


def count_tuples(matches: Mapping[str, UnitPairs], units: Tensor) -> int:
    """How many tuples (j, k_1, ..., k_m) the Rosetta units have: the product over networks of their partners."""
    units = _rosetta(matches, units)
    ways = torch.ones(len(units), dtype=torch.int64)
    for pairs in matches.values():
        ways *= (pairs.left[None] == units[:, None]).sum(1)
    return int(ways.sum())


def tuples(matches: Mapping[str, UnitPairs], units: Tensor) -> dict[str, UnitPairs]:
    """One tuple for each Rosetta unit: its best partner in every network, pairs in the order of `units`."""
    units, found = _rosetta(matches, units), {}
    for name, pairs in matches.items():
        if not torch.isin(units, pairs.left).all():
            raise UnitscopeError(f"`units` must all have a best buddy in {name!r}; take those of shared(...).")
        first = (pairs.left[None] == units[:, None]).int().argmax(1)  # pairs are best first
        found[name] = pairs.select(first)
    return found


def clusters(rho: Tensor, units: Tensor, k: int = PAPER[0]) -> Tensor:
    """Concepts: connected components of the Rosetta units joined where they are best buddies of each other, (R,).

    rho : (N_g, N_g) of the generator with itself; a unit does not count as its own neighbour. Components are numbered
    by size, the largest first.
    """
    rho = checking.finite("rho", rho, "(N_g, N_g)")
    units = checking.indices("units", units, len(rho), "(R)", empty=True)
    others = rho.clone().fill_diagonal_(-1)
    near = among_best(others, k)
    edges = (near & near.T)[units][:, units].numpy()
    _, labels = connected_components(coo_matrix(edges), directed=False)
    sizes = np.bincount(labels, minlength=labels.max(initial=-1) + 1)
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
    return torch.from_numpy(rank[labels])


def _both(k: tuple[int, int]) -> tuple[int, int]:
    """K on either side."""
    if not isinstance(k, (tuple, list)) or len(k) != 2:
        raise UnitscopeError(f"`k` must be two numbers K >= 1, got {shortened(k)}.")
    return checking.count("k[0]", k[0]), checking.count("k[1]", k[1])


def _rosetta(matches: Mapping[str, UnitPairs], units: Tensor) -> Tensor:
    """The Rosetta units (R,) of matches {network: UnitPairs}."""
    checking.instance("matches", matches, Mapping, "{network: UnitPairs}")
    for name, pairs in matches.items():
        checking.instance(f"matches[{name!r}]", pairs, UnitPairs)
    return checking.indices("units", units, shape="(R)", empty=True)


def members(labels: Tensor, units: Tensor) -> Sequence[Tensor]:
    """The units of every concept."""
    return [units[labels == label] for label in range(int(labels.max()) + 1)] if len(labels) else []
