"""Ranks share ties and medians take the middle, as scipy and NumPy do: in every paper's own statistics."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from scipy.stats import rankdata, spearmanr
from unitscope.evidence.ground_truth import links
from unitscope.evidence.linking import rendered_truth
from unitscope.evidence.rosetta import naming
from unitscope.metrics.parts import METRICS
from unitscope.papers.linking.profiles import Profile
from unitscope.papers.pure import scores
from unitscope.papers.pure.scores import CropPairs


@pytest.mark.parametrize("levels", [2, 4, 1000])  # few levels: many ties
def test_agreement_of_factors_is_spearmans(rng, levels):
    columns = {name: rng.integers(levels, size=60) for name in ("a", "b", "c", "d")}
    as_means = [
        {"f": torch.tensor(columns[x])[:, None].double(), "g": torch.tensor(columns[y])[:, None].double()}
        for x, y in ("ab", "cd")
    ]
    right, table = rendered_truth.agreement(*as_means)
    assert float(right["f"]) == pytest.approx(spearmanr(columns["a"], columns["c"]).statistic)
    assert float(table[0, 1]) == pytest.approx(spearmanr(columns["a"], columns["d"]).statistic)


def test_equal_pixels_share_their_place():
    left = torch.zeros(2, 4, 4, dtype=torch.bool)
    left[:, :, :2] = True
    flat, halves = torch.ones(2, 4, 4), [side.flatten().nonzero()[:, 0] for side in (left, ~left)]
    by_side = [naming.iou(naming.places(flat), half) for half in halves]
    assert by_side == pytest.approx([1 / 3, 1 / 3])  # half of either half is hit: 8 of 24
    one = flat.clone()
    one[0, 0, 0] = 2  # the strongest pixel lies on the left; the other 15 places are shared by 31
    assert naming.iou(naming.places(one), halves[0]) == pytest.approx((1 + 15 * 15 / 31) / (32 - 1 - 15 * 15 / 31))


def test_two_networks_are_half_of_each():
    iou = torch.tensor([[[0.6, 0.0]], [[0.2, 0.0]]])  # two networks, one concept, two regions
    found = naming.Named(("a", "b"), ("ears", "legs"), iou, torch.zeros_like(iou))
    assert found.best(0) == ("ears", pytest.approx(0.4), 0)


def test_a_unit_is_rectified_at_its_median(rng):
    w = torch.from_numpy(rng.normal(size=(40, 3))).float()
    raw = links.planted_units(w, 3, rectified=False)
    cut = links.planted_units(w, 3, rectified=True)
    np.testing.assert_allclose(cut.r, np.maximum(raw.r - np.median(raw.r, axis=0), 0), atol=1e-6)


def test_a_factor_that_does_not_move_agrees_with_nothing():
    rising = {"f": torch.arange(9.0)[:, None]}
    right, _ = rendered_truth.agreement({"f": torch.zeros(9, 1)}, rising)
    assert float(right["f"]) == 0


@dataclass
class Known:
    """What `scores.pairs` reads of a study."""

    vectors: dict[str, torch.Tensor]
    references: torch.Tensor


def test_pairs_at_one_distance_share_their_rank():
    corners = torch.tensor([[[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [3.0, 3.0]]])  # four sides are equal
    found = scores.pairs(Known(dict.fromkeys((*scores.VIEWS, "judge"), corners), torch.arange(5)[None]))
    plain = np.array([np.linalg.norm(corners[0, i] - corners[0, j]) for i in range(5) for j in range(i + 1, 5)])
    np.testing.assert_allclose(found.ranks["judge"][0], (rankdata(plain) - 1) / 9)


@pytest.mark.parametrize("count", [3, 4])
def test_overestimates_are_differences_of_medians(rng, count):
    ranks = {view: torch.from_numpy(rng.random((2, count))) for view in ("activations", "PURE")}
    found = CropPairs(torch.arange(count), torch.arange(count), {**ranks, "judge": torch.zeros(2, count)})
    plain = np.median(ranks["activations"], axis=1) - np.median(ranks["PURE"], axis=1)
    np.testing.assert_allclose(scores.overestimate(found), plain)


def profile_of(values: torch.Tensor) -> Profile:
    return Profile(("cat",), None, values, torch.ones(values.shape[:-1], dtype=torch.bool), None, torch.empty(0))


@pytest.mark.parametrize("pictures", [4, 5])
def test_a_profiles_vectors_are_medians(rng, pictures):
    values = torch.from_numpy(rng.normal(size=(2, 3, pictures, 4, len(METRICS))))
    found = profile_of(values)
    np.testing.assert_allclose(found.vectors(), np.median(values.numpy()[..., 0], axis=2))
    np.testing.assert_allclose(found.all_vectors(), np.median(values.numpy(), axis=2))


def test_pure_noise_has_no_direction(rng):
    noise = torch.from_numpy(rng.normal(size=(1, 4000, 4, 2, len(METRICS))))
    changes = profile_of(noise).vectors()
    assert abs(float(changes.mean())) < 0.03  # five standard errors; the lower of the two in the middle: -0.3
    assert float((changes < 0).double().mean()) == pytest.approx(0.5, abs=0.03)
