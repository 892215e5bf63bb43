"""Four states, one rule: an interval lies on the claimed side, on the other, or on both."""

import json
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from unitscope.errors import UnitscopeError
from unitscope.metrics import verdicts
from unitscope.metrics.statistics import Estimate, estimate
from unitscope.metrics.verdicts import Verdict

ORDER = {"contradicted": 0, "undecided": 1, "holds": 2}
HOLDS, AGAINST, OPEN, NONE = (
    Verdict("holds", 1),
    Verdict("contradicted", 1),
    Verdict("undecided", 1),
    verdicts.untested("no weights"),
)


def columns(rng, mean, n=50, spread=1.0):
    """a and b whose paired difference has exactly this mean."""
    a, b = rng.normal(size=(2, n)) * spread
    return a - (a - b).mean() + mean, b


@pytest.mark.parametrize("mean, state", [(1.5, "holds"), (0.05, "undecided"), (-1.5, "contradicted")])
def test_the_three_tested_states_of_a_paired_comparison(rng, mean, state):
    a, b = columns(rng, mean)
    found = verdicts.above(a, b)
    assert found.state == state
    assert found.ours == pytest.approx((a - b).mean())
    assert found.interval[0] < found.ours < found.interval[1]
    assert found.samples == "50 units"
    assert verdicts.below(b, a).state == state


def test_the_paper_s_effect_can_be_excluded_without_the_opposite_being_shown(rng):
    a, b = columns(rng, 0.02, n=400, spread=0.5)
    assert verdicts.above(a, b).state == "undecided"
    excluded = verdicts.above(a, b, effect=1.0)
    assert excluded.state == "contradicted" and "half of the paper's effect of 1 is excluded" in excluded.reason
    assert "excluded" not in verdicts.above(a - 9, b, effect=1.0).reason
    assert verdicts.above(a, b, effect=0.05).state == "undecided"
    assert verdicts.below(b, a, effect=1.0).state == "contradicted"


@pytest.mark.parametrize("effect", [0, -1.0])
def test_an_effect_points_to_the_claimed_side(rng, effect):
    with pytest.raises(UnitscopeError, match="on the claimed side"):
        verdicts.above(*columns(rng, 1.0), effect=effect)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.floats(-1, 1), st.integers(6, 40))
def test_flipping_the_sign_swaps_holds_and_contradicted(seed, mean, n):
    x = np.random.default_rng(seed).normal(mean, 1, size=n)
    forth, back = verdicts.exceeds(0, np.mean, x).state, verdicts.exceeds(0, np.mean, -x).state
    assert ORDER[forth] == 2 - ORDER[back]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(-2, 2), st.floats(-1, 1))
def test_both_directions_speak_of_one_interval(seed, mean, threshold):
    x = np.random.default_rng(seed).normal(mean, 1, size=20)
    above, under = verdicts.exceeds(threshold, np.mean, x), verdicts.falls_short(threshold, np.mean, x)
    assert above.interval == under.interval
    assert ORDER[above.state] == 2 - ORDER[under.state]


def decided(rng, n, spread, repeats=60):
    """Share of samples around 0.5 that reach a verdict, and how many of them say "contradicted"."""
    found = [verdicts.exceeds(0, np.mean, rng.normal(0.5, spread, size=n)).state for _ in range(repeats)]
    return np.mean([state != "undecided" for state in found]), found.count("contradicted")


def test_noise_and_fewer_samples_lead_to_undecided_not_to_the_other_side(rng):
    by_noise = [decided(rng, 30, spread) for spread in (0.3, 1.5, 6.0)]
    by_size = [decided(rng, n, 1.0) for n in (60, 20, 7)]
    for results in (by_noise, by_size):
        shares = [share for share, _ in results]
        assert shares == sorted(shares, reverse=True)
        assert shares[0] > shares[-1] + 0.3
        assert max(wrong for _, wrong in results) <= 4  # 2.5 % of 60 expected where nothing is left but noise


def test_where_nothing_differs_about_one_in_twenty_is_decided(rng):
    states = [verdicts.exceeds(0, np.mean, rng.normal(size=30)).state for _ in range(400)]
    assert 400 - states.count("undecided") <= stats.binom.ppf(0.999, 400, 0.07)


