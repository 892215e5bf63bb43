"""One classifier, one generator, the link between them, and once around: w -> picture -> r -> f(r) -> picture.

Wehrheim et al. 2024, section 4.2. J = G(f(r)) is the cycled picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.extract.penultimate import Reader
from unitscope.models import Generator
from unitscope.papers.linking.link import Link, fit_linear
from unitscope.papers.linking.pairs import LinkedPairs, collect

TEST_SEED = 1_000  # held-out pairs come from other latents


@dataclass(frozen=True)
class LinkStudy:
    """gan, reader: the two sides; train, test: linked pairs (test with pictures, unfiltered); link: least squares."""

    gan: Generator
    reader: Reader
    train: LinkedPairs
    test: LinkedPairs
    link: Link

    @property
    def species(self) -> tuple[str, ...]:
        return self.train.names


def study(
    gan: Generator,
    reader: Reader,
    species: Sequence[str],
    per_class: int = 500,
    n_test: int = 60,
    *,
    truncation: float = 0.7,
    seed: int = 0,
    layers: bool = True,
) -> LinkStudy:
    """Draw linked pairs of every class, and fit the link.

    Parameters
    ----------
    per_class : pairs of each class to fit on; correctly classified where the classifier has a head.
    n_test : held-out pairs of each class, not filtered, with pictures.
    layers : keep the pooled responses of every layer too.
    """
    kept = reader.layers if layers else ()
    how = {"truncation": truncation, "layers": kept}
    train = collect(gan, reader, species, per_class, seed=seed, **how)
    test = collect(gan, reader, species, n_test, seed=seed + TEST_SEED, correct=False, images=True, **how)
    return LinkStudy(gan, reader, train, test, fit_linear(train.r, train.w))


BATCH = 64


@dataclass(frozen=True)
class Cycle:
    """w (n, D) and images (n, 3, H, W) after one round; r (n, d) read from them again."""

    w: Tensor
    images: Tensor
    r: Tensor


@torch.no_grad()
def cycle(gan: Generator, reader: Reader, link, r: Tensor) -> Cycle:
    """Draw f(r) of activations r (n, d), and read the drawing."""
    w = link.predict(r)
    images = torch.cat([gan.synthesize(part.to(gan.device)).cpu() for part in w.split(BATCH)])
    return Cycle(w.cpu(), images, reader.read(images)[0].cpu())


@torch.no_grad()
def kept_class(reader: Reader, pairs: LinkedPairs, cycled: Cycle) -> Tensor | None:
    """Whether each cycled picture is still classified as its class (n,); None without a head."""
    if not reader.has_head:
        return None
    numbers = reader.columns(pairs.names)[pairs.groups]
    return reader.logits(cycled.r.to(reader.model.device)).argmax(1).cpu() == numbers
