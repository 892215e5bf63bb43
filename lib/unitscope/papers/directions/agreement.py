"""How well similarities predict what observers answer: Figs. 2 and 13.

    positive  the observer chose the right query    score  Delta, the similarity's margin for it (`trials.margins`)

The area under the ROC curve over answers is 0.5 for a similarity that knows nothing of the observer's errors. Units,
not answers, are drawn anew for its interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.errors import UnitscopeError
from unitscope.metrics.similarity import Similarity
from unitscope.papers.directions.humans import Answers
from unitscope.papers.directions.trials import (
    Trials,
    area_interval,
    area_under_curve,
    margins,
    ranked_trials,
    roc_curve,
)


@dataclass(frozen=True)
class Agreement:
    """One similarity against the observers of one group of trials: area, its interval, the curve, answers behind it."""

    group: str
    name: str
    area: float
    interval: tuple[float, float]
    curve: tuple[Tensor, Tensor]
    answers: int


def agreement(similarity: Similarity, trials: Trials, answers: Answers, group: str = "", **rule) -> Agreement:
    """The ROC curve of a similarity's margins for the observers' right answers.

    Parameters
    ----------
    rule : `evidence` and `pool` of `trials.margins`.
    """
    score, units = margins(similarity, trials, **rule)[answers.trial], trials.units[answers.trial]
    interval = area_interval(score, answers.correct, units)
    area = area_under_curve(score, answers.correct)
    return Agreement(group, similarity.name, area, interval, roc_curve(score, answers.correct), len(score))


def by_group(
    similarities: Sequence[Similarity], trials: Trials, answers: Answers, groups: Sequence[str]
) -> list[Agreement]:
    """The agreement of each similarity in each group of trials; `groups` (T,) names each trial's.

    Raises
    ------
    UnitscopeError
        If there is not one group name a trial.
    """
    if len(groups) != len(trials):
        raise UnitscopeError(f"{len(trials)} trials need as many group names, got {len(groups)}.")
    found = []
    for group in sorted(set(groups)):
        inside = torch.tensor([name == group for name in groups])
        kept = inside[answers.trial]
        chosen = Answers(answers.trial[kept], answers.correct[kept], answers.confidence[kept])
        found += [agreement(similarity, trials, chosen, group) for similarity in similarities]
    return found


def layer_trials(
    responses: dict[str, Tensor], units: int = 24, batches: int = 10, seed: int = 0
) -> tuple[Trials, list[str]]:
    """Trials as people saw them for some units of every layer, and the layer of each trial.

    Parameters
    ----------
    responses : (n, N) of each layer.
    units : drawn from each layer, fewer where it has fewer.
    """
    parts, groups = [], []
    for number, (layer, y) in enumerate(responses.items()):
        chosen = torch.randperm(y.shape[1], generator=torch.Generator().manual_seed(seed))[:units].sort().values
        trials = ranked_trials(y, chosen, batches, seed=seed)
        parts.append(Trials(trials.units + number * 100_000, trials.queries, trials.high, trials.low))
        groups += [layer] * len(trials)
    fields = zip(*((t.units, t.queries, t.high, t.low) for t in parts), strict=True)
    return Trials(*(torch.cat(field) for field in fields)), groups
