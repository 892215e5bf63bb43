"""Directions with their index, sweeps of autoencoders, halves and controls."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist
from unitscope.evidence.directions.autoencoders import matched, measure_sweep
from unitscope.evidence.directions.controls import control_indices, halves, middle
from unitscope.metrics.similarity import Similarity
from unitscope.papers.directions import activations, measure_kinds
from unitscope.papers.directions.autoencoder import scaled, sweep


@pytest.fixture
def world():
    generator = torch.Generator().manual_seed(0)
    given = activations(torch.rand(200, 12, generator=generator) ** 3)
    return Similarity("s", torch.randn(200, 4, generator=generator)), given


def slow_index(judge, chosen):
    """-(mean squared distance) over all pairs of five images, each with itself too."""
    return -2 * (pdist(judge.vectors[chosen].double().numpy()) ** 2).sum() / len(chosen) ** 2


def test_each_kind_has_the_index_of_its_own_top_images(world):
    judge, given = world
    kinds, impossible = measure_kinds(judge, given, [6, 12, 24], 5)
    assert list(kinds) == ["neurons", "PCA", "ICA", "NMF", "k-means 6", "k-means 12", "k-means 24"] and not impossible
    assert middle(kinds) == "k-means 12"
    for unit in (0, 7):
        top = np.argsort(-given.raw[:, unit].numpy(), kind="stable")[:5]
        assert kinds["neurons"].index[unit] == pytest.approx(slow_index(judge, top), rel=1e-5)
    assert kinds["neurons"].ranked(999).shape == (12, 200)


def test_halves_are_those_below_and_above_the_median(world):
    judge, given = world
    units = measure_kinds(judge, given, [12], 5)[0]["neurons"]
    split = halves(judge, given, units, 5)
    assert split["neurons, low half"].max() <= split["neurons, high half"].min()
    assert {len(values) for values in split.values()} == {6}


def test_the_best_autoencoder_meets_as_many_clusters(world):
    judge, given = world
    found = measure_sweep(judge, given, sweep(scaled(given), [8, 16], (0.01, 100.0), steps=400), 5)
    assert found.index[1] is None and np.isnan(found.means[1])  # a penalty that leaves nothing alive
    assert found.highest == max(mean for mean in found.means if mean == mean)
    assert len(matched(judge, given, found, 5)) == len(found.best_index()) and "alive" in found.told()
    none = measure_sweep(judge, given, sweep(scaled(given), [8], (100.0,), steps=400), 5)
    assert none.best is None and matched(judge, given, none, 5) is None and np.isnan(none.highest)
    assert none.told() == "no autoencoder has enough living hidden units"


def test_controls_are_named_and_leave_out_what_is_not_there(world):
    judge, given = world
    names = {"neurons, cosine", "images", "random", "rotated units", "untrained, neurons", "untrained, k-means"}
    assert set(control_indices(judge, given, given, None)) == names
    kinds, _ = measure_kinds(judge, given, [12], 5)
    assert set(control_indices(judge, given, given, kinds["PCA"])) == names | {"PCA, other signs"}
