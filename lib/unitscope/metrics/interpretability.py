"""The interpretability index of a direction: how alike its most exciting images are (Klindt et al. 2023, Eq. 1).

    n  images    K  directions    M  most exciting images (MEIs) of a direction
    responses (n, K)    how strongly each image drives each direction
    sets (K, M)         numbers of the MEIs, strongest first

    II(u) = 1/M^2 sum over j, k of s(x_j, x_k)

The printed equation divides by M; the authors' code averages the whole M x M table, diagonal included, which is the
default here ("mean"). With s = top - scale |v - v'|^2 the double sum is sums and norms alone (`Similarity`):
II = top - 2 scale (mean of |v_j|^2 - |mean of v_j|^2), minus twice the variance of the MEIs. No pair is ever formed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope import checking
from unitscope.data import ImageSet
from unitscope.errors import UnitscopeError
from unitscope.extract import Pooled, stream
from unitscope.extract.crops_of_units import chosen_units
from unitscope.extract.taps import image_set, layer_of
from unitscope.metrics.similarity import Similarity, judge
from unitscope.models import VisionModel

NORMALISATIONS = ("mean", "offdiag", "printed")
SUM_BYTES = 1 << 26  # of mean vectors held at once
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, repr=False)
class UnitIndex:
    """How alike the most exciting images of some units are.

    units (U,) : channels of `layer`.
    index (U,) : II, in the similarity's own range (LPIPS: at most 0; cosine: at most 1); NaN for a unit that answers
        all images alike, for which no image is the most exciting.
    references (U, m) : positions of the most exciting images in the set, strongest first.
    similarity : its name.
    """

    layer: str
    units: Tensor
    index: Tensor
    references: Tensor
    similarity: str

    def __repr__(self) -> str:
        U, m = self.references.shape
        return (
            f"UnitIndex({self.layer!r}, {U} units by {self.similarity!r} over {m} images each, mean "
            f"{float(self.index.nanmean()):.3f})"
        )


def interpretability_index(
    model: VisionModel,
    images: ImageSet,
    layer: str,
    units: int | Sequence[int] | Tensor | None = None,
    *,
    similarity: str | Similarity = "lpips:alex",
    m: int = 5,
    pool: str = "mean",
    size: int | None = None,
) -> UnitIndex:
    """How interpretable units are, measured without people: how alike their m most exciting images are.

    >>> import unitscope as us
    >>> network = us.load_model("critters/resnet_s", device="cpu")
    >>> images = us.load_dataset("critters/test", limit=24)
    >>> found = us.interpretability_index(network, images, "layer4", similarity="colour", m=3)
    >>> found.index.shape, found.references.shape           # one number a unit; its three images
    (torch.Size([256]), torch.Size([256, 3]))

    Parameters
    ----------
    model : VisionModel, from `load_model`.
    images : a data set, from `load_dataset`.
    layer : where the units live; `model.layers` lists the names.
    units : one channel, (U,) channels of `layer`, or None: all of them.
    similarity : "lpips:alex" (the paper's; ImageNet weights are fetched at first use), "lpips:NETWORK",
        "embed:NETWORK", "clip:NETWORK" with a name of `load_model` ("lpips:critters/alexnet" needs no download),
        "colour", "label", or a Similarity of the same images, so that several layers share one.
    m : most exciting images of each unit (paper: 5).
    pool : how a response map becomes one number, "mean" (paper) or "max".
    size : side in pixels at which LPIPS sees the images; None: the network's own.

    Returns
    -------
    UnitIndex, its index (U,) float64.

    Raises
    ------
    UnitscopeError
        If the layer, a unit or the similarity does not exist, there are fewer images than m, or weights are missing.

    Source
    ------
    Klindt et al. (2023), "Identifying Interpretable Features in Convolutional Neural Networks", eq. (1), averaged over
    all pairs as in the authors' code.

    See also
    --------
    lpips_distances : the distances themselves. unit_crops : the images to look at.
    """
    units = chosen_units(model, layer, torch.arange(layer_of(model, layer).channels) if units is None else units)
    m = checking.count("m", m, 1, len(image_set(images)))
    alike = judge(similarity, images, size=size) if isinstance(similarity, str) else similarity
    checking.instance("similarity", alike, Similarity, "a name, or what judge(...) gives")
    if len(alike) != len(images):
        raise UnitscopeError(f"`similarity` is of {len(alike)} images, but there are {len(images)}; make it of these.")
    (responses,) = stream(model, images, [layer], [Pooled(layer, pool)])
    responses = responses[:, units]
    best = top_images(responses, m)
    index = interpretability(alike, best)
    same = responses.amin(0) == responses.amax(0)
    return UnitIndex(layer, units, index.masked_fill(same, torch.nan), best, alike.name)


def top_images(responses: Tensor, m: int = 5) -> Tensor:
    """The m images with the largest response, for each of K directions (MEIs) -> (K, m), strongest first.

    Equal responses go to the lower image number, whatever the machine.

    Raises
    ------
    UnitscopeError
        If responses are not (n, K), not all numbers, or n < m.
    """
    responses, m = checking.finite("responses", responses, "(n, K)"), checking.count("m", m)
    if not 1 <= m <= len(responses):
        raise UnitscopeError(
            f"{m} most exciting images asked for, but there are {len(responses)}; lower m or give more images."
        )
    rows = responses.T.contiguous()
    return break_ties(rows, *rows.topk(m, dim=1))


def break_ties(rows: Tensor, values: Tensor, found: Tensor) -> Tensor:
    """The indices `found` (K, m) of a topk over `rows` (K, n), put in order (value, then lower index).

    Rows in which the smallest chosen value also occurs outside of the choice are sorted anew.
    """
    m = found.shape[1]
    crowded = ((rows >= values[:, -1:]).sum(1) > m).nonzero().flatten()
    if len(crowded):
        found = found.clone()
        found[crowded] = rows[crowded].argsort(dim=1, descending=True, stable=True)[:, :m]
    found = found.sort(dim=1).values
    return found.gather(1, rows.gather(1, found).argsort(dim=1, descending=True, stable=True))


def interpretability(similarity: Similarity, sets: Tensor, normalise: str = "mean") -> Tensor:
    """II of each set of images (K, M) -> (K,) float64.

    Parameters
    ----------
    normalise : "mean" over all M^2 pairs; "offdiag" over the M (M - 1) pairs of two images; "printed": sum / M.

    Raises
    ------
    UnitscopeError
        For an unknown normalisation, an index outside of the similarity's images, or M = 1 with "offdiag".
    """
    checking.choice("normalisation", normalise, NORMALISATIONS)
    sets = checked(similarity, sets)
    m = sets.shape[1]
    if m < 1 or (m == 1 and normalise == "offdiag"):
        raise UnitscopeError(
            f"an index needs at least {2 if normalise == 'offdiag' else 1} images a direction, got {m}."
        )
    if similarity.table is not None or similarity.root:
        mean = pairs(similarity, sets).double().mean((1, 2))
    else:
        mean = similarity.top - 2 * similarity.scale * spread(similarity, sets).clamp(min=0)
    if normalise == "offdiag":
        return (m * mean - similarity.top) / (m - 1)
    return mean * m if normalise == "printed" else mean


def checked(similarity: Similarity, sets: Tensor, name: str = "sets") -> Tensor:
    """Sets of images (K, M) as int64, all of them known to the similarity; each set holds one image at least."""
    checking.instance("similarity", similarity, Similarity, "make one with judge(...)")
    sets = similarity.check(checking.tensor(name, sets, "(K, M)", empty=True))
    if not sets.shape[1]:
        raise UnitscopeError(f"an index needs at least 1 images a direction, got 0: `{name}` {tuple(sets.shape)}.")
    return sets


def pairs(similarity: Similarity, sets: Tensor) -> Tensor:
    """s of all pairs inside each set (K, M) -> (K, M, M)."""
    sets = checked(similarity, sets)
    return similarity.between(sets, sets)


def spread(similarity: Similarity, sets: Tensor) -> Tensor:
    """tr Cov (biased) of the rows of each set (K, M) -> (K,) float64, from sums and norms."""
    sets = checked(similarity, sets)
    parts = [mean.double().square().sum(1) for mean in means(similarity, sets)]
    return similarity.norms[sets].mean(1) - torch.cat(parts)


def means(similarity: Similarity, sets: Tensor):
    """The mean row of each set (K, M), in blocks of (k, P) float32 that stay below SUM_BYTES."""
    sets, vectors = checked(similarity, sets), similarity.vectors
    step = max(1, SUM_BYTES // (4 * vectors.shape[1]))
    for block in sets.split(step):
        if vectors.dtype == torch.float32:
            yield F.embedding_bag(block, vectors, mode="mean")
        else:
            total = torch.zeros(len(block), vectors.shape[1])
            for column in block.T:
                total += vectors[column]
            yield total / block.shape[1]


def cross_interpretability(similarity: Similarity, a: Tensor, b: Tensor) -> Tensor:
    """Mean similarity of the MEIs of one direction with those of another (Fig. 7A): sets (K, M), (L, M) -> (K, L)."""
    a, b = checked(similarity, a, "a"), checked(similarity, b, "b")
    if similarity.table is not None or similarity.root:
        table = similarity.tabulated().table
        return torch.stack([table[row][:, b].double().mean((0, 2)) for row in a])
    right = torch.cat(list(means(similarity, b)))
    product = torch.cat([left @ right.T for left in means(similarity, a)]).double()
    norms_a, norms_b = (similarity.norms[sets].mean(1) for sets in (a, b))
    return similarity.top - similarity.scale * (norms_a[:, None] + norms_b[None] - 2 * product)


def normalised_interpretability(similarity: Similarity, sets: Tensor) -> Tensor:
    """1 - variance of the MEIs / variance of all images (both unbiased) -> (K,), at most 1; 0 for random images.

    Ours: unlike II it can be compared between layers of LPIPS and between judges. Squared-distance similarities only.
    """
    sets = checked(similarity, sets)
    if similarity.root:
        raise UnitscopeError(
            f"similarity {similarity.name!r} is no squared distance, so it has no variance; take another."
        )
    m, n = sets.shape[1], len(similarity)
    if m < 2 or n < 2:
        raise UnitscopeError(f"a variance needs at least 2 images a set and in all, got {m} and {n}.")
    whole = similarity.norms.mean() - similarity.vectors.float().mean(0).double().square().sum()
    return 1 - (spread(similarity, sets) * m / (m - 1)) / (whole * n / (n - 1))


def at_quantiles(index: Tensor, quantiles: Sequence[float] = QUANTILES) -> Tensor:
    """Numbers of the directions whose II (K,) lies at the given quantiles of all (Fig. 4) -> (len(quantiles),)."""
    index = checking.finite("index", index, "(K)")
    quantiles = [checking.real("quantiles", q, 0, 1) for q in checking.sequence("quantiles", quantiles)]
    order = index.argsort(stable=True)
    return order[[round(q * (len(index) - 1)) for q in quantiles]]


def half_sample_interval(
    similarity: Similarity, ranked: Tensor, m: int = 5, draws: int = 200, level: float = 0.95, seed: int = 0
) -> Tensor:
    """How sure II of each direction is, over the choice of images: (K, 2), low and high.

    Each draw keeps every image with probability 1/2 and asks for the m strongest that are left; half-samples vary as
    much as whole ones do about the truth. (A bootstrap would put one image several times into a set, at distance 0.)

    Parameters
    ----------
    ranked : the strongest images of each direction (K, L) in order, L >= 4 m, as `top_images` gives them.
    """
    ranked, m = checked(similarity, ranked, "ranked"), checking.count("m", m)
    draws, seed = checking.count("draws", draws), checking.count("seed", seed, 0)
    level = checking.real("level", level, 0, 1, ends="()")
    length = ranked.shape[1]
    if not len(ranked):
        raise UnitscopeError("half-samples need at least one direction, got none.")
    if length < 4 * m:
        raise UnitscopeError(f"half-samples of {m} images need the {4 * m} strongest of each direction, got {length}.")
    table = pairs(similarity, ranked)
    kept = torch.rand(draws, length, generator=torch.Generator().manual_seed(seed)) < 0.5
    kept[:, -m:] |= kept.sum(1, keepdim=True) < m
    chosen = kept.byte().argsort(dim=1, descending=True, stable=True)[:, :m]
    index = torch.stack([table[:, c[:, None], c[None, :]].mean((1, 2)) for c in chosen])
    ends = torch.tensor([(1 - level) / 2, (1 + level) / 2])
    return index.quantile(ends, dim=0).T
