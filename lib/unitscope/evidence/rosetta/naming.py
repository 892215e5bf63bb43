"""What concepts are, where the truth is known: heat maps against exact masks and factors of rendered pictures.

    maps   (n, s, s)        heat maps of one unit       regions  {name: (n, H, W) bool}   what a picture shows where
    IoU    of a region with the unit's strongest pixels, as many as the region has (so no threshold is chosen)

Rendered pictures carry their truth; generated ones do not. So the members of a concept in image networks are scored on
renders, exactly, and the generator's own member on its pictures with masks from `Segmenter`, whose quality is measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from scipy.stats import rankdata
from torch import Tensor

from unitscope.data import ImageSet
from unitscope.data.critters import BACKGROUNDS, COLOURS, PARTS, PATTERNS, Critters
from unitscope.data.held import Pictures
from unitscope.extract import StoredMaps, stream
from unitscope.metrics.statistics import median
from unitscope.models import VisionModel
from unitscope.papers.rosetta.dictionary import Dictionary, all_maps, maps_of

SIZE = 32  # pixels at which maps and masks meet
KNOWN = 0.15  # a concept is called by a region from there on, on the way from the IoU of pictures paired anew to 1
COAT = ("body", "head", "ears", "legs", "tail")


def regions_of(critters: Critters, indices: Tensor) -> dict[str, Tensor]:
    """{region: (n, SIZE, SIZE) bool} of renders: parts, the whole critter, backgrounds by kind, coats by colour and
    pattern.
    """
    masks, factors = critters.masks(indices), critters.factors(indices)
    found = of_masks(masks)
    coat = torch.stack([found[part] for part in COAT]).any(0)
    for names, values, where, word in (
        (BACKGROUNDS, factors.background, found["background"], "on"),
        (COLOURS, factors.colour, coat, "coat"),
        (PATTERNS[1:], factors.pattern - 1, coat, "coat"),
    ):
        for number, name in enumerate(names):
            found[f"{word} {name}"] = where & (values == number)[:, None, None]
    return found


def of_masks(masks: Tensor) -> dict[str, Tensor]:
    """{part: (n, SIZE, SIZE) bool} of part masks (n, H, W), and "critter" for all parts but the background."""
    small = F.interpolate(masks[:, None].float(), (SIZE, SIZE), mode="nearest")[:, 0].long()
    found = {part: small == number for number, part in enumerate(PARTS)}
    found["critter"] = small > 0
    return found


def places(maps: Tensor) -> tuple[Tensor, Tensor]:
    """How many pixels of maps (n, S, S) are stronger than each, and how many are as strong, itself included: two
    (n S S,).
    """
    stronger = torch.from_numpy(rankdata(-maps.flatten().numpy(), method="min")).long() - 1
    return stronger, torch.bincount(stronger, minlength=len(stronger))[stronger]


def iou(place: tuple[Tensor, Tensor], inside: Tensor) -> float:
    """IoU of a region, given by its pixels `inside` (a,), with the a strongest pixels by `places`; 0 for an empty one.

    Where pixels as strong as one another compete for the last places, each has an equal share of them.
    """
    area, (stronger, equal) = len(inside), place
    hit = float(((area - stronger[inside]) / equal[inside]).clamp(0, 1).sum())
    return hit / (2 * area - hit) if area else 0.0


def resized(maps: Tensor) -> Tensor:
    """Maps (n, s, s) at SIZE, bilinear."""
    return F.interpolate(maps[:, None], (SIZE, SIZE), mode="bilinear", align_corners=False)[:, 0]


def way(iou, null):
    """How far an IoU comes from its null to 1; a large region, which pictures paired anew hit too, can still be
    found.
    """
    return (iou - null) / (1 - null)


@dataclass(frozen=True)
class Named:
    """IoU of every concept's unit with every region, {network: (concepts, regions)}, and with pictures paired anew."""

    networks: tuple[str, ...]
    regions: tuple[str, ...]
    iou: Tensor
    null: Tensor

    def best(self, concept: int) -> tuple[str, float, float]:
        """(region, median IoU over networks, the same on pictures paired anew) that fits a concept best.

        The median: a concept is shared only if half of the networks see it.
        """
        mean, null = median(self.iou[:, concept], 0), median(self.null[:, concept], 0)
        region = int(way(mean, null).argmax())
        return self.regions[region], float(mean[region]), float(null[region])

    def name(self, concept: int) -> str:
        """The region's name, or "unknown" where no region fits."""
        region, mean, null = self.best(concept)
        return region if way(mean, null) >= KNOWN else "unknown"

    def kind(self, concept: int) -> str:
        """ "part", "critter", "background", "coat" or "unknown"."""
        name = self.name(concept)
        if name.startswith("on ") or name == "background":
            return "background"
        return name if name in ("critter", "unknown") else "coat" if name.startswith("coat") else "part"


