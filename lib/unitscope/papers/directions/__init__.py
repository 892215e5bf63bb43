"""Identifying Interpretable Features in Convolutional Neural Networks (Klindt et al. 2023): the method.

basis          what a direction is; the units themselves; random directions
methods        every way to find directions behind one call
factor         PCA, ICA, NMF
kmeans         k-means with cosine similarity
autoencoder    sparse autoencoders over widths and penalties
measured       directions with their most exciting images and their interpretability index
trials         in-silico psychophysics: two queries, 9 + 9 references
manifold       graded activation on the image manifold, sparseness
interpolation  between far clusters: the index and input gradients
"""

from unitscope.papers.directions.basis import (
    Activations,
    Directions,
    activations,
    index,
    layer_activations,
    plane_arrows,
    spread_layers,
)
from unitscope.papers.directions.measured import Measured, measure, measure_kinds
from unitscope.papers.directions.methods import FINDERS, find, find_many

__all__ = [
    "FINDERS",
    "Activations",
    "Directions",
    "Measured",
    "activations",
    "find",
    "find_many",
    "index",
    "layer_activations",
    "measure",
    "measure_kinds",
    "plane_arrows",
    "spread_layers",
]
