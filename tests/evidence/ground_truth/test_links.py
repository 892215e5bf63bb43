"""Planted factors: links against NumPy's least squares, and units that are or are not tuned right."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from unitscope.errors import UnitscopeError
from unitscope.evidence.ground_truth import links


@pytest.fixture
def w(rng):
    return torch.from_numpy(rng.normal(size=(400, 9)) * rng.uniform(0.5, 2, size=9)).float()


def test_a_unit_is_its_factor(w):
    units = links.planted_units(w, 12, overlap=0.0, noise=0.0, rectified=False)
    for unit in range(12):
        assert abs(np.corrcoef(units.r[:, unit], w[:, units.factor[unit]])[0, 1]) == pytest.approx(1, abs=1e-5)
    assert sorted(units.factor[:9].tolist()) == list(range(9))
    assert (links.planted_units(w, 12, seen=3).factor.unique()).numel() == 3


def test_overlap_is_a_share_of_variance(w):
    units = links.planted_units(w, 9, overlap=0.36)
    torch.testing.assert_close(units.encodes.norm(dim=1), torch.ones(9))
    own = units.encodes.gather(1, units.factor[:, None])[:, 0]
    torch.testing.assert_close(own, torch.full((9,), 0.8))
    with pytest.raises(UnitscopeError, match="overlap lies in"):
        links.planted_units(w, 9, overlap=1.5)


def test_directions_are_least_squares(w):
    r = links.planted_units(w, 6, overlap=0.3).r
    scale = w.std(0).numpy()
    x = np.c_[r.numpy(), np.ones(len(r))].astype(np.float64)
    together = np.linalg.lstsq(x, w.numpy().astype(np.float64), rcond=None)[0][:6] / scale
    np.testing.assert_allclose(links.directions(r, w, "link"), together, atol=1e-4)
    alone = np.stack([np.polyfit(r[:, unit].double().numpy(), w.double().numpy(), 1)[0] for unit in range(6)]) / scale
    np.testing.assert_allclose(links.directions(r, w, "alone"), alone, atol=1e-4)
    with pytest.raises(UnitscopeError, match="one of link"):
        links.directions(r, w, "lnk")


def test_ridge_shrinks_towards_nothing(w):
    r = links.planted_units(w, 6, noise=1.0).r
    plain, shrunk = (links.directions(r, w, way).norm() for way in ("link", "ridge"))
    assert shrunk < plain


def test_a_tuned_unit_changes_what_it_encodes(w):
    units = links.planted_units(w, 9, overlap=0.0, noise=0.0, rectified=False)
    assert F.cosine_similarity(links.directions(units.r, w), units.encodes, dim=1).min() > 0.95


def test_enough_units_are_tuned_right_and_shuffled_pairs_are_not(w):
    found = links.factor_recovery(w, 9, seeds=2)
    assert np.mean(found["link"]) > 0.95 and np.mean(found["alone"]) > 0.95 and np.mean(found["shuffled"]) < 0.5


def test_many_units_for_few_factors_defeat_the_joint_link(w):
    found = links.factor_recovery(w[:120], 40, seeds=2, seen=2, noise=1.0)
    assert np.mean(found["alone"]) > 0.9 and np.mean(found["link"]) < 0.5


def test_real_units_are_judged_on_other_pairs(w):
    r = links.planted_units(w, 12).r
    found = links.real_units({"toy": r}, w, (100, 300), units=8, seeds=2)
    assert set(found) == {100, 300} and np.mean(found[300]["link, toy"]) > 0.9
    factor, how = links.encoded(r, w)
    table = np.abs(np.corrcoef(r.numpy().T, w.numpy().T)[:12, 12:])
    assert factor.tolist() == table.argmax(1).tolist()
    np.testing.assert_allclose(how, table.max(1), atol=1e-5)
    with pytest.raises(UnitscopeError, match="300 of 400 pairs"):
        links.real_units({"toy": r}, w, (301,))
