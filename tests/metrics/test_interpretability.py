"""The index from sums and norms, held against double sums over pairs; intervals, quantiles, ties."""

import pytest
import torch
from unitscope.errors import UnitscopeError
from unitscope.metrics.interpretability import (
    at_quantiles,
    cross_interpretability,
    half_sample_interval,
    interpretability,
    normalised_interpretability,
    top_images,
)
from unitscope.metrics.similarity import Similarity, features, label


@pytest.fixture
def lpips():
    return Similarity("lpips", torch.randn(40, 12, generator=torch.Generator().manual_seed(0)), scale=0.2)


@pytest.fixture
def sets():
    return torch.stack([torch.randperm(40, generator=torch.Generator().manual_seed(s))[:5] for s in range(7)])


def literal(similarity, chosen):
    """Eq. 1 letter by letter: every pair, plain Python."""
    total = 0.0
    for j in chosen.tolist():
        for k in chosen.tolist():
            gap = similarity.vectors[j].double() - similarity.vectors[k].double()
            distance = similarity.scale * float((gap * gap).sum())
            total += similarity.top - (distance**0.5 if similarity.root else distance)
    return total


@pytest.mark.parametrize("kind", ["squared", "root", "label", "cosine", "half"])
@pytest.mark.parametrize("normalise", ["mean", "offdiag", "printed"])
def test_sums_and_norms_are_the_double_sum(lpips, sets, kind, normalise):
    similarity = {
        "squared": lpips, "root": Similarity("colour", lpips.vectors, root=True), "label": label(torch.arange(40) % 3),
        "cosine": features("f", lpips.vectors), "half": Similarity("h", lpips.vectors.half(), scale=0.5),
    }[kind]  # fmt: skip
    m = sets.shape[1]
    slow = []
    for row in sets:
        total = literal(similarity, row)
        off = (total - m * similarity.top) / (m * (m - 1))
        slow.append({"mean": total / m**2, "offdiag": off, "printed": total / m}[normalise])
    slow = torch.tensor(slow, dtype=torch.float64)
    for form in (similarity, similarity.tabulated()):
        torch.testing.assert_close(interpretability(form, sets, normalise), slow, rtol=1e-5, atol=1e-5)


def test_cross_index_is_the_mean_over_both_sets(lpips, sets):
    for form in (lpips, lpips.tabulated()):
        found = cross_interpretability(form, sets, sets[:3])
        slow = lpips.between(sets[4:5], sets[1:2]).mean()
        assert found.shape == (7, 3)
        assert found[4, 1].item() == pytest.approx(slow.item(), rel=1e-5)


def test_normalised_index_is_zero_for_random_images_and_one_for_copies(lpips):
    draws = torch.stack([torch.randperm(40, generator=torch.Generator().manual_seed(s))[:8] for s in range(400)])
    assert normalised_interpretability(lpips, draws).mean().item() == pytest.approx(0, abs=0.02)
    assert normalised_interpretability(lpips, torch.zeros(1, 5, dtype=torch.int64)).item() == pytest.approx(1)
    slow = 1 - lpips.vectors[draws[0]].var(0).sum() / lpips.vectors.var(0).sum()
    assert normalised_interpretability(lpips, draws[:1]).item() == pytest.approx(slow.item(), rel=1e-5)


def test_top_images_break_ties_by_number():
    responses = torch.tensor([[1.0, 0.0], [3.0, 0.0], [1.0, 0.0], [3.0, 2.0], [1.0, 0.0]])
    assert top_images(responses, 3).tolist() == [[1, 3, 0], [3, 0, 1]]
    many = torch.randint(0, 5, (300, 6), generator=torch.Generator().manual_seed(0)).float()
    slow = [sorted(range(300), key=lambda i, k=k: (-many[i, k].item(), i))[:9] for k in range(6)]
    assert top_images(many, 9).tolist() == slow


def test_quantiles_pick_units_in_order_of_their_index():
    index = torch.tensor([0.3, -1.0, 0.1, 0.2, -0.5])
    assert at_quantiles(index, (0, 0.5, 1)).tolist() == [1, 2, 0]


def test_half_samples_surround_the_index_and_shrink_for_uniform_images(lpips):
    ranked = top_images(torch.randn(40, 6, generator=torch.Generator().manual_seed(1)), 30)
    low, high = half_sample_interval(lpips, ranked, draws=400).T
    centre = interpretability(lpips, ranked[:, :5])
    assert (low < high).all() and ((centre > low - 0.3) & (centre < high + 0.3)).all()
    same = Similarity("same", torch.ones(40, 3))
    assert half_sample_interval(same, ranked).abs().max() == 0


def test_bad_input_is_named(lpips, sets):
    with pytest.raises(UnitscopeError, match="41 most exciting images"):
        top_images(torch.randn(40, 2), 41)
    with pytest.raises(UnitscopeError, match="did you mean 'mean'"):
        interpretability(lpips, sets, "means")
    with pytest.raises(UnitscopeError, match="finite"):
        top_images(torch.full((9, 2), torch.nan))
    with pytest.raises(UnitscopeError, match="20 strongest"):
        half_sample_interval(lpips, sets)
