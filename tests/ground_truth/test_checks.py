"""Verdicts on curves that are known to rise, fall and stay."""

import numpy as np
import pytest

from unitscope.errors import UnitscopeError
from unitscope.ground_truth import Curve, checks


@pytest.fixture
def one(rng):
    noise = 0.02 * rng.normal(size=(3, 20))
    good = np.array([[1.0], [0.8], [0.3]]) + noise
    flat = np.full((3, 20), 0.2) + noise
    good[2, 15:] = np.nan
    return Curve("k", (1, 2, 3), {"good": good, "flat": flat})


def test_pairs_are_the_plants_that_both_saw(one):
    x, y = checks.paired(one, "good", "flat")
    assert len(x) == len(y) == 55
    np.testing.assert_allclose(x[:20], one.of("good")[0])
    found = checks.better(one, "good", "flat")
    assert found["holds"] and found["ours"] == pytest.approx(np.mean(x - y)) and "55 plants" in found["reason"]
    assert not checks.better(one, "flat", "good")["holds"]
    empty = Curve("k", (1,), {"a": np.array([[np.nan]]), "b": np.array([[1.0]])})
    with pytest.raises(UnitscopeError, match="no plant"):
        checks.paired(empty, "a", "b")


def test_rises_falls_and_levels(one):
    assert checks.drop(one, "good")["holds"] and not checks.drop(one, "flat")["holds"]
    assert checks.drops({"x": one}, ("good",))["ours"] == "1 of 1"
    assert checks.reaches(one, "good", 0.9, 1)["holds"] and not checks.reaches(one, "good", 0.9, 2)["holds"]
    assert checks.under(one.at("flat", 1), 0.3)["holds"] and not checks.under(one.at("flat", 1), 0.1)["holds"]
    assert not checks.all_reach(one, ("good", "flat"), 0.9, 1)["holds"]
    assert checks.everywhere({"x": one}, ("good",), 0.9, 1)["holds"]


def test_two_curves(one):
    worse = Curve("k", one.x, {name: rows - 0.5 for name, rows in one.scores.items()})
    assert checks.beyond(one, worse, ("good", "flat"))["holds"] and not checks.beyond(worse, one, ("good",))["holds"]


def test_ahead_is_ahead_of_each(one):
    assert checks.ahead(one, "good", ("good", "flat"))["ours"].count("to ") == 1
    assert checks.all_better(one, ("good",), "flat", [1])["holds"]


def test_a_line_of_the_summary_is_the_way_from_chance_to_perfect(one):
    row = checks.line("k", one, "good", 0.2)
    assert row.at == ("1", "2", "3") and row.way[0] == pytest.approx((one.mean("good")[0] - 0.2) / 0.8)
    relative = checks.line("k", one, "good", "flat", "shown as")
    assert relative.method == "shown as" and relative.way[2] == pytest.approx(
        (one.mean("good")[2] - one.mean("flat")[2]) / (1 - one.mean("flat")[2])
    )
