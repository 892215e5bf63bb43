"""Which units are shown: always those of the largest score, never by number; and the pictures to show them on.

U  units    C  classes    S  steps    n  pictures
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.data.critters import PARTS
from unitscope.evidence.linking.relevance import Relevance
from unitscope.metrics.parts import METRICS, hoyer
from unitscope.papers.linking.motions import Motion, motion
from unitscope.papers.linking.profiles import Profile
from unitscope.papers.linking.segmentation import Artist
from unitscope.papers.linking.studies import LinkStudy
from unitscope.papers.linking.tuning import Tuner


def most(found: Profile, part: str, metric: str, count: int = 1) -> list[int]:
    """Positions of the units that change one measure of one part most: median over pictures, mean size over classes."""
    size = found.vectors(metric)[..., PARTS.index(part)].abs().mean(0)
    return size.argsort(descending=True)[:count].tolist()


def sparsest(found: Profile, count: int = 3, least: float = 0.2) -> list[tuple[int, int, str]]:
    """(class, unit, part) of the sparsest area changes that are large enough to see, each part and unit once."""
    vectors = found.vectors("area")
    score = hoyer(vectors).nan_to_num(-1) * (vectors.abs().amax(-1) >= least)
    chosen: list[tuple[int, int, str]] = []
    for place in score.flatten().argsort(descending=True).tolist():
        group, unit = divmod(place, vectors.shape[1])
        part = PARTS[int(vectors[group, unit].abs().argmax())]
        if part not in [one[2] for one in chosen] and unit not in [one[1] for one in chosen] and score[group, unit] > 0:
            chosen.append((group, unit, part))
        if len(chosen) == count:
            break
    return chosen


def tuned(study: LinkStudy, artist: Artist, tuner: Tuner, unit: int, group: int, steps: int, picture: int = 0):
    """Pictures and masks (S, ...) of one held-out picture of a class while one unit is tuned."""
    r = study.test.of(group).r[picture : picture + 1]
    return artist.paint_all(tuner.select([unit]).latents(study.link, r, steps)[0, :, 0])


def clearest(found: Profile, unit: int, group: int) -> int:
    """The picture of a class that a unit changes most like its median over pictures, by area of all parts."""
    values = found.values[group, unit, :, :, METRICS.index("area")]
    middle = found.vectors("area")[group, unit]
    return int(((values * middle).sum(-1) / values.norm(dim=-1).clamp(min=1e-9)).argmax())


@dataclass(frozen=True)
class Moved:
    """Tuned pairs, the unit of each, their fields, the part that changes most in area, and its mask: lists of one
    length.
    """

    pairs: list[tuple[Tensor, Tensor]]
    units: list[int]
    fields: list[Motion]
    parts: list[str]
    masks: list[Tensor]


def moved(study: LinkStudy, artist: Artist, found: Profile, units: list[int], pictures: int = 2) -> Moved:
    """Motion between the lowest and the highest value of some units, on the first pictures of every class in turn."""
    pairs, moved_units, fields, parts, masks = [], [], [], [], []
    for unit in units:
        for picture in range(pictures):
            group = (unit + picture) % len(study.species)
            drawn = tuned(study, artist, found.tuner, unit, group, 2, picture)
            label = 1 + int(found.values[group, unit, picture, 1:, METRICS.index("area")].abs().argmax())
            pairs.append((drawn.images[0], drawn.images[1]))
            moved_units.append(unit)
            fields.append(motion(*pairs[-1]))
            parts.append(PARTS[label])
            masks.append((drawn.masks[0] == label) | (drawn.masks[1] == label))
    return Moved(pairs, moved_units, fields, parts, masks)


@dataclass(frozen=True)
class SharedUnit:
    """One unit on one picture of every class: images (C, S, 3, H, W), p (C, S) of the own class, own (C,) its number,
    predicted (C, S).
    """

    unit: int
    images: Tensor
    p: Tensor
    own: Tensor
    predicted: Tensor


@torch.no_grad()
def shared_unit(
    study: LinkStudy, artist: Artist, tuner: Tuner, found: Relevance | None, steps: int = 5, pictures: int = 6
) -> SharedUnit | None:
    """The unit relevant to most classes, tuned on every class; None without a head."""
    if found is None:
        return None
    unit, own = found.shared(), study.reader.columns(study.species)
    shown, p, predicted = [], [], []
    for group, number in enumerate(own.tolist()):
        r = study.test.of(group, pictures).r
        w = tuner.select([unit]).latents(study.link, r, steps)[0]  # (S, n, D)
        drawn = artist.paint_all(w.flatten(0, 1)).images
        chance = study.reader.probabilities(study.reader.read(drawn)[0]).cpu().view(steps, len(r), -1)
        best = int((chance[..., number].amax(0) - chance[..., number].amin(0)).argmax())
        shown.append(drawn.view(steps, len(r), *drawn.shape[1:])[:, best])
        p.append(chance[:, best, number])
        predicted.append(chance[:, best].argmax(-1))
    return SharedUnit(int(tuner.units[unit]), torch.stack(shown), torch.stack(p), own, torch.stack(predicted))