def test_the_detectable_effect_is_shown_in_four_samples_of_five(rng):
    x = rng.normal(size=40)
    effect = verdicts.exceeds(0, np.mean, x).detectable
    assert effect == pytest.approx((1.95996 + 0.84162) / np.sqrt(40), rel=0.35)
    shown = [
        verdicts.exceeds(0, np.mean, rng.normal((1.95996 + 0.84162) / np.sqrt(40), 1, 40)).holds for _ in range(200)
    ]
    assert 0.7 < np.mean(shown) < 0.9


def test_few_things_decide_nothing():
    found = verdicts.exceeds(0, np.mean, np.full(verdicts.FEWEST - 1, 9.0) + np.arange(verdicts.FEWEST - 1))
    assert found.state == "undecided"
    assert "decide nothing" in found.samples and found.detectable is None
    assert verdicts.exceeds(0, np.mean, np.full(verdicts.FEWEST, 9.0) + np.arange(verdicts.FEWEST)).holds


def test_values_that_do_not_vary_are_judged_as_they_are():
    assert verdicts.exceeds(0, np.mean, np.full(10, 2.0)).holds
    assert verdicts.exceeds(2, np.mean, np.full(10, 2.0)).state == "undecided"
    assert verdicts.exceeds(3, np.mean, np.full(10, 2.0)).state == "contradicted"
    nearly = 0.7 + np.array([0, 1.1e-16] * 10)  # its interval's ends can come out in the wrong order
    assert verdicts.exceeds(0, np.mean, nearly).holds


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_gets_no_verdict(bad):
    with pytest.raises(UnitscopeError, match="finite"):
        verdicts.exceeds(0, np.mean, [1.0, bad])
    with pytest.raises(UnitscopeError, match="finite"):
        verdicts.ordered({"a": [1.0, 2.0], "b": [1.0, bad]})
    with pytest.raises(UnitscopeError, match="`untested`"):
        Verdict("holds", bad)


def test_a_statistic_of_several_columns_draws_units_together(rng):
    x = rng.normal(size=80)
    y = x + 0.3 * rng.normal(size=80)
    found = verdicts.exceeds(0.5, verdicts.pearson, x, y)
    assert found.holds and found.ours == pytest.approx(np.corrcoef(x, y)[0, 1])
    assert verdicts.exceeds(0.5, verdicts.pearson, x, rng.permutation(y)).state == "contradicted"


def test_ranks_are_scipy_s_with_ties(rng):
    x = rng.integers(3, size=50)
    y = x + rng.integers(3, size=50)
    assert verdicts.spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic)
    assert verdicts.pearson(np.ones(5), np.arange(5)) == verdicts.spearman(np.ones(5), np.arange(5)) == 0


@pytest.mark.parametrize("statistic", [np.mean, np.median, lambda x: float(np.mean(x))])
def test_intervals_are_scipy_s_bootstrap(rng, statistic):
    x = rng.exponential(size=40)
    known = stats.bootstrap((x,), np.median if statistic is np.median else np.mean, n_resamples=20_000, rng=5)
    found = estimate(statistic, x)
    np.testing.assert_allclose(found.interval, known.confidence_interval, atol=0.08)
    assert found.error == pytest.approx(known.standard_error, rel=0.15)


def test_unrelated_means_are_compared_like_scipy_s_bootstrap(rng):
    a, b = rng.normal(0.3, 1.0, 60), rng.normal(0.0, 2.0, 45)
    found = verdicts.larger(a, b)
    known = stats.bootstrap((a, b), lambda x, y, axis: x.mean(axis) - y.mean(axis), n_resamples=9999, rng=1)
    assert found.ours == pytest.approx(a.mean() - b.mean())
    np.testing.assert_allclose(found.interval, known.confidence_interval, atol=0.08)
    assert verdicts.larger(a + 2, b).holds
    assert verdicts.larger(a, a).state == "undecided"
    assert verdicts.larger(b, a + 2).state == "contradicted"
    assert verdicts.larger([], [1.0]).state == "untested"


