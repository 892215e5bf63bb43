"""Figures of the PURE chapter: the concept, single units, scores over many units, distributions."""

from unitscope.plots.pure.concepts import concept, pipeline
from unitscope.plots.pure.distributions import gap_explorer, gap_histograms, gap_scatter
from unitscope.plots.pure.scores import (
    distance_bars,
    factor_table,
    gap_lines,
    recovery,
    recovery_by_layer,
    variant_bars,
    view_bars,
)
from unitscope.plots.pure.units import assigned, crop_map, graded, overestimated, portraits
from unitscope.plots.pure.view_names import names

__all__ = [
    "assigned", "concept", "crop_map", "distance_bars", "factor_table", "gap_explorer", "gap_histograms", "gap_lines",
    "gap_scatter", "graded", "names", "overestimated", "pipeline", "portraits", "recovery",
    "recovery_by_layer", "variant_bars", "view_bars",
]  # fmt: skip
