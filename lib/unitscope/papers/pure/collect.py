"""Everything that PURE and its baselines need to know of a layer's units, collected once (paper, section 4).

    U  units    n  references of each    D  length of a vector, differs by view

A unit is seen in four ways at each of its reference images; k-means over any of them splits the unit:

    "PURE"         attribution of every channel of the lower layer, full image, eq. (3')
    "activations"  mean response of every channel of the unit's own layer, full image (O'Mahony et al. 2023)
    "rival"        embedding of the crop by a self-supervised network (the paper's DINOv2)
    "judge"        embedding of the crop by the network whose distances are the measure (the paper's CLIP)
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from unitscope.data import ImageSet
from unitscope.errors import UnitscopeError
from unitscope.extract import Pooled, References, TopK, conditional_attributions, crop_images, lrp_heatmaps, stream
from unitscope.extract.crops_of_units import choose_crop, unit_boxes
from unitscope.models import VisionModel
from unitscope.progress import progress


@dataclass(frozen=True)
class Setting:
    """What is studied, and with whose eyes: VisionModels `model`, `judge` (paper: CLIP) and `rival` (paper: DINOv2)."""

    model: VisionModel
    judge: object
    rival: object
    images: ImageSet
    layer: str
    lower: str
    crop: str

    @property
    def eyes(self) -> dict[str, object]:
        """Who looks at crops."""
        return {"rival": self.rival, "judge": self.judge}


@dataclass(frozen=True)
class LayerStudy:
    """Units of a layer at their reference images.

    ranking, pooled : of all C channels: the strongest images, and mean responses (N, C).
    lower_ranking : the strongest image of every channel of the lower layer.
    silent : channels that respond to fewer than n images; they are left out.
    saturated : channels of which more than n images have the n-th largest response, so that the order of the images
        would choose their references; they are left out as far as others respond (`topk.References.tied`).
    units (U,) : the channels studied; each responds to all of its references.
    references, positions (U, n) : images, and where the unit peaks on its flattened grid.
    boxes (U, n, 4) : crops in pixels of the images.
    vectors : {view: (U, n, D)}.
    """

    setting: Setting
    ranking: References
    pooled: Tensor
    lower_ranking: References
    silent: Tensor
    units: Tensor
    references: Tensor
    positions: Tensor
    boxes: Tensor
    vectors: dict[str, Tensor]
    saturated: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))

    def crops(self, row: int, columns=slice(None), size: int = 72) -> Tensor:
        """Crops (m, 3, size, size) of the unit in `row` at the references in `columns`."""
        return crop_images(self.pictures(row, columns), self.boxes[row, columns], size)

    def pictures(self, row: int, columns=slice(None)) -> Tensor:
        """Whole images (m, 3, H, W) of the unit in `row`."""
        return self.setting.images.load(self.references[row, columns]).images

    def heat(self, row: int, columns=slice(None)) -> Tensor:
        """Relevance (m, H, W) of the pixels for the unit's peak, what LRP crops are made from."""
        places = self.positions[row, columns]
        return lrp_heatmaps(
            self.setting.model, self.pictures(row, columns), self.setting.layer, self.units[row], places
        )

    def areas(self) -> Tensor:
        """Share (U, n) of its image that each crop covers."""
        top, left, bottom, right = self.boxes.unbind(-1)
        return (bottom - top) * (right - left) / self.setting.images.image_size**2


def study(
    model: VisionModel, images: ImageSet, layer: str, lower: str, judge, rival, *, n_units: int = 64, n_ref: int = 100,
    crop: str = "auto", seed: int = 0,
) -> LayerStudy:  # fmt: skip
    """Rank the images for every unit of a layer in one pass, then view `n_units` units, drawn at random.

    Parameters
    ----------
    model, judge, rival : VisionModels. Judge and rival see crops only.
    layer, lower : where the units live, and the layer before it that they are attributed to.
    n_ref : references of each unit; twice as many are ranked if there are enough images, for `unseen`.
    crop : "lrp" (the paper's), "receptive field", or "auto" (see `crops`).

    Raises
    ------
    UnitscopeError
        If a layer is unknown, there are fewer images than references, or no unit responds to `n_ref` images.
    """
    crop = choose_crop(model, layer, crop)
    kept = max(n_ref, min(2 * n_ref, len(images)))
    reducers = [TopK(layer, kept), Pooled(layer), TopK(lower, 1)]
    ranking, pooled, lower_ranking = stream(model, images, [lower, layer], reducers)
    live = ranking.values[:, n_ref - 1] > 0
    if not live.any():
        raise UnitscopeError(
            f"no unit of {layer!r} responds to n_ref={n_ref} of the {len(images)} images; lower n_ref or add images."
        )
    tied = ranking.tied(n_ref)
    certain = live & ~tied
    if not certain.any():
        certain = live
        warnings.warn(
            f"all {int(live.sum())} units of {layer!r} that respond are saturated: more than n_ref={n_ref} images have "
            "one and the same largest response, and the order of the images chooses among them.",
            stacklevel=2,
        )
    units, silent = draw(certain.nonzero().flatten(), n_units, seed), (~live).nonzero().flatten()
    setting = Setting(model, judge, rival, images, layer, lower, crop)
    seen = view(setting, ranking, pooled, units, slice(0, n_ref))
    return LayerStudy(
        setting, ranking, pooled, lower_ranking, silent, units, saturated=tied.nonzero().flatten(), **seen
    )


