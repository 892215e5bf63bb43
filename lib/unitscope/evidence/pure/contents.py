"""What the images really show: factors of the critter world, labels elsewhere, and which of them a split follows.

N  images    U  units    n  references of each
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from sklearn.metrics import adjusted_mutual_info_score
from torch import Tensor

from unitscope.data import ImageSet
from unitscope.data.critters import BACKGROUNDS, COLOURS, NAMES, OBJECTS, PATTERNS
from unitscope.papers.pure.collect import LayerStudy

CRITTER_FACTORS = {
    "species": NAMES, "colour": COLOURS, "pattern": PATTERNS, "background": BACKGROUNDS,
    "facing": ("left", "right"), "object": tuple(f"with {name}" if name != "none" else "no object" for name in OBJECTS),
}  # fmt: skip
NOTABLE = 0.2


@dataclass(frozen=True)
class Factor:
    """One thing that varies: names of its values, and the value (N,) of every image."""

    names: tuple[str, ...]
    values: Tensor


def known_factors(images: ImageSet) -> dict[str, Factor]:
    """Everything categorical that is known of every image; of images without factors, their class."""
    truth = images.truth(range(len(images)))
    if truth is None:
        return {"class": Factor(tuple(images.classes), images.labels)} if (images.labels >= 0).all() else {}
    found = truth.factors
    values = {**vars(found), "facing": (found.facing > 0).long()}
    return {name: Factor(names, values[name].cpu()) for name, names in CRITTER_FACTORS.items()}


def describe(factors: Mapping[str, Factor], chosen: Tensor, count: int = 2) -> str:
    """A few words for what images have in common: "zebra 92%, striped 95%".

    The values whose share among the `chosen` images exceeds their share among all images most, one a factor, and only
    such that exceed it by 20 percentage points.
    """
    found = []
    for one in factors.values():
        share = torch.bincount(one.values[chosen], minlength=len(one.names)) / len(chosen)
        excess = share - torch.bincount(one.values, minlength=len(one.names)) / len(one.values)
        best = int(excess.argmax())
        found.append((float(excess[best]), f"{one.names[best]} {float(share[best]):.0%}"))
    return ", ".join(text for beyond, text in sorted(found, reverse=True)[:count] if beyond >= NOTABLE)


def purity(factors: Mapping[str, Factor], references: Tensor) -> Tensor:
    """How far a unit's references (U, n) agree in one value of one factor: (U,), 0 is chance, 1 all of them."""
    best = torch.zeros(len(references))
    for one in factors.values():
        known = torch.nn.functional.one_hot(one.values, len(one.names)).float()  # (N, values)
        base = known.mean(0)
        share = (known[references].mean(1) - base) / (1 - base).clamp(min=1e-6)
        best = torch.maximum(best, share.max(1).values)
    return best


def purest(factors: Mapping[str, Factor], known: LayerStudy, count: int = 48) -> Tensor:
    """The `count` channels of a study's layer with the purest references; any that respond if nothing is known."""
    n = known.references.shape[1]
    live = (known.ranking.values[:, n - 1] > 0).nonzero().flatten()
    return live[purity(factors, known.ranking.indices[live, :n]).argsort(descending=True, stable=True)[:count]]


def followed(factors: Mapping[str, Factor], references: Tensor, labels: Tensor) -> Tensor:
    """Adjusted mutual information (U, F) between clusters `labels` (U, n) and each factor of `references` (U, n).

    0 is chance, 1 is a split that follows the factor exactly (Vinh et al. 2010).
    """
    rows = [
        [adjusted_mutual_info_score(one.values[images], chosen) for one in factors.values()]
        for images, chosen in zip(references, labels, strict=True)
    ]
    return torch.tensor(rows)
