"""Difficulty curves: means and intervals over the plants that exist, nothing else."""

import numpy as np
import pytest
from unitscope.errors import UnitscopeError
from unitscope.evidence.ground_truth import Curve, curve, stacked
from unitscope.metrics.statistics import bootstrap_interval


def test_shorter_columns_count_only_what_is_there(rng):
    a, b = rng.normal(size=7), rng.normal(size=4)
    one = stacked("noise", {0: {"x": a}, 1: {"x": b, "y": [0.5]}})
    assert one.x == (0, 1) and one.of("x").shape == (2, 7) and one.planted().tolist() == [7, 4]
    np.testing.assert_allclose(one.mean("x"), [a.mean(), b.mean()])
    np.testing.assert_allclose(one.interval("x"), [bootstrap_interval(a), bootstrap_interval(b)])
    assert np.isnan(one.mean("y")[0]) and one.mean("y")[1] == 0.5 and np.isnan(one.interval("y")[0]).all()
    np.testing.assert_array_equal(one.at("x", 1), b)


def test_a_curve_asks_once_for_each_difficulty():
    one = curve("k", (3, 1, 2), lambda k: {"square": [k**2, k**2]})
    assert one.mean("square").tolist() == [9, 1, 4]


def test_what_does_not_exist_is_named():
    one = curve("k", (1, 2), lambda k: {"square": [k]})
    with pytest.raises(UnitscopeError, match="did you mean 'square'"):
        one.of("sqare")
    with pytest.raises(UnitscopeError, match="unknown difficulty '7'"):
        one.at("square", 7)
    with pytest.raises(UnitscopeError, match="no truth was planted"):
        stacked("k", {1: {}, 2: {}})
    with pytest.raises(UnitscopeError, match="must be \\(2, R\\)"):
        Curve("k", (1, 2), {"x": np.zeros((3, 1))})
