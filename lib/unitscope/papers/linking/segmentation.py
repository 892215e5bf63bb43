"""Part masks of generated pictures (Wehrheim et al. 2024, section 3.2, after Tritrong et al. 2021).

    n  pictures    K = 9  labels, the critters' PARTS (background, body, head, ears, eyes, snout, legs, tail, tongue)

The paper labels five pictures a class by hand and learns masks from the generator's own feature maps. Here an *oracle*
takes the place of the hand: a head on a trained network's maps, fitted on many renders whose masks are exact. A
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
from unitscope.models import VisionModel
from unitscope.training.generators import targets, truncated

LABELS = len(PARTS)
ORACLE_WORLD = 4001  # numbers of the worlds that teach and test the oracle: in no data set
BATCH = 64
DRAWN = 32  # pictures drawn with all their maps at once: on a processor twice as many take longer, each
DISTILLED = "critters/stylegan"
LARGE = 0.01  # a part is large if it covers this share of the pictures, on average


@dataclass(frozen=True)
class Oracle:
    """Labels any picture. `iou` (K,): against exact masks of renders that it never saw."""

    model: VisionModel
    head: PartHead
    iou: Tensor

    def masks(self, images: Tensor) -> Tensor:
        """(n, H, W) uint8 of pictures (n, 3, H, W)."""
        return torch.cat([self.head.masks(picture_maps(self.model, part)) for part in images.split(BATCH)]).cpu()


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

    def __init__(self, gan, head: PartHead | None = None):
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


def every_second(gan) -> list[str]:
    """Every second layer of a generator, the last one included (the paper keeps every second of StyleGAN-XL's)."""
    return list(gan.layers)[::-1][::2][::-1]


@dataclass(frozen=True)
class Labelled:
    """w (n, D), pictures, masks by hand (here: by the oracle, or exact), and the class of each."""

    w: Tensor
    images: Tensor
    masks: Tensor
    groups: Tensor


def label(gan, oracle: Oracle, species: Sequence[str], per_class: int, seed: int, truncation: float = 0.7) -> Labelled:
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


def exact_masks(gan, species: Sequence[str], per_class: int, seed: int, truncation: float = 0.7) -> Tensor | None:
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


@torch.no_grad()
def source_maps(gan, oracle: Oracle, labelled: Labelled) -> dict[str, Tensor]:
    """The maps that masks are learned from: the generator's, or of a generator without layers the oracle network's."""
    if gan.layers:
        return gan.features(labelled.w.to(gan.device), every_second(gan))
    parts = [picture_maps(oracle.model, part) for part in labelled.images.split(BATCH)]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def few_shot(gan, oracle: Oracle, species: Sequence[str], shots: int = 5, epochs: int = 100, seed: int = 0) -> PartHead:
    """A head that finds parts, from `shots` labelled pictures of each class."""
    taught = label(gan, oracle, species, shots, seed + 1)
    maps = source_maps(gan, oracle, taught)
    return fit_head(maps, taught.masks.to(next(iter(maps.values())).device), LABELS, epochs=epochs, seed=seed)


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
    gan,
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
