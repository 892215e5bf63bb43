"""The part of an image that a unit responds to: PURE's feature visualisation (Dreyer et al. 2024, appendix A.1).

U  units    n  references of each    boxes (U, n, 4)  top, left, bottom, right in pixels of the images

"lrp"              box around the relevance of the unit's peak, the paper's way
"receptive field"  box around the peak, as large as the layer effectively looks
"auto"             "lrp" where its rules cover the network, else "receptive field"
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from unitscope import checking
from unitscope.data import ImageSet
from unitscope.errors import UnitscopeError
from unitscope.extract.crops import crop_images
from unitscope.extract.lrp import Rules, lrp_boxes
from unitscope.extract.receptive_field import receptive_field_boxes
from unitscope.extract.streaming import stream
from unitscope.extract.taps import image_set, layer_of
from unitscope.extract.topk import References, TopK
from unitscope.models import VisionModel

CROPS = ("auto", "lrp", "receptive field")
SIZE = 96  # pixels of a crop that is looked at


@dataclass(frozen=True, repr=False)
class UnitCrops:
    """Units at their strongest images, strongest first.

    units (U,) : channels of `layer`.
    references, values (U, n) : positions of the images in the set, and the units' largest responses there.
    boxes (U, n, 4) : top, left, bottom, right in pixels of the images.
    crops (U, n, 3, size, size) : the boxes cut out, RGB in [0, 1].
    way : how the boxes were found, "lrp" or "receptive field".
    """

    layer: str
    units: Tensor
    references: Tensor
    values: Tensor
    boxes: Tensor
    crops: Tensor = field(repr=False)
    way: str

    def __repr__(self) -> str:
        U, n, _, size, _ = self.crops.shape
        return f"UnitCrops({self.layer!r}, {U} units, {n} crops each of {size} px, way {self.way!r})"


def unit_crops(
    model: VisionModel,
    images: ImageSet,
    layer: str,
    units: int | Sequence[int] | Tensor,
    *,
    n: int = 9,
    size: int = SIZE,
    crop: str = "auto",
    ranking: References | None = None,
) -> UnitCrops:
    """The strongest images of units, cut to the part that each unit responds to.

    >>> import unitscope as us
    >>> network = us.load_model("critters/resnet_s", device="cpu")
    >>> images = us.load_dataset("critters/test", limit=24)
    >>> found = us.unit_crops(network, images, "layer3", [4, 7], n=3)
    >>> found
    UnitCrops('layer3', 2 units, 3 crops each of 96 px, way 'lrp')
    >>> found.crops.shape, found.references.shape
    (torch.Size([2, 3, 3, 96, 96]), torch.Size([2, 3]))

    Parameters
    ----------
    model : VisionModel, from `load_model`.
    images : a data set, from `load_dataset`.
    layer : where the units live; `model.layers` lists the names.
    units : one channel, or (U,) channels of `layer`.
    n : crops of each unit.
    size : height and width of a crop in pixels.
    crop : "auto", "lrp" or "receptive field", see the module.
    ranking : what `TopK` found in an earlier pass over the same images; None: a pass is made now.

    Returns
    -------
    UnitCrops, its crops (U, n, 3, size, size) in [0, 1].

    Raises
    ------
    UnitscopeError
        If the layer, a unit or the way of cropping does not exist, or there are fewer images than `n`.

    Source
    ------
    Dreyer et al. (2024), "PURE", appendix A.1, after the authors' code.

    See also
    --------
    TopK : the ranking. virtual_neurons : the same units, split by their circuits.
    """
    units = chosen_units(model, layer, units)
    ranking = strongest(model, images, layer, n, "n", ranking)
    references, positions = ranking.indices[units, :n], ranking.positions[units, :n]
    way = choose_crop(model, layer, crop)
    boxes = unit_boxes(model, images, layer, units, references, positions, way)
    crops = torch.stack(
        [crop_images(images.load(rows).images, own, size) for rows, own in zip(references, boxes, strict=True)]
    )
    return UnitCrops(layer, units, references, ranking.values[units, :n], boxes, crops, way)


def chosen_units(model: VisionModel, layer: str, units: int | Sequence[int] | Tensor) -> Tensor:
    """One channel or several as (U,) int64, all of them in the layer."""
    channels = layer_of(model, layer).channels
    return checking.indices("units", [units] if isinstance(units, int) else units, channels, "(U)")


def strongest(
    model: VisionModel, images: ImageSet, layer: str, n: int, name: str = "n", ranking: References | None = None
) -> References:
    """The `n` strongest images of every unit, or more; `name` is what the caller calls n."""
    n, available = checking.count(name, n), len(image_set(images))
    if ranking is not None:
        checking.instance("ranking", ranking, References, "it is what TopK gives")
    held = available if ranking is None else ranking.indices.shape[1]
    if held < n:
        what = "images" if ranking is None else "references in the ranking"
        raise UnitscopeError(f"{name}={n} references of each unit are asked for, but there are {held} {what}.")
    return stream(model, images, [layer], [TopK(layer, n)])[0] if ranking is None else ranking


def choose_crop(model: VisionModel, layer: str, crop: str) -> str:
    """The way of cropping that `crop` means for this network: "lrp" or "receptive field"."""
    checking.choice("crop", crop, CROPS)
    if crop != "auto":
        return crop
    try:
        Rules(model, layer)
    except UnitscopeError:
        return "receptive field"
    return "lrp"


def unit_boxes(
    model: VisionModel, images: ImageSet, layer: str, units: Tensor, references: Tensor, positions: Tensor, crop: str
) -> Tensor:
    """Boxes (U, n, 4) of units (U,) at their references and peaks (U, n)."""
    if crop == "lrp":
        return lrp_boxes(model, images, layer, units, references, positions)
    boxes = receptive_field_boxes(model, layer, positions.flatten(), image_size=images.image_size)
    return boxes.view(*positions.shape, 4)
