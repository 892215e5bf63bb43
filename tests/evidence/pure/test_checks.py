"""Each claim holds on scores made to support it, is contradicted by scores made against it, and stays open in noise."""

import numpy as np
import pytest
import torch
import yaml
from claim_table import BOOK, cells, claims_of, reaches
from made import UNITS, labelled, near, split, splits, sums
from scipy import stats
from unitscope.evidence.pure import checks, own, reported
from unitscope.evidence.pure.contents import Factor
from unitscope.metrics import verdicts
from unitscope.papers.pure.scores import Split

GOOD, BAD = splits(), splits(rival=0.1, pure=0.05, activations=0.3)
NOISE = splits(rival=0.02, pure=0.01, activations=0.0, judge=0.5, spread=0.6)
ALL = torch.ones(UNITS, dtype=torch.bool)
MANY = ALL & (torch.arange(UNITS) >= UNITS // 2)
LOW, HIGH, WIDE = near(0.1), near(0.3, seed=1), [near(0.2, 0.6, seed) for seed in (2, 3)]
NULL = torch.full((UNITS, 19), 0.15) + 0.01 * torch.arange(19)


def among(pure, activations, spread=0.02):
    """Half of the units are chosen; their gaps, against 0.05 in the rest."""
    gaps = {"rival": 0.45, "PURE": pure, "activations": activations, "judge": 0.5}
    return {
        view: split(torch.where(MANY, gap, 0.05), spread=spread, seed=seed)
        for seed, (view, gap) in enumerate(gaps.items())
    }


def scattered(slope, seed=0, n=30):
    """A network whose gaps rise with the spread of references, by so much, beside noise."""
    x = torch.linspace(0, 1, n, dtype=torch.float64)
    y = slope * x + near(0.0, 0.2, seed, n)
    return {"judge": Split(torch.zeros(n, 4), 1 - y, torch.ones(n, dtype=torch.float64), x)}


def timed(activations, pure, rival, spread=0.01, n=6):
    columns = zip(("activations", "PURE", "rival"), (activations, pure, rival), strict=True)
    return {view: near(value, spread, seed, n) for seed, (view, value) in enumerate(columns)}


def twice(one):
    return (one, one)


def planted(pure, activations, chance=0.0, spread=0.05):
    values = zip(("PURE", "activations", "chance"), (pure, activations, chance), strict=True)
    return {view: near(value, spread, seed, 20) for seed, (view, value) in enumerate(values)}


def table(column):
    return torch.stack([column, 1 - column], 1)


def known(images, classes):
    return {"class": Factor(tuple(map(str, range(classes))), torch.arange(images) % classes)}


TAIL = torch.linspace(0, 3, 60).exp()
CASES = {  # claim: (check, arguments that support it, that speak against it, that leave it open[, that cannot test it])
    "C1": (checks.tighter, [GOOD], [BAD], [NOISE]),
    "C2": (checks.farther, [GOOD], [BAD], [NOISE]),
    "C3": (checks.chain, [GOOD], [BAD], [NOISE]),
    "C4": (checks.beats_random, [GOOD], [splits(activations=-0.1)], [NOISE]),
    "C5": (
        checks.near_the_rival,
        [GOOD, {"species": 0.8, "background": 0.2}],
        [splits(pure=0.15), {}],
        [splits(pure=0.2, spread=0.2), {}],
        [GOOD, {"species": 0.3, "background": 0.8}],
    ),
    "C6": (
        checks.same_for_k,
        [{2: BAD, 3: splits(0.4, 0.35, 0.2), 4: GOOD}],
        [{2: GOOD, 3: GOOD, 4: BAD}],
        [{2: GOOD, 3: NOISE}],
        [{2: GOOD}],
    ),
    "C7": (checks.other_networks, [{"a": GOOD, "b": GOOD}], [{"a": GOOD, "b": BAD}], [{"a": NOISE}], [{}]),
    "C8": (checks.aligned, [sums(0.2, 0.7, 2)], [sums(0.2, 2, 0.7)], [sums(0.2, 1, 0.75, units=8, n=5)]),
    "C9": (
        checks.more_aligned,
        [{"a": sums(0, 0.5, 2), "b": sums(0, 0.5, 2)}],
        [{"a": sums(0, 0.5, 2), "b": sums(0, 2, 0.5)}],
        [{"a": sums(0, 1, 1, units=8, n=5), "b": sums(0, 1, 1, units=7, n=5)}],
        [{}],
    ),
    "C10": (
        checks.both_kinds,
        [splits(judge=torch.linspace(0, 0.5, UNITS)), NULL],
        [splits(judge=0.3, pure=0.1, units=120), NULL[:1].expand(120, 19)],
        [splits(judge=0.3, pure=0.1), NULL],
    ),
    "C11": (
        checks.agrees_with_judge,
        [labelled("right", "chance")],
        [labelled("chance", "right")],
        [labelled("chance", "chance")],
    ),
    "C12": (checks.overestimates, [LOW], [-LOW], [WIDE[0] - 0.2]),
    "C12b": (checks.overestimates_locally, [LOW, HIGH], [HIGH, LOW], WIDE, [LOW, LOW * torch.nan]),
    "C13": (checks.cheaper, [timed(1, 2, 3)], [timed(1, 4, 3)], [timed(1, 1.01, 3, 0.5)]),
    "O1": (
        checks.order_among,
        [among(0.3, 0.15), MANY],
        [among(0.15, 0.3), MANY],
        [among(0.37, 0.3, 0.15), MANY],
        [GOOD, ~ALL],
    ),
    "O3": (checks.skewed, [TAIL], [-TAIL], [torch.tensor(stats.norm.ppf(np.linspace(0.05, 0.95, 12)))]),
    "O4": (
        checks.rises_with_size,
        [{"s": splits(judge=0.3), "m": GOOD, "l": GOOD}],
        [{"s": GOOD, "m": splits(judge=0.2)}],
        [{"s": NOISE, "m": NOISE}],
        [{"s": GOOD}],
    ),
    "O5": (
        checks.spread_and_gap,
        [{"s": scattered(0), "m": scattered(2, 1), "l": scattered(2, 2)}],
        [{"s": scattered(2), "m": scattered(-2, 1)}],
        [{"s": scattered(0), "m": scattered(0.25, 1)}],
        [{}],
    ),
    "O6": (
        checks.fails_more_often,
        [splits(activations=-0.1), ALL],
        [GOOD, ALL],
        [splits(activations=0, pure=0, spread=0.6), ALL],
        [GOOD, ~ALL],
    ),
    "X1": (
        own.aligned_within,
        [dict(PURE=twice(HIGH), activations=twice(LOW))],
        [dict(PURE=(HIGH, LOW), activations=(LOW, HIGH))],
        [dict(PURE=twice(WIDE[0]), activations=twice(WIDE[1]))],
        [dict.fromkeys(("PURE", "activations"), twice(LOW * torch.nan))],
    ),
    "X2": (own.recovered, [planted(0.8, 0.4)], [planted(0.8, -0.2)], [planted(0.8, 0.0)], [{}]),
    "X3": (own.nearer_to_own, [(LOW, HIGH)], [(HIGH, LOW)], [WIDE], [(LOW[:0], LOW[:0])]),
    "X4": (own.swapped, [GOOD], [BAD], [NOISE]),
    "X5": (
        own.survives,
        [{"a": GOOD["PURE"], "b": GOOD["rival"], "activations": GOOD["activations"]}],
        [{"a": GOOD["PURE"], "b": BAD["PURE"], "activations": GOOD["activations"]}],
        [{"a": NOISE["PURE"], "activations": NOISE["activations"]}],
        [{"activations": GOOD["activations"]}],
    ),
    "X6": (
        own.reproducible,
        [near(0.95, units=9), near(0.5, seed=1, units=9)],
        [near(0.95, units=9), near(1, seed=1, units=9)],
        [near(0.85, 0.3, units=9), near(0.8, 0.3, 1, 9)],
    ),
    "X7": (
        own.beyond_cuts,
        [near(0.5), NULL, MANY],
        [near(0.2), NULL, MANY],
        [near(0.33, 0.5), NULL, MANY],
        [LOW, NULL, ~ALL],
    ),
    "X8": (own.recovered_earlier, [planted(0.8, 0.4)], [planted(0.4, 0.8)], [planted(0.4, 0.4, spread=0.6)], [{}]),
    "X9": (
        own.falls_with_k,
        [{2: splits(0.2, 0.1, 0), 3: GOOD}],
        [{2: GOOD, 3: splits(0.2, 0.1, 0)}],
        [{2: NOISE, 3: GOOD}],
    ),
    "N1": (own.wider_than_untrained, [GOOD, BAD], [BAD, GOOD], [NOISE, splits(pure=0)]),
    "N2": (
        own.learnt,
        [table(HIGH), table(LOW), known(60, 3)],
        [table(LOW), table(HIGH), known(60, 3)],
        [table(WIDE[0]), table(WIDE[1]), known(60, 3)],
        [table(LOW), table(HIGH), known(60, 50)],
    ),
}


@pytest.mark.parametrize("name, state", cells(CASES))
def test_a_claim_reaches_every_state(name, state):
    reaches(CASES, name, state)


def test_every_claim_of_the_list_is_in_the_table_and_in_the_chapter():
    (pure,) = [one for one in yaml.safe_load((BOOK / "claims.yaml").read_text()) if one["chapters"] == ["pure"]]
    assert sorted(claims_of("pure")) == sorted(CASES) == sorted([*pure["claims"], *pure["own"]])


def test_a_chain_cannot_hold_where_one_of_its_steps_does_not():
    """C3 contains C1 and C2: bare means in the right order are not enough."""
    found = splits(rival=0.3, pure=0.25, activations=0.24, spread=0.3)
    assert found["PURE"].intra.mean() < found["activations"].intra.mean()
    assert checks.tighter(found).state == "undecided" and checks.chain(found).state == "undecided"


def test_the_paper_s_own_half_effect_decides_against_c1():
    found = splits(pure=0.1, activations=0.1, spread=0.002)
    assert checks.tighter(found).state == "contradicted"  # alike, and the paper's 0.016 is far outside
    assert verdicts.below(found["PURE"].intra, found["activations"].intra).state == "undecided"


def test_a_rival_no_better_than_activations_is_no_way_to_go():
    assert "no way to go" in checks.near_the_rival(splits(rival=0.1, activations=0.2), {}).reason
    assert "sorts crops by background (0.80" in checks.near_the_rival(GOOD, {"species": 0.3, "background": 0.8}).reason


def test_half_the_way_is_measured_from_activations_to_the_rival():
    assert checks.share_of_way([2.0], [1.0], [5.0]) == 0.25
    assert checks.share_of_way(*np.array([[[2.0], [5.0]], [[1.0], [1.0]], [[5.0], [5.0]]])).tolist() == [0.25, 1.0]


def test_settings_of_the_same_units_are_averaged_and_others_joined():
    a, b = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 6.0])
    assert checks.pool([a, b], True).tolist() == [2, 4] and checks.pool([a, b], False).tolist() == [1, 2, 3, 6]


