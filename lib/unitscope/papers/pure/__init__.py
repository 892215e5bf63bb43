"""PURE (Dreyer et al. 2024): units split by the circuits that drive them.

circuits  a unit becomes virtual neurons, one for each circuit
collect   all that PURE and its baselines need to know of a layer's units
neurons   the virtual neurons of one unit, in one call
scores    how well units are split, in the eyes of a judge
"""

from unitscope.papers.pure.circuits import VirtualNeurons, purify
from unitscope.papers.pure.collect import LayerStudy, study, unseen
from unitscope.papers.pure.neurons import UnitNeurons, virtual_neurons
from unitscope.papers.pure.scores import Split, split, splits

__all__ = [
    "Split",
    "LayerStudy",
    "UnitNeurons",
    "VirtualNeurons",
    "purify",
    "split",
    "splits",
    "study",
    "unseen",
    "virtual_neurons",
]
