"""Likeness of two spaces against NumPy and SciPy, and on spaces that are alike by construction."""

import numpy as np
import pytest
import torch
from scipy.spatial.distance import pdist, squareform
from unitscope.errors import UnitscopeError
from unitscope.evidence.linking import spaces
from unitscope.papers.linking.pairs import LinkedPairs


def planted(noise, classes=4, each=30, seed=0):
    """Pairs whose w is a rotation of r, plus noise; classes are apart."""
    draw = torch.Generator().manual_seed(seed)
    groups = torch.arange(classes).repeat_interleave(each)
    r = 4 * torch.randn(classes, 8, generator=draw)[groups] + torch.randn(classes * each, 8, generator=draw)
    turn = torch.linalg.qr(torch.randn(8, 8, generator=draw))[0]
    w = r @ turn + noise * torch.randn(classes * each, 8, generator=draw)
    return LinkedPairs(tuple("abcdefgh"[:classes]), w, r, groups, torch.ones(len(w), dtype=torch.bool))


def test_matrices_are_numpys_and_scipys(rng):
    x = rng.normal(size=(9, 5))
    np.testing.assert_allclose(spaces.matrix(torch.from_numpy(x), "similarity"), np.corrcoef(x), atol=1e-12)
    np.testing.assert_allclose(spaces.matrix(torch.from_numpy(x), "dissimilarity"), squareform(pdist(x)), atol=1e-6)


def test_triangles_leave_the_diagonal_out(rng):
    a, b = (squareform(rng.random(45)) for _ in range(2))
    rows = np.triu_indices(10, 1)
    expected = np.corrcoef(a[rows], b[rows])[0, 1]
    a, b = (torch.from_numpy(m) for m in (a, b))
    assert spaces.triangle_correlation(a, b) == pytest.approx(expected)
    assert spaces.triangle_correlation(a.clone().fill_diagonal_(9), b) == pytest.approx(expected)


def test_spaces_alike_by_construction():
    found = spaces.likeness(planted(0.1), classes=3, per_class=20, repeats=3, inits=4, permutations=30)
    assert float(found.ari["W"].min()) > 0.9 < float(found.ari["R"].min()) and float(found.ari["shuffled"].max()) < 0.2
    for kind in spaces.KINDS:
        assert float(found.rsa[kind].min()) > 0.5 and (found.rsa[kind] > found.null[kind]).all()
    assert float(found.within["dissimilarity"].min()) > 0.8


def test_unrelated_spaces_are_not_alike():
    pairs = planted(0.1)
    strange = LinkedPairs(
        pairs.names,
        torch.randn(120, 8, generator=torch.Generator().manual_seed(5)),
        pairs.r,
        pairs.groups,
        pairs.correct,
    )
    found = spaces.likeness(strange, classes=3, per_class=20, repeats=3, inits=2, permutations=50)
    assert float(found.rsa["dissimilarity"].abs().max()) < 0.15 and float(found.ari["W"].max()) < 0.3
    with pytest.raises(UnitscopeError, match="2..4"):
        spaces.likeness(pairs, classes=5)


def test_the_null_is_that_of_shuffled_samples():
    a, b = (
        spaces.matrix(torch.randn(30, 4, generator=torch.Generator().manual_seed(s)), "dissimilarity") for s in (1, 2)
    )
    found = spaces.null_quantile(a, b, 200, torch.Generator().manual_seed(9))
    draw = torch.Generator().manual_seed(9)
    slow = [
        spaces.triangle_correlation(a, b[p][:, p]) for p in (torch.randperm(30, generator=draw) for _ in range(200))
    ]
    assert found == pytest.approx(np.quantile(slow, 0.99), abs=1e-6)


def test_truncation_makes_classes(renderer):
    found = spaces.shrinkage(renderer, [1.0, 0.1], classes=3, per_class=20, draws=3)
    assert found[0.1].shape == (3,) and float(found[0.1].min()) > 0.95 > float(found[1.0].max())


def test_within_classes_and_shares_by_a_loop():
    pairs = planted(0.5)
    found = spaces.within_classes(pairs, "similarity")
    for group in range(4):
        rows = (pairs.groups == group).numpy()
        triangle = np.triu_indices(rows.sum(), 1)
        a, b = (np.corrcoef(x.double().numpy()[rows])[triangle] for x in (pairs.w, pairs.r))
        assert float(found[group]) == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-6)
    r = pairs.r.double().numpy()
    between = sum(30 * np.square(r[pairs.groups == g].mean(0) - r.mean(0)).sum() for g in range(4))
    assert spaces.class_share(pairs.r, pairs.groups) == pytest.approx(between / np.square(r - r.mean(0)).sum())
