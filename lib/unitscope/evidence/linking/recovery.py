"""Do tuned units change what the renderer says they change? (ours)

With the procedural generator, w is a list of factors and its masks are exact. A link to it is fitted, every unit tuned,
and the measures of the pictures are compared with the factors that the tuned w truly holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.evidence.linking.rendered_truth import agreement, factor_changes, known, measured_changes
from unitscope.metrics.parts import change, measure
from unitscope.models import Generator
from unitscope.papers.linking.segmentation import LABELS, Artist
from unitscope.papers.linking.studies import LinkStudy, study
from unitscope.papers.linking.tuning import unit_tuner


@dataclass(frozen=True)
class Recovery:
    """right {factor: rank correlation over units}; table (F, F): all factors with all measures; factors, measures
    {factor: (U, n)}: their changes in every picture.
    """

    right: dict[str, Tensor]
    table: Tensor
    factors: dict[str, Tensor]
    measures: dict[str, Tensor]


def tuned_factors(
    studied: LinkStudy, gan: Generator, n: int = 4, per_class: int = 300, species: int = 2, seed: int = 0
) -> Recovery:
    """Tune every unit on `n` pictures of the first `species` classes of a generator that knows its factors.

    Parameters
    ----------
    studied : gives classifier and species; taken as it is if its own generator knows its factors.
    gan : the procedural generator.
    """
    own = (
        studied
        if known(studied.gan)
        else study(gan, studied.reader, studied.species, per_class, max(n, 2), seed=seed, layers=False)
    )
    tuner = unit_tuner(own.link, own.train)
    values, latents = [], []
    for group in range(min(species, len(own.species))):
        w = tuner.latents(own.link, own.test.of(group, n).r, 2)
        values.append(measured(own, w))
        latents.append(w)
    w = torch.cat(latents, 2)
    factors, measures = factor_changes(own.gan, w), measured_changes(torch.cat(values, 1))
    return Recovery(*agreement(factors, measures), factors, measures)


def measured(own: LinkStudy, w: Tensor) -> Tensor:
    """Changes (U, n, K, M) between the two ends of latents w (U, 2, n, D)."""
    artist, tables = Artist(own.gan), []
    for part in w.reshape(-1, w.shape[-1]).split(64):
        drawn = artist.paint(part)
        tables.append(measure(drawn.images, drawn.masks, LABELS))
    table = torch.cat(tables).view(*w.shape[:-1], LABELS, -1)
    return change(table[:, 0], table[:, 1], own.gan.image_size).values
