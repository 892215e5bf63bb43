"""Planted directions: rotations, codes, the matching against all permutations, and what must be found."""

from itertools import permutations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LinearRegression
from unitscope.errors import UnitscopeError
from unitscope.evidence.ground_truth import axes
from unitscope.papers.directions.basis import activations
from unitscope.papers.directions.methods import find


@pytest.mark.parametrize("size", [2, 5, 8])
def test_a_rotation_turns_and_keeps_lengths(size):
    whole, half = axes.rotation(size, 3), axes.rotation(size, 3, 0.5)
    torch.testing.assert_close(whole @ whole.T, torch.eye(size), atol=1e-5, rtol=0)
    assert torch.linalg.det(whole.double()).item() == pytest.approx(1, abs=1e-5)
    torch.testing.assert_close(half @ half, whole, atol=1e-5, rtol=0)
    torch.testing.assert_close(axes.rotation(size, 3, 0), torch.eye(size), atol=1e-6, rtol=0)


def test_codes_have_as_many_active_features_as_asked():
    z = axes.codes(500, 11, 4, 1)
    assert (z > 0).sum(1).tolist() == [4] * 500
    assert z[z > 0].mean().item() == pytest.approx(1, abs=0.1)  # exponential, mean 1
    with pytest.raises(UnitscopeError, match="1..11"):
        axes.codes(5, 11, 12)


def test_dictionaries():
    rows = axes.dictionary("overcomplete", 9, 6, 0)
    assert rows.shape == (9, 6) and (rows >= 0).all()
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(9))
    with pytest.raises(UnitscopeError, match="as many features as units"):
        axes.dictionary("rotation", 9, 6)
    with pytest.raises(UnitscopeError, match="did you mean 'rotation'"):
        axes.dictionary("rotaton", 6, 6)


def test_noise_is_measured_by_the_signal():
    z, rows = axes.codes(4000, 6, 2, 0), axes.dictionary("rotation", 6, 6, 1)
    clean, noisy = axes.mix(z, rows), axes.mix(z, rows, 0.5, 2)
    np.testing.assert_allclose(clean, z.numpy() @ rows.numpy(), atol=1e-6)
    assert ((noisy - clean).std() / clean.std()).item() == pytest.approx(0.5, abs=0.02)
    assert (axes.mix(z, axes.dictionary("overcomplete", 6, 6), 2.0) >= 0).all()


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 3)])
def test_pairs_are_the_best_of_all_permutations(rng, shape):
    scores = torch.from_numpy(rng.normal(size=shape))
    rows, columns = shape
    small, large = min(shape), max(shape)
    if rows <= columns:
        totals = {p: sum(scores[i, p[i]].item() for i in range(rows)) for p in permutations(range(large), small)}
        best = max(totals, key=totals.get)
        expected = [scores[i, best[i]].item() for i in range(rows)]
    else:
        totals = {p: sum(scores[p[j], j].item() for j in range(columns)) for p in permutations(range(large), small)}
        best = max(totals, key=totals.get)
        expected = [scores[i, best.index(i)].item() if i in best else 0 for i in range(rows)]
    np.testing.assert_allclose(axes.paired(scores), expected)


def test_correlation_is_numpys(rng):
    a, b = rng.normal(size=(50, 3)), rng.normal(size=(50, 4))
    expected = np.corrcoef(a.T, b.T)[:3, 3:]
    np.testing.assert_allclose(axes.correlation(torch.from_numpy(a), torch.from_numpy(b)), expected, atol=1e-12)
    assert axes.correlation(torch.ones(5, 1), torch.rand(5, 2)).abs().max() < 1e-6


def test_the_ceiling_is_linear_regression(rng):
    z, y = rng.normal(size=(80, 3)), rng.normal(size=(80, 5))
    fitted = LinearRegression().fit(y, z).predict(y)
    expected = [np.corrcoef(z[:, g], fitted[:, g])[0, 1] for g in range(3)]
    np.testing.assert_allclose(axes.ceiling(torch.from_numpy(z), torch.from_numpy(y).double()), expected, atol=1e-6)


def test_sparse_axes_are_found_and_random_ones_are_not():
    found = axes.synthetic("rotation", active=2, features=20, units=20, n=1000, seeds=1)
    assert found["ICA"][0] > 0.9 and found["k-means"][0] > 0.85 and found["random"][0] < 0.7
    assert "NMF" not in found and max(found["best linear"]) == pytest.approx(1, abs=0.01)


def test_a_method_is_asked_for_no_more_than_the_rank():
    found = axes.synthetic(
        "overcomplete", active=2, features=12, units=6, n=400, seeds=1, methods=("PCA", "NMF", "k-means")
    )
    assert set(found) == {"PCA", "NMF", "k-means", "best linear"}


def test_matching_puts_partners_on_the_diagonal():
    tables = axes.matching("rotation", ("k-means",), active=1, features=6, units=6, n=300)
    assert tables["k-means"].argmax(1).tolist() == list(range(6))
    assert tables["k-means"].diagonal().min() > 0.95


def test_hidden_channels_are_the_rows_of_the_rotation():
    """Independent sparse channels, standardised and turned: ICA finds them, matched by hand."""
    y = (torch.rand(3000, 6, generator=torch.Generator().manual_seed(1)) < 0.05) * torch.rand(
        3000, 6
    ) + 0.01 * torch.rand(3000, 6)
    found = axes.hidden_channels(y, 6, seeds=1, methods=("ICA", "random"))
    own = (y - y.mean(0)) / y.std(0)
    turn = axes.rotation(6, 0)
    ica = find("ICA", activations(own @ turn), 6, 0).vectors.numpy()
    cosines = turn.numpy() @ ica.T
    best = max(sum(cosines[i, p[i]] for i in range(6)) / 6 for p in permutations(range(6)))
    assert found["ICA"][0] == pytest.approx(best, abs=1e-5) and found["ICA"][0] > found["random"][0]


def test_a_gaussian_twin_has_the_same_moments(rng):
    y = torch.from_numpy(rng.exponential(size=(20_000, 3)) @ rng.normal(size=(3, 3))).float()
    twin = axes.gaussian_twin(y, 1)
    np.testing.assert_allclose(np.cov(twin.numpy().T), np.cov(y.numpy().T), atol=0.1)
    np.testing.assert_allclose(twin.mean(0), y.mean(0), atol=0.05)
