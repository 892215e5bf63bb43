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
from unitscope.plots.directions.examples import (
    best_synergies,
    exciting_rows,
    plane_of_two,
    quantile_rows,
    synergy_rows,
    unit_plane,
)
from unitscope.plots.directions.geometry import (
    explorer_of,
    interpolation,
    manifold,
    manifold_explorer,
    manifold_of,
    ways_of,
)
from unitscope.plots.directions.population import eigenspectrum, relu_orthants, scatter, synergy_of, synergy_panels
from unitscope.plots.style import skipped

__all__ = [
    "accuracy_curves", "best_synergies", "boxes", "eigenspectrum", "exciting_rows", "explorer_of", "interpolation",
    "layer_boxes", "manifold", "manifold_explorer", "manifold_of", "plane_of_two", "quantile_rows", "ranked_intervals",
    "relu_orthants", "roc_panels", "scatter", "scores_table", "skipped", "sweep_curves", "synergy_of", "synergy_panels",
    "synergy_rows", "unit_plane", "ways_of",
]  # fmt: skip