class Unnamed:
    """In the place of `Named` where no masks are known: every concept is "unknown"."""

    def name(self, concept: int) -> str:
        return "unknown"

    kind = name


@torch.no_grad()
def named(found: Dictionary, critters: Critters, indices: Tensor) -> Named:
    """Score every concept's units in the image networks on renders with exact masks."""
    regions = regions_of(critters, indices)
    names = tuple(found.partners)
    images = critters.load(indices).images
    seen = all_maps(found.mining, names, images)
    inside = [region.flatten().nonzero()[:, 0] for region in regions.values()]
    anew = [region.roll(1, 0).flatten().nonzero()[:, 0] for region in regions.values()]
    scores, nulls = [], []
    for name in names:
        rows, others = [], []
        for concept in range(len(found)):
            place = places(resized(maps_of(found.mining, seen, {name: found.tuple_of(concept)[name]})[name]).cpu())
            rows.append([iou(place, region) for region in inside])
            others.append([iou(place, region) for region in anew])
        scores.append(rows)
        nulls.append(others)
    return Named(names, tuple(regions), torch.tensor(scores), torch.tensor(nulls))


class Segmenter:
    """Part masks of pictures without truth: a linear map from a network's unit maps at every pixel, fitted on renders.

    Ridge regression to one-hot parts, parts weighted alike. `quality` is its mean IoU over parts on other renders.
    """

    def __init__(self, model: VisionModel, critters: Critters, n: int = 160, tested: int = 80):
        self.model, self.layers = model, list(model.layers)[:-1]
        order = torch.arange(n)
        x, y = self.pixels(critters.subset(order)), self.parts(critters.masks(order))
        weight = (1 / torch.bincount(y, minlength=len(PARTS)).clamp(min=1).float())[y].sqrt()[:, None]
        x = torch.cat([x, torch.ones(len(x), 1)], 1)
        a, b = weight * x, weight * F.one_hot(y, len(PARTS)).float()
        gram = a.T @ a
        self.weights = torch.linalg.solve(gram + 1e-4 * gram.diagonal().mean() * torch.eye(len(gram)), a.T @ b)
        order = torch.arange(n, n + tested)
        masks, truth = self(critters.subset(order)), self.parts(critters.masks(order)).view(tested, SIZE, SIZE)
        both = [
            ((masks == part) & (truth == part)).sum() / ((masks == part) | (truth == part)).sum().clamp(min=1)
            for part in range(len(PARTS))
        ]
        self.quality = float(torch.stack(both).mean())

    def parts(self, masks: Tensor) -> Tensor:
        return F.interpolate(masks[:, None].float(), (SIZE, SIZE), mode="nearest").long().flatten()

    def pixels(self, images: ImageSet) -> Tensor:
        """(n SIZE SIZE, features) of a set of n pictures."""
        maps = stream(self.model, images, self.layers, [StoredMaps(layer) for layer in self.layers], progress=False)
        large = [F.interpolate(m, (SIZE, SIZE), mode="bilinear", align_corners=False) for m in maps]
        return torch.cat(large, 1).permute(0, 2, 3, 1).flatten(0, 2).float().cpu()

    def __call__(self, images: ImageSet | Tensor) -> Tensor:
        """Parts (n, SIZE, SIZE) int64 of a set of n pictures, or of pictures (n, 3, H, W) in memory."""
        images = Pictures(images.clamp(0, 1)) if isinstance(images, Tensor) else images
        x = self.pixels(images)
        return (x @ self.weights[:-1] + self.weights[-1]).argmax(1).view(len(images), SIZE, SIZE)


@torch.no_grad()
def generator_iou(found: Dictionary, segmenter: Segmenter, w: Tensor) -> dict[str, list[float]]:
    """IoU of the generator's own member of every concept with parts that the segmenter sees in its pictures."""
    gan = found.mining.gan
    images, drawn = gan.synthesize_with_features(w)
    regions = of_masks(segmenter(images))
    seen = {gan.name: drawn}
    units = [found.tuple_of(concept)[gan.name] for concept in range(len(found))]
    everywhere = [places(resized(maps_of(found.mining, seen, {gan.name: unit})[gan.name]).cpu()) for unit in units]
    inside = {name: region.flatten().nonzero()[:, 0] for name, region in regions.items()}
    return {name: [iou(one, region) for one in everywhere] for name, region in inside.items()}


def census(found: Dictionary, names: Named) -> Mapping[str, int]:
    """How many concepts are parts, whole critters, coats, backgrounds, or nothing we know."""
    kinds = [names.kind(concept) for concept in range(len(found))]
    return {kind: kinds.count(kind) for kind in ("part", "critter", "coat", "background", "unknown")}
