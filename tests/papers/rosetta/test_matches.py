"""Best buddies, tuples and clusters against plain loops, and the count of noise against simulation."""

import itertools

import numpy as np
import pytest
import torch
from unitscope.errors import UnitscopeError
from unitscope.evidence.rosetta.nulls import expected_buddies
from unitscope.papers.rosetta.matches import (
    CODE,
    PAPER,
    UnitPairs,
    best_buddies,
    clusters,
    count_tuples,
    members,
    one_sided,
    shared,
    tuples,
)  # fmt: skip


def slow_buddies(rho, k):
    """Eq. (3) letter by letter."""
    found = set()
    for j, i in itertools.product(*map(range, rho.shape)):
        row, column = sorted(rho[j])[-k[0] :], sorted(rho[:, i])[-k[1] :]
        if rho[j, i] > 0 and rho[j, i] in row and rho[j, i] in column:
            found.add((j, i))
    return found


def listed(pairs):
    return list(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))


@pytest.mark.parametrize("k", [PAPER, CODE, (1, 1), (3, 2)])
def test_best_buddies_are_those_of_the_paper(rng, k):
    rho = rng.normal(size=(13, 9))
    pairs = best_buddies(torch.from_numpy(rho), k)
    assert set(listed(pairs)) == slow_buddies(rho, k) and len(pairs)
    assert pairs.score.tolist() == sorted(pairs.score.tolist(), reverse=True)
    assert pairs.score.tolist() == [rho[pair] for pair in listed(pairs)]


def test_negative_and_dead_units_match_nothing():
    rho = torch.tensor([[0.5, -0.1, 0.0], [-0.3, -0.2, 0.0]])
    assert listed(best_buddies(rho)) == [(0, 0)]
    assert listed(one_sided(rho)) == [(0, 0)]


@pytest.mark.parametrize("k", [(1, 1), PAPER, CODE])
def test_noise_has_as_many_best_buddies_as_expected(rng, k):
    counts = [len(best_buddies(torch.from_numpy(rng.uniform(0, 1, (60, 90))), k)) for _ in range(60)]
    assert abs(np.mean(counts) - expected_buddies(60, 90, k)) < 4 * np.std(counts) / np.sqrt(60)
    if k == (1, 1):
        assert expected_buddies(60, 90, k) == pytest.approx(60 * 90 / 149, rel=1e-6)


def test_tuples_are_the_product_over_networks():
    a = UnitPairs(torch.tensor([0, 0, 2, 3]), torch.tensor([5, 6, 7, 8]), torch.tensor([0.9, 0.8, 0.7, 0.6]))
    b = UnitPairs(torch.tensor([2, 0, 0, 1]), torch.tensor([1, 2, 3, 4]), torch.tensor([0.9, 0.8, 0.7, 0.6]))
    units = shared({"a": a, "b": b}, 5)
    assert units.tolist() == [0, 2] and count_tuples({"a": a, "b": b}, units) == 2 * 2 + 1
    best = tuples({"a": a, "b": b}, units)
    assert best["a"].right.tolist() == [5, 7] and best["b"].right.tolist() == [2, 1]


def test_clusters_are_connected_components_without_self_matches():
    rho = torch.full((6, 6), -0.5).fill_diagonal_(1.0)
    for i, j in ((0, 1), (1, 2), (4, 5)):
        rho[i, j] = rho[j, i] = 0.8
    labels = clusters(rho, torch.tensor([0, 1, 2, 3, 4]), k=2)
    assert labels.tolist()[:3] == [0, 0, 0] and len(set(labels.tolist())) == 3  # 5 is no Rosetta unit
    assert [part.tolist() for part in members(labels, torch.tensor([0, 1, 2, 3, 4]))][0] == [0, 1, 2]


def test_mistakes_are_named():
    with pytest.raises(UnitscopeError, match="at least 1, got k"):
        best_buddies(torch.ones(3, 3), (0, 5))
    with pytest.raises(UnitscopeError, match="at least one network"):
        shared({}, 4)