def test_two_networks_decide_together_what_neither_decides_alone():
    small = [splits(pure=0.25, activations=0.1, spread=0.25, units=6) for _ in range(4)]
    alone, joined = checks.other_networks({"a": small[0]}), checks.other_networks(dict(zip("abcd", small, strict=True)))
    assert alone.state == "undecided" and joined.state == "holds"


def test_the_control_of_a_unit_is_its_own_cloud():
    """A gap that one long cloud would show makes no unit polysemantic, and one below it is monosemantic."""
    found = splits(judge=0.3, pure=0.25)
    wide, narrow = torch.full((UNITS, 19), 0.5), torch.full((UNITS, 19), 0.05)
    assert checks.both_kinds(found, wide).ours == f"0 and {UNITS} of {UNITS} units"
    assert checks.both_kinds(found, narrow).ours == f"{UNITS} and 0 of {UNITS} units"


def test_agreement_with_the_judge_is_asked_of_the_top_quarter():
    low = (torch.arange(UNITS) < 30)[:, None]
    right, wrong = labelled("right", "wrong"), labelled("wrong", "right")
    gaps = torch.where(low[:, 0], 0.1, 0.9)
    found = {
        "judge": split(gaps, right["judge"].labels),
        "PURE": split(0.2, torch.where(low, wrong["PURE"].labels, right["PURE"].labels)),
        "activations": split(0.2, torch.where(low, wrong["activations"].labels, right["activations"].labels)),
    }
    assert checks.agrees_with_judge(found).holds
    assert checks.agrees_with_judge({**found, "judge": split(1 - gaps, right["judge"].labels)}).state == "contradicted"