def test_shares_have_wilson_s_interval(rng):
    hits = rng.random(60) < 0.7
    found = verdicts.share(hits, 0.4)
    known = stats.binomtest(int(hits.sum()), 60).proportion_ci(method="wilson")
    np.testing.assert_allclose(found.interval, (known.low, known.high))
    assert found.holds and verdicts.share(~hits, 0.6).state == "contradicted"
    assert verdicts.share(np.ones(10, bool), 0.9).state == "undecided"  # ten of ten are not more than nine tenths
    assert verdicts.share(hits, 0.4, over=False).state == "contradicted"
    assert verdicts.share(np.zeros(0, bool), 0.5).state == "untested"
    with pytest.raises(UnitscopeError, match="True or False"):
        verdicts.share(hits.astype(float), 0.5)


def test_equivalence_needs_the_whole_interval_inside(rng):
    x = rng.normal(size=200) * 0.1
    assert verdicts.within(-0.1, 0.1, np.mean, x).holds
    assert verdicts.within(-0.1, 0.1, np.mean, x * 20).state == "undecided"
    assert verdicts.within(-0.1, 0.1, np.mean, x + 1).state == "contradicted"
    a, b = columns(rng, 0.0, n=200, spread=0.1)
    assert verdicts.not_above(a, b, margin=0.1).holds
    assert verdicts.not_above(a + 1, b, margin=0.1).state == "contradicted"


TRUTH = [  # parts, every, some
    ([HOLDS], "holds", "holds"),
    ([HOLDS, HOLDS], "holds", "holds"),
    ([HOLDS, OPEN], "undecided", "holds"),
    ([HOLDS, AGAINST], "contradicted", "holds"),
    ([HOLDS, NONE], "undecided", "holds"),
    ([OPEN, AGAINST], "contradicted", "undecided"),
    ([OPEN, NONE], "undecided", "undecided"),
    ([AGAINST, AGAINST], "contradicted", "contradicted"),
    ([AGAINST, NONE], "contradicted", "undecided"),
    ([NONE, NONE], "untested", "untested"),
]


@pytest.mark.parametrize("parts, every, some", TRUTH)
def test_compound_claims_follow_three_valued_logic(parts, every, some):
    named = {str(place): part for place, part in enumerate(parts)}
    assert verdicts.every(named).state == every
    assert verdicts.some(named).state == some
    assert verdicts.every(named).parts == named


def test_compounds_refuse_what_is_no_verdict():
    with pytest.raises(UnitscopeError, match="at least one part"):
        verdicts.every({})
    with pytest.raises(UnitscopeError, match="not so: b"):
        verdicts.every({"a": HOLDS, "b": {"holds": True}})
    assert verdicts.every({"a": NONE}).reason == "no weights"


def test_an_order_is_as_strong_as_its_steps(rng):
    low, high = rng.normal(size=30), rng.normal(size=30)
    assert verdicts.ordered({"a": low, "b": low + 1 + 0.1 * high, "c": low + 3 + 0.1 * high}).holds
    assert verdicts.ordered({"a": low, "b": low + 1 + 0.1 * high, "c": low}).state == "contradicted"
    assert verdicts.ordered({"a": low, "b": high - high.mean() + low.mean() + 0.01}).state == "undecided"
    assert verdicts.ordered({"a": low, "b": low + 0.001 * high}, margin=0.5).holds
    assert verdicts.ordered({"a": low, "b": np.append(low, low) + 5}, paired=False).holds
    chain = verdicts.ordered({"a": [0.0] * 8, "b": [1.0] * 8})
    assert chain.ours == "a 0.000, b 1.000" and list(chain.parts) == ["a < b"]


@pytest.mark.parametrize(
    "whole, parts, state",
    [
        ({"a": HOLDS}, {"x": OPEN, "y": OPEN}, "holds"),
        ({"a": HOLDS}, {"x": HOLDS, "y": AGAINST}, "contradicted"),
        ({"a": OPEN}, {"x": HOLDS, "y": HOLDS}, "undecided"),
        ({"a": HOLDS, "b": AGAINST}, {"x": OPEN}, "contradicted"),
        ({"a": NONE}, {"x": NONE}, "untested"),
    ],
)
def test_settings_together_decide_what_none_decides_alone(whole, parts, state):
    found = verdicts.together(whole, parts)
    assert found.state == state and list(found.parts) == [*whole, *parts]


