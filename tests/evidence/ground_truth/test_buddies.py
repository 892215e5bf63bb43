"""Planted partners: correlations against NumPy's, partners where they are said to be, what must and must not be
found.
"""

import numpy as np
import pytest
import torch
from unitscope.errors import UnitscopeError
from unitscope.evidence.ground_truth import buddies


@pytest.fixture
def maps(rng):
    """Smooth blobs (40, 8, 6, 6) at places of their own, as strong as chance has it."""
    y, x = np.mgrid[:6, :6]
    centres, strength = rng.uniform(1, 4, size=(8, 2)), rng.exponential(size=(40, 8))
    blobs = np.exp(-((y - centres[:, :1, None]) ** 2 + (x - centres[:, 1:, None]) ** 2))
    return torch.from_numpy(strength[:, :, None, None] * blobs + 0.05 * rng.uniform(size=(40, 8, 6, 6))).float()


def flat(maps):
    return maps.transpose(0, 1).flatten(1).numpy()


def test_correlations_are_numpys(maps, rng):
    other = torch.from_numpy(rng.normal(size=(40, 3, 6, 6))).float()
    expected = np.corrcoef(flat(maps), flat(other))[:8, 8:]
    np.testing.assert_allclose(buddies.correlate(maps, other).rho, expected, atol=1e-5)
    with pytest.raises(UnitscopeError, match="same images"):
        buddies.correlate(maps, other[:5])


def test_constant_units_are_left_out(maps):
    maps[:, 2] = 1.0
    left = buddies.standard(maps)
    assert left.shape[1] == 7
    torch.testing.assert_close(left.std((0, 2, 3)), torch.ones(7))


def test_elsewhere_has_the_same_maps_of_other_images(maps):
    moved = buddies.elsewhere(maps, torch.Generator().manual_seed(0))
    for unit in range(8):
        torch.testing.assert_close(moved[:, unit].sum(0), maps[:, unit].sum(0))
        assert not torch.equal(moved[:, unit], maps[:, unit])


def test_partners_are_the_same_units(maps):
    left, right, partner = buddies.noisy(maps, 1.0, 3)
    torch.testing.assert_close(right[:, partner], left)
    left, right, partner = buddies.kin(maps, 1.0, 3)
    has = partner >= 0
    assert has.tolist() == [True] * 4 + [False] * 2
    torch.testing.assert_close(right[:, partner[has]], left[:, has])


def test_shares_are_shares_of_variance():
    own, other = torch.randn(2, 400, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    mixed = buddies.blend(own, other, 0.3)
    assert mixed.var().item() == pytest.approx(1, abs=0.02)
    assert np.corrcoef(flat(own)[0], flat(mixed)[0])[0, 1] ** 2 == pytest.approx(0.3, abs=0.02)


def test_a_rotation_goes_from_nothing_to_everything(maps):
    left, right, partner = buddies.turned(maps, 0.0)
    torch.testing.assert_close(left, right, atol=1e-5, rtol=0)
    found = buddies.partner_recovery({"toy": maps}, "turned", 1.0, seeds=3)
    assert np.mean(found[f"{buddies.BUDDIES}, toy"]) < 0.7


def test_a_copy_is_found_and_places_alone_are_too(maps):
    one = buddies.partner_recovery({"toy": maps}, "noisy", 1.0, seeds=2)
    assert all(scores == [1.0, 1.0] for scores in one.values())
    none = buddies.partner_recovery({"toy": maps}, "noisy", 0.0, seeds=4)
    usual, placeless = (np.mean(none[f"{name}, toy"]) for name in (buddies.BUDDIES, buddies.PLACELESS))
    assert usual > placeless + 0.2  # each blob has a place of its own


def test_recall_and_precision_by_hand():
    pairs = buddies.UnitPairs(torch.tensor([0, 1, 2]), torch.tensor([1, 0, 2]), torch.ones(3))
    partner = torch.tensor([1, 2, -1, 3])
    assert buddies.recall(pairs, partner) == pytest.approx(1 / 3) and buddies.precision(
        pairs, partner
    ) == pytest.approx(1 / 3)
    nothing = buddies.UnitPairs(*(torch.empty(0, dtype=torch.int64),) * 2, torch.empty(0))
    assert buddies.precision(nothing, partner) == 0.0


def test_curves_have_a_score_a_plant(maps):
    kin = buddies.kinship(maps, (1.0, 0.0), seeds=2)
    assert np.mean(kin[1.0][f"{buddies.BUDDIES}: recall"]) == 1.0 and len(kin) == 2
    few = buddies.few_images(maps, (4, 40), 1.0, seeds=2)
    assert few[40][buddies.BUDDIES] == [1.0, 1.0] and set(few) == {4, 40}
    assert 0 < np.mean(buddies.strangers({"toy": maps}, seeds=2)["toy"]) <= 1
