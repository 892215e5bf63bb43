"""Linear factorisations of the responses: principal and independent components, non-negative factors.

    x (n, N)  rows y^ of unit norm (centred for PCA and ICA)    u (K, N)  directions

An axis of PCA or ICA has no sign of its own; it gets the one with positive skewness.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from sklearn.decomposition import NMF, FastICA
from sklearn.exceptions import ConvergenceWarning

from unitscope.errors import UnitscopeError
from unitscope.papers.directions.basis import Activations, Directions, along, check_count, orient

ITERATIONS = 200
TOLERANCE = 1e-3


def pca(given: Activations, k: int, seed: int = 0) -> Directions:
    """The k axes of largest variance."""
    x = given.unit_norm - given.unit_norm.mean(0)
    check_count("PCA", k, min(x.shape), "units and images allow")
    axes = torch.linalg.svd(x, full_matrices=False).Vh[:k]
    return along("PCA", x, orient(x, axes))


def ica(given: Activations, k: int, seed: int = 0) -> Directions:
    """k independent components (FastICA): a direction is a row of the unmixing matrix."""
    x = given.unit_norm - given.unit_norm.mean(0)
    rank = int(torch.linalg.matrix_rank(x, rtol=1e-5))
    check_count("ICA", k, max(rank, 1), "the rank of the responses")
    model = FastICA(k, whiten="unit-variance", max_iter=ITERATIONS, tol=TOLERANCE, random_state=seed)
    note = _fit(model, x.double().numpy())
    return along("ICA", x, orient(x, torch.from_numpy(model.components_).float()), note)


def nmf(given: Activations, k: int, seed: int = 0) -> Directions:
    """k non-negative factors; an image is scored by its inner product with them.

    Raises
    ------
    UnitscopeError
        If a response is negative, as those of units after a GELU can be.
    """
    x = given.unit_norm
    check_count("NMF", k, min(x.shape), "units and images allow")
    if (low := float(x.min())) < 0:
        raise UnitscopeError(
            f"NMF takes non-negative responses, got {low:.3g}; units after a GELU can be negative, leave NMF out."
        )
    model = NMF(k, init="nndsvda", max_iter=ITERATIONS, tol=TOLERANCE, random_state=seed)
    note = _fit(model, x.numpy())
    vectors = torch.from_numpy(np.ascontiguousarray(model.components_)).float()
    kept = vectors.norm(dim=1) > 0
    return along("NMF", x, vectors[kept], note)


def _fit(model, x: np.ndarray) -> str:
    """Fit a scikit-learn model; a note if it stopped before it converged, instead of a warning."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(x)
    stopped = any(issubclass(w.category, ConvergenceWarning) for w in caught)
    return f"stopped after {ITERATIONS} iterations" if stopped else ""
