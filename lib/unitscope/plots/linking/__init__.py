"""Figures of the Linking chapter: the method, the link, units, class relevance, the boundary, and known truth."""

from unitscope.plots.linking.boundary import cams, curves, settings, slider, straddling, ways
from unitscope.plots.linking.classes import changes, class_table, memberships, shared_unit
from unitscope.plots.linking.common import coloured
from unitscope.plots.linking.concepts import concept, field, masks_of, measured
from unitscope.plots.linking.link import cycles, distances, layers, links, spaces, truncations
from unitscope.plots.linking.truth import factor_table, networks, shots
from unitscope.plots.linking.units import clusters, echoes, order_map, sparsity, sparsity_by_metric, strips
from unitscope.plots.style import skipped

__all__ = [
    "cams",
    "changes",
    "class_table",
    "clusters",
    "coloured",
    "concept",
    "curves",
    "cycles",
    "distances",
    "echoes",
    "factor_table",
    "field",
    "layers",
    "links",
    "masks_of",
    "measured",
    "memberships",
    "networks",
    "order_map",
    "settings",
    "shared_unit",
    "shots",
    "skipped",
    "slider",
    "spaces",
    "sparsity",
    "sparsity_by_metric",
    "straddling",
    "strips",
    "truncations",
    "ways",
]
