"""One pass over the images: taps, the stream and its reducers, conditional attributions, heat maps and crops."""

from unitscope.extract.attributions import conditional_attributions
from unitscope.extract.crops import crop_boxes, crop_images
from unitscope.extract.crops_of_units import UnitCrops, unit_crops
from unitscope.extract.lrp import lrp_boxes, lrp_heatmaps
from unitscope.extract.maps import StoredMaps
from unitscope.extract.moments import ChannelMoments, Moments
from unitscope.extract.pooled import Pooled
from unitscope.extract.receptive_field import receptive_field_boxes
from unitscope.extract.reducer import Reducer
from unitscope.extract.stream import stream
from unitscope.extract.taps import Taps
from unitscope.extract.topk import References, TopK

__all__ = [
    "ChannelMoments", "Moments", "Pooled", "Reducer", "References", "StoredMaps", "Taps", "TopK", "UnitCrops",
    "conditional_attributions", "crop_boxes", "crop_images", "lrp_boxes", "lrp_heatmaps", "receptive_field_boxes",
    "stream", "unit_crops",
]  # fmt: skip
