"""How well similarities predict what observers answer: Figs. 2 and 13.

    positive  the observer chose the right query    score  Delta, the similarity's margin for it (`trials.margins`)

The area under the ROC curve over answers is 0.5 for a similarity that knows nothing of the observer's errors. Units,
not answers, are drawn anew for its interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.data import ImageSet
from unitscope.errors import UnitscopeError
from unitscope.evidence.directions.humans import Answers, load_study, simulated_answers
from unitscope.evidence.directions.roc import area_interval, area_under_curve, drawn_areas, roc_curve
from unitscope.metrics.similarity import Similarity, ensemble, judge, judge_layers
from unitscope.papers.directions.trials import REFERENCES, Trials, margins, ranked_trials

A_TRIAL = 2 * (REFERENCES + 1)  # images of one trial


@dataclass(frozen=True)
class Agreement:
    """One similarity against the observers of one group of trials: area, its interval, the curve, answers behind it.

    drawn (draws,): the area with units drawn anew; units: how many there are.
    """

    group: str
    name: str
    area: float
    interval: tuple[float, float]
    curve: tuple[Tensor, Tensor]
    answers: int
    drawn: Tensor
    units: int


def agreement(similarity: Similarity, trials: Trials, answers: Answers, group: str = "", **rule) -> Agreement:
    """The ROC curve of a similarity's margins for the observers' right answers.

    Parameters
    ----------
    rule : `evidence` and `pool` of `trials.margins`.
    """
    score, units = margins(similarity, trials, **rule)[answers.trial], trials.units[answers.trial]
    interval, drawn = (draw(score, answers.correct, units) for draw in (area_interval, drawn_areas))
    area, curve = (measure(score, answers.correct) for measure in (area_under_curve, roc_curve))
    return Agreement(group, similarity.name, area, interval, curve, len(score), drawn, len(units.unique()))


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
    responses: Mapping[str, Tensor], units: int = 24, batches: int = 10, seed: int = 0
) -> tuple[Trials, list[str]]:
    """Trials as people saw them for some units of every layer, and the layer of each trial.

    Parameters
    ----------
    responses : (n, N) of each layer.
    units : drawn from each layer, fewer where it has fewer.
    batches : trials of each unit, as far as there are 20 images for each.
    """
    parts, groups = [], []
    for number, (layer, y) in enumerate(responses.items()):
        chosen = torch.randperm(y.shape[1], generator=torch.Generator().manual_seed(seed))[:units].sort().values
        trials = ranked_trials(y, chosen, max(1, min(batches, len(y) // A_TRIAL)), seed=seed)
        parts.append(Trials(trials.units + number * 100_000, trials.queries, trials.high, trials.low))
        groups += [layer] * len(trials)
    fields = zip(*((t.units, t.queries, t.high, t.low) for t in parts), strict=True)
    return Trials(*(torch.cat(field) for field in fields)), groups


def against_people(
    folder: str, imagenet: str, network: str, spec: str, device: str = "auto", name: str = ""
) -> list[Agreement]:
    """A judge and its layers against people's confident answers, stage by stage; none where no folder is named.

    Parameters
    ----------
    folder, imagenet, network : as `humans.load_study` takes them.
    spec : the judge, as `metrics.similarity.judge_layers` takes it.
    name : stands before the names of the stages.
    """
    if not folder:
        return []
    study = load_study(folder, imagenet, network)
    whole, parts = judge_layers(spec, study.images, device=device)
    stages = [f"{name} {stage}".strip() for stage in study.stages]
    return by_group([*parts, whole], study.trials, study.answers.confident(3), stages)


def against_observer(
    judges: Sequence[Similarity],
    observer: Similarity | None,
    responses: Mapping[str, Tensor],
    seed: int = 0,
    prefix: str = "",
) -> list[Agreement]:
    """Judges against the simulated observer in trials of some units of every layer; none where there is no observer."""
    if observer is None:
        return []
    trials, groups = layer_trials({f"{prefix} {name}".strip(): y for name, y in responses.items()}, seed=seed)
    return by_group(judges, trials, simulated_answers(observer, trials, seed=seed), groups)


def of_all(
    judges: Mapping[str, Similarity], observer: Similarity | None, responses: Mapping[str, Tensor], seed: int = 0
) -> dict[str, Agreement]:
    """Every judge against the simulated observer, all layers together; none where there is no observer."""
    if observer is None:
        return {}
    trials, _ = layer_trials(responses, seed=seed)
    answers = simulated_answers(observer, trials, seed=seed)
    return {name: agreement(one, trials, answers) for name, one in judges.items()}


def whole(found: Sequence[Agreement]) -> dict[str, Agreement]:
    """Of each group the last agreement: that of the whole judge, which stands behind its layers."""
    return {one.group: one for one in found}


def levels(images: ImageSet, lpips: Similarity) -> dict[str, Similarity]:
    """The three levels of meaning of Fig. 5: colour, LPIPS and, where there are labels, label."""
    found = {"colour": judge("colour", images), "LPIPS": lpips}
    return found | ({"label": judge("label", images)} if int(images.labels.min()) >= 0 else {})


def judges(
    names: Sequence[str], spec: str, lpips: Similarity, observer: Similarity | None, images: ImageSet, **options
) -> dict[str, Similarity]:
    """Every named judge that these images allow, LPIPS (`spec`), the same untrained, embeddings together, the observer.

    Parameters
    ----------
    options : of `metrics.similarity.judge`: device, size.
    """
    labelled = int(images.labels.min()) >= 0
    found = {name: judge(name, images, **options) for name in names if name != "label" or labelled}
    found |= {spec: lpips, f"{spec}, untrained": judge(spec, images, pretrained=False, **options)}
    deep = [one for name, one in found.items() if name.startswith(("clip", "embed"))]
    found |= {"ensemble of embeddings": ensemble(deep)} if len(deep) > 1 else {}
    return found | ({"the observer itself": observer} if observer is not None else {})
