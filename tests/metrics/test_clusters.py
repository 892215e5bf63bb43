"""Cluster distances and correlations against plain loops, scipy and scikit-learn."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score
from unitscope.errors import UnitscopeError
from unitscope.metrics import clusters


@pytest.fixture
def vectors():
    return torch.randn(6, 15, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def labels():
    return torch.randint(3, (6, 15), generator=torch.Generator().manual_seed(1))


def slow_intra_inter(D, c):
    """Eq. (5) letter by letter for one unit."""
    pairs = [(i, j) for i in range(len(c)) for j in range(len(c)) if i != j]
    intra = [D[i, j] for i, j in pairs if c[i] == c[j]]
    inter = [D[i, j] for i, j in pairs if c[i] != c[j]]
    means = [sum(part) / len(part) if part else None for part in (intra, inter)]
    return [m if m is not None else means[1 - i] for i, m in enumerate(means)]


def test_distances_are_euclidean(vectors):
    D = clusters.distances(vectors)
    for u, i, j in itertools.product(range(6), range(15), range(15)):
        assert D[u, i, j] == pytest.approx(np.linalg.norm(vectors[u, i].double() - vectors[u, j].double()), abs=1e-12)


def test_intra_and_inter_are_eq_5(vectors, labels):
    D = clusters.distances(vectors)
    labels[4], labels[5] = 2, torch.arange(15)  # one cluster for all; one for each
    intra, inter = clusters.intra_inter(D, labels)
    expected = [slow_intra_inter(D[u].numpy(), labels[u].tolist()) for u in range(6)]
    np.testing.assert_allclose(torch.stack([intra, inter], 1), expected, rtol=1e-12)
    assert intra[4] == inter[4] and intra[5] == inter[5]
    one = clusters.intra_inter(D[0], labels[0])
    assert one[0] == pytest.approx(expected[0][0]) and one[1].shape == ()


def test_overall_is_the_weighted_mean_of_intra_and_inter(vectors, labels):
    D = clusters.distances(vectors)
    intra, inter = clusters.intra_inter(D, labels)
    share = ((labels[:, :, None] == labels[:, None]).sum((1, 2)) - 15) / (15 * 14)
    torch.testing.assert_close(clusters.overall_distance(D), share * intra + (1 - share) * inter)


def test_renaming_clusters_changes_nothing(vectors, labels):
    D = clusters.distances(vectors)
    renamed = torch.tensor([2, 0, 1])[labels]
    for ours, theirs in zip(clusters.intra_inter(D, labels), clusters.intra_inter(D, renamed), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_gaps_of_many_partitions_are_eq_5(vectors, labels):
    D = clusters.distances(vectors)
    partitions = torch.stack([labels.roll(shift, 1) for shift in range(7)], 1)
    partitions[3, 2], partitions[4, 0] = 1, torch.arange(15)  # one cluster for all; one for each
    gaps = clusters.partition_gaps(D, partitions)
    for u, draw in itertools.product(range(6), range(7)):
        intra, inter = slow_intra_inter(D[u].numpy(), partitions[u, draw].tolist())
        assert gaps[u, draw] == pytest.approx(inter - intra, abs=1e-10)


def test_kmeans_is_scikit_learns(vectors):
    found = clusters.kmeans_labels(vectors, 3)
    for unit, ours in zip(vectors, found, strict=True):
        expected = KMeans(3, n_init=10, random_state=0).fit(unit.numpy()).labels_
        assert adjusted_rand_score(expected, ours) == 1
        assert torch.equal(clusters.kmeans_labels(unit, 3), ours)
    assert found.dtype == torch.int64


def test_assignment_is_the_nearest_centroid(vectors):
    centroids = vectors[:, :3] + 0.1
    for u, i in itertools.product(range(6), range(15)):
        norms = [float((vectors[u, i] - centre).norm()) for centre in centroids[u]]
        assert clusters.assign(vectors, centroids)[u, i] == int(np.argmin(norms))


def test_pooled_correlation_drops_zero_distances(vectors):
    other = clusters.distances(vectors[:, :, :2] * torch.tensor([1.0, 3.0]))
    vectors[2, 4] = vectors[2, 5]  # a duplicate
    judge = clusters.distances(vectors)
    sums = clusters.pair_sums(judge, other).numpy()
    drawn = np.array([[0, 1, 2], [2, 2, 5]])  # units, as a bootstrap draws them
    found = clusters.pooled_correlation(*(sums[drawn, column] for column in range(6)))
    for units, ours in zip(drawn.tolist(), found, strict=True):
        pairs = [(u, i, j) for u in units for i, j in itertools.product(range(15), range(15))]
        kept = [p for p in pairs if judge[p] * other[p] != 0]
        assert ours == pytest.approx(pearsonr([judge[p] for p in kept], [other[p] for p in kept]).statistic)
    assert clusters.pooled_correlation(*sums.T) == pytest.approx(clusters.pooled_correlation(*sums.T[:, None])[0])


def test_what_does_not_vary_has_no_correlation():
    equal = clusters.pair_sums(torch.ones(2, 4, 4), torch.rand(2, 4, 4))
    assert np.isnan(clusters.pooled_correlation(*equal.T))


def test_within_correlation_is_scipys(vectors):
    judge, other = clusters.distances(vectors), clusters.distances((vectors[..., :2] * 3).round())  # ties
    pearson, spearman = clusters.within_correlation(judge, other)
    above = np.triu_indices(15, 1)
    for u in range(6):
        x, y = judge[u].numpy()[above], other[u].numpy()[above]
        assert pearson[u] == pytest.approx(pearsonr(x, y).statistic)
        assert spearman[u] == pytest.approx(spearmanr(x, y).statistic)


def test_rand_index_is_scikit_learns(labels):
    assert clusters.adjusted_rand(labels[0], labels[1]) == adjusted_rand_score(labels[0], labels[1])
    assert clusters.adjusted_rand(labels[0], (labels[0] + 1) % 3) == 1


def test_errors(vectors, labels):
    D = clusters.distances(vectors)
    for message, ask in {
        "from 1 to 15, got k=16": lambda: clusters.kmeans_labels(vectors, 16),
        "finite": lambda: clusters.kmeans_labels(vectors * torch.nan, 2),
        "need labels": lambda: clusters.intra_inter(D, labels[:3]),
        "n >= 2": lambda: clusters.partition_gaps(D[:, :1, :1], labels[:, None, :1]),
        "at least 2 references": lambda: clusters.overall_distance(D[:, :1, :1]),
        r"be \(U, n, n\), got": lambda: clusters.pair_sums(D, D[:, :4, :4]),
        r"both be \(U, n, n\)": lambda: clusters.within_correlation(D, D[:, :4, :4]),
        "same units": lambda: clusters.assign(vectors, vectors[:2]),
        "two partitions": lambda: clusters.adjusted_rand(labels[0], labels[0, :3]),
    }.items():
        with pytest.raises(UnitscopeError, match=message):
            ask()
