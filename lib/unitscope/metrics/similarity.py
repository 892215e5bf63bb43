"""How alike two images are, by colour, by LPIPS, by label, or by what another network sees: one interface.

    n  images    P  dimensions    s(x, x')  similarity: larger is more alike    D(x, x')  distance, never negative

Each similarity is a row of numbers an image: s = top - D with D = scale |v - v'|^2, or its root for colour. So what
holds for one (sums and norms instead of pairs, `metrics.interpretability`) holds for all, and a new judge is a new
matrix of rows.

    colour    Klindt et al. 2023, Fig. 5 left: v = mean RGB, s = -|v - v'|
    label     Fig. 5 right: v = one-hot, s = 1 - |v - v'|^2 / 2: 1 if the classes agree, else 0
    LPIPS     Fig. 5 middle: v = phi, s = -|v - v'|^2 / L: minus the mean over the L layers of D_l
    features  embeddings (CLIP, DINO): v of unit norm, s = 1 - |v - v'|^2 / 2 = cosine
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope import checking
from unitscope.data import ImageSet, load_dataset
from unitscope.errors import UnitscopeError, unknown
from unitscope.extract.taps import device_of, image_set
from unitscope.metrics.lpips import (
    PACKAGE_NETWORKS,
    Embedding,
    embed_set,
    from_model,
    package_network,
    squared_distances,
    squared_norms,
)
from unitscope.models import VisionModel, load_model
from unitscope.network_names import split_name

GATHER_BYTES = 1 << 28  # of rows gathered at once
TABLE_IMAGES = 12_000  # 0.6 GB
KINDS = ("colour", "label", "lpips:NETWORK", "embed:NETWORK", "clip:NETWORK")


@dataclass(frozen=True)
class Similarity:
    """s(x, x') = top - scale |v - v'|^2 (or, with `root`, its square root); `vectors` (n, P): one row per image.

    `table` (n, n), if given, holds s for all pairs, and every question is answered from it.
    """

    name: str
    vectors: Tensor
    scale: float = 1.0
    root: bool = False
    top: float = 0.0
    table: Tensor | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.vectors)

    @cached_property
    def norms(self) -> Tensor:
        """|v|^2 of every image: (n,) float64."""
        return squared_norms(self.vectors)

    def from_distances(self, squared: Tensor) -> Tensor:
        """s from |v - v'|^2."""
        distance = squared.clamp(min=0) * self.scale
        return self.top - (distance.sqrt() if self.root else distance)

    def tabulated(self, limit: int = TABLE_IMAGES) -> Similarity:
        """The same with s of all pairs at hand: n * n * 4 bytes, one matrix product; as it is above `limit` images."""
        if self.table is not None or len(self) > limit:
            return self
        return replace(self, table=self.from_distances(squared_distances(self.vectors)))

    def between(self, a: Tensor, b: Tensor) -> Tensor:
        """s of images a (T, p) with images b (T, q), row by row -> (T, p, q) float32."""
        a, b = self.check(a), self.check(b)
        if len(a) != len(b):
            raise UnitscopeError(f"`a` and `b` must have one row for each set, got {len(a)} and {len(b)}.")
        if self.table is not None:
            return self.table[a[:, :, None], b[:, None, :]]
        step = max(1, GATHER_BYTES // (4 * self.vectors.shape[1] * (a.shape[1] + b.shape[1])))
        parts = [self._between(x, y) for x, y in zip(a.split(step), b.split(step), strict=True)]
        return torch.cat(parts) if parts else torch.empty(0, a.shape[1], b.shape[1])

    def _between(self, a: Tensor, b: Tensor) -> Tensor:
        product = self.vectors[a].float() @ self.vectors[b].float().transpose(1, 2)
        squared = self.norms[a][:, :, None] + self.norms[b][:, None, :] - 2 * product
        same = a[:, :, None] == b[:, None, :]
        return self.from_distances(squared.masked_fill(same, 0)).float()

    def check(self, indices: Tensor) -> Tensor:
        """Numbers of images (T, p) as int64; refuses those outside of the set, fractions and truth values."""
        indices = checking.tensor("indices", indices, empty=True)
        if indices.numel() and (indices.is_floating_point() or indices.dtype == torch.bool):
            raise UnitscopeError(f"`indices` must hold whole numbers of shape (T, p), got {indices.dtype}.")
        if indices.ndim != 2 or (indices.numel() and not 0 <= int(indices.min()) <= int(indices.max()) < len(self)):
            raise UnitscopeError(
                f"similarity {self.name!r} knows images 0..{len(self) - 1} as (T, p), got {tuple(indices.shape)}; "
                f"embed the set that the indices count."
            )
        return indices.long()


def colour(images: ImageSet, batch_size: int = 256) -> Similarity:
    """Minus the Euclidean distance of the mean colours."""
    batch_size = checking.count("batch_size", batch_size)
    if not len(image_set(images)):
        raise UnitscopeError("`images` must hold at least one image, got none.")
    means = [batch.images.mean((2, 3)).cpu() for batch in images.batches(batch_size)]
    return Similarity("colour", torch.cat(means), root=True)


def label(labels: Tensor) -> Similarity:
    """1 where the labels (n,) agree, 0 elsewhere.

    Raises
    ------
    UnitscopeError
        If an image has no label.
    """
    labels = checking.tensor("labels", labels, "(n)")
    if labels.dtype == torch.bool or labels.is_floating_point():
        raise UnitscopeError(f"`labels` must hold whole numbers of shape (n), got {labels.dtype}.")
    if int(labels.min()) < 0:
        raise UnitscopeError("label similarity needs a label for every image, some have none (-1); leave 'label' out.")
    return Similarity("label", F.one_hot(labels.long()).float(), scale=0.5, top=1.0)


def perceptual(embedding: Embedding) -> Similarity:
    """Minus LPIPS, averaged over its layers as in the paper (the package sums them)."""
    checking.instance("embedding", embedding, Embedding, "make one with embed_set(...)")
    return Similarity(embedding.name, embedding.vectors, scale=1 / len(embedding.sizes))


def perceptual_layers(embedding: Embedding) -> list[Similarity]:
    """Minus D_l, one similarity for each layer of LPIPS."""
    checking.instance("embedding", embedding, Embedding, "make one with embed_set(...)")
    return [Similarity(f"LPIPS {number}", embedding.layer(number)) for number in range(len(embedding.sizes))]


def features(name: str, vectors: Tensor) -> Similarity:
    """Cosine similarity of finite embeddings (n, D)."""
    checking.text("name", name)
    vectors = checking.finite("vectors", vectors, "(n, D)")
    return Similarity(name, F.normalize(vectors.float(), dim=1), scale=0.5, top=1.0)


def ensemble(members: Sequence[Similarity], name: str = "") -> Similarity:
    """The mean of several squared-distance similarities: their rows side by side, as DreamSim (Fu et al. 2023) does.

    Raises
    ------
    UnitscopeError
        If there are none, they count other images, or one is not a squared distance (colour).
    """
    members = checking.sequence("members", members, Similarity, empty=True)
    checking.text("name", name)
    if not members or len({len(member) for member in members}) != 1 or any(member.root for member in members):
        got = ", ".join(f"{member.name} ({len(member)})" for member in members)
        raise UnitscopeError(
            f"an ensemble takes squared-distance similarities of the same images, got {got or 'none'}."
        )
    rows = torch.cat([m.vectors.float() * (m.scale / len(members)) ** 0.5 for m in members], 1)
    return Similarity(name or "+".join(m.name for m in members), rows, top=sum(m.top for m in members) / len(members))


def judge(
    spec: str, images: ImageSet, *, device: str = "auto", size: int | None = None, pretrained: bool = True
) -> Similarity:
    """A similarity by name, for every image of a set.

    "colour", "label", "lpips:alex", "lpips:alex-st" and the others of `lpips.package_network`, "lpips:NETWORK" (uniform
    weights), "embed:NETWORK" (cosine of mean tokens), "clip:NETWORK" (cosine of CLIP's image embedding); "A + B" is
    their ensemble.

    Parameters
    ----------
    size : side of the images that LPIPS sees; default: the network's own.
    pretrained : False gives random networks, a control.
    """
    checking.text("spec", spec)
    image_set(images)
    checking.flag("pretrained", pretrained)
    size = None if size is None else checking.count("size", size)
    if "+" in spec:
        parts = [
            judge(part.strip(), images, device=device, size=size, pretrained=pretrained) for part in spec.split("+")
        ]
        return ensemble(parts, spec)
    kind, _, network = spec.partition(":")
    if spec == "colour":
        return colour(images)
    if spec == "label":
        return label(images.labels)
    if kind == "lpips":
        return perceptual(lpips_embedding(network, images, device=device, size=size, pretrained=pretrained))
    if kind in ("embed", "clip"):
        return features(spec, _embeddings(kind, load_model(network, device=device, pretrained=pretrained), images))
    raise unknown("similarity", spec, KINDS)


def judge_layers(
    spec: str, images: ImageSet, *, device: str = "auto", size: int | None = None, weights: str | None = None
) -> tuple[Similarity, list[Similarity]]:
    """A similarity by name, and the same layer by layer if it is LPIPS; any other judge is its own single layer.

    Parameters
    ----------
    weights : a local file for the network behind LPIPS.
    """
    if not checking.text("spec", spec).startswith("lpips:") or "+" in spec:
        whole = judge(spec, images, device=device, size=size)
        return whole, [whole]
    embedding = lpips_embedding(spec.removeprefix("lpips:"), images, device=device, size=size, weights=weights)
    return perceptual(embedding), perceptual_layers(embedding)


def lpips_embedding(
    network: str,
    images: ImageSet,
    *,
    device: str = "auto",
    size: int | None = None,
    pretrained: bool = True,
    weights: str | None = None,
) -> Embedding:
    """phi of every image under "alex", "vgg", "squeeze" (the package's) or any network of `load_model`, each also as
    "NAME@FILE" with the weights of its trunk.
    """
    checking.text("network", network)
    image_set(images)
    checking.flag("pretrained", pretrained)
    name, file = split_name(network)
    if name in PACKAGE_NETWORKS:
        return embed_set(package_network(name, pretrained, file or weights), images)
    model = load_model(network, device=device, pretrained=pretrained, weights=weights)
    return embed_set(from_model(model, size=size), images)


def lpips_distances(
    images: ImageSet | Tensor,
    *,
    network: str = "alex",
    weights: str | None = None,
    size: int | None = None,
    pretrained: bool = True,
    device: str = "auto",
) -> Tensor:
    """LPIPS between all pairs of images, by one pass and one matrix product.

    >>> import unitscope as us
    >>> images = us.load_dataset("critters/test", limit=6)
    >>> distances = us.lpips_distances(images, network="critters/alexnet", device="cpu")
    >>> distances.shape, bool((distances.diagonal() == 0).all())
    (torch.Size([6, 6]), True)

    Parameters
    ----------
    images : a data set of n images, or a tensor (n, 3, H, H) of RGB in [0, 1], crops for instance.
    network : "alex", "vgg", "squeeze" (the lpips package's networks with their calibrated heads, ImageNet weights), or
        any name of `load_model`, with uniform weights: "critters/alexnet" needs no download.
    weights : a local file for a network of `load_model`.
    size : side in pixels at which such a network sees the images; None: its own.
    pretrained : False takes random weights, a control.

    Returns
    -------
    (n, n) float32, symmetric, 0 on the diagonal, never negative: the sum over the network's layers, as in the package.
    n * n * 4 bytes.

    Raises
    ------
    UnitscopeError
        For an unknown network, weights that cannot be had, no image, or pictures outside [0, 1].

    Source
    ------
    Zhang et al. (2018), "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", eq. (1).

    See also
    --------
    interpretability_index : how alike a unit's strongest images are.
    """
    images = load_dataset(images) if isinstance(images, Tensor) else images
    if weights is not None and network in PACKAGE_NETWORKS:
        raise UnitscopeError(f"weights= does not go with network={network!r}: its heads belong to published weights.")
    found = lpips_embedding(network, images, size=size, pretrained=pretrained, weights=weights, device=device)
    return squared_distances(found.vectors)


@torch.inference_mode()
def _embeddings(kind: str, model: VisionModel, images: ImageSet) -> Tensor:
    see = model.encode_image if kind == "clip" else model.embed
    return torch.cat([see(batch.images.to(device_of(model))).float().cpu() for batch in images.batches(64)])