def unseen(known: LayerStudy, rows) -> LayerStudy:
    """The units in `rows` at the images that follow their references in rank, which no clustering has seen.

    Raises
    ------
    UnitscopeError
        If there are no such images, or one of the units does not respond to all of them (see `lasting`).
    """
    n, units = known.references.shape[1], known.units[rows]
    if known.ranking.indices.shape[1] <= n or not len(units) or not lasting(known)[rows].all():
        raise UnitscopeError(
            f"of {len(known.setting.images)} images too few drive these {len(units)} units beyond their {n} "
            f"references; lower n_ref."
        )
    return replace(known, units=units, **view(known.setting, known.ranking, known.pooled, units, slice(n, None)))


def lasting(known: LayerStudy) -> Tensor:
    """Which units (U,) respond to all images that were ranked, beyond their references too."""
    return known.ranking.values[known.units, -1] > 0


def view(setting: Setting, ranking: References, pooled: Tensor, units: Tensor, ranks: slice) -> dict:
    """References, positions, boxes and vectors of `units` at the given ranks, as a `LayerStudy` holds them."""
    references, positions = ranking.indices[units, ranks], ranking.positions[units, ranks]
    boxes = box(setting, units, references, positions)
    vectors = {
        "PURE": attribute(setting, units, references),
        "activations": pooled[references],
        **look(setting.eyes, setting.images, references, boxes),
    }
    return {"references": references, "positions": positions, "boxes": boxes, "vectors": vectors}


def attribute(setting: Setting, units: Tensor, references: Tensor, **options) -> Tensor:
    """Attribution vectors (U, n, C_lower); options as in `conditional_attributions`."""
    return conditional_attributions(
        setting.model, setting.images, setting.layer, setting.lower, units, references, **options
    )


def box(setting: Setting, units: Tensor, references: Tensor, positions: Tensor) -> Tensor:
    """Boxes (U, n, 4) of the crops."""
    return unit_boxes(setting.model, setting.images, setting.layer, units, references, positions, setting.crop)


def look(networks: Mapping[str, object], images: ImageSet, references: Tensor, boxes: Tensor) -> dict[str, Tensor]:
    """Embeddings {name: (U, n, D)} of the crops `boxes` (U, n, 4) of `references` (U, n), contrast stretched."""
    seen: dict[str, list[Tensor]] = {name: [] for name in networks}
    for rows, own in progress(zip(references, boxes, strict=True), len(boxes), "crops"):
        pictures = images.load(rows).images
        for name, network in networks.items():
            crops = crop_images(pictures, own, network.input_size, stretch=True)
            with torch.no_grad():
                seen[name].append(network.embed(crops).float().cpu())
    return {name: torch.stack(parts) for name, parts in seen.items()}


def lower_crops(known: LayerStudy, channels: Tensor, size: int = 72) -> Tensor:
    """One crop (m, 3, size, size) for each of the lower layer's `channels` (m,): where its best image drives it."""
    setting = replace(known.setting, layer=known.setting.lower)
    references, positions = known.lower_ranking.indices[channels], known.lower_ranking.positions[channels]
    boxes = box(setting, channels, references, positions)
    return crop_images(setting.images.load(references[:, 0]).images, boxes[:, 0], size)


def draw(candidates: Tensor, count: int, seed: int) -> Tensor:
    """At most `count` of the candidates, at random, in rising order."""
    order = torch.randperm(len(candidates), generator=torch.Generator().manual_seed(seed))
    return candidates[order[:count]].sort().values


def costs(known: LayerStudy, count: int = 8, n_ref: int | None = None) -> dict[str, Tensor]:
    """Seconds that each view takes on this machine for `n_ref` references (None: all) of a unit, {view: (count,)}.

    The views take turns unit by unit, each round starting with another one, after a round that is not counted: so
    neither a cold start nor a busy moment of the machine falls on one view alone. Of fewer units some come again.
    """
    setting, order = known.setting, ("activations", "PURE", "rival")

    def work(view: str, unit: slice) -> None:
        units, references, positions = known.units[unit], known.references[unit, :n_ref], known.positions[unit, :n_ref]
        if view == "activations":
            distinct = setting.images.subset(references.unique())
            stream(setting.model, distinct, [setting.layer], [Pooled(setting.layer)])
        elif view == "PURE":
            attribute(setting, units, references)
        else:
            look({view: setting.rival}, setting.images, references, box(setting, units, references, positions))

    seconds = torch.zeros(count + 1, len(order), dtype=torch.float64)
    for turn in range(count + 1):
        row = turn % len(known.units)
        for place in [(turn + step) % len(order) for step in range(len(order))]:
            start = time.perf_counter()
            work(order[place], slice(row, row + 1))
            seconds[turn, place] = time.perf_counter() - start
    return dict(zip(order, seconds[1:].T, strict=True))
