"""Part masks of generated pictures (Wehrheim et al. 2024, section 3.2, after Tritrong et al. 2021).

    n  pictures    K = 9  labels, the critters' PARTS (background, body, head, ears, eyes, snout, legs, tail, tongue)

The paper labels five pictures a class by hand and learns masks from the generator's own feature maps. Here an *oracle*
labels them instead: a head on a trained network's maps, fitted on many renders whose masks are exact. A
procedural generator needs neither: its masks are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope.data.critters import PARTS, Critters, Pictures
from unitscope.errors import UnitscopeError
from unitscope.extract.taps import Taps
from unitscope.metrics.parts import PartHead, fit_head, iou
from unitscope.models import Generator, VisionModel

LABELS = len(PARTS)
ORACLE_WORLD = 4001  # numbers of the worlds that teach and test the oracle: in no data set
BATCH = 64
DRAWN = 32  # pictures drawn with all their maps at once: on a processor twice as many take longer, each


@dataclass(frozen=True)
class Oracle:
    """Labels any picture. `iou` (K,): against exact masks of renders that it never saw."""

    model: VisionModel
    head: PartHead
    iou: Tensor

    def masks(self, images: Tensor) -> Tensor:
        """(n, H, W) uint8 of pictures (n, 3, H, W), of whatever size."""
        found = torch.cat([self.head.masks(picture_maps(self.model, part)) for part in images.split(BATCH)]).cpu()
        return F.interpolate(found[:, None].float(), images.shape[2:], mode="nearest")[:, 0].to(torch.uint8)


@torch.no_grad()
def picture_maps(model: VisionModel, images: Tensor) -> dict[str, Tensor]:
    """Feature maps of pictures: the network's unit layers, and the picture itself."""
    with Taps(model, list(model.layers)) as taps:
        maps = taps(images)
    return {"picture": images.to(model.device), **{name: one.contiguous() for name, one in maps.items()}}


def fit_oracle(model: VisionModel, n: int = 300, epochs: int = 12, n_test: int = 120, seed: int = 0) -> Oracle:
    """An oracle from `n` renders with exact masks, scored on `n_test` others."""
    taught, unseen = (
        world.pictures(range(len(world)))
        for world in (Critters(ORACLE_WORLD + seed, n), Critters(ORACLE_WORLD + 500 + seed, n_test))
    )
    parts = [picture_maps(model, part) for part in taught.images.split(BATCH)]
    maps = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
    head = fit_head(maps, taught.masks.to(model.device), LABELS, epochs=epochs, seed=seed)
    found = Oracle(model, head, torch.zeros(LABELS))
    return Oracle(model, head, iou(found.masks(unseen.images), unseen.masks, LABELS))


class Artist:
    """Draws any w with its part masks: by a few-shot head on the generator's maps, or exactly.

    Raises
    ------
    UnitscopeError
        If a generator with layers comes without a head.
    """

    def __init__(self, gan: Generator, head: PartHead | None = None):
        if gan.layers and head is None:
            raise UnitscopeError(f"{gan.name} has no exact masks; give the head that `few_shot` fits.")
        self.gan, self.head, self.exact = gan, head, not gan.layers

    @torch.no_grad()
    def paint(self, w: Tensor) -> Pictures:
        """Pictures and masks of w (n, D), on the CPU."""
        w = w.to(self.gan.device)
        if self.exact:
            found = self.gan.pictures(w)
            return Pictures(found.images.cpu(), found.masks.cpu())
        images, maps = self.gan.synthesize_with_features(w, self.head.names)
        return Pictures(images.cpu(), self.head.masks(maps).cpu())

    def paint_all(self, w: Tensor) -> Pictures:
        """`paint` in batches."""
        parts = [self.paint(part) for part in w.split(DRAWN)]
        return Pictures(torch.cat([p.images for p in parts]), torch.cat([p.masks for p in parts]))


def every_second(gan: Generator) -> list[str]:
    """Every second layer of a generator, the last one included (the paper keeps every second of StyleGAN-XL's)."""
    return list(gan.layers)[::-1][::2][::-1]


@dataclass(frozen=True)
class Labelled:
    """w (n, D), pictures, masks by hand (here: by the oracle, or exact), and the class of each."""

    w: Tensor
    images: Tensor
    masks: Tensor
    groups: Tensor


def label(
    gan: Generator, oracle: Oracle, species: Sequence[str], per_class: int, seed: int, truncation: float = 0.7
) -> Labelled:
    """Draw `per_class` pictures of each class and label them."""
    w = torch.cat(
        [
            gan.sample(per_class, name, seed=seed * 977 + number, truncation=truncation)
            for number, name in enumerate(species)
        ]
    )
    groups = torch.arange(len(species)).repeat_interleave(per_class)
    if not gan.layers:
        found = Artist(gan).paint_all(w)
        return Labelled(w, found.images, found.masks, groups)
    with torch.no_grad():
        images = torch.cat([gan.synthesize(part).cpu() for part in w.split(BATCH)])
    return Labelled(w, images, oracle.masks(images), groups)


@torch.no_grad()
def source_maps(gan: Generator, oracle: Oracle, labelled: Labelled) -> dict[str, Tensor]:
    """The maps that masks are learned from: the generator's, or of a generator without layers the oracle network's."""
    if gan.layers:
        return gan.features(labelled.w.to(gan.device), every_second(gan))
    parts = [picture_maps(oracle.model, part) for part in labelled.images.split(BATCH)]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def few_shot(
    gan: Generator, oracle: Oracle, species: Sequence[str], shots: int = 5, epochs: int = 100, seed: int = 0
) -> PartHead:
    """A head that finds parts, from `shots` labelled pictures of each class."""
    taught = label(gan, oracle, species, shots, seed + 1)
    maps = source_maps(gan, oracle, taught)
    return fit_head(maps, taught.masks.to(next(iter(maps.values())).device), LABELS, epochs=epochs, seed=seed)