def test_one_unit_of_nine_is_no_tenth_of_all():
    gaps = {view: split(0.2, units=9) for view in ("PURE", "activations")}
    gaps["activations"].intra[0] += 0.5
    assert (gaps["activations"].gap < 0).sum() == 1
    assert checks.fails_more_often(gaps, torch.ones(9, dtype=torch.bool)).state == "undecided"


def test_units_without_a_correlation_are_left_out():
    gap = HIGH.clone()
    gap[3] = torch.nan
    found = own.aligned_within({"PURE": twice(gap), "activations": twice(LOW)})
    assert found.holds and found.samples == f"{UNITS - 1} units"


def test_clusters_cannot_follow_a_class_of_one_image():
    found = own.learnt(table(LOW), table(HIGH), known(60, 60))
    assert found.state == "untested" and found.reason == "1.0 images of each class: no cluster can follow it"
    assert own.learnt(table(LOW)[:, :0], table(HIGH)[:, :0], {}).state == "untested"


def test_a_verdict_in_words():
    assert checks.word(checks.tighter(GOOD), "tighter") == "tighter"
    assert checks.word(checks.tighter(NOISE), "tighter") == "not clearly tighter"
    assert checks.word(checks.tighter(BAD), "tighter") == "not tighter by even half of the paper's difference"


def test_the_papers_figures_are_in_its_mean_distance():
    assert checks.HIGH == pytest.approx(1.5 / 6.08) and checks.PURIFIED < checks.HIGH
    assert reported.purer_by()["within"] == pytest.approx((5.85 - 5.95) / 6.08)
    assert reported.ends()["PURE"] == pytest.approx((5.85 / 6.08, 6.40 / 6.08))
    assert reported.share_of_way() == pytest.approx((0.55 - 0.31) / (0.69 - 0.31))
    rest, part, share = reported.other_gaps()["PURE"], 1.42 / 6.08, 0.178
    assert share * part + (1 - share) * rest == pytest.approx(0.55 / 6.08)
    assert reported.skewness() == pytest.approx(stats.skew(np.repeat(np.arange(10), reported.GAP_COUNTS)))
