"""What changed between two pictures, part by part (Wehrheim et al. 2024, section 3.2 and the authors' notebook).

    first, last  (..., K, M)  tables of `measure` of the two pictures; M = 5 measures

    area: (A_last - A_first) / A_first, with 1 in place of an empty A_first
    luminance: difference / 85    entropy, eccentricity: difference    angle: difference, folded into (-90, 90]

The paper does not fold the angle, so that its 179 degrees are far from 1; here they are 2 apart. A part of fewer than
20 pixels at the paper's size counts as absent and its changes are 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope import checking
from unitscope.errors import UnitscopeError
from unitscope.metrics.parts.measures import METRICS

LUMINANCE_MAX = 85.0
SMALLEST, PAPER_SIDE = 20, 128  # pixels of the smallest part, in pictures of 128 x 128
AREA, LUMINANCE, ENTROPY, ECCENTRICITY, ANGLE = range(5)
# a difference of one in each: an area doubled, black to white, one bit, a line for a circle, a right angle
ANGLE_UNIT = 90.0


@dataclass(frozen=True)
class Change:
    """values (..., K, M), 0 for absent parts; present (..., K): parts large enough to be measured."""

    values: Tensor
    present: Tensor


def change(first: Tensor, last: Tensor, side: int, smallest: float | None = None) -> Change:
    """Changes from `first` to `last` for pictures of `side` x `side` pixels.

    Raises
    ------
    UnitscopeError
        If the two tables do not have one shape (..., K, 5), or a part that is there has no measure.
    """
    first, last = (checking.floating(name, x) for name, x in (("first", first), ("last", last)))
    side = checking.count("side", side)
    smallest = None if smallest is None else checking.real("smallest", smallest, 0)
    if not first.ndim or first.shape != last.shape or first.shape[-1] != len(METRICS):
        raise UnitscopeError(f"change needs two tables (..., K, 5), got {tuple(first.shape)} and {tuple(last.shape)}.")
    for name, table in (("first", first), ("last", last)):
        known = (table[..., AREA] > 0)[..., None]
        if not (table.isfinite() | (table.isnan() & ~known)).all() or table[..., AREA].isnan().any():
            raise UnitscopeError(
                f"`{name}` must be finite where a part is there (NaN marks absent parts), got other values."
            )
    least = SMALLEST * (side / PAPER_SIDE) ** 2 if smallest is None else smallest
    present = (first[..., AREA] + last[..., AREA]) / 2 >= least
    values = last - first
    values[..., AREA] /= torch.where(first[..., AREA] == 0, 1.0, first[..., AREA])
    values[..., LUMINANCE] /= LUMINANCE_MAX
    values[..., ANGLE] = 90 - (90 - values[..., ANGLE]) % 180
    return Change(values.nan_to_num(0.0) * present[..., None], present)


def stacked(values: Tensor) -> Tensor:
    """All measures of all parts as one vector (..., K * M), angles in right angles so that the five have like sizes."""
    scaled = checking.floating("values", values, f"(..., K, {len(METRICS)})").clone()
    scaled[..., ANGLE] /= ANGLE_UNIT
    return scaled.flatten(-2)
