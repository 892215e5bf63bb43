"""Every way to find directions by name, behind one call.

A method is a function (activations, k, seed) -> Directions. `find` takes a name of `FINDERS` or any such function, so
a reader adds a method by writing it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from unitscope.errors import UnitscopeError, unknown
from unitscope.papers.directions.autoencoder import sparse_autoencoder
from unitscope.papers.directions.basis import (
    Activations,
    Directions,
    neurons,
    neurons_normalised,
    random_directions,
    random_images,
    rotated_units,
)
from unitscope.papers.directions.factor import ica, nmf, pca
from unitscope.papers.directions.kmeans import kmeans

Finder = Callable[[Activations, int, int], Directions]

FINDERS: dict[str, Finder] = {
    "neurons": neurons,
    "neurons, cosine": neurons_normalised,
    "PCA": pca,
    "ICA": ica,
    "NMF": nmf,
    "k-means": kmeans,
    "SAE": sparse_autoencoder,
    "random": random_directions,
    "images": random_images,
    "rotated units": rotated_units,
}


def find(method: str | Finder, given: Activations, k: int | None = None, seed: int = 0) -> Directions:
    """k directions (default: as many as units) by a method of `FINDERS`, or by any function (activations, k, seed).

    Raises
    ------
    UnitscopeError
        For an unknown name, a k that the method cannot give, or activations that it does not take.
    """
    if not callable(method):
        if method not in FINDERS:
            raise unknown("method", method, FINDERS)
        method = FINDERS[method]
    return method(given, given.raw.shape[1] if k is None else k, seed)


def find_many(
    methods: Iterable[str], given: Activations, k: int | None = None, seed: int = 0
) -> tuple[dict[str, Directions], dict[str, str]]:
    """Every method that these activations allow; and for each that they do not, the reason."""
    found, left_out = {}, {}
    for method in methods:
        if method not in FINDERS:
            raise unknown("method", method, FINDERS)
        try:
            found[method] = find(method, given, k, seed)
        except UnitscopeError as error:
            left_out[method] = str(error)
    return found, left_out
