"""Figures of the two Rosetta chapters: heat maps, scores, the dictionary to browse, inversion and editing."""

from unitscope.plots.rosetta.editing import columns, displaced, drawn_units, table_1, traces
from unitscope.plots.rosetta.explorer import browser
from unitscope.plots.rosetta.maps import agreement_on, atlas, pair_strip, rows_on, scheme, seen_on, short, tuples
from unitscope.plots.rosetta.scores import (
    against_nulls,
    census,
    code_gap,
    concept_table,
    depth,
    flows,
    matrix,
    moments,
    parts_of_rho,
    universality,
    votes,
)

__all__ = [
    "against_nulls",
    "agreement_on",
    "atlas",
    "browser",
    "census",
    "code_gap",
    "columns",
    "concept_table",
    "depth",
    "displaced",
    "drawn_units",
    "flows",
    "matrix",
    "moments",
    "pair_strip",
    "parts_of_rho",
    "rows_on",
    "scheme",
    "seen_on",
    "short",
    "table_1",
    "traces",
    "tuples",
    "universality",
    "votes",
]
