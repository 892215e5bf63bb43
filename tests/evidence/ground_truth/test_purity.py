"""Units of known purity: what they respond to, and areas against scikit-learn's."""

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from unitscope.data import load_dataset
from unitscope.errors import UnitscopeError
from unitscope.evidence.ground_truth import purity
from unitscope.metrics.interpretability import top_images
from unitscope.metrics.similarity import label


def test_values_are_the_worlds():
    images = load_dataset("critters/val", limit=40)
    assert torch.equal(purity.values_of(images, "species"), images.labels)
    assert torch.equal(purity.values_of(images, "background"), images.factors(range(40)).background)
    with pytest.raises(UnitscopeError, match="did you mean 'species'"):
        purity.values_of(images, "specis")


@pytest.mark.parametrize("k", [1, 3, 5])
def test_a_unit_responds_to_its_values_and_to_nothing_else(k):
    values = torch.arange(200) % 5
    responses = purity.mixed_units(values, k, 7, seed=k)
    for unit in range(7):
        order = responses[:, unit].argsort(descending=True)
        shown = set(values[order[: 40 * k]].tolist())
        assert len(shown) == k and not shown & set(values[order[40 * k :]].tolist())
    with pytest.raises(UnitscopeError, match="1 to 5 values"):
        purity.mixed_units(values, 6, 1)


def test_noise_lets_other_images_in():
    values = torch.arange(400) % 4

    def share(noise):
        best = top_images(purity.mixed_units(values, 1, 50, 0, noise), 5)
        return (values[best] == values[best].mode(1).values[:, None]).double().mean().item()

    assert share(0.0) == 1.0 and share(0.0) > share(1.0) > share(5.0)


def test_areas_are_scikit_learns(rng):
    one, other = rng.integers(0, 6, size=13).astype(float), rng.integers(0, 5, size=9).astype(float)  # with ties
    expected = roc_auc_score([1] * 13 + [0] * 9, np.concatenate([one, other]))
    each = purity.area(one, other)
    assert each.mean() == pytest.approx(expected)
    for value, share in zip(one, each, strict=True):
        assert share == pytest.approx(np.mean([(value > x) + 0.5 * (value == x) for x in other]))


def test_the_judge_that_knows_ranks_by_purity():
    values = torch.arange(300) % 6
    judges = {"label": label(values)}
    null = purity.chance(judges, 200)
    found = purity.purity_curve(judges, null, values, (1, 2, 6), units=80).mean("label")
    assert found[0] > 0.99 and found[0] > found[1] > found[2] and abs(found[2] - 0.5) < 0.12
    through = purity.noise_curve(judges, null, values, (0, 5.0), units=80).mean("label")
    assert through[0] > 0.99 and through[1] < 0.8
