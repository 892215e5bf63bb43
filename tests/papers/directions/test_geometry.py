"""Manifold, interpolation and population measures, held against slow definitions."""

import itertools

import numpy as np
import pytest
import torch
from scipy.stats import kurtosis as scipy_kurtosis
from torch import nn
from unitscope.data.critters import critter_set
from unitscope.errors import UnitscopeError
from unitscope.evidence.directions.embedded import explained_by_neighbours, label_by_neighbours, neighbours, plane
from unitscope.evidence.directions.population import (
    co_activation,
    critical_slope,
    orthant_counts,
    orthants,
    power_law,
    spectrum,
    toy_points,
)
from unitscope.evidence.directions.ways import own_sensitivity, squared_sensitivity
from unitscope.metrics.similarity import Similarity
from unitscope.models import load_model
from unitscope.papers.directions import activations, layer_activations
from unitscope.papers.directions.interpolation import (
    alphas,
    exciting_on_path,
    far_pairs,
    gradient_norms,
    path,
    sensitivity,
)
from unitscope.papers.directions.manifold import graded_activation, kurtosis, sparseness, top_distance


def test_graded_activation_is_equation_4():
    x, mu = torch.rand(30, 4), torch.rand(3, 4)
    found = graded_activation(x, mu)
    for k in range(3):
        d = np.array([float(((x[i] - mu[k]) ** 2).sum()) for i in range(30)])
        np.testing.assert_allclose(found[:, k].numpy(), np.exp(-(d - d.mean()) / d.std() / 2), rtol=1e-3)


def test_sparseness_and_kurtosis():
    f = torch.rand(200, 3).pow(8)
    np.testing.assert_allclose(kurtosis(f).numpy(), scipy_kurtosis(f.numpy(), fisher=False), rtol=1e-4)
    one = torch.zeros(100, 2)
    one[0, 0], one[:, 1] = 1, 0.3
    assert sparseness(one).tolist() == pytest.approx([0.99, 0.0], abs=1e-5)


def test_neighbours_know_what_the_distances_know():
    values = torch.linspace(0, 1, 60)[:, None]
    distances = torch.cdist(values, values)
    near = neighbours(distances, 4)
    assert not (near == torch.arange(60)[:, None]).any()
    assert explained_by_neighbours(near, values) > 0.99
    assert label_by_neighbours(near, (values[:, 0] > 0.5).long()) > 0.9
    shuffled = torch.randperm(60, generator=torch.Generator().manual_seed(0))
    assert label_by_neighbours(near, (values[shuffled, 0] > 0.5).long()) < 0.5
    assert plane(distances, 5).shape == (60, 2)
    with pytest.raises(UnitscopeError, match="perplexity"):
        plane(distances[:5, :5])


def test_top_distance_over_later_ranks():
    rows = Similarity("s", torch.randn(30, 4))
    ranked = torch.stack([torch.randperm(30) for _ in range(3)])
    chosen = rows.vectors[ranked[1, 5:9]]
    slow = torch.cdist(chosen, chosen).square().sum() / (4 * 3)
    assert top_distance(rows, ranked, 5, 9)[1].item() == pytest.approx(slow.item(), rel=1e-4)


def test_far_pairs_are_the_best_permutation():
    centroids = torch.rand(5, 3, generator=torch.Generator().manual_seed(0))
    distance = torch.cdist(centroids, centroids)
    best = max(
        sum(distance[i, p[i]].item() for i in range(5))
        for p in itertools.permutations(range(5)) if all(i != j for i, j in enumerate(p))
    )  # fmt: skip
    pairs = far_pairs(centroids)
    assert distance[pairs[:, 0], pairs[:, 1]].sum().item() == pytest.approx(best, rel=1e-5)
    assert sorted(pairs[:, 1].tolist()) == list(range(5))


def test_the_path_starts_at_a_and_ends_at_b():
    centroids = torch.rand(4, 6)
    steps = alphas(9)
    found = path(centroids, torch.tensor([[0, 2]]), steps)
    unit = torch.nn.functional.normalize(centroids, dim=1)
    torch.testing.assert_close(found[0, steps == 0][0], unit[0])
    torch.testing.assert_close(found[0, steps == 1][0], unit[2])
    with pytest.raises(UnitscopeError, match="among them"):
        alphas(10)


def test_exciting_images_on_the_path_are_the_closest():
    x = torch.nn.functional.normalize(torch.rand(50, 4), dim=1)
    vectors = path(torch.rand(3, 4), torch.tensor([[0, 1], [2, 0]]), alphas(5))
    found = exciting_on_path(x, vectors, 3)
    slow = torch.cdist(x, vectors[1, 2][None])[:, 0].argsort()[:3]
    assert found.shape == (2, 5, 3) and set(found[1, 2].tolist()) == set(slow.tolist())


