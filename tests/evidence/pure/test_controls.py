"""Controls against plain loops, scipy and scikit-learn, and on clouds whose answer is known."""

import itertools
from collections import Counter

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist, pdist, squareform
from toy import SIZE, Patches, eye, summed
from unitscope.errors import UnitscopeError
from unitscope.evidence.pure import controls
from unitscope.evidence.pure.contents import Factor
from unitscope.metrics import clusters
from unitscope.papers import pure
from unitscope.papers.pure import scores


@pytest.fixture(scope="module")
def study():
    return pure.study(summed(), Patches(), "upper", "lower", eye(), eye(2.0), n_units=3, n_ref=20)


def gap(D, labels):
    pairs = list(itertools.combinations(range(len(labels)), 2))
    same = [D[i, j] for i, j in pairs if labels[i] == labels[j]]
    return np.mean([D[i, j] for i, j in pairs if labels[i] != labels[j]]) - np.mean(same)


def two_and_one(rng, n=60):
    """A unit of two groups, and one of a single long cloud."""
    groups = rng.normal(size=(n, 5)) + 6 * (np.arange(n) % 2)[:, None] * np.eye(5)[0]
    cloud = rng.normal(size=(n, 5)) * [3, 1, 1, 1, 1]
    return torch.from_numpy(np.stack([groups, cloud]))


def test_two_groups_stand_apart_from_one_cloud_of_their_covariance(rng):
    vectors = two_and_one(rng)
    found = scores.split(vectors, scores.distances(vectors))
    null = controls.gaussian_gaps(vectors, draws=19)
    assert null.shape == (2, 19) and null.min() > 0  # k-means splits a cloud, too
    assert found.gap[0] > null[0].max()
    assert null[1].min() < found.gap[1] < null[1].max()


def test_the_clouds_have_the_units_covariance_and_scale(rng, monkeypatch):
    vectors, clouds = two_and_one(rng, 30), []
    monkeypatch.setattr(controls, "purify", lambda x, k, seed: clouds.append(x) or pure.purify(x, k, seed=seed))
    null = controls.gaussian_gaps(vectors, draws=40)
    points = torch.stack(clouds).transpose(0, 1).flatten(1, 2).numpy()  # (U, draws x n, D)
    for unit, drawn in zip(vectors.numpy(), points, strict=True):
        np.testing.assert_allclose(np.cov(drawn.T), np.cov(unit.T), atol=0.15 * np.cov(unit.T).max())
    scale = np.mean([pdist(unit).mean() for unit in vectors.numpy()])
    labels = pure.purify(clouds[0]).labels
    plain = [
        gap(squareform(pdist(one)), rows.tolist()) / scale for one, rows in zip(clouds[0].numpy(), labels, strict=True)
    ]
    np.testing.assert_allclose(null[:, 0], plain)


def test_cuts_are_of_the_same_sizes_along_a_direction(rng):
    vectors, labels = two_and_one(rng, 20), torch.tensor([[0] * 14 + [1] * 6, [0] * 9 + [1] * 7 + [2] * 4])
    D = clusters.distances(vectors)
    found = controls.cut_gaps(vectors, D, labels, draws=30, seed=3)
    directions = torch.randn(5, 30, generator=torch.Generator().manual_seed(3), dtype=torch.float64).numpy()
    for unit, draw in itertools.product(range(2), range(30)):
        order = np.argsort(vectors[unit].numpy() @ directions[:, draw])
        cut = np.empty(20, dtype=int)
        cut[order] = np.sort(labels[unit].numpy())
        assert found[unit, draw] == pytest.approx(gap(D[unit].numpy(), cut))


def test_a_cut_keeps_more_together_than_a_random_partition(rng):
    vectors = two_and_one(rng)
    D, labels = clusters.distances(vectors), (torch.arange(60) % 2).repeat(2, 1)
    cuts = controls.cut_gaps(vectors, D, labels, draws=200)
    shuffled = torch.stack([labels[:, torch.from_numpy(rng.permutation(60))] for _ in range(200)], 1)
    assert (cuts.quantile(0.95, dim=1) > clusters.partition_gaps(D, shuffled).quantile(0.95, dim=1)).all()


