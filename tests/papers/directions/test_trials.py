"""The two-alternative task: margins letter by letter, difficulty, ranks under the curve."""

import pytest
import torch
from sklearn.metrics import roc_auc_score
from unitscope.errors import UnitscopeError
from unitscope.evidence.directions.roc import area_interval, area_under_curve, roc_curve
from unitscope.metrics.similarity import Similarity, label
from unitscope.papers.directions.trials import (
    Trials,
    accuracy,
    accuracy_over_difficulty,
    difficulty_trials,
    margins,
    ranked_trials,
)


@pytest.fixture
def similarity():
    return Similarity("s", torch.randn(400, 5, generator=torch.Generator().manual_seed(0)), scale=0.3)


def slow_margin(similarity, trials, t, evidence, pool):
    """Eq. 2b letter by letter."""

    def s(a, b):
        return -similarity.scale * float((similarity.vectors[a] - similarity.vectors[b]).square().sum())

    def near(q, references):
        found = [s(q, r) for r in references.tolist()]
        return max(found) if pool == "max" else sum(found) / len(found)

    plus, minus = trials.queries[t].tolist()
    high, low = trials.high[t], trials.low[t]
    if evidence == "max_only":
        return near(plus, high) - near(minus, high)
    return near(plus, high) + near(minus, low) - near(minus, high) - near(plus, low)


@pytest.mark.parametrize("evidence", ["both", "max_only"])
@pytest.mark.parametrize("pool", ["max", "mean"])
def test_margins_are_the_equation(similarity, evidence, pool):
    trials = difficulty_trials(torch.randn(400, 3, generator=torch.Generator().manual_seed(1)), 0.1, trials=4)
    found = margins(similarity, trials, evidence, pool)
    slow = [slow_margin(similarity, trials, t, evidence, pool) for t in range(len(trials))]
    torch.testing.assert_close(found, torch.tensor(slow), atol=1e-4, rtol=1e-4)


def test_a_unit_that_is_the_similarity_is_always_right_and_noise_is_chance():
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(2000, 1, generator=generator)
    easy = difficulty_trials(rows, 0.0, trials=10)
    assert accuracy(margins(Similarity("s", rows), easy), easy.units, 1).item() == 1
    noise = difficulty_trials(torch.randn(2000, 60, generator=generator), 0.0, trials=10)
    assert accuracy(margins(Similarity("s", rows), noise), noise.units, 60).mean().item() == pytest.approx(
        0.5, abs=0.06
    )


def test_trials_draw_from_the_quantiles_that_are_left_and_never_twice():
    responses = torch.arange(1000.0)[:, None]
    trials = difficulty_trials(responses, 0.2, trials=10)
    high, low = torch.cat([trials.queries[:, :1], trials.high], 1), torch.cat([trials.queries[:, 1:], trials.low], 1)
    assert high.max() == 799 and low.min() == 200
    assert high.unique().numel() == low.unique().numel() == 100
    assert trials.queries[:, 0].sort().values.tolist() == list(range(790, 800))
    assert trials.high[3].tolist() == [799 - (10 * (k + 1) + 3) for k in range(9)]


def test_ranked_trials_put_queries_behind_all_references():
    trials = ranked_trials(torch.arange(500.0)[:, None].expand(-1, 2), torch.tensor([1]), batches=5)
    assert len(trials) == 5 and trials.units.eq(1).all()
    assert trials.queries[:, 0].sort().values.tolist() == list(range(450, 455))
    assert trials.high.min() == 455 and trials.low.max() == 44 and trials.queries[:, 1].min() == 45
    assert sorted(trials.high.flatten().tolist()) == list(range(455, 500))


def test_ties_count_one_half():
    assert accuracy(torch.tensor([1.0, 0.0, -1.0, 2.0]), torch.tensor([0, 0, 1, 1]), 2).tolist() == [0.75, 0.5]
    same = label(torch.zeros(400, dtype=torch.int64))
    trials = difficulty_trials(torch.randn(400, 1), 0.0, trials=5)
    assert accuracy(margins(same, trials), trials.units, 1).item() == 0.5


def test_area_under_curve_is_scikit_learns():
    generator = torch.Generator().manual_seed(0)
    scores = torch.randint(0, 6, (200,), generator=generator).float()
    positive = torch.rand(200, generator=generator) < 0.3 + scores / 20
    assert area_under_curve(scores, positive) == pytest.approx(roc_auc_score(positive.numpy(), scores.numpy()))
    x, y = roc_curve(scores, positive)
    assert torch.trapezoid(y, x).item() == pytest.approx(area_under_curve(scores, positive))
    low, high = area_interval(scores, positive, torch.arange(200) // 10)
    assert low < area_under_curve(scores, positive) < high
    assert area_under_curve(scores, torch.ones(200, dtype=torch.bool)) != area_under_curve(scores, positive)


def test_the_interval_is_that_of_areas_of_drawn_units():
    """Draw units, put their responses together, take the area: the same draws, one by one. Ties on purpose."""
    generator = torch.Generator().manual_seed(5)
    scores = torch.randint(0, 12, (170,), generator=generator).float()
    positive, units = torch.rand(170, generator=generator) < 0.8, torch.randint(0, 9, (170,), generator=generator) * 3
    draw, areas = torch.Generator().manual_seed(2), []
    names = units.unique()
    for _ in range(60):
        drawn = names[torch.randint(len(names), (len(names),), generator=draw)]
        rows = torch.cat([(units == name).nonzero().flatten() for name in drawn])
        areas.append(area_under_curve(scores[rows], positive[rows]))
    ends = torch.tensor(areas, dtype=torch.float64).quantile(torch.tensor([0.05, 0.95], dtype=torch.float64))
    found = area_interval(scores, positive, units, draws=60, level=0.9, seed=2)
    torch.testing.assert_close(torch.tensor(found, dtype=torch.float64), ends, rtol=1e-12, atol=0)
    nobody = area_interval(scores, torch.ones(170, dtype=torch.bool), units, draws=3)
    assert nobody[0] != nobody[0]


def test_too_few_images_and_unknown_words_are_named(similarity):
    with pytest.raises(UnitscopeError, match="lower trials or q"):
        difficulty_trials(torch.randn(100, 2), 0.4, trials=5)
    with pytest.raises(UnitscopeError, match="lower batches"):
        ranked_trials(torch.randn(100, 2), torch.tensor([0]), batches=6)
    trials = Trials(torch.zeros(1), torch.zeros(1, 2).long(), torch.zeros(1, 9).long(), torch.zeros(1, 9).long())
    with pytest.raises(UnitscopeError, match="did you mean 'mean'"):
        margins(similarity, trials, pool="means")
    with pytest.raises(UnitscopeError, match="evidence"):
        margins(similarity, trials, evidence="neither")


def test_accuracy_over_difficulty_falls_for_a_unit_that_is_the_similarity():
    rows = torch.randn(1500, 1, generator=torch.Generator().manual_seed(0))
    noisy = rows + 0.3 * torch.randn(1500, 8, generator=torch.Generator().manual_seed(1))
    found = accuracy_over_difficulty(Similarity("s", rows), noisy, (0.0, 0.3, 0.4), trials=10)
    assert found.shape == (3, 8) and found[0].mean() == 1 and found[2].mean() < found[0].mean()
    asked = difficulty_trials(noisy, 0.3, 10)
    torch.testing.assert_close(found[1], accuracy(margins(Similarity("s", rows), asked), asked.units, 8))
