"""Figures of the Directions chapter: comparisons of groups, example images, geometry, the population of units."""

from unitscope.plots.directions.comparison import (
    accuracy_curves,
    boxes,
    layer_boxes,
    ranked_intervals,
    roc_panels,
    scores_table,
    sweep_curves,
)
from unitscope.plots.directions.examples import exciting_rows, synergy_rows, unit_plane
from unitscope.plots.directions.geometry import interpolation, manifold, manifold_explorer
from unitscope.plots.directions.population import eigenspectrum, relu_orthants, scatter, synergy_panels

__all__ = [
    "accuracy_curves", "boxes", "eigenspectrum", "exciting_rows", "interpolation", "layer_boxes", "manifold",
    "manifold_explorer", "ranked_intervals", "relu_orthants", "roc_panels", "scatter", "scores_table", "sweep_curves",
    "synergy_panels", "synergy_rows", "unit_plane",
]  # fmt: skip