def test_groups_are_predicted_by_other_references_and_a_cloud_is_not(rng):
    vectors = torch.stack([two_and_one(rng)[0], torch.from_numpy(rng.normal(size=(60, 5)))])
    strength = controls.prediction_strength(vectors)
    assert strength[0] > 0.95 and strength[1] < 0.8
    with pytest.raises(UnitscopeError, match="at least, got 3"):
        controls.prediction_strength(vectors[:, :3])


def test_the_share_of_pairs_kept_is_tibshirani_and_walthers(rng):
    own, assigned = (torch.from_numpy(rng.integers(0, 3, size=(4, 12))) for _ in range(2))
    own[3] = torch.tensor([0] * 11 + [1])  # a cluster of one has no pairs
    for row, (mine, theirs) in enumerate(zip(own.tolist(), assigned.tolist(), strict=True)):
        shares = []
        for cluster in set(mine):
            pairs = list(itertools.combinations([i for i in range(12) if mine[i] == cluster], 2))
            shares += [np.mean([theirs[i] == theirs[j] for i, j in pairs])] if pairs else []
        assert controls.pairs_kept(own, assigned)[row] == pytest.approx(min(shares))


def test_neighbours_vote_without_the_image_itself(rng):
    vectors, references = (
        torch.from_numpy(rng.normal(size=(3, 8, 2))).float(),
        torch.from_numpy(rng.integers(0, 12, (3, 8))),
    )
    values = torch.from_numpy(rng.integers(0, 3, 12))
    (found,) = controls.neighbours(vectors, references, {"kind": Factor(("a", "b", "c"), values)}, count=5).values()
    x, images, right = vectors.flatten(0, 1).numpy(), references.flatten().tolist(), []
    for i, row in enumerate(cdist(x, x)):
        near = sorted((j for j in range(24) if images[j] != images[i]), key=lambda j: row[j])[:5]
        counts = Counter(int(values[images[j]]) for j in near)
        right.append(min(counts, key=lambda value: (-counts[value], value)) == int(values[images[i]]))
    chance = max(Counter(int(values[i]) for i in images).values()) / 24
    assert found == pytest.approx((np.mean(right) - chance) / (1 - chance))


def test_an_eye_knows_what_it_sees_and_nothing_else(rng):
    references, seen = torch.arange(80).view(4, 20), torch.arange(80) % 4
    factors = {
        "seen": Factor(tuple("abcd"), seen),
        "unseen": Factor(tuple("ab"), torch.from_numpy(rng.integers(0, 2, 80))),
    }
    vectors = (
        torch.nn.functional.one_hot(seen, 4).float().view(4, 20, 4)
        + 0.01 * torch.from_numpy(rng.normal(size=(4, 20, 4))).float()
    )
    found = controls.neighbours(vectors, references, factors)
    assert found["seen"] == 1 and abs(found["unseen"]) < 0.3
    assert controls.neighbours(vectors, references, {}) == {}


def test_crops_of_one_size_lie_around_the_peak(study):
    found = controls.recropped(study, 0.25)
    top, left, bottom, right = found.boxes.unbind(-1)
    assert set((bottom - top).flatten().tolist()) == set((right - left).flatten().tolist()) == {SIZE // 2}
    assert float(found.areas().mean()) == 0.25 and top.min() >= 0 and bottom.max() <= SIZE
    y, x = study.positions // SIZE, study.positions % SIZE  # the toy layer is as large as the image
    assert ((top <= y) & (y < bottom) & (left <= x) & (x < right)).all()
    assert torch.equal(found.vectors["PURE"], study.vectors["PURE"])
    assert not torch.equal(found.vectors["judge"], study.vectors["judge"])
    whole = controls.recropped(study, 1.0)
    assert whole.boxes[0, 0].tolist() == [0, 0, SIZE, SIZE]
    with pytest.raises(UnitscopeError, match="share of the image"):
        controls.recropped(study, 1.5)
