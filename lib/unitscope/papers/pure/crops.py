"""The part of an image that a unit responds to: the paper's feature visualisation (appendix A.1).

U  units    n  references of each    boxes (U, n, 4)  top, left, bottom, right in pixels of the images

"lrp"              box around the relevance of the unit's peak, the paper's way
"receptive field"  box around the peak, as large as the layer effectively looks
"auto"             "lrp" where its rules cover the network, else "receptive field"
"""

from __future__ import annotations

from torch import Tensor

from unitscope.data import ImageSet
from unitscope.errors import UnitscopeError, unknown
from unitscope.extract import lrp_boxes, receptive_field_boxes
from unitscope.extract.lrp import Rules

CROPS = ("auto", "lrp", "receptive field")


def choose_crop(model, layer: str, crop: str) -> str:
    """The way of cropping that `crop` means for this network: "lrp" or "receptive field"."""
    if crop not in CROPS:
        raise unknown("crop", crop, CROPS)
    if crop != "auto":
        return crop
    try:
        Rules(model, layer)
    except UnitscopeError:
        return "receptive field"
    return "lrp"


def unit_boxes(
    model, images: ImageSet, layer: str, units: Tensor, references: Tensor, positions: Tensor, crop: str
) -> Tensor:
    """Boxes (U, n, 4) of units (U,) at their references and peaks (U, n)."""
    if crop == "lrp":
        return lrp_boxes(model, images, layer, units, references, positions)
    boxes = receptive_field_boxes(model, layer, positions.flatten(), image_size=images.image_size)
    return boxes.view(*positions.shape, 4)
