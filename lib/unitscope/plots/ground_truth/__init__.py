"""Figures of the ground-truth chapter: difficulty curves, what was planted, and the summary."""

from unitscope.plots.ground_truth.curves import panels, summary
from unitscope.plots.ground_truth.examples import matches, summed_unit, units_of_purity

__all__ = ["matches", "panels", "summary", "summed_unit", "units_of_purity"]
