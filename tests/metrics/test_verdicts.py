"""One rule for verdicts: the interval lies wholly on the claimed side."""

import numpy as np
import pytest
from scipy import stats

from unitscope.errors import UnitscopeError
from unitscope.metrics import verdicts


def test_a_clear_difference_holds_and_its_mirror_does_not(rng):
    a = rng.normal(size=50)
    b = a + 1 + 0.1 * rng.normal(size=50)
    assert verdicts.below(a, b)["holds"] and verdicts.above(b, a)["holds"]
    assert not verdicts.above(a, b)["holds"] and not verdicts.below(b, a)["holds"]
    found = verdicts.below(a, b)
    assert (
        found["ours"] == pytest.approx((a - b).mean())
        and found["interval"][0] < found["ours"] < found["interval"][1] < 0
    )


def test_noise_holds_in_neither_direction(rng):
    a, b = rng.normal(size=(2, 50))
    b += (a - b).mean()
    assert not verdicts.above(a, b)["holds"] and not verdicts.below(a, b)["holds"]


def test_a_statistic_of_several_columns_draws_units_together(rng):
    x = rng.normal(size=80)
    y = x + 0.3 * rng.normal(size=80)
    found = verdicts.exceeds(0.5, verdicts.pearson, x, y)
    assert found["holds"] and found["ours"] == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert not verdicts.exceeds(0.5, verdicts.pearson, x, rng.permutation(y))["holds"]


def test_a_mean_must_clear_the_threshold_with_its_whole_interval(rng):
    x = 0.1 + rng.normal(size=30)
    assert not verdicts.exceeds(0, np.mean, x - x.mean() + 0.1)["holds"]
    assert verdicts.exceeds(0, np.mean, x - x.mean() + 2)["holds"]


def test_all_must_hold_and_failures_are_named():
    parts = {"one": {"holds": True}, "two": {"holds": False}, "three": {"holds": False}}
    assert verdicts.every(parts) == {"ours": "1 of 3", "holds": False, "reason": "not for two, three"}
    assert verdicts.every({"one": {"holds": True}}) == {"ours": "1 of 1", "holds": True, "reason": None}
    with pytest.raises(UnitscopeError, match="at least one"):
        verdicts.every({})


def test_order_of_means_is_strict_unless_told():
    columns = {"a": [0, 2], "b": [1, 1], "c": [3, 4]}
    assert not verdicts.ordered(columns)["holds"] and verdicts.ordered(columns, strict=False)["holds"]
    assert verdicts.ordered(columns)["ours"] == "a 1.000, b 1.000, c 3.500"


def test_a_column_that_does_not_vary_correlates_with_nothing():
    assert verdicts.pearson(np.ones(5), np.arange(5)) == 0


def test_unrelated_means_are_compared_like_scipys_bootstrap(rng):
    a, b = rng.normal(0.3, 1.0, 60), rng.normal(0.0, 2.0, 45)
    found = verdicts.larger(a, b)
    known = stats.bootstrap((a, b), lambda x, y, axis: x.mean(axis) - y.mean(axis), n_resamples=4000, method="percentile", rng=1).confidence_interval
    assert found["ours"] == pytest.approx(a.mean() - b.mean())
    np.testing.assert_allclose(found["interval"], known, atol=0.1)
    assert verdicts.larger(a + 2, b)["holds"] and not verdicts.larger(a, a)["holds"]
    assert verdicts.larger([], [1.0])["holds"] is None
