"""How good few-shot masks are: numbers of labelled pictures, species that were left out, and exact masks.

n  pictures    K = 9  labels, the critters' PARTS
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope.models import Generator
from unitscope.papers.linking.segmentation import LABELS, Oracle, few_shot, label, source_maps
from unitscope.training.generators import targets, truncated

DISTILLED = "critters/stylegan"


LARGE = 0.01  # a part is large if it covers this share of the pictures, on average


def exact_masks(
    gan: Generator, species: Sequence[str], per_class: int, seed: int, truncation: float = 0.7
) -> Tensor | None:
    """Exact masks (n, H, W) of the pictures that `label` draws: the renderer's own, or those of the render that the
    zoo's style generator was taught to draw from the same latents. None for other generators.
    """
    if not gan.layers:
        return label(gan, None, species, per_class, seed, truncation).masks
    if gan.name != DISTILLED:
        return None
    masks = []
    for number, name in enumerate(species):
        z = gan.latents(per_class, seed * 977 + number).cpu()
        masks.append(
            targets(
                truncated(z, torch.full((per_class,), truncation)), gan.labels_of(per_class, name), gan.image_size
            ).masks
        )
    return torch.cat(masks)


@dataclass(frozen=True)
class ShotScores:
    """tables {shots: (n, K, 2)} pixels of every picture in both masks and in either one; unseen {class: (table when
    taught, table when left out)} of its pictures; share (K,) of pixels. All against the labels that teach; `exact` is
    `tables` against exact masks, None where there are none.
    """

    tables: dict[int, Tensor]
    unseen: dict[str, tuple[Tensor, Tensor]]
    share: Tensor
    exact: dict[int, Tensor] | None = None

    @property
    def by_shots(self) -> dict[int, Tensor]:
        """{shots: iou (K,)} over all pictures, against exact masks where there are any; NaN where neither mask has a
        label.
        """
        return {
            shots: table[..., 0].sum(0) / table[..., 1].sum(0) for shots, table in (self.exact or self.tables).items()
        }


def overlaps(found: Tensor, true: Tensor) -> Tensor:
    """Pixels of every label in both masks and in either one: masks (n, H, W) -> (n, K, 2) float64."""
    hot = [F.one_hot(masks.flatten(1).long(), LABELS).bool() for masks in (found, true)]
    return torch.stack([(hot[0] & hot[1]).sum(1), (hot[0] | hot[1]).sum(1)], -1).double()


def shot_scores(
    gan: Generator,
    oracle: Oracle,
    species: Sequence[str],
    shots: Sequence[int] = (1, 5),
    left_out: Sequence[str] = (),
    *,
    n_test: int = 20,
    epochs: int = 60,
    seed: int = 0,
) -> ShotScores:
    """IoU on fresh pictures by the number of labelled ones, and what a class loses that none of them shows (Fig.
    S6).
    """
    test = label(gan, oracle, species, n_test, seed + 50)
    maps = source_maps(gan, oracle, test)
    share = torch.bincount(test.masks.flatten().long(), minlength=LABELS) / test.masks.numel()
    heads = {count: few_shot(gan, oracle, species, count, epochs, seed) for count in shots}
    masks = {count: head.masks(maps).cpu() for count, head in heads.items()}
    true = exact_masks(gan, species, n_test, seed + 50)
    against = [
        {count: overlaps(found, labels) for count, found in masks.items()} if labels is not None else None
        for labels in (test.masks, true)
    ]
    scores = ShotScores(against[0], {}, share, against[1])
    for name in left_out:
        rows = test.groups == list(species).index(name)
        head = few_shot(gan, oracle, [other for other in species if other != name], max(shots), epochs, seed)
        without = head.masks({key: one[rows.to(one.device)] for key, one in maps.items()}).cpu()
        scores.unseen[name] = tuple(overlaps(found, test.masks[rows]) for found in (masks[max(shots)][rows], without))
    return scores