@pytest.fixture(scope="module")
def smooth():
    """A small smooth network in double precision, so that finite differences are exact enough."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.Softplus(), nn.Conv2d(6, 4, 3, padding=1), nn.Softplus())
    return load_model(network, device="cpu", input_size=12, layers=["3"])


def test_gradients_are_finite_differences(smooth):
    images = critter_set("test", 3, image_size=12)
    given = activations(torch.rand(5, 4))
    target = torch.nn.functional.normalize(torch.rand(1, 4), dim=1)
    found = gradient_norms(smooth, "3", given, images, torch.tensor([2]), target)
    smooth.module.double(), smooth.preprocess.double()
    try:
        x = images.load([2]).images.double()

        def f(pixels):
            y = smooth.module(smooth.preprocess(pixels)).mean((2, 3))
            return (y / y.norm(dim=1, keepdim=True) - target.double()).norm(dim=1)

        step, slow = 1e-5, 0.0
        for place in range(x.numel()):
            bump = torch.zeros_like(x).flatten()
            bump[place] = step
            bump = bump.view_as(x)
            slow += ((f(x + bump) - f(x - bump)).item() / (2 * step)) ** 2
    finally:
        smooth.module.float(), smooth.preprocess.float()
    assert found.item() == pytest.approx(slow**0.5, rel=1e-3)


def test_sensitivity_is_that_of_each_steps_images(smooth):
    images = critter_set("test", 8, image_size=12)
    given = activations(torch.rand(8, 4))
    vectors = path(torch.rand(3, 4), torch.tensor([[0, 1], [1, 2]]), alphas(5))
    sets = torch.randint(0, 8, (2, 5, 2), generator=torch.Generator().manual_seed(0))
    start = int((alphas(5) == 0).nonzero())
    for own in (False, True):
        found = sensitivity(smooth, "3", given, images, sets, vectors, own=own)
        goal = vectors[1, 4 if own else start]
        slow = gradient_norms(smooth, "3", given, images, sets[1, 4], goal.expand(2, -1))
        assert found.shape == (2, 5, 2)
        torch.testing.assert_close(found[1, 4], slow, rtol=1e-4, atol=1e-9)


def test_sensitivity_of_the_squared_distance_and_at_own_images(smooth):
    images = critter_set("test", 8, image_size=12)
    (given,) = layer_activations(smooth, images, ["3"]).values()
    units = given.units
    sets, vectors = torch.tensor([[[0, 5]]]), torch.nn.functional.normalize(torch.rand(1, len(units)), dim=1)
    norms = gradient_norms(smooth, "3", given, images, sets.flatten(), vectors.expand(2, -1)).view(1, 1, 2)
    found = squared_sensitivity(given, sets, vectors, norms)
    for place, number in enumerate(sets.flatten().tolist()):
        pixels = images.load([number]).images.requires_grad_()
        y = smooth.module(smooth.preprocess(pixels)).mean((2, 3))[:, units]
        away = torch.nn.functional.normalize(y, dim=1) - vectors
        (gradient,) = torch.autograd.grad(away.square().sum(), pixels)
        assert found[0, 0, place].item() == pytest.approx(gradient.norm().item(), rel=1e-3)
    own = own_sensitivity(smooth, "3", given, images, sets[0], vectors)
    torch.testing.assert_close(own, norms.mean((1, 2)), rtol=1e-5, atol=1e-9)


def test_co_activation_is_the_correlation_with_the_mean_of_the_others():
    y = torch.rand(80, 6) @ torch.rand(6, 6)
    slow = [np.corrcoef(y[:, i], y[:, [j for j in range(6) if j != i]].mean(1))[0, 1] for i in range(6)]
    np.testing.assert_allclose(co_activation(y).numpy(), slow, rtol=1e-4)
    with pytest.raises(UnitscopeError, match="two units"):
        co_activation(y[:, :1])


def test_a_planted_power_law_is_found():
    k = torch.arange(1, 61).double()
    rotation = torch.linalg.qr(torch.randn(60, 60, generator=torch.Generator().manual_seed(0))).Q
    y = (torch.randn(4000, 60, generator=torch.Generator().manual_seed(1)) * k.pow(-0.75)).float() @ rotation
    found = power_law(y, standardised=False, draws=10)
    assert found.slope == pytest.approx(-1.5, abs=0.1) and found.interval[0] < found.slope < found.interval[1]
    assert spectrum(y).sum().item() == pytest.approx(1)
    assert critical_slope(3072) == pytest.approx(-1.00065, abs=1e-5)
    with pytest.raises(UnitscopeError, match="10 units"):
        power_law(torch.rand(20, 4))


def test_orthants_of_three_dimensions_are_1_3_3_1():
    assert orthant_counts(3) == [1, 3, 3, 1] and orthant_counts(2) == [1, 2, 1]
    points = toy_points(2000, 2, lean=0.5)
    assert orthants(torch.tensor([[1.0, -1.0], [1.0, 1.0], [-1.0, -1.0]])).tolist() == [1, 2, 0]
    lower_right = ((points[:, 0] > 0) & (points[:, 1] < 0)).sum()
    assert lower_right > 2 * ((points[:, 0] < 0) & (points[:, 1] > 0)).sum()
