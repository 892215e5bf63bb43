"""Verdicts on curves that are known to rise, fall and stay."""

import re
from pathlib import Path

import nbformat
import numpy as np
import pytest
from unitscope.errors import UnitscopeError
from unitscope.evidence.ground_truth import Curve, checks
from unitscope.publish.claims import read_claims


@pytest.fixture
def one(rng):
    noise = 0.02 * rng.normal(size=(3, 20))
    good = np.array([[1.0], [0.8], [0.3]]) + noise
    flat = np.full((3, 20), 0.2) + noise
    good[2, 15:] = np.nan
    return Curve("k", (1, 2, 3), {"good": good, "flat": flat})


def test_a_plant_counts_once_over_all_difficulties(one):
    x, y = checks.paired(one, "good", "flat")
    rows = one.of("good")
    assert len(x) == len(y) == 20
    np.testing.assert_allclose(x[:15], rows[:, :15].mean(0))
    np.testing.assert_allclose(x[15:], rows[:2, 15:].mean(0))
    np.testing.assert_allclose(y[15:], one.of("flat")[:2, 15:].mean(0))
    found = checks.better(one, "good", "flat")
    assert found.ours == pytest.approx(np.mean(x - y)) and found.samples == "20 plants"
    empty = Curve("k", (1,), {"a": np.array([[np.nan]]), "b": np.array([[1.0]])})
    with pytest.raises(UnitscopeError, match="no plant"):
        checks.paired(empty, "a", "b")


NOISE = 0.02 * np.random.default_rng(0).normal(size=(2, 3, 20))
NOISE -= NOISE.mean(axis=(1, 2), keepdims=True)


def known(first, last, other=0.2):
    """Method "a" falls from `first` to `last` over three difficulties, "b" stays at `other`."""
    levels = np.linspace(first, last, 3)[:, None]
    return Curve("k", (1, 2, 3), {"a": levels + NOISE[0], "b": np.full((3, 1), other) + NOISE[1]})


def flat(level):
    return level + NOISE[0][0] - NOISE[0][0].mean()


HIGH, LOW, LEVEL = known(1.0, 0.5), known(0.1, 0.0), known(0.2, 0.2)
CASES = {  # check: arguments for which it holds, is contradicted, is undecided
    "better (G2, G5, G6, G18, G23, G28, G30, G31)": (
        checks.better,
        (HIGH, "a", "b"),
        (LOW, "a", "b"),
        (LEVEL, "a", "b"),
    ),
    "all_better (G1, G8, G9, G11)": (checks.all_better, (HIGH, ["a"], "b"), (LOW, ["a"], "b"), (LEVEL, ["a"], "b")),
    "ahead (G3, G10)": (checks.ahead, (HIGH, "a", ["b"]), (LOW, "a", ["b"]), (LEVEL, "a", ["b"])),
    "drop (G29)": (
        checks.drop,
        (HIGH, "a"),
        (known(0.2, 0.8), "a"),
        (known(0.2, 0.2 + (NOISE[0][0] - NOISE[0][2]).mean()), "a"),
    ),
    "drops (G4, G16)": (
        checks.drops,
        ({"x": HIGH}, ["a"]),
        ({"x": HIGH, "y": known(0, 1)}, ["a"]),
        ({"x": HIGH, "y": LEVEL}, ["a", "b"]),
    ),
    "reaches (G12, G15, G19, G20, G22, G27)": (
        checks.reaches,
        (HIGH, "a", 0.9, 1),
        (HIGH, "a", 0.9, 3),
        (known(0.9, 0.1), "a", 0.9 + NOISE[0][0].mean(), 1),
    ),
    "all_reach (G7)": (
        checks.all_reach,
        (HIGH, ["a"], 0.9, 1),
        (HIGH, ["a", "b"], 0.9, 1),
        (known(0.9, 0.1), ["a"], 0.9 + NOISE[0][0].mean(), 1),
    ),
    "everywhere (G17)": (
        checks.everywhere,
        ({"x": HIGH}, ["a"], 0.9, 1),
        ({"x": HIGH, "y": LOW}, ["a"], 0.9, 1),
        ({"x": known(0.9, 0)}, ["a"], 0.9 + NOISE[0][0].mean(), 1),
    ),
    "beyond (G13, G14)": (
        checks.beyond,
        (HIGH, LOW, ["a"]),
        (LOW, HIGH, ["a"]),
        (Curve("k", (1, 2, 3), {"a": NOISE[0]}), Curve("k", (1, 2, 3), {"a": NOISE[1]}), ["a"]),
    ),
    "over (G26)": (checks.over, (flat(0.4), 0.25), (flat(0.1), 0.25), (flat(0.25), 0.25)),
    "under (G24, G25)": (checks.under, (flat(0.05), 0.1), (flat(0.4), 0.1), (flat(0.1), 0.1)),
}


@pytest.mark.parametrize("check, good, bad, open_", CASES.values(), ids=CASES)
def test_a_claim_can_hold_be_contradicted_and_stay_open(check, good, bad, open_):
    assert check(*good).state == "holds"
    assert check(*bad).state == "contradicted"
    assert check(*open_).state == "undecided"


def test_everything_is_found_or_not():
    ones = Curve("k", (1,), {"a": np.ones((1, 8)), "b": np.append(np.ones(7), 0.9)[None]})
    assert checks.all_found(ones, "a", 1).state == "holds"
    assert checks.all_found(ones, "b", 1).state == "contradicted"


def test_every_claim_of_the_chapter_is_in_the_table():
    listed = {id for name in CASES for id in re.findall(r"G\d+", name)} | {"G21"}
    book = Path(__file__).parents[3] / "book"
    papers = {chapter: paper for paper in read_claims(book / "claims.yaml") for chapter in paper.chapters}
    assert listed == set(papers["ground_truth"].claims)
    cells = "\n".join(cell.source for cell in nbformat.read(book / "ground_truth.ipynb", 4).cells)
    assert set(re.findall(r'claim\("(G\d+)"', cells)) == listed


def test_a_line_of_the_summary_is_the_way_from_chance_to_perfect(one):
    row = checks.line("k", one, "good", 0.2)
    assert row.at == ("1", "2", "3") and row.way[0] == pytest.approx((one.mean("good")[0] - 0.2) / 0.8)
    relative = checks.line("k", one, "good", "flat", "shown as")
    assert relative.method == "shown as" and relative.way[2] == pytest.approx(
        (one.mean("good")[2] - one.mean("flat")[2]) / (1 - one.mean("flat")[2])
    )
