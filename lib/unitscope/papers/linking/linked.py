"""A classifier linked to a generator in one call (Wehrheim et al. 2024, section 3.1).

r (n, d)  activations of the classifier's penultimate layer    w (n, D)  latents of the generator    f(r) = A r + a
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from unitscope import checking
from unitscope.errors import UnitscopeError
from unitscope.extract.penultimate import Reader
from unitscope.models import Generator, VisionModel
from unitscope.papers.linking.link import Link, explained, squared_error
from unitscope.papers.linking.studies import study


@dataclass(frozen=True, repr=False)
class Linked:
    """A linear map from a classifier's penultimate activations to a generator's latents.

    A (D, d), a (D,) : f(r) = A r + a.
    classes : the classes it was fitted on.
    explained : R^2 of held-out latents against their mean, at most 1; 0 is no better than the mean.
    intended : share of the generator's pictures that the classifier names as meant; None without a head.
    """

    A: Tensor
    a: Tensor
    classes: tuple[str, ...]
    explained: float
    intended: float | None
    model: VisionModel = field(repr=False)
    generator: Generator = field(repr=False)

    def __repr__(self) -> str:
        meant = "" if self.intended is None else f", {self.intended:.0%} named as meant"
        return (
            f"Linked({self.model.name!r} to {self.generator.name!r}, {self.A.shape[1]} units to {len(self.A)} latents, "
            f"{len(self.classes)} classes, R^2 {self.explained:.2f}{meant})"
        )

    def read(self, images: Tensor) -> Tensor:
        """r (n, d) of pictures (n, 3, H, W) in [0, 1]."""
        with torch.no_grad():
            return Reader(self.model).read(images)[0]

    def draw(self, r: Tensor) -> Tensor:
        """What activations r (n, d) look like: pictures (n, 3, H, W) in [0, 1]; change a column of r to see a unit."""
        w = Link(self.A, self.a).predict(r)
        with torch.no_grad():
            return self.generator.synthesize(w.to(self.generator.device))


def link(
    model: VisionModel, generator: Generator, classes: Sequence[str] | None = None, *, n: int = 500, n_test: int = 60,
    truncation: float = 0.7, seed: int = 0,
) -> Linked:  # fmt: skip
    """Link a classifier's penultimate activations to a generator's latents, so that activations can be drawn.

    >>> import unitscope as us
    >>> network = us.load_model("critters/resnet_s", device="cpu")
    >>> gan = us.load_generator("critters/stylegan", device="cpu")
    >>> linked = us.link(network, gan, ["cat"], n=8, n_test=4)
    >>> r = linked.read(gan.synthesize(gan.sample(2, "cat")))            # (pictures, units)
    >>> r[:, 5] += 4                                                      # more of unit 5
    >>> linked.draw(r).shape
    torch.Size([2, 3, 64, 64])

    Parameters
    ----------
    model : VisionModel, from `load_model`, read at the input of its last linear layer (without a head, at its
        embedding).
    generator : from `load_generator`.
    classes : names of the generator's classes to draw; None: all that a classifier knows too, or all without a head.
    n, n_test : pairs of each class to fit on, and held out for `explained`. Those to fit on are pictures that the
        classifier names as meant, as far as three rounds find them.
    truncation : of the generator's samples (paper: 0.7).

    Returns
    -------
    Linked, with A (D, d) and a (D,).

    Raises
    ------
    UnitscopeError
        If a class is unknown, classifier and generator share none, or the last linear layer does not end the network.

    Source
    ------
    Wehrheim et al. (2024), "Linking in Style", eq. (1).

    See also
    --------
    mine : units that a generator shares with networks. load_generator : where the pictures come from.
    """
    checking.instance("model", model, VisionModel, "make one with load_model(...)")
    checking.instance("generator", generator, Generator, "make one with load_generator(...)")
    reader = Reader(model)
    known = set(generator.classes if reader.classes is None else reader.classes)
    if classes is None:
        classes = [name for name in generator.classes if name in known]
        if not classes:
            raise UnitscopeError(
                f"{model.name} and {generator.name} share no class; name those of the generator in classes= and take a "
                f"network without a head, or one that knows them. Classes: {', '.join(generator.classes[:12])}."
            )
    found = study(generator, reader, list(classes), n, n_test, truncation=truncation, seed=seed, layers=False)
    error = squared_error(found.link, found.test.r, found.test.w).mean()
    spread = (found.test.w - found.train.w.mean(0)).double().square().mean()
    fit = found.link
    return Linked(fit.A, fit.a, tuple(classes), explained(error, spread), found.train.intended, model, generator)
