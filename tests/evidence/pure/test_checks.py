"""Claims hold on scores made to support them, fail on scores made against them, and abstain where they must."""

import numpy as np
import pytest
import torch

from unitscope.papers.pure import checks, reported
from unitscope.papers.pure.scores import Split

UNITS = 40


def split(gap, labels=None, spread=0.02, seed=0):
    """Units whose clusters stand `gap` apart around 1, give or take."""
    draw = torch.Generator().manual_seed(seed)
    gaps = torch.as_tensor(gap, dtype=torch.float64) + spread * torch.randn(UNITS, generator=draw, dtype=torch.float64)
    labels = torch.zeros(UNITS, 6, dtype=torch.int64) if labels is None else labels
    return Split(labels, 1 - gaps / 2, 1 + gaps / 2, torch.ones(UNITS, dtype=torch.float64))


def splits(rival=0.3, pure=0.25, activations=0.1, judge=0.5):
    values = {"rival": rival, "PURE": pure, "activations": activations, "judge": judge}
    return {view: split(value, seed=seed) for seed, (view, value) in enumerate(values.items())}


GOOD, BAD = splits(), splits(rival=0.1, pure=0.05, activations=0.3)
NONE = torch.ones(UNITS, dtype=torch.float64)
ALL = NONE.bool()


def columns(rival, pure, activations):
    noise = 0.02 * torch.randn(3, 30, generator=torch.Generator().manual_seed(0))
    return dict(
        zip(("rival", "PURE", "activations"), noise + torch.tensor([[rival], [pure], [activations]]), strict=True)
    )


