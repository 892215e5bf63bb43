"""Identifying Interpretable Features in Convolutional Neural Networks (Klindt et al. 2023): the method.

basis          what a direction is; the units themselves; controls
methods        every way to find directions behind one call
factor         PCA, ICA, NMF
kmeans         k-means with cosine similarity
autoencoder    sparse autoencoders over widths and penalties; recovery of planted features
trials         in-silico psychophysics: two queries, 9 + 9 references
humans         the human responses of Zimmermann et al. 2023 (IMI), and observers that stand in for people
agreement      how well a similarity predicts observers' answers
truth          what the critter world knows: concepts, parts, purity of a direction
manifold       graded activation on the image manifold, sparseness
interpolation  between far clusters: II and input gradients
measured       directions with their most exciting images and their index
population     co-activation, eigenspectrum, what a ReLU does to orthants
"""

from unitscope.papers.directions.basis import (
    Activations,
    Directions,
    activations,
    closest,
    index,
    layer_activations,
    plane_arrows,
    spread_layers,
)
from unitscope.papers.directions.measured import (
    Measured,
    Sweep,
    controls,
    halves,
    matched,
    measure,
    measure_kinds,
    measure_sweep,
    middle,
    stability,
)
from unitscope.papers.directions.methods import FINDERS, find, find_many

__all__ = [
    "FINDERS",
    "Activations",
    "Directions",
    "Measured",
    "Sweep",
    "activations",
    "closest",
    "controls",
    "find",
    "find_many",
    "halves",
    "index",
    "layer_activations",
    "matched",
    "measure",
    "measure_kinds",
    "measure_sweep",
    "middle",
    "plane_arrows",
    "spread_layers",
    "stability",
]
