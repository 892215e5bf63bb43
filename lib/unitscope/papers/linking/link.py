"""The linking network f from activations to latents (Wehrheim et al. 2024, eq. 1, and its supplement's non-linear one).

    r (n, d)    w (n, D)    f(r) = A r + a,   A (D, d), a (D,):   min over A, a of sum_n |w_n - A r_n - a|^2

Least squares with intercept, all classes pooled, no standardisation, as in the authors' code; ridge and a small
multilayer perceptron beside it.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.compose import TransformedTargetRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from unitscope import checking
from unitscope.errors import UnitscopeError

HIDDEN, PATIENCE, DECAY, EPOCHS = 256, 5, 1e-2, 80


@dataclass(frozen=True)
class Link:
    """f(r) = A r + a; `seconds` is what fitting took."""

    A: Tensor
    a: Tensor
    seconds: float = 0.0

    def predict(self, r: Tensor) -> Tensor:
        """f(r): (..., d) -> (..., D)."""
        return r @ self.A.T.to(r) + self.a.to(r)


@dataclass(frozen=True)
class CurvedLink:
    """A non-linear f: standardised r, one hidden layer of ReLUs, standardised w."""

    regressor: TransformedTargetRegressor
    seconds: float = 0.0

    def predict(self, r: Tensor) -> Tensor:
        """f(r): (n, d) -> (n, D)."""
        return torch.from_numpy(np.asarray(self.regressor.predict(r.cpu().double().numpy()), dtype=np.float32)).to(
            r.device
        )


def fit_linear(r: Tensor, w: Tensor, ridge: float = 0.0) -> Link:
    """Least squares, or ridge regression with penalty `ridge` |A|^2.

    Raises
    ------
    UnitscopeError
        If r (n, d) and w (n, D) are not of the same pairs, at least two, all finite, or ridge is negative.
    """
    (x, y), ridge = _checked(r, w), checking.real("ridge", ridge, 0)
    start = time.process_time()
    found = (Ridge(ridge) if ridge else LinearRegression()).fit(x, y)
    seconds = time.process_time() - start
    return Link(torch.from_numpy(found.coef_).float(), torch.from_numpy(found.intercept_).float(), seconds)


def fit_mlp(r: Tensor, w: Tensor, hidden: int = HIDDEN, seed: int = 0, epochs: int = EPOCHS) -> CurvedLink:
    """A small perceptron; a tenth of the pairs is held back to stop in time."""
    x, y = _checked(r, w)
    start = time.process_time()
    net = MLPRegressor(
        hidden_layer_sizes=(hidden,),
        alpha=DECAY,
        early_stopping=True,
        n_iter_no_change=PATIENCE,
        max_iter=epochs,
        random_state=seed,
    )
    whole = TransformedTargetRegressor(make_pipeline(StandardScaler(), net), transformer=StandardScaler())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # `epochs` is the limit that was asked for
        whole.fit(x, y)
    return CurvedLink(whole, time.process_time() - start)


def squared_error(link, r: Tensor, w: Tensor) -> Tensor:
    """MSE_W of each pair: mean over the coordinates of (w - f(r))^2, (n,) float64."""
    return (w.double() - link.predict(r).double()).square().mean(1)


def explained(error: Tensor, baseline: Tensor) -> float:
    """R^2 against a baseline: 1 - mean(error) / mean(baseline)."""
    return 1 - float(error.mean() / baseline.mean())


def _checked(r: Tensor, w: Tensor) -> tuple[np.ndarray, np.ndarray]:
    r, w = (checking.floating(name, x).detach() for name, x in (("r", r), ("w", w)))
    whole = r.ndim == w.ndim == 2 and len(r) == len(w) > 1 and bool(r.isfinite().all() and w.isfinite().all())
    if not whole:
        raise UnitscopeError(
            f"a link needs finite activations (n, d) and latents (n, D) of the same pairs, got {tuple(r.shape)} and "
            f"{tuple(w.shape)}."
        )
    return r.cpu().double().numpy(), w.cpu().double().numpy()