MANY = ALL & (torch.arange(UNITS) > UNITS // 2)
FANNED = splits(*(torch.linspace(0, top, UNITS) for top in (3, 2, 1)))
TAIL = torch.linspace(0, 3, 60).exp()
NULL = torch.rand(UNITS, 100, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
TWO = {"a": GOOD["PURE"], "activations": GOOD["activations"]}
CASES = {  # claim: (check, arguments that support it, arguments that do not)
    "C1": (checks.tighter, [GOOD], [BAD]),
    "C2": (checks.farther, [GOOD], [BAD]),
    "C3": (checks.chain, [GOOD], [BAD]),
    "C4": (checks.beats_random, [GOOD], [splits(activations=0.0)]),
    "C5": (checks.near_the_rival, [GOOD], [splits(pure=0.15)]),
    "C6": (checks.same_for_k, [{2: GOOD, 3: splits(0.4, 0.35, 0.2)}], [{2: GOOD, 3: splits(0.2, 0.15, 0.05)}]),
    "C7": (checks.both, [{"a": GOOD, "b": GOOD}], [{"a": GOOD, "b": BAD}]),
    "C8": (checks.aligned, [columns(0.6, 0.4, 0.2)], [columns(0.6, 0.4, 0.35)]),
    "C9": (checks.more_aligned, [{"a": columns(0, 0.4, 0.2)}], [{"a": columns(0, 0.2, 0.4)}]),
    "C10": (checks.both_kinds, [splits(judge=torch.linspace(0, 0.5, UNITS))], [GOOD]),
    "C12": (checks.overestimates, [NONE * 0.1, NONE * 0.3], [NONE * 0.3, NONE * 0.1]),
    "C13": (checks.cheaper, [dict(activations=1, PURE=2, rival=3)], [dict(activations=1, PURE=4, rival=3)]),
    "O1": (checks.order_among, [FANNED, MANY], [BAD, ALL]),
    "O2": (checks.wider, [GOOD, "judge", "rival"], [GOOD, "activations", "rival"]),
    "O3": (checks.skewed, [TAIL], [-TAIL]),
    "O4": (checks.rises_with_size, [{"s": splits(judge=0.3), "m": GOOD}], [{"s": GOOD, "m": splits(judge=0.2)}]),
    "O6": (checks.fails_more_often, [splits(activations=-0.1), ALL], [GOOD, ALL]),
    "O7": (checks.oracle_is_tight, [GOOD], [splits(judge=torch.linspace(-0.5, 1, UNITS))]),
    "X1": (checks.aligned_within, [dict(PURE=(NONE, NONE), activations=(NONE / 2, NONE / 3))],
           [dict(PURE=(NONE, NONE / 4), activations=(NONE / 2, NONE / 3))]),
    "X2": (checks.recovered, [dict(PURE=NONE * 0.8, activations=NONE * 0.4, chance=NONE * 0)],
           [dict(PURE=NONE * 0.8, activations=NONE * 0, chance=NONE * 0)]),
    "X3": (checks.nearer_to_own, [(NONE * 0.8, NONE)], [(NONE, NONE)]),
    "X5": (checks.survives, [TWO], [TWO | {"b": BAD["PURE"]}]),
    "X6": (checks.steady, [NONE * 0.95, NONE * 0.5], [NONE * 0.95, NONE]),
    "X7": (checks.beyond_chance, [NONE, NULL, ALL], [NONE * 0.5, NULL, ALL]),
    "X8": (checks.recovered_earlier, [dict(PURE=NONE * 0.8, activations=NONE * 0.4)],
           [dict(PURE=NONE * 0.4, activations=NONE * 0.4)]),
    "N2": (checks.learnt, [NONE[:, None] * 0.6, NONE[:, None] * 0.1], [NONE[:, None] * 0.1, NONE[:, None] * 0.1]),
}  # fmt: skip


@pytest.mark.parametrize("check, good, bad", CASES.values(), ids=CASES)
def test_a_claim_can_hold_and_can_fail(check, good, bad):
    assert check(*good)["holds"] is True
    assert check(*bad)["holds"] is False


def test_agreement_with_the_judge_is_asked_of_the_top_quarter():
    truth = torch.tensor([0, 0, 0, 1, 1, 1]).repeat(UNITS, 1)
    other = torch.tensor([0, 1, 0, 1, 0, 1]).repeat(UNITS, 1)
    low = torch.arange(UNITS) < 30
    gaps = torch.where(low, 0.1, 0.9)
    found = {
        "judge": split(gaps, truth),
        "PURE": split(0.2, torch.where(low[:, None], other, truth)),
        "activations": split(0.2, torch.where(low[:, None], truth, other)),
    }
    assert (
        checks.agrees_with_judge(found)["holds"]
        and not checks.agrees_with_judge({**found, "judge": split(1 - gaps, truth)})["holds"]
    )


def test_spread_and_gap_wants_all_but_the_smallest_network():
    x, labels = torch.linspace(0, 1, 30), torch.zeros(30, 4)
    rising = {"judge": Split(labels, 1 - x, torch.ones(30), x)}
    flat = {"judge": Split(labels, 1 - (x * 37).sin(), torch.ones(30), x)}
    assert checks.spread_and_gap({"s": flat, "m": rising, "l": rising})["holds"]
    assert not checks.spread_and_gap({"s": flat, "m": flat, "l": rising})["holds"]


def test_units_without_a_correlation_are_left_out():
    gap = NONE.clone()
    gap[3] = torch.nan
    assert checks.aligned_within({"PURE": (gap, gap), "activations": (NONE / 2, NONE / 2)})["holds"]


def test_too_few_units_or_networks_give_no_verdict():
    nobody = ~ALL
    for found in (
        checks.order_among(GOOD, nobody), checks.fails_more_often(GOOD, nobody),
        checks.beyond_chance(NONE, NONE[:, None], nobody),
        checks.both({}), checks.more_aligned({}), checks.rises_with_size({"a": GOOD}), checks.spread_and_gap({}),
        checks.near_the_rival(splits(rival=0.1, activations=0.2)),
        checks.recovered_earlier({}), checks.recovered({}), checks.learnt(NONE[:, None][:, :0], NONE[:, None]),
    ):  # fmt: skip
        assert found["holds"] is None and found["reason"]


def test_half_the_way_is_measured_from_activations_to_the_rival():
    assert checks.share_of_way(np.array([2.0]), np.array([1.0]), np.array([5.0])) == 0.25


def test_the_papers_thresholds_are_in_its_mean_distance():
    assert checks.HIGH == pytest.approx(1.5 / 6.08) and checks.LOW < checks.PURIFIED < checks.HIGH
    assert reported.purer_by()["within"] == pytest.approx((5.85 - 5.95) / 6.08)
    assert reported.ends()["PURE"] == pytest.approx((5.85 / 6.08, 6.40 / 6.08))
