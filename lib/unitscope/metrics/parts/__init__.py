"""Pictures in numbers: the area, light, grain and shape of every labelled part, and how far a change stays in one
part.
"""

from unitscope.metrics.parts.changes import LUMINANCE_MAX, Change, change, stacked
from unitscope.metrics.parts.masked_regions import Regions, local_entropy, luminance, regions
from unitscope.metrics.parts.measures import METRICS, hoyer, hoyer_null, measure
from unitscope.metrics.parts.segmenter import PartHead, fit_head, iou

__all__ = [
    "LUMINANCE_MAX", "METRICS", "Change", "PartHead", "Regions", "change", "fit_head", "hoyer", "hoyer_null", "iou",
    "local_entropy", "luminance", "measure", "regions", "stacked",
]  # fmt: skip
