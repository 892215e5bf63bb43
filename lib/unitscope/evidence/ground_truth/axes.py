"""Planted directions: are axes found again that were mixed on purpose? (methods of `papers.directions`)

    n  samples    G  planted features    N  units    K  directions found
    z (n, G)   codes: `active` features at a time, of exponentially distributed strengths
    D (G, N)   how features are written into units: a rotation (G = N), or unit rows of non-negative numbers
    y (n, N)   responses: z D + noise, whose deviation is `noise` times that of z D

All methods see the rows y^ = y / |y|, so what they can find is z / |y|: the code at the length that its sample has
there. A direction is matched by what it answers to: c_gk is the correlation of that code with the responses of
direction k, the Hungarian method pairs each feature with one direction so that the sum of c is largest, and the score
of a feature is its own c (0 without a partner). Random directions are matched in the same way: that is chance, and it
is not zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from unitscope.errors import UnitscopeError, unknown
from unitscope.papers.directions.basis import NORM_FLOOR, Activations, activations
from unitscope.papers.directions.methods import find_many

METHODS = ("PCA", "ICA", "NMF", "k-means", "SAE", "random")
AT_MOST_RANK = ("PCA", "ICA", "NMF")
DICTIONARIES = ("rotation", "overcomplete")


def codes(n: int, features: int, active: int, seed: int = 0) -> Tensor:
    """z (n, G): in each sample `active` features at random have an exponential strength of mean 1, the others none.

    Raises
    ------
    UnitscopeError
        If `active` is not in 1..G.
    """
    if not 1 <= active <= features:
        raise UnitscopeError(f"active must lie in 1..{features}, got {active}.")
    draw = torch.Generator().manual_seed(seed)
    on = torch.rand(n, features, generator=draw).argsort(1) < active
    return on * torch.empty(n, features).exponential_(generator=draw)


def rotation(size: int, seed: int = 0, fraction: float = 1.0) -> Tensor:
    """A random rotation (size, size), or one that goes only a `fraction` of its way; 0 is the identity.

    In a random basis, planes turn by `fraction` times an angle from (-pi, pi); an odd last axis stays.
    """
    draw = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(size, size, generator=draw, dtype=torch.float64)).Q
    angles = fraction * torch.pi * (2 * torch.rand(size // 2, generator=draw, dtype=torch.float64) - 1)
    planes = [torch.tensor([[a.cos(), -a.sin()], [a.sin(), a.cos()]], dtype=torch.float64) for a in angles]
    planes += [torch.ones(1, 1, dtype=torch.float64)] * (size % 2)
    return (basis @ torch.block_diag(*planes) @ basis.T).float()


def dictionary(kind: str, features: int, units: int, seed: int = 0) -> Tensor:
    """D (G, N): "rotation", or "overcomplete": random non-negative rows of unit norm, each on a third of the units."""
    if kind not in DICTIONARIES:
        raise unknown("dictionary", kind, DICTIONARIES)
    if kind == "rotation":
        if features != units:
            raise UnitscopeError(f"a rotation has as many features as units, got {features} and {units}.")
        return rotation(units, seed)
    draw = torch.Generator().manual_seed(seed)
    rows = torch.rand(features, units, generator=draw)
    return F.normalize(rows * (rows > rows.quantile(2 / 3, dim=1, keepdim=True)), dim=1)


def mix(z: Tensor, rows: Tensor, noise: float = 0.0, seed: int = 0) -> Tensor:
    """y (n, N) of codes z (n, G) through a dictionary D (G, N); noise where D is not negative stays not negative."""
    y = z @ rows
    drawn = torch.randn(y.shape, generator=torch.Generator().manual_seed(seed)) * noise * y.std()
    return (y + drawn).clamp(min=0) if bool((rows >= 0).all()) else y + drawn


def correlation(a: Tensor, b: Tensor) -> Tensor:
    """Pearson correlation (P, Q) of the columns of a (n, P) with those of b (n, Q); 0 where one does not vary."""
    x, y = (F.normalize(one.double() - one.double().mean(0), dim=0) for one in (a, b))
    return x.T @ y


def paired(scores: Tensor) -> np.ndarray:
    """Of scores (G, K) each row's own (G,) when rows and columns are paired so that the sum is largest; else 0."""
    scores = scores.double().numpy()
    rows, columns = linear_sum_assignment(scores, maximize=True)
    kept = np.zeros(len(scores))
    kept[rows] = scores[rows, columns]
    return kept


def matched(truth: Tensor, responses: Tensor) -> np.ndarray:
    """Score (G,) of each planted code (n, G) with its partner among the responses (n, K), in [-1, 1]."""
    return paired(correlation(truth, responses))


