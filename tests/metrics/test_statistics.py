"""Intervals and tests against scipy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap, wilcoxon
from unitscope.errors import UnitscopeError
from unitscope.metrics.statistics import bootstrap_interval, paired_test


@pytest.mark.parametrize("statistic", [np.mean, np.median])
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_the_interval_is_scipys_bca_bootstrap(rng, statistic, level):
    x = rng.exponential(size=60)
    options = dict(confidence_level=level, n_resamples=20_000, method="BCa", rng=np.random.default_rng(1))
    expected = bootstrap((x,), statistic, **options).confidence_interval
    found = bootstrap_interval(x, statistic, n=20_000, level=level)
    np.testing.assert_allclose(found, expected, atol=0.015)  # two independent sets of 20,000 draws


def test_a_statistic_without_axis_gives_the_same(rng):
    x = rng.normal(size=30)
    assert bootstrap_interval(x, lambda values: values.mean()) == pytest.approx(bootstrap_interval(x))


def test_seeds_repeat(rng):
    x = rng.normal(size=30)
    assert bootstrap_interval(x) == bootstrap_interval(x) != bootstrap_interval(x, seed=1)
    assert bootstrap_interval([3.0, 3.0]) == (3, 3)


def test_the_paired_test_is_wilcoxons(rng):
    a = rng.normal(size=40)
    b = a - rng.normal(0.3, 1, size=40)
    found = paired_test(a, b)
    assert found.p == pytest.approx(wilcoxon(a, b).pvalue)
    assert found.difference == pytest.approx(np.mean(a - b))
    assert found.interval == bootstrap_interval(a - b) and found.interval[0] < found.difference < found.interval[1]
    assert paired_test(a, a).p == 1


def test_errors():
    for bad in ([], [[1.0]], [1.0, float("nan")]):
        with pytest.raises(UnitscopeError, match="finite numbers"):
            bootstrap_interval(bad)
    with pytest.raises(UnitscopeError, match="level"):
        bootstrap_interval([1.0], level=95)
    with pytest.raises(UnitscopeError, match="same units, got 2 and 3"):
        paired_test([1, 2], [1, 2, 3])