def test_unrelated_groups_may_have_to_differ_by_something(rng):
    a, b = rng.normal(size=(2, 60))
    a, b = a - a.mean() + 1, b - b.mean()
    assert [verdicts.larger(a, b, by=by).state for by in (-1, 0, 1, 3)] == [
        "holds",
        "holds",
        "undecided",
        "contradicted",
    ]
    assert verdicts.larger(a, b, by=3).ours == pytest.approx(1)


def test_what_is_not_sampled_is_said_to_hold_or_not():
    assert verdicts.identity(1e-7, 1e-6).holds and verdicts.identity(1e-3, 1e-6).state == "contradicted"
    assert verdicts.counted("3 of 480", True).holds and verdicts.counted(0, False).state == "contradicted"
    with pytest.raises(UnitscopeError, match="use `untested`"):
        verdicts.counted(0, None)


def test_a_verdict_is_frozen_and_goes_through_json(rng):
    found = verdicts.every({"a": verdicts.above(*columns(rng, 1.0)), "b": NONE})
    record = json.loads(json.dumps(found.record()))
    assert record["state"] == "undecided" and record["parts"]["b"] == NONE.record()
    assert record["parts"]["a"]["interval"] == list(found.parts["a"].interval)
    with pytest.raises(FrozenInstanceError):
        found.state = "holds"
    with pytest.raises(UnitscopeError, match="not its state"):
        found.but(state="holds")
    assert found.but(ours="shown").ours == "shown" and found.but(ours="shown").state == "undecided"


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"state": "fails"}, "one of holds, contradicted"),
        ({"interval": (2, 1)}, "low <= high"),
        ({"interval": (1, 2, 3)}, "low <= high"),
        ({"ours": [1, 2]}, "number or a short text"),
        ({"state": "untested"}, "needs a `reason`"),
    ],
)
def test_an_unusable_verdict_says_what_is_wrong(changes, message):
    with pytest.raises(UnitscopeError, match=message):
        Verdict(**{"state": "holds", **changes})


def test_the_rule_itself():
    one = Estimate(0.5, (0.2, 0.8), 0.15, 30)
    assert [verdicts.decide(one, at) for at in (0.1, 0.5, 0.9)] == ["holds", "undecided", "contradicted"]
    assert [verdicts.decide(one, at, over=False) for at in (0.1, 0.5, 0.9)] == ["contradicted", "undecided", "holds"]
    assert (
        verdicts.decide(one, 0.5, effect=0.7) == "contradicted" and verdicts.decide(one, 0.5, effect=0.5) == "undecided"
    )


def test_a_group_of_one_decides_nothing():
    for a, b in (([5.0] * 8, [1.0]), ([5.0], [1.0] * 8)):
        found = verdicts.larger(a, b, of="directions")
        assert found.state == "undecided" and found.ours == 4 and found.samples == f"{len(a)} and {len(b)} directions"


def test_correlations_of_many_resamples_at_once_are_those_one_by_one(rng):
    x, y = rng.integers(0, 5, (7, 40)), rng.normal(size=(7, 40))
    x[3] = 2
    one_by_one = [stats.spearmanr(a, b).statistic if np.ptp(a) else 0 for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(verdicts.spearman(x, y, axis=-1), one_by_one, atol=1e-12)
    one_by_one = [stats.pearsonr(a, b).statistic if np.ptp(a) else 0 for a, b in zip(x, y, strict=True)]
    np.testing.assert_allclose(verdicts.pearson(x, y, axis=-1), one_by_one, atol=1e-12)


def test_an_estimate_drawn_elsewhere_is_judged_by_the_same_rule(rng):
    column = rng.normal(0.4, 1, 80)
    found = verdicts.verdict_of(estimate(np.mean, column), 0.1, effect=0.2, of="pictures")
    assert found == verdicts.exceeds(0.1, np.mean, column, effect=0.2, of="pictures")
    assert verdicts.verdict_of(estimate(np.mean, column), 0.1, over=False) == verdicts.falls_short(0.1, np.mean, column)
