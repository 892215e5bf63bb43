"""One pass over the images: taps, the stream and its reducers, conditional attributions, heat maps and crops.

`stream` is the only pass over a set of images that reads units. Above this floor, taps and hooks are used for what is
no such pass: one batch whose gradients are wanted, pictures that an optimiser or a generator has just drawn, several
networks that read the same drawing, or a layer that is changed on the way. `tests/test_floors.py` lists these places.
"""

from unitscope.extract.attributions import conditional_attributions
from unitscope.extract.crops import crop_boxes, crop_images
from unitscope.extract.crops_of_units import UnitCrops, unit_crops
from unitscope.extract.lrp import lrp_boxes, lrp_heatmaps
from unitscope.extract.moments import ChannelMoments, Moments
from unitscope.extract.per_image import Pooled, StoredMaps
from unitscope.extract.receptive_field import receptive_field_boxes
from unitscope.extract.reducer import Reducer
from unitscope.extract.streaming import stream
from unitscope.extract.taps import Taps
from unitscope.extract.topk import References, TopK

__all__ = [
    "ChannelMoments", "Moments", "Pooled", "Reducer", "References", "StoredMaps", "Taps", "TopK", "UnitCrops",
    "conditional_attributions", "crop_boxes", "crop_images", "lrp_boxes", "lrp_heatmaps", "receptive_field_boxes",
    "stream", "unit_crops",
]  # fmt: skip
