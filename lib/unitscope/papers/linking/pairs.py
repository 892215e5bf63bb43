"""Linked pairs: what a generator draws and what a classifier makes of it (Wehrheim et al. 2024, sections 3.1 and 4.2).

    n  pairs    w (n, D) latents    r (n, d) activations    labels (n,) classes of the generator

The paper keeps correctly classified pictures only, and its code refills from the same seed, so that pairs repeat. Here
every round draws fresh latents; where a generator is not understood well enough to fill a class, the rest is filled
with whatever it draws, and `intended` says how many pictures were classified as meant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from unitscope.errors import UnitscopeError, unknown
from unitscope.extract.penultimate import Reader
from unitscope.models import Generator

ROUNDS, SPARE = 3, 1.15  # attempts to fill a class; pictures drawn a wanted one
BATCH = 64


@dataclass(frozen=True)
class LinkedPairs:
    """Linked pairs of some classes, class after class.

    names : of the classes, in the order of `groups`.
    groups : (n,) position of each pair's class in `names`.
    layers : {layer: (n, C)} pooled responses.
    intended : share of all drawn pictures that the classifier named as meant; None without a head.
    correct : (n,) whether each pair is; all True without a head.
    images : (n, 3, H, W), if kept.
    """

    names: tuple[str, ...]
    w: Tensor
    r: Tensor
    groups: Tensor
    correct: Tensor
    intended: float | None = None
    layers: dict[str, Tensor] = field(default_factory=dict)
    images: Tensor | None = None

    def __len__(self) -> int:
        return len(self.w)

    def of(self, group: int, limit: int | None = None) -> LinkedPairs:
        """The first `limit` pairs of one class."""
        return self.rows((self.groups == group).nonzero().flatten()[:limit])

    def rows(self, rows: Tensor) -> LinkedPairs:
        """Some of the pairs."""
        images = None if self.images is None else self.images[rows]
        return replace(
            self, w=self.w[rows], r=self.r[rows], groups=self.groups[rows], correct=self.correct[rows], images=images,
            layers={name: one[rows] for name, one in self.layers.items()},
        )  # fmt: skip


def collect(
    gan: Generator, reader: Reader, species: Sequence[str], per_class: int, *, truncation: float = 0.7, seed: int = 0,
    correct: bool = True, layers: Sequence[str] = (), images: bool = False,
) -> LinkedPairs:  # fmt: skip
    """Draw pictures of every class and read them.

    Parameters
    ----------
    per_class : pairs of each class.
    correct : keep pictures that the classifier names as meant, as far as three rounds find enough of them.
    layers : also keep these layers' pooled responses.
    images : also keep the pictures.

    Raises
    ------
    UnitscopeError
        If per_class < 1, there is no class, or the generator or the classifier does not know one.
    """
    if per_class < 1 or not species:
        raise UnitscopeError(f"collect needs classes and per_class >= 1, got {list(species)} and {per_class}.")
    for name in species:
        if name not in gan.classes:
            raise unknown("species", name, gan.classes)
    filtered = correct and reader.has_head
    parts, tried, right = [], 0, 0
    for group, name in enumerate(species):
        number = int(reader.columns([name])) if reader.has_head and (correct or name in reader.classes) else -1
        found = []
        for attempt in range(ROUNDS if filtered else 1):
            have = sum(int(part.correct.sum()) for part in found)
            if have >= per_class:
                break
            size = max(BATCH // 2, int((per_class - have) * SPARE) + 1) if filtered else per_class
            w = gan.sample(size, name, seed=(seed * ROUNDS + attempt) * 1009 + group, truncation=truncation)
            found.append(_read(gan, reader, w, group, number, layers, images, tuple(species)))
        tried, right = tried + sum(map(len, found)), right + sum(int(part.correct.sum()) for part in found)
        parts.append(_chosen(_joined(found), per_class))
    share = right / tried if reader.has_head else None
    return replace(_joined(parts), intended=share)


@torch.no_grad()
def _read(gan: Generator, reader, w, group, number, layers, images, names) -> LinkedPairs:
    """Pairs of latents w (n, D) of one class."""
    rows, pooled, drawn = [], {name: [] for name in layers}, []
    for part in w.split(BATCH):
        pictures = gan.synthesize(part)
        r, means = reader.read(pictures, layers)
        rows.append(r.cpu())
        for name in layers:
            pooled[name].append(means[name].cpu())
        if images:
            drawn.append(pictures.cpu())
    r = torch.cat(rows)
    right = torch.ones(len(w), dtype=torch.bool)
    if reader.has_head:
        right = reader.logits(r.to(reader.model.device)).argmax(1).cpu() == number
    return LinkedPairs(
        names, w.cpu(), r, torch.full((len(w),), group), right,
        layers={name: torch.cat(one) for name, one in pooled.items()}, images=torch.cat(drawn) if images else None,
    )  # fmt: skip


def _chosen(pairs: LinkedPairs, count: int) -> LinkedPairs:
    """The first `count`, correct ones first."""
    order = torch.argsort(~pairs.correct, stable=True)[:count]
    return pairs.rows(order.sort().values)


def _joined(parts: Sequence[LinkedPairs]) -> LinkedPairs:
    first = parts[0]
    return replace(
        first, w=torch.cat([p.w for p in parts]), r=torch.cat([p.r for p in parts]),
        groups=torch.cat([p.groups for p in parts]), correct=torch.cat([p.correct for p in parts]),
        layers={name: torch.cat([p.layers[name] for p in parts]) for name in first.layers},
        images=None if first.images is None else torch.cat([p.images for p in parts]),
    )  # fmt: skip
