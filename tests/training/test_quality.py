"""Frechet distance, precision and recall, nearest pictures: against SciPy and plain loops."""

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm
from unitscope.errors import UnitscopeError
from unitscope.training.quality import frechet_distance, nearest, precision_and_recall


@pytest.fixture
def sets():
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.normal(size=(60, 5)) @ rng.normal(size=(5, 5))), torch.from_numpy(
        rng.normal(0.4, 1.5, size=(45, 5))
    )


def test_frechet_distance_is_its_formula(sets):
    a, b = (x.numpy() for x in sets)
    s, t = np.cov(a.T), np.cov(b.T)
    slow = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(s + t - 2 * sqrtm(s @ t).real)
    assert frechet_distance(*sets) == pytest.approx(slow, rel=1e-8)
    assert frechet_distance(sets[0], sets[0]) == pytest.approx(0, abs=1e-8)


def test_frechet_distance_of_fewer_pictures_than_features():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(4, 9)), rng.normal(size=(6, 9))
    slow = (
        ((a.mean(0) - b.mean(0)) ** 2).sum()
        + np.trace(np.cov(a.T) + np.cov(b.T))
        - 2 * np.sqrt(np.linalg.eigvals(np.cov(a.T) @ np.cov(b.T)).real.clip(0)).sum()
    )
    assert frechet_distance(torch.from_numpy(a), torch.from_numpy(b)) == pytest.approx(slow, rel=1e-6)


@pytest.mark.parametrize("k", [1, 3])
def test_precision_and_recall_by_plain_loops(sets, k):
    real, drawn = (x.numpy() for x in sets)

    def covered(points, others):
        reach = [
            sorted(np.linalg.norm(o - p) for j, p in enumerate(others) if j != i)[k - 1] for i, o in enumerate(others)
        ]
        return np.mean([any(np.linalg.norm(p - o) <= r for o, r in zip(others, reach)) for p in points])

    precision, recall = precision_and_recall(*sets, k)
    assert precision == pytest.approx(covered(drawn, real)) and recall == pytest.approx(covered(real, drawn))
    assert 0 < precision < 1 and 0 < recall < 1


def test_one_picture_many_times_is_precise_and_recalls_little(sets):
    real = sets[0]
    same = real[:1].repeat(50, 1) + 1e-9 * torch.randn(50, 5, generator=torch.Generator().manual_seed(0)).double()
    precision, recall = precision_and_recall(real, same)
    assert precision == 1 and recall <= 2 / 60


def test_nearest_is_the_smallest_of_all(sets):
    distance, row = nearest(sets[1], sets[0])
    table = np.linalg.norm(sets[1].numpy()[:, None] - sets[0].numpy()[None], axis=2)
    np.testing.assert_allclose(distance, table.min(1), rtol=1e-8)
    assert row.tolist() == table.argmin(1).tolist()


def test_features_that_do_not_fit_are_refused(sets):
    with pytest.raises(UnitscopeError, match=r"\(60, 5\) and \(45, 4\)"):
        frechet_distance(sets[0], sets[1][:, :4])
    with pytest.raises(UnitscopeError, match="more than 3 pictures"):
        precision_and_recall(sets[0], sets[1][:3])
