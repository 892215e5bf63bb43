"""Unitscope: what single units of vision networks encode.

Twelve names are the front door. Each is loaded when it is first asked for, so `import unitscope` takes no time:

    load_model, load_dataset, load_generator   networks, images and generators in
    stream, TopK                               one pass over the images; the strongest images of every unit
    unit_crops                                 the part of an image that a unit responds to
    purify, virtual_neurons                    PURE: the circuits of a unit
    interpretability_index, lpips_distances    how alike the strongest images of a unit are; how alike any images are
    mine, link                                 Rosetta Neurons; Linking in Style
    UnitscopeError                             the one error for a caller's mistake

Floors, bottom up: data, models -> extract -> metrics -> papers, training -> evidence -> plots -> publish -> book/.
A module imports from lower floors only.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from unitscope.allocator import keep_memory

if TYPE_CHECKING:
    from unitscope.data import load_dataset
    from unitscope.errors import UnitscopeError
    from unitscope.extract import TopK, stream, unit_crops  # type: ignore[no-redef]
    from unitscope.metrics.interpretability import interpretability_index
    from unitscope.metrics.similarity import lpips_distances
    from unitscope.models import load_generator, load_model
    from unitscope.papers.linking.linked import link
    from unitscope.papers.pure import purify, virtual_neurons
    from unitscope.papers.rosetta import mine

__version__ = "0.1.0"
__all__ = [
    "TopK", "UnitscopeError", "interpretability_index", "link", "load_dataset", "load_generator", "load_model",
    "lpips_distances", "mine", "purify", "stream", "unit_crops", "virtual_neurons",
]  # fmt: skip

PLACES = {
    "load_model": "models",
    "load_dataset": "data",
    "load_generator": "models",
    "stream": "extract",
    "TopK": "extract",
    "unit_crops": "extract",
    "purify": "papers.pure",
    "virtual_neurons": "papers.pure",
    "interpretability_index": "metrics.interpretability",
    "lpips_distances": "metrics.similarity",
    "mine": "papers.rosetta",
    "link": "papers.linking.linked",
    "UnitscopeError": "errors",
}  # where each name of the front door is defined

keep_memory()


def __getattr__(name: str) -> object:
    """A name of the front door, loaded now and kept (PEP 562)."""
    if name not in PLACES:
        raise AttributeError(f"module 'unitscope' has no attribute {name!r}; its names: {', '.join(__all__)}")
    found = globals()[name] = getattr(import_module(f"unitscope.{PLACES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*__all__, "__version__"})
