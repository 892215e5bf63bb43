"""Units of known purity: does the interpretability index rank them as it should? (index of `papers.directions`)

    N  images    k  values of one factor that a unit responds to    K  values that the factor has
    II  mean similarity of the unit's M strongest images (`metrics.interpretability`)

A planted unit draws k of the K values (12 species, 8 colours, 8 backgrounds) and responds to every image that shows one
of them, to all alike; which of these images come first is chance. k = 1 is a pure unit, k = K responds to anything.
What a judge makes of them is the area under the ROC curve: how often a unit of k values has a larger index than one
that responds to images drawn at random; 0.5 is chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from scipy.stats import rankdata
from torch import Tensor

from unitscope.data import ImageSet
from unitscope.data.critters import BACKGROUNDS, COLOURS, NAMES
from unitscope.errors import UnitscopeError, unknown
from unitscope.evidence.directions.concepts import world
from unitscope.evidence.ground_truth.curves import Curve, curve
from unitscope.metrics.interpretability import interpretability, top_images
from unitscope.metrics.similarity import Similarity

FACTORS = {"species": NAMES, "colour": COLOURS, "background": BACKGROUNDS}
STRONGEST = 5  # images of a unit, as in the paper


def values_of(images: ImageSet, factor: str) -> Tensor:
    """The value (N,) that each image shows.

    Raises
    ------
    UnitscopeError
        If the factor is unknown or the images have none.
    """
    if factor not in FACTORS:
        raise unknown("factor", factor, FACTORS)
    known = world(images)
    if known is None:
        raise UnitscopeError(f"{images.name} has no known factors; take critters/test.")
    return getattr(known.factors, factor).cpu()


def mixed_units(values: Tensor, k: int, count: int, seed: int = 0, noise: float = 0.0) -> Tensor:
    """Responses (N, count) of units that each respond to `k` values drawn at random, from the images' values (N,).

    1 where an image shows one of them, plus what decides among equals; `noise` adds a Gaussian of that deviation.

    Raises
    ------
    UnitscopeError
        If the images do not show k different values.
    """
    known = values.unique()
    if not 1 <= k <= len(known):
        raise UnitscopeError(f"a unit responds to 1 to {len(known)} values here, got k={k}.")
    draw = torch.Generator().manual_seed(seed)
    chosen = torch.rand(count, len(known), generator=draw).argsort(1)[:, :k]
    responds = (values[:, None, None] == known[chosen]).any(2)
    order = torch.rand(responds.shape, generator=draw) + noise * 1e3 * torch.randn(responds.shape, generator=draw)
    return responds * 1e3 + order


def indices(judge: Similarity, responses: Tensor, m: int = STRONGEST) -> np.ndarray:
    """II (units,) of responses (N, units)."""
    return interpretability(judge, top_images(responses, m)).numpy()


def area(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """For each of `one` (P,) the share of `other` (Q,) that it exceeds, ties one half: their mean is the ROC area."""
    both = rankdata(np.concatenate([one, other])) - np.concatenate([rankdata(one), rankdata(other)])
    return both[: len(one)] / len(other)


def chance(
    judges: Mapping[str, Similarity], count: int = 400, m: int = STRONGEST, seed: int = 0
) -> dict[str, np.ndarray]:
    """{judge: II (count,)} of units that respond to images drawn at random."""
    draw = torch.Generator().manual_seed(seed + 1_000_003)
    size = len(next(iter(judges.values())))
    sets = torch.stack([torch.randperm(size, generator=draw)[:m] for _ in range(count)])
    return {name: interpretability(one, sets).numpy() for name, one in judges.items()}


def areas(
    judges: Mapping[str, Similarity], null: Mapping[str, np.ndarray], responses: Tensor, m: int = STRONGEST
) -> dict:
    """{judge: share of random units (`chance`) that each unit of responses (N, units) exceeds}."""
    return {name: area(indices(one, responses, m), null[name]) for name, one in judges.items()}


def purity_curve(
    judges: Mapping[str, Similarity],
    null: Mapping[str, np.ndarray],
    values: Tensor,
    ks: Sequence[int],
    units: int = 60,
    seed: int = 0,
) -> Curve:
    """ROC areas {judge: (X, units)} of units that respond to k values of a factor (N,)."""
    return curve(
        "values that a unit responds to", ks, lambda k: areas(judges, null, mixed_units(values, k, units, seed))
    )


def noise_curve(
    judges: Mapping[str, Similarity], null: Mapping[str, np.ndarray], values: Tensor, noises: Sequence[float],
    units: int = 60, seed: int = 0,
) -> Curve:  # fmt: skip
    """ROC areas {judge: (X, units)} of units that respond to one value of a factor (N,) through more and more noise."""
    return curve(
        "noise, in steps of the response",
        noises,
        lambda noise: areas(judges, null, mixed_units(values, 1, units, seed, noise)),
    )
