"""PURE: units split by their circuits, everything the chapter measures about it, and planted truth to check it by."""

from unitscope.papers.pure.circuits import VirtualNeurons, purify
from unitscope.papers.pure.collect import Study, study, unseen
from unitscope.papers.pure.neurons import UnitNeurons, virtual_neurons
from unitscope.papers.pure.planted import Planted, plant
from unitscope.papers.pure.scores import Split, split, splits

__all__ = [
    "Planted", "Split", "Study", "UnitNeurons", "VirtualNeurons", "plant", "purify", "split", "splits", "study",
    "unseen", "virtual_neurons",
]  # fmt: skip
