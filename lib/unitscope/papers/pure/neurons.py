"""From a network and images to the virtual neurons of some units, in one call (Dreyer et al. 2024, section 3).

U  units    n  references of each    k  virtual neurons of a unit    D  channels of the lower layer
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from unitscope import checking
from unitscope.data import ImageSet
from unitscope.errors import UnitscopeError
from unitscope.extract import References, conditional_attributions, crop_images
from unitscope.extract.crops_of_units import SIZE, choose_crop, chosen_units, strongest, unit_boxes
from unitscope.models import VisionModel
from unitscope.papers.pure.circuits import purify


@dataclass(frozen=True, repr=False)
class UnitNeurons:
    """Units of a layer, each split into k virtual neurons.

    units (U,) : channels of `layer`.
    references, positions (U, n) : the strongest images of each unit, strongest first, and where it peaks on its map.
    vectors (U, n, D) : how much each channel of `lower` contributes.
    labels (U, n) : the virtual neuron of each reference, 0..k-1, the largest first.
    centroids (U, k, D) : the mean vector of each virtual neuron.
    way : how `crops` are cut, "lrp" or "receptive field".
    """

    layer: str
    lower: str
    units: Tensor
    references: Tensor
    positions: Tensor
    vectors: Tensor
    labels: Tensor
    centroids: Tensor
    way: str
    model: VisionModel = field(repr=False)
    images: ImageSet = field(repr=False)

    def __repr__(self) -> str:
        sizes = ", ".join(
            f"{unit}: {' + '.join(map(str, own))}" for unit, own in zip(self.units.tolist(), self.sizes.tolist())
        )
        return f"UnitNeurons({self.layer!r} by {self.lower!r}, references of each virtual neuron: {sizes})"

    @property
    def sizes(self) -> Tensor:
        """(U, k) references of each virtual neuron."""
        return torch.nn.functional.one_hot(self.labels, self.centroids.shape[1]).sum(1)

    def of(self, unit: int, neuron: int) -> Tensor:
        """(m,) positions in the set of the images that virtual neuron `neuron` of a unit answers to, strongest first.

        Raises
        ------
        UnitscopeError
            If the unit was not split or has no such virtual neuron.
        """
        row, chosen = self._rows(unit, neuron)
        return self.references[row, chosen]

    def crops(self, unit: int, neuron: int, n: int = 9, size: int = SIZE) -> Tensor:
        """At most `n` crops (m, 3, size, size), RGB in [0, 1], of one virtual neuron of a unit, strongest first."""
        row, chosen = self._rows(unit, neuron)
        chosen = chosen[: checking.count("n", n)]
        if not len(chosen):
            return torch.zeros(0, 3, size, size)
        references, positions = self.references[row, chosen][None], self.positions[row, chosen][None]
        boxes = unit_boxes(
            self.model, self.images, self.layer, self.units[row : row + 1], references, positions, self.way
        )
        return crop_images(self.images.load(references[0]).images, boxes[0], size)

    def _rows(self, unit: int, neuron: int) -> tuple[int, Tensor]:
        """The row of a unit, and the columns of one of its virtual neurons."""
        units = self.units.tolist()
        if unit not in units:
            raise UnitscopeError(f"`unit` must be one of those that were split, {units}, got {unit}.")
        neuron = checking.count("neuron", neuron, 0, self.centroids.shape[1] - 1)
        row = units.index(unit)
        return row, (self.labels[row] == neuron).nonzero().flatten()


def virtual_neurons(
    model: VisionModel, images: ImageSet, layer: str, units: int | Sequence[int] | Tensor, *, lower: str | None = None,
    clusters: int = 2, n_ref: int = 100, crop: str = "auto", seed: int = 0, ranking: References | None = None,
) -> UnitNeurons:  # fmt: skip
    """Split units into their circuits: one virtual neuron for each group of channels that drives a unit.

    >>> import unitscope as us
    >>> network = us.load_model("critters/resnet_s", device="cpu")
    >>> images = us.load_dataset("critters/test", limit=48)
    >>> found = us.virtual_neurons(network, images, "layer4", 7, lower="layer3", n_ref=12)
    >>> found.labels.shape, found.centroids.shape           # (units, n_ref), (units, clusters, channels of layer3)
    (torch.Size([1, 12]), torch.Size([1, 2, 128]))
    >>> found.crops(unit=7, neuron=0, n=3).shape            # what the first virtual neuron answers to
    torch.Size([3, 3, 96, 96])

    Parameters
    ----------
    model : VisionModel, from `load_model`.
    images : a data set, from `load_dataset`; ten times `n_ref` or more.
    layer : where the units live; `model.layers` lists the names.
    units : one channel, or (U,) channels of `layer`.
    lower : the layer whose channels make the circuits; None: the one before `layer` in `model.layers`.
    clusters : virtual neurons of each unit.
    n_ref : strongest images of each unit (paper: 100).
    crop : "auto", "lrp" or "receptive field"; see `unitscope.extract.crops_of_units`.
    seed : of k-means.
    ranking : what `TopK` found in an earlier pass over the same images; None: a pass is made now.

    Returns
    -------
    UnitNeurons. `crops(unit, neuron)` shows what a virtual neuron answers to.

    Raises
    ------
    UnitscopeError
        If a layer or a unit does not exist, there are fewer images than `n_ref`, a unit responds to fewer (the message
        names some that do not), or one channel of `lower` alone drives it.

    Source
    ------
    Dreyer et al. (2024), "PURE", section 3, eq. (3) for the vectors.

    See also
    --------
    purify : the clustering alone. unit_crops : the units before they are split. The chapter on PURE judges the splits.
    """
    units, n_ref = chosen_units(model, layer, units), checking.count("n_ref", n_ref)
    clusters = checking.count("clusters", clusters, 1, n_ref)
    lower = layer_before(model, layer) if lower is None else lower
    ranking = strongest(model, images, layer, n_ref, "n_ref", ranking)
    check_driven(layer, units, ranking, n_ref, len(images))
    references, positions = ranking.indices[units, :n_ref], ranking.positions[units, :n_ref]
    vectors = conditional_attributions(model, images, layer, lower, units, references)
    channels = (vectors != 0).any(1).sum(1)
    if (channels < 2).any():
        unit = int(units[channels.argmin()])
        raise UnitscopeError(
            f"unit {unit} of {layer!r} is driven by {int(channels.min())} channel of {lower!r} (a convolution that "
            "keeps channels apart stands between), so it has no circuits; name an earlier lower=."
        )
    split = purify(vectors, clusters, seed=seed)
    way = choose_crop(model, layer, crop)
    return UnitNeurons(
        layer, lower, units, references, positions, vectors, split.labels, split.centroids, way, model, images
    )


def check_driven(layer: str, units: Tensor, ranking: References, n_ref: int, n_images: int) -> None:
    """Refuse units that respond to fewer than `n_ref` images, and name some that respond to as many."""
    reached = (ranking.values[:, :n_ref] > 0).sum(1)
    few = units[reached[units] < n_ref]
    if len(few):
        enough = (reached >= n_ref).nonzero().flatten().tolist()
        some = f"{len(enough)} units do: {', '.join(map(str, enough[:6]))}{', ...' if len(enough) > 6 else ''}"
        raise UnitscopeError(
            f"unit {int(few[0])} of {layer!r} responds to {int(reached[few[0]])} of {n_images} images, fewer than "
            f"n_ref={n_ref}; lower n_ref, add images or take another unit ({some if enough else 'no unit does'})."
        )


def layer_before(model: VisionModel, layer: str) -> str:
    """The listed layer before `layer`.

    Raises
    ------
    UnitscopeError
        If `layer` is the first, or is not listed, so that nothing says what stands before it.
    """
    names = list(model.layers)
    if layer not in names[1:]:
        raise UnitscopeError(
            f"no layer is listed before {layer!r}; name the one whose channels make the circuits with lower=. "
            f"Layers: {', '.join(names)}."
        )
    return names[names.index(layer) - 1]
