"""What the critter world knows and no paper could ask: concepts in an image, parts under a unit, purity of a direction.

    n  images    K  directions    Q  concepts    responses (n, K)    shown (n, Q) bool: which concepts an image shows

Sets without known factors have their classes as concepts and a comparison of labels as observer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import torch
import torch.nn.functional as F
from scipy.stats import rankdata
from torch import Tensor

from unitscope.data import ImageSet
from unitscope.data.critters import BACKGROUNDS, COLOURS, NAMES, OBJECTS, OCCLUDERS, PARTS, PATTERNS
from unitscope.data.images import Batch, Truth
from unitscope.errors import UnitscopeError
from unitscope.extract import Reducer, stream
from unitscope.metrics.similarity import Similarity, label
from unitscope.models import VisionModel
from unitscope.papers.directions.basis import Activations
from unitscope.papers.directions.measured import Measured

NAMED = {
    "species": NAMES,
    "colour": COLOURS,
    "pattern": PATTERNS,
    "background": BACKGROUNDS,
    "object": OBJECTS,
    "occluder": OCCLUDERS,
}
MEASURED = ("x", "y", "scale", "shade", "brightness", "warmth", "tilt", "stride")
OBSERVED = {"species": 1.0, "colour": 1.0, "pattern": 1.0, "background": 1.0, "object": 0.5, "occluder": 0.5}
OBSERVED_MEASURES = {"facing": 0.5, "x": 0.25, "y": 0.25, "scale": 0.25, "brightness": 0.25}
QUARTER = 0.25
NOTHING = "Nothing is known of these images, not even a class"


@dataclass(frozen=True)
class Concepts:
    """names (Q,) such as "background: maze"; shown (n, Q) bool."""

    names: tuple[str, ...]
    shown: Tensor


@dataclass(frozen=True)
class Purity:
    """values (K,): at most 1, about 0 for random images; concept (K,): the number of the concept that fits best."""

    values: Tensor
    concept: Tensor


def world(images: ImageSet) -> Truth | None:
    """What is known of all `images`, or None where it is not."""
    return images.truth(range(len(images)))


def known(images: ImageSet) -> str:
    """What is known of every image: "factors", "classes", or "" for nothing."""
    return "factors" if world(images) is not None else "classes" if int(images.labels.min()) >= 0 else ""


def in_words(images: ImageSet) -> dict[str, str]:
    """What is known of the images, and who observes them, as sentences."""
    return {
        "factors": {
            "known": "Here every image's species, colour, pattern, background, objects, pose and light are known.",
            "observer": "Here the observer knows the true factors of every image.",
        },
        "classes": {
            "known": "Of these images the class is known and nothing else, so purity is asked for classes.",
            "observer": "Of these images the class is known and nothing else, so the observer knows the class.",
        },
        "": {
            "known": f"{NOTHING}, so this is skipped.",
            "observer": f"{NOTHING}, so there is no such observer, and what needs one is skipped.",
        },
    }[known(images)]


def concepts(images: ImageSet) -> Concepts | None:
    """Every concept that an image can be asked for: values of the named factors, the ends of the measured ones; the
    classes where these alone are known; None where nothing is.
    """
    truth = world(images)
    if truth is None:
        if not known(images):
            return None
        names = images.classes or tuple(str(c) for c in range(int(images.labels.max()) + 1))
        return Concepts(tuple(names), F.one_hot(images.labels, len(names)).bool())
    found = truth.factors
    columns = {
        f"{kind}: {name}": getattr(found, kind) == i
        for kind, values in NAMED.items()
        for i, name in enumerate(values)
        if name != "none"
    }
    columns |= {"facing: right": found.facing > 0, "facing: left": found.facing < 0, "tongue: out": found.tongue > 0}
    for kind in MEASURED:
        value = getattr(found, kind)
        low, high = value.quantile(torch.tensor([QUARTER, 1 - QUARTER], device=value.device))
        columns |= {f"{kind}: low": value < low, f"{kind}: high": value > high}
    kept = {name: column.cpu() for name, column in columns.items() if column.any()}
    return Concepts(tuple(kept), torch.stack(list(kept.values()), 1))


def observer(images: ImageSet) -> Similarity | None:
    """An observer who compares what the images show: s = top - half the weighted squared difference of their factors.

    Named factors count their weight where they differ; measured ones grow with the squared difference in standard
    deviations. Without known factors: label agreement; None where nothing is known of the images.
    """
    truth = world(images)
    if truth is None:
        return label(images.labels) if known(images) else None
    found = truth.factors
    parts = [F.one_hot(getattr(found, kind), len(NAMED[kind])) * weight**0.5 for kind, weight in OBSERVED.items()]
    for kind, weight in OBSERVED_MEASURES.items():
        value = getattr(found, kind).float()
        parts.append(((value - value.mean()) / value.std() * weight**0.5)[:, None])
    return Similarity("known factors", torch.cat(parts, 1).float().cpu(), scale=0.5, top=sum(OBSERVED.values()))


def purities(
    kinds: Mapping[str, Measured], found: Concepts | None, strongest: int = 50
) -> tuple[dict[str, Purity], dict[str, Tensor]]:
    """Of every kind of direction: purity of its strongest images, and the area for its best concept (K,); both empty
    where no concept is known.
    """
    if found is None:
        return {}, {}
    pure = {name: purity(one.ranked(strongest), found.shown) for name, one in kinds.items()}
    return pure, {name: concept_areas(one.responses, found.shown).amax(1) for name, one in kinds.items()}


def concept_areas(responses: Tensor, shown: Tensor) -> Tensor:
    """How well each direction tells each concept: area under the ROC curve (K, Q), 0.5 is chance, ties at one half."""
    ranks = torch.from_numpy(rankdata(responses.numpy(), axis=0))
    ones = shown.sum(0).double()
    return (ranks.T @ shown.double() - ones * (ones + 1) / 2) / (ones * (len(shown) - ones)).clamp(min=1)


def purity(ranked: Tensor, shown: Tensor) -> Purity:
    """Largest share of one concept among the strongest images (K, L), rescaled so that the concept's frequency is 0.

    (share - frequency) / (1 - frequency), maximum over concepts.
    """
    share, base = shown.double()[ranked].mean(1), shown.double().mean(0)
    best = ((share - base) / (1 - base).clamp(min=1e-9)).max(1)
    return Purity(best.values, best.indices)


@dataclass(eq=False)
class PartShares(Reducer):
    """Where each direction looks in its own images: its response and the area on every part, (K, parts), summed.

    images : the set that is streamed, with part masks.
    vectors (K, N) : directions over the units `units` of `layer`.
    wanted (n, K) : which images belong to which direction.
    """

    layer: str
    images: ImageSet = field(repr=False)
    units: Tensor = field(repr=False)
    vectors: Tensor = field(repr=False)
    wanted: Tensor = field(repr=False)
    share: Tensor | None = field(default=None, init=False, repr=False)
    area: Tensor | None = field(default=None, init=False, repr=False)
    state_names: ClassVar = ("share", "area")

    @property
    def layers(self) -> tuple[str, ...]:
        return (self.layer,)

    def update(self, maps: dict[str, Tensor], batch: Batch) -> None:
        responses = maps[self.layer]
        responses = responses[:, self.units.to(responses.device)].float().cpu()
        masks = F.one_hot(self.images.truth(batch.indices).masks.long(), len(PARTS)).permute(0, 3, 1, 2).float().cpu()
        masks = F.adaptive_avg_pool2d(masks, responses.shape[2:]).flatten(2)  # (B, parts, hw)
        wanted = self.wanted[batch.indices].float()  # (B, K)
        found = torch.einsum("kc,bcp->bkp", self.vectors, responses.flatten(2)).relu()
        found = found / found.sum(2, keepdim=True).clamp(min=1e-12)
        share = torch.einsum("bk,bkp,bqp->kq", wanted, found, masks)
        area = torch.einsum("bk,bq->kq", wanted, masks.mean(2))
        self.share, self.area = (share, area) if self.share is None else (self.share + share, self.area + area)

    def combine(self, other: PartShares) -> None:
        self.share, self.area = self.share + other.share, self.area + other.area

    def result(self) -> tuple[Tensor, Tensor]:
        """Both as shares of one."""
        self._needs_images()
        share = self.share / self.share.sum(1, keepdim=True).clamp(min=1e-12)
        return share, self.area / self.area.sum(1, keepdim=True)


def part_shares(
    model: VisionModel, layer: str, images: ImageSet, given: Activations, vectors: Tensor, sets: Tensor
) -> tuple[Tensor, Tensor]:
    """Where a direction looks: its response on each part of its MEIs, and the parts' area, both (K, parts).

    The response map of direction u is the positive part of sum over units of u_c A_c(x).

    Raises
    ------
    UnitscopeError
        If the images have no part masks.
    """
    if images.truth([]) is None:
        raise UnitscopeError(f"{images.name} has no part masks; take critters/test.")
    distinct = sets.unique()
    shown, wanted = images.subset(distinct), (sets[:, :, None] == distinct).any(1).T
    return stream(model, shown, [layer], [PartShares(layer, shown, given.units, vectors, wanted)], progress=False)[0]


def focus(model: VisionModel, layer: str, images: ImageSet, given: Activations, found: Measured) -> Tensor | None:
    """`concentration` of every direction (K,), or None where no part masks are known."""
    source = world(images)
    if source is None or not hasattr(source, "masks"):
        return None
    return concentration(*part_shares(model, layer, images, given, found.vectors, found.best))


def concentration(share: Tensor, area: Tensor) -> Tensor:
    """Kullback-Leibler divergence of a direction's parts from the parts' area (K,), in nats; 0: looks everywhere."""
    return (share * (share.clamp(min=1e-9) / area.clamp(min=1e-9)).log()).sum(1)
