"""Each claim holds on scores made to support it, is contradicted by scores made against it, and stays open in noise."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from made_directions import UNITS, agreeing, measured, near, skilled, stages, swept, table, tabled
from scipy import stats
from unitscope.evidence.directions import comparing, geometry, kinds, own, pairs, reported, task
from unitscope.evidence.directions.population import PowerLaw, critical_slope
from unitscope.metrics.similarity import Similarity
from unitscope.papers.directions.trials import ranked_trials

BOOK = Path(__file__).parents[3] / "book"
GRID = np.linspace(0, 0.45, 10)
ALPHAS = torch.linspace(-0.5, 1.5, 5)
LOW, MID, HIGH = near(-0.6), near(-0.5, seed=1), near(-0.4, seed=2)
WIDE = [near(-0.5, 0.5, seed) for seed in range(3, 6)]
LINE = np.linspace(0, 1, UNITS)
SHUFFLED = np.random.default_rng(9).permutation(LINE)
KINDS = {"PCA": measured(-0.6), "ICA": measured(-0.6, seed=1), "NMF": measured(-0.7, seed=2)}


def rising(*means, spread=0.02):
    """II (K,) in every layer."""
    return [near(mean, spread, seed) for seed, mean in enumerate(means)]


def halved(low_units, high_units, low, high, spread=0.02):
    names = ("neurons, low half", "neurons, high half", "k-means in low half", "k-means in high half")
    values = zip(names, (low_units, high_units, low, high), strict=True)
    return {name: near(value, spread, seed) for seed, (name, value) in enumerate(values)}


def layers(*scales, spread=0.05):
    """Judges whose most exciting images 5 i .. 5 i + 4 lie so far apart, beside images all over."""
    rng = np.random.default_rng(0)
    found = []
    for scale in scales:
        around = rng.normal(size=(UNITS, 1, 3)) + scale * np.exp(spread * rng.normal(size=(UNITS, 1, 1))) * rng.normal(
            size=(UNITS, 5, 3)
        )
        found.append(Similarity("layer", torch.from_numpy(around.reshape(-1, 3)).float()))
    return found


def way(*means, spread=0.02):
    """Values (P, A) of far pairs on their way."""
    return torch.from_numpy(np.stack([near(mean, spread, seed) for seed, mean in enumerate(means)], 1))


def images(colour, label, noise=0.3):
    """Pictures in a row whose neighbours are those beside them; colour and class follow the row, or nothing."""
    rng = np.random.default_rng(0)
    place = torch.arange(60)
    near_by = torch.stack([(place + step) % 60 for step in (-2, -1, 1, 2)], 1)
    wave = torch.stack([torch.sin(place / 9.55), torch.cos(place / 9.55), torch.zeros(60)], 1)
    rgb = (
        wave + noise * torch.from_numpy(rng.normal(size=(60, 3)))
        if colour
        else torch.from_numpy(rng.normal(size=(60, 3)))
    )
    labels = place // 15 if label else torch.from_numpy(rng.integers(0, 4, 60))
    return [near_by, rgb.float(), labels]


def graded():
    f = torch.rand(80, UNITS, generator=torch.Generator().manual_seed(0))
    return {"neurons": f, "k-means": f**2}


def both(a, b):
    return {"neurons": a, "k-means": b}


def law(slope, spread=0.02):
    return PowerLaw(slope, 0.0, (slope - spread, slope + spread), 2, 20)


def identical(shift=0.0):
    """A judge with MEIs and trials; with `shift`, one so far from 0 that its norms hide its distances."""
    generator = torch.Generator().manual_seed(0)
    judge = Similarity("s", torch.randn(200, 4, generator=generator) + shift)
    trials = ranked_trials(torch.randn(200, 3, generator=generator), torch.arange(3), 4)
    return [judge, torch.randint(200, (6, 5), generator=generator), trials]


def mixed(share, seed=0, by_unit=0.0):
    """Synergies of which about this share is positive."""
    values = table(seed, by_unit=by_unit)
    return tabled(values - np.quantile(values[np.triu_indices(UNITS, 1)], 1 - share))


def best_only(values, chance):
    """Two `Synergy` in which each of the units has a partner of its own, a dummy unit without II."""
    made = []
    for column in (values, chance):
        count = len(column)
        whole = np.full((2 * count, 2 * count), -9.0)
        whole[np.arange(count), np.arange(count) + count] = whole[np.arange(count) + count, np.arange(count)] = column
        made.append(tabled(whole, np.concatenate([LINE, LINE])))
    return made


CORR = table(1)
CLOSE = np.full((UNITS, UNITS), 0.02)
CASES = {  # claim: (check, arguments that support it, that speak against it, that leave it open[, that cannot test it])
    "C1": (kinds.beats_units, [HIGH, LOW], [LOW, HIGH], WIDE[:2], [[], LOW]),
    "C2": (
        kinds.by_layer,
        [[HIGH, MID], [LOW, LOW], "ab"],
        [[HIGH, LOW], [LOW, MID], "ab"],
        [[HIGH, WIDE[0]], [LOW, WIDE[1]], "ab"],
    ),
    "C3": (
        kinds.beats_all,
        [KINDS, measured(-0.4), swept(-0.5), HIGH],
        [KINDS, measured(-0.8), swept(-0.5), HIGH],
        [KINDS, measured(-0.4), swept(-0.5, 0.6), WIDE[0]],
        [{}, measured(-0.4), swept(None), None],
    ),
    "C4": (
        kinds.autoencoder_beats_units,
        [swept(-0.4), LOW],
        [swept(-0.6), HIGH],
        [swept(-0.5, 0.5), WIDE[0]],
        [swept(None), LOW],
    ),
    "C5": (kinds.ratio, [HIGH, -0.5], [LOW, -0.5], [WIDE[0], -0.5], [HIGH, None]),
    "C6": (
        kinds.count_matters_little,
        [HIGH, HIGH, near(-0.41, seed=5), LOW],
        [HIGH, MID, LOW, near(-0.55, seed=5)],
        [WIDE[0], HIGH, WIDE[1], LOW],
    ),
    "C7": (
        kinds.halves_improve,
        [halved(-0.7, -0.5, -0.4, -0.4)],
        [halved(-0.7, -0.5, -0.4, -0.6)],
        [halved(-0.7, -0.5, -0.4, -0.49, 0.5)],
    ),
    "C8": (
        kinds.halves_end_alike,
        [halved(-0.7, -0.5, -0.4, -0.41)],
        [halved(-0.7, -0.5, -0.4, -0.2)],
        [halved(-0.7, -0.5, -0.4, -0.41, 0.5)],
    ),
    "C9": (
        kinds.highest_layer,
        [rising(-5, -4, -3, -1, -2)],
        [rising(-5, -4, -1, -3, -2)],
        [rising(-1, -1, -1, -1, -1, spread=1)],
        [rising(-2, -1)],
    ),
    "C10": (
        task.early_layers,
        [stages(0.71, 0.71, 0.59, 0.57)],
        [stages(0.55, 0.71, 0.59, 0.72)],
        [stages(0.6, 0.6, 0.57, 0.57, spread=0.05)],
        [stages(0.7, 0.7, 0.5, 0.5), False],
    ),
    "C11": (
        task.above_chance_early,
        [stages(0.71, 0.7, 0.5, 0.5)],
        [stages(0.51, 0.7, 0.5, 0.5)],
        [stages(0.58, 0.58, spread=0.06)],
        [stages(0.7, 0.7), False],
    ),
    "C12": (
        task.falls_with_difficulty,
        [skilled(0, 0, 0), GRID],
        [skilled(0, 0, 0, 0.2), GRID],
        [{"colour": {"neurons": GRID[:, None] * near(0, 1)}}, GRID],
    ),
    "C13": (
        task.more_predictable,
        [skilled(0.1, 0.1, 0.1), "k-means", GRID],
        [skilled(0.1, 0.1, -0.1), "k-means", GRID],
        [skilled(0.1, 0.1, 0.01, spread=0.1), "k-means", GRID],
    ),
    "C14": (
        task.gain_shrinks,
        [skilled(0.2, 0.1, 0.05), "k-means"],
        [skilled(0.1, 0.2, 0.05), "k-means"],
        [skilled(0.2, 0.1, 0.09, spread=0.1), "k-means"],
        [{"colour": skilled(0, 0, 0)["colour"]}, "k-means"],
    ),
    "C15": (
        geometry.colour_before_class,
        images(True, False, 0.1),
        images(False, True),
        images(True, True, 0.18),
        [images(True, False)[0], images(True, False)[1], -torch.ones(60, dtype=torch.int64)],
    ),
    "C16": (
        geometry.sparser,
        [both(near(0.6), near(0.5, seed=1)), graded()],
        [both(near(0.5), near(0.6, seed=1)), graded()],
        [both(near(0.5, 0.5), near(0.52, 0.5, 1)), graded()],
    ),
    "C17": (
        geometry.close_is_interpretable,
        [both(LINE, LINE), both(-LINE, -LINE)],
        [both(LINE, LINE), both(-LINE, LINE)],
        [both(LINE, LINE), both(-LINE, SHUFFLED)],
        [both(0 * LINE, 0 * LINE), both(LINE, LINE)],
    ),
    "C18": (geometry.far_looks_different, [CORR, -CORR], [CORR, CORR + 0.1 * table(3)], [CORR, table(3, by_unit=0.1)]),
    "C19": (
        geometry.drops_between,
        [way(0, 1, 0, 1, 0), ALPHAS],
        [way(0, 1, 2, 1, 0), ALPHAS],
        [way(0, 1, 1, 1, 0, spread=1), ALPHAS],
    ),
    "C20": (
        geometry.calmer_at_home,
        [way(0, 1, 2, 3, 4)[..., None]] * 2 + [ALPHAS],
        [way(4, 3, 2, 1, 0)[..., None]] * 2 + [ALPHAS],
        [way(1, 1, 1, 1, 1, spread=1)[..., None]] * 2 + [ALPHAS],
    ),
    "C21": (geometry.calm_is_interpretable, [LINE, -LINE], [LINE, LINE], [LINE, SHUFFLED], [LINE, 0 * LINE]),
    "C22": (
        pairs.most_lose,
        [mixed(0.1), mixed(0.1, 1)],
        [mixed(0.9), mixed(0.1, 1)],
        [mixed(0.5, by_unit=1), mixed(0.1, 1)],
    ),
    "C23": (
        pairs.many_gain,
        [mixed(0.4), mixed(0.1, 1)],
        [mixed(0.1), mixed(0.4, 1)],
        [mixed(0.3, 0, 1), mixed(0.3, 1, 1)],
    ),
    "C24": (
        pairs.correlated_gain,
        [tabled(CORR + 2.5 * table(2)), CORR],
        [tabled(-CORR), CORR],
        [tabled(CORR + 1.7 * table(2)), CORR],
    ),
    "C25": (
        pairs.uncorrelated_gain,
        [mixed(0.4), mixed(0.1, 1), CLOSE],
        [mixed(0.1), mixed(0.4, 1), CLOSE],
        [mixed(0.3, 0, 1), mixed(0.3, 1, 1), CLOSE],
        [mixed(0.4), mixed(0.1, 1), CLOSE + 1],
    ),
    "C26": (
        pairs.diluted,
        best_only(-LINE, SHUFFLED),
        best_only(SHUFFLED, -LINE),
        best_only(near(-LINE, 0.2), near(-LINE, 0.2, 1)),
    ),
    "C27": (own.lone_are_interpretable, [LINE, -LINE], [LINE, LINE], [LINE, SHUFFLED], [LINE, 0 * LINE]),
    "C28": (
        own.near_critical,
        [law(-1.1), -1.0007, 400, -2.0],
        [law(-2.1), -1.0007, 400, -2.0],
        [law(-1.1, 0.3), -1.0007, 400, -2.0],
    ),
    "C29": (task.index_tracks_accuracy, [LINE, LINE], [LINE, -LINE], [LINE, SHUFFLED], [LINE, 0 * LINE]),
    "C30": (own.fast_forms, identical(), identical(1e4), None),
    "B1": (
        task.above_chance,
        [[*stages(0.6, 0.7).values()], "LPIPS"],
        [[*stages(0.6, 0.4).values()], "LPIPS"],
        [[*stages(0.6, 0.51).values()], "LPIPS"],
    ),
    "B2": (
        pairs.found_again,
        [mixed(0.5), tabled(1 + table(1))],
        [mixed(0.5), tabled(-1 + table(1))],
        [mixed(0.5), tabled(table(1, by_unit=1))],
    ),
    "B3": (
        own.purity_rises,
        [LINE, torch.from_numpy(LINE)],
        [LINE, torch.from_numpy(-LINE)],
        [LINE, torch.from_numpy(SHUFFLED)],
        [LINE, torch.zeros(UNITS)],
    ),
    "B4": (
        own.purer,
        [torch.from_numpy(HIGH), torch.from_numpy(LOW)],
        [torch.from_numpy(LOW), torch.from_numpy(HIGH)],
        list(map(torch.from_numpy, WIDE[:2])),
    ),
    "B5": (
        own.tells_better,
        [torch.from_numpy(HIGH), torch.from_numpy(LOW)],
        [torch.from_numpy(LOW), torch.from_numpy(HIGH)],
        list(map(torch.from_numpy, WIDE[:2])),
    ),
    "B6": (
        own.looks_at_parts,
        [LINE, torch.from_numpy(LINE)],
        [LINE, torch.from_numpy(-LINE)],
        [LINE, torch.from_numpy(SHUFFLED)],
        [LINE, None],
    ),
    "B7": (
        own.differ_more_than_they_vary,
        [LINE, np.stack([LINE, LINE + 0.2], 1)],
        [LINE, np.stack([LINE, LINE + 2], 1)],
        [LINE, np.stack([LINE, LINE + 0.95], 1)],
        [LINE, np.stack([LINE, LINE], 1)],
    ),
    **{
        id: (own.beats_control, [HIGH, LOW, ("a", "b")], [LOW, HIGH, ("a", "b")], [*WIDE[:2], ("a", "b")])
        for id in ("B8", "B9", "B10", "B11")
    },
    "B12": (
        task.another_judge,
        [{"L": agreeing(0.6), "embed:x": agreeing(0.7, seed=1), "colour": agreeing(0.5, seed=2)}, "L"],
        [{"L": agreeing(0.6), "embed:x": agreeing(0.5, seed=1)}, "L"],
        [{"L": agreeing(0.6), "embed:x": agreeing(0.61, 0.02, 1)}, "L"],
        [{"L": agreeing(0.6), "label": agreeing(0.9), "clip:x": agreeing(0.9)}, "L"],
    ),
    "B13": (geometry.closer, [HIGH, LOW], [LOW, HIGH], WIDE[:2]),
    "B14": (
        kinds.highest_normalised_layer,
        [layers(0.9, 0.8, 0.7, 0.2, 0.6), None],
        [layers(0.9, 0.2, 0.7, 0.8, 0.6), None],
        [layers(0.5, 0.5, 0.5, 0.48, 0.5), None],
        [layers(0.5, 0.2), None],
    ),
    "B15": (
        geometry.drops_beyond,
        [way(0, 1, 0, 1, 0), ALPHAS],
        [way(2, 1, 0, 1, 0), ALPHAS],
        [way(1, 1, 0, 1, 1, spread=1), ALPHAS],
    ),
}
STATES = ("holds", "contradicted", "undecided", "untested")


def given(id, arguments):
    """Arguments that need the same objects twice, made here."""
    if id == "C5":
        matched, other = arguments
        return [swept(other, 0.3 if matched is WIDE[0] else 0.02), matched]
    if id == "B14":
        return [arguments[0], torch.arange(5 * UNITS).view(UNITS, 5)]
    return arguments


@pytest.mark.parametrize(
    ("id", "state"),
    [
        (id, state)
        for id, case in CASES.items()
        for state, made in zip(STATES, case[1:], strict=False)
        if made is not None
    ],
)
def test_every_claim_reaches_every_state(id, state):
    check, *arguments = CASES[id]
    assert check(*given(id, arguments[STATES.index(state)])).state == state


def test_every_claim_but_the_identity_is_tried_in_three_states_at_least():
    assert [id for id, case in CASES.items() if None in case[1:4] or len(case) < 4] == ["C30"]


def test_every_claim_of_the_list_is_in_the_table_and_in_the_chapter():
    (listed,) = [one for one in yaml.safe_load((BOOK / "claims.yaml").read_text()) if one["chapters"] == ["directions"]]
    cells = json.loads((BOOK / "directions.ipynb").read_text())["cells"]
    made = re.findall(
        r'claim\("(\w+)"', "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    )
    assert sorted(made) == sorted(CASES) == sorted([*listed["claims"], *listed["own"]])


def test_pairs_among_drawn_units_are_counted_as_a_loop_counts_them(rng):
    x, y, chosen = table(0, 9), table(1, 9), table(2, 9) > 0
    rows = rng.integers(0, 9, (3, 9))
    ranks = {}
    for name, values in (("x", x), ("y", y)):
        ranked = stats.rankdata(values[np.triu_indices(9, 1)])
        ranks[name] = dict(zip(zip(*np.triu_indices(9, 1), strict=True), ranked, strict=True))
    for drawn, mean, rho in zip(
        rows, comparing.mean_over_pairs(x, chosen)(rows), comparing.ranks_over_pairs(x, y)(rows), strict=True
    ):
        met = [(min(a, b), max(a, b)) for a in drawn for b in drawn if a != b]
        assert mean == pytest.approx(np.mean([x[pair] for pair in met if chosen[pair]]))
        assert rho == pytest.approx(
            stats.pearsonr([ranks["x"][p] for p in met], [ranks["y"][p] for p in met]).statistic
        )


def test_over_all_units_ranks_of_pairs_are_scipy_s():
    x, y = table(0), table(0) + table(1)
    upper = np.triu_indices(UNITS, 1)
    expected = stats.spearmanr(x[upper], y[upper]).statistic
    assert comparing.ranks_over_pairs(x, y)(np.arange(UNITS)) == pytest.approx(expected)


def test_intervals_over_pairs_are_as_wide_as_units_make_them():
    """780 pairs of 40 units that differ by unit are no 780 things."""
    values = table(0, by_unit=1)
    found = comparing.over_units(comparing.mean_over_pairs(values), UNITS)
    naive = values[np.triu_indices(UNITS, 1)].std() / 780**0.5 * 3.92
    assert found.interval[1] - found.interval[0] > 3 * naive and found.samples == f"{UNITS} units"


def test_a_null_that_dilutes_more_contradicts_c26():
    found = pairs.diluted(*best_only(near(-LINE, 0.25), near(-LINE, 0.01)))
    assert found.parts["strongly negative"].holds and found.state == "contradicted"


def test_between_and_beyond_are_two_claims():
    bumpy = way(2, 1, 0, 1, 2)
    assert geometry.drops_between(bumpy, ALPHAS).holds and not geometry.drops_beyond(bumpy, ALPHAS).holds


def test_judges_that_learnt_the_words_do_not_count():
    scored = {"L": agreeing(0.6), "clip:x": agreeing(0.9), "label": agreeing(0.9), "embed:x": agreeing(0.5, seed=1)}
    assert task.another_judge(scored, "L").state == "contradicted"


def test_the_best_autoencoder_is_told_with_its_edge_and_living_units():
    told = kinds.autoencoder_beats_units(swept(-0.4), LOW).reason
    assert "penalty 1 (at the edge of the grid), width 8, 40 alive" in told


def test_c5_knows_the_paper_s_ratio():
    assert reported.RATIO == pytest.approx(0.846, abs=5e-4)
    alike = kinds.ratio(swept(-0.5, 0.001), near(-0.5, 0.001))
    assert alike.state == "contradicted"  # a ratio of 1, and half of the paper's effect is far outside


def test_a_verdict_in_words():
    words = [
        kinds.gain_in_words(kinds.beats_units(*arguments))
        for arguments in ([HIGH, LOW], [LOW, HIGH], WIDE[:2], [[], LOW])
    ]
    assert [word.split(" in ")[0] for word in words] == [
        "have a higher mean index than",
        "have a lower mean index than",
        "do not clearly differ",
        "were not compared with",
    ]
    assert np.isnan(kinds.figure(kinds.ratio(swept(None), None))) and kinds.figure(kinds.ratio(swept(-0.5), HIGH)) < 1


def test_slopes_are_flat_from_four_dimensions_on():
    assert own.FLAT == critical_slope(4) == -1.5
