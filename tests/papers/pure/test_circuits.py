"""Splitting units: planted circuits come back, centroids are means, numbering is by size."""

import numpy as np
import pytest
import torch
from toy import BLUE, RED_OR_GREEN
from unitscope.errors import UnitscopeError
from unitscope.metrics.clusters import adjusted_rand, assign
from unitscope.papers.pure import purify
from unitscope.papers.pure.circuits import largest_first, typical_channels


def blobs(rng, sizes=(30, 10), distance=10.0, units=2):
    """Vectors of two far groups in shuffled order, and which group each belongs to."""
    labels = torch.stack([torch.from_numpy(rng.permutation(np.repeat([0, 1], sizes))) for _ in range(units)])
    return torch.from_numpy(rng.normal(size=(units, sum(sizes), 3))) + distance * labels[..., None], labels


def test_a_unit_that_sums_two_detectors_is_split_into_them(study):
    row = study.units.tolist().index(RED_OR_GREEN)
    truth = study.setting.images.labels[study.references[row]]
    labels = {view: purify(vectors[row][None]).labels[0] for view, vectors in study.vectors.items()}
    assert adjusted_rand(labels["PURE"], truth) == 1
    assert adjusted_rand(labels["activations"], truth) < 0.5  # blue patches, which the unit ignores, mislead them


def test_a_pure_unit_has_one_direction_only(study):
    row = study.units.tolist().index(BLUE)
    torch.testing.assert_close(study.vectors["PURE"][row], torch.tensor([0.0, 0.0, 1.0]).expand(20, 3))


def test_groups_are_found_the_larger_first_and_centroids_are_means(rng):
    vectors, labels = blobs(rng)
    found = purify(vectors)
    assert torch.equal(found.labels, labels)
    for unit, circuit in np.ndindex(2, 2):
        members = [v for v, label in zip(vectors[unit], labels[unit], strict=True) if label == circuit]
        np.testing.assert_allclose(found.centroids[unit, circuit], sum(members) / len(members), atol=1e-12)


def test_new_vectors_go_to_the_nearest_centroid(rng):
    vectors, _ = blobs(rng)
    found = purify(vectors)
    new, labels = blobs(rng, sizes=(5, 5))
    assert torch.equal(assign(new, found.centroids), labels)


def test_an_empty_cluster_gets_nothing(recwarn):
    found = purify(torch.zeros(1, 6, 2), 3)
    assert assign(torch.ones(1, 4, 2), found.centroids).tolist() == [[0, 0, 0, 0]]
    assert not recwarn.list


def test_numbering_is_by_size_unit_by_unit():
    labels = torch.tensor([[0, 1, 1, 2, 2, 2], [0, 0, 0, 1, 2, 2]])
    assert largest_first(labels, 3).tolist() == [[2, 1, 1, 0, 0, 0], [0, 0, 0, 2, 1, 1]]


def test_typical_channels_are_those_that_differ_most(rng):
    labels = torch.tensor([0, 0, 0, 1, 1])
    vectors = torch.from_numpy(rng.uniform(0, 0.1, (5, 6)))
    vectors[labels == 0, 4] += 1
    vectors[labels == 1, 2] += 2
    channels, strength = typical_channels(vectors, labels, count=1)
    assert channels.tolist() == [[4], [2]]
    np.testing.assert_allclose(strength[:, 0], [np.mean(vectors[:3, 4].numpy()), np.mean(vectors[3:, 2].numpy())])


def test_vectors_of_one_unit_are_told_to_take_an_axis():
    with pytest.raises(UnitscopeError, match=r"vectors\[None\]"):
        purify(torch.zeros(5, 2))