def ceiling(truth: Tensor, y: Tensor) -> np.ndarray:
    """Correlation (G,) of each code (n, G) with its best linear read-out from y (n, N): no direction can do better."""
    x = torch.cat([y, torch.ones(len(y), 1)], 1).double()
    return correlation(truth, x @ torch.linalg.lstsq(x, truth.double(), driver="gelsd").solution).diagonal().numpy()


def feature_recovery(
    truth: Tensor, given: Activations, methods: Iterable[str] = METHODS, seed: int = 0
) -> dict[str, float]:
    """{method: mean matched correlation}, and "best linear"; a method that these responses do not allow is left out.

    Each method is asked for G directions, or as many as the rank of the responses if it cannot give more.
    """
    x = given.unit_norm
    wanted, rank = truth.shape[1], int(torch.linalg.matrix_rank(x - x.mean(0), rtol=1e-5))
    truth, scores = truth / given.raw.norm(dim=1, keepdim=True).clamp(min=NORM_FLOOR), {}
    for method in methods:
        found, _ = find_many([method], given, min(wanted, rank) if method in AT_MOST_RANK else wanted, seed)
        scores |= {name: float(matched(truth, one.responses).mean()) for name, one in found.items()}
    return {**scores, "best linear": float(ceiling(truth, x).mean())}


def synthetic(
    kind: str = "rotation", *, active: int = 2, noise: float = 0.0, features: int = 24, units: int = 24, n: int = 1500,
    seeds: int = 5, seed: int = 0, methods: Iterable[str] = METHODS,
) -> dict[str, list[float]]:  # fmt: skip
    """{method: score of each of `seeds` worlds} at one difficulty."""
    worlds = []
    for world in range(1000 * seed, 1000 * seed + seeds):
        z, rows = codes(n, features, active, world), dictionary(kind, features, units, world + 500)
        y = activations(mix(z, rows, noise, world))
        worlds.append(feature_recovery(z, y, methods, seed=world))
    return columns(worlds)


def matching(
    kind: str, methods: Iterable[str], *, active: int = 2, noise: float = 0.0, features: int = 24, units: int = 24,
    n: int = 1500, seed: int = 0,
) -> dict[str, Tensor]:  # fmt: skip
    """{method: correlations (G, K) of codes with directions}; columns follow their partners, so a find is a
    diagonal.
    """
    z, rows = codes(n, features, active, seed), dictionary(kind, features, units, seed + 500)
    given = activations(mix(z, rows, noise, seed))
    z = z / given.raw.norm(dim=1, keepdim=True).clamp(min=NORM_FLOOR)
    found, _ = find_many(methods, given, min(features, units), seed)
    tables = {}
    for name, one in found.items():
        table = correlation(z, one.responses)
        own, partner = linear_sum_assignment(table.numpy(), maximize=True)
        rest = [column for column in range(table.shape[1]) if column not in set(partner.tolist())]
        tables[name] = table[:, [*partner[np.argsort(own)].tolist(), *rest]]
    return tables


def hidden_channels(
    responses: Tensor, count: int, seeds: int = 3, seed: int = 0, methods: Iterable[str] = METHODS
) -> dict[str, list[float]]:
    """`count` channels of a real layer (n, C), drawn `seeds` times, turned by a random rotation and looked for.

    Channels are standardised first, so that neither mean nor strength gives them away. They correlate, so responses
    would flatter any direction that follows what they share: here the vectors are matched, by their cosine.
    """
    worlds = []
    for world in range(1000 * seed, 1000 * seed + seeds):
        own = activations(responses).sample(count, world).raw
        own = (own - own.mean(0)) / own.std(0)
        axes = rotation(own.shape[1], world)
        found, _ = find_many(methods, activations(own @ axes), seed=world)
        worlds.append({name: float(paired(axes @ one.vectors.T).mean()) for name, one in found.items()})
    return columns(worlds)


def gaussian_twin(responses: Tensor, seed: int = 0) -> Tensor:
    """Gaussian responses (n, C) with the mean and covariance of the given ones: nothing but covariance is left."""
    y = responses.double()
    values, vectors = torch.linalg.eigh(torch.cov(y.T))
    drawn = torch.randn(y.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (drawn * values.clamp(min=0).sqrt() @ vectors.T + y.mean(0)).float()


def columns(worlds: Iterable[Mapping[str, float]]) -> dict[str, list[float]]:
    """A list of records as a record of lists."""
    worlds = list(worlds)
    return {name: [world[name] for world in worlds if name in world] for name in worlds[0]}
