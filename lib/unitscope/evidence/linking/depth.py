"""Linking every layer, not only the last (ours; the paper names it as future work).

layers {layer: (n, C)} pooled responses    f_l  least squares from layer l to W
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope.evidence.linking.cycles import class_means
from unitscope.extract.penultimate import Reader
from unitscope.models import Generator
from unitscope.papers.linking.link import fit_linear, squared_error
from unitscope.papers.linking.pairs import LinkedPairs
from unitscope.papers.linking.studies import cycle, kept_class


@dataclass(frozen=True)
class LayerLink:
    """error, baseline (n,): MSE_W of held-out pairs by this layer, and by the class mean; kept (n,) or None: class
    kept.
    """

    error: Tensor
    baseline: Tensor
    kept: Tensor | None

    @property
    def within(self) -> float:
        """R^2 within classes: the part of the variance about the class means that the link explains."""
        return 1 - float(self.error.mean() / self.baseline.mean())


def link_layers(
    gan: Generator, reader: Reader, train: LinkedPairs, test: LinkedPairs, ridge: float = 0.0
) -> dict[str, LayerLink]:
    """A link for every pooled layer, and its held-out error and cycle; "penultimate" is the paper's own."""
    centres = class_means(train)
    baseline = (test.w.double() - centres[test.groups].double()).square().mean(1)
    sources = {
        **{name: (train.layers[name], test.layers[name]) for name in train.layers},
        "penultimate": (train.r, test.r),
    }
    found = {}
    for name, (taught, asked) in sources.items():
        link = fit_linear(taught, train.w, ridge)
        kept = kept_class(reader, test, cycle(gan, reader, link, asked)) if reader.has_head else None
        found[name] = LayerLink(squared_error(link, asked, test.w), baseline, kept)
    return found


def shuffled_link(train: LinkedPairs, test: LinkedPairs, seed: int = 0) -> Tensor:
    """The control: held-out errors (n,) of a link fitted on pairs whose latents were shuffled."""
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(seed))
    return squared_error(fit_linear(train.r, train.w[order]), test.r, test.w)
