"""Mining without a generator: the units of a network play the generator's part, on pictures that are there already.

    anchor  the network whose units are matched with every other network's      w (n, 1)  numbers of pictures in a set

Rosetta Neurons needs a generator to edit pictures, not to match units: any network's maps on the same pictures do. An
`Anchor` answers what `mine` and its followers ask of a generator, with a picture's number in the place of a latent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from unitscope import checking
from unitscope.data import ImageSet
from unitscope.errors import UnitscopeError
from unitscope.extract.taps import Taps, image_set, vision_model
from unitscope.models import VisionModel


class Anchor:
    """A VisionModel on a set of images, read as a generator is.

    name, layers, layer, device : the network's.    classes, image_size : the set's.
    """

    w_dim = 1

    def __init__(self, model: VisionModel, images: ImageSet):
        self.model, self.images = vision_model(model, "anchor"), image_set(images)
        self.name, self.layers, self.device = model.name, model.layers, model.device
        self.classes, self.image_size = images.classes, images.image_size

    def __repr__(self) -> str:
        return f"Anchor({self.name!r}, {self.images!r})"

    def layer(self, name: str):
        """A layer of the network."""
        return self.model.layer(name)

    def sample(self, n: int, label=None, *, seed: int = 0, truncation: float = 1.0) -> Tensor:
        """Numbers (n, 1) of n different pictures in random order; fewer with the same seed are the first of them.

        label : only pictures of that class, by number or name.    truncation : means nothing here.
        """
        order = torch.randperm(len(self.images), generator=torch.Generator().manual_seed(seed))
        if label is not None:
            number = (
                self.classes.index(checking.choice("class", label, self.classes)) if isinstance(label, str) else label
            )
            order = order[self.images.labels[order] == number]
        if len(order) < checking.count("n", n):
            raise UnitscopeError(
                f"{n} pictures are asked of {self.images.name}, which has {len(order)}; give more images."
            )
        return order[:n, None]

    def synthesize(self, w: Tensor) -> Tensor:
        """The pictures (n, 3, H, H) of those numbers, on the network's device."""
        return self.images.load(w[:, 0]).images.to(self.device)

    def features(self, w: Tensor, layers: Sequence[str] | None = None) -> dict[str, Tensor]:
        """{layer: (n, C, h, w)} of the network on those pictures; all its layers by default."""
        return self.synthesize_with_features(w, layers)[1]

    @torch.no_grad()
    def synthesize_with_features(
        self, w: Tensor, layers: Sequence[str] | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Pictures and maps."""
        images = self.synthesize(w)
        with Taps(self.model, list(layers or self.layers)) as taps:
            return images, taps(images)


def without_anchor(networks: Mapping[str, VisionModel], anchor: Anchor) -> dict[str, VisionModel]:
    """The networks but the anchor, with which every unit of its own would match perfectly."""
    return {name: model for name, model in networks.items() if name != anchor.name and model is not anchor.model}
