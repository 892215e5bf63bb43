"""The ROC curve of a similarity's margins over observers' answers; its interval is over units, not over answers."""

from __future__ import annotations

import torch
from torch import Tensor


def area_under_curve(scores: Tensor, positive: Tensor) -> float:
    """Chance that a positive (bool, (T,)) scores above a negative; ties count one half (Mann and Whitney, midranks).

    Not a number if one of the two kinds is absent.
    """
    ones, zeros = scores[positive].double().sort().values, scores[~positive].double().sort().values
    if not len(ones) or not len(zeros):
        return float("nan")
    below = torch.searchsorted(zeros, ones) + torch.searchsorted(zeros, ones, right=True)
    return float(below.double().mean() / (2 * len(zeros)))


def roc_curve(scores: Tensor, positive: Tensor) -> tuple[Tensor, Tensor]:
    """False and true positive rates over all thresholds, from (0, 0) to (1, 1); tied scores move together."""
    order = scores.argsort(descending=True)
    hits, steps = positive[order].double(), scores[order]
    ends = torch.cat([(steps[1:] != steps[:-1]).nonzero().flatten(), torch.tensor([len(steps) - 1])])
    true, false = hits.cumsum(0)[ends], (1 - hits).cumsum(0)[ends]
    zero = torch.zeros(1, dtype=torch.float64)
    return torch.cat([zero, false / false[-1].clamp(min=1)]), torch.cat([zero, true / true[-1].clamp(min=1)])


def drawn_areas(scores: Tensor, positive: Tensor, units: Tensor, draws: int = 500, seed: int = 0) -> Tensor:
    """Areas under the curve when units, not responses, are drawn anew: (draws,).

    The same units are drawn for every score of the same answers, so areas of two similarities can be subtracted. A draw
    without a right or without a wrong answer is not a number.

    An area is a sum over pairs of units, so one table of wins serves all draws: with W_uv the wins of the positives of
    u over the negatives of v, and c the times that each unit is drawn, it is c'Wc over the number of pairs.
    """
    generator = torch.Generator().manual_seed(seed)
    found, owner = units.unique(return_inverse=True)
    count, ones, zeros = len(found), owner[positive], owner[~positive]
    table = torch.zeros(count, count, dtype=torch.float64)
    for unit in range(count):
        below = scores[~positive][zeros == unit].double().sort().values
        mine = scores[positive].double()
        wins = torch.searchsorted(below, mine) + torch.searchsorted(below, mine, right=True)
        table[:, unit].index_add_(0, ones, wins.double() / 2)
    many = [torch.bincount(side, minlength=count).double() for side in (ones, zeros)]
    drawn = [torch.randint(count, (count,), generator=generator) for _ in range(draws)]
    times = torch.stack([torch.bincount(names, minlength=count) for names in drawn]).double()  # (draws, U)
    return ((times @ table) * times).sum(1) / ((times @ many[0]) * (times @ many[1]))


def area_interval(
    scores: Tensor, positive: Tensor, units: Tensor, draws: int = 500, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """The interval of `drawn_areas`."""
    areas = drawn_areas(scores, positive, units, draws, seed)
    areas = areas[~areas.isnan()]
    if not len(areas):
        return float("nan"), float("nan")
    return tuple(areas.quantile(torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)).tolist())
