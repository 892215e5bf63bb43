"""Which channels of a lower layer make a unit respond: conditional attributions by partial backward.

    A_k  (h, w)     map of unit k of the upper layer, for one image
    A_i  (h', w')   map of channel i of the lower layer
    R_i             attribution of channel i: activation times gradient, pooled over the lower layer's positions q

Dreyer et al. (2024, "PURE"), eq. (3): R_i = A_i dA_k/dA_i. A unit is a map, so eq. (3) leaves open what is
differentiated; `seed_map` says it:

    "activation"  R_i = sum_q A_iq sum_p max(A_kp, 0) dA_kp/dA_iq    the authors' code, eq. (3') of our notes
    "argmax"      eq. (3) at the position where A_k is largest
    "sum"         eq. (3) for the sum of A_k over positions

A layer with an upper limit (ReLU6) is started before it, as its images are ranked: at the limit the slope is zero.

Only the part between the two layers is differentiated: each distinct image runs forward once, is cut at the lower
layer, and all its units are pulled back from there. Same numbers as a full backward pass for each unit.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from unitscope import checking
from unitscope.data import ImageSet
from unitscope.errors import UnitscopeError
from unitscope.extract.one_channel import one_channel
from unitscope.extract.pairs import check_pairs, schedule
from unitscope.extract.taps import Taps, device_of, image_set, layer_of, peak_maps
from unitscope.models import VisionModel
from unitscope.progress import progress

ON_CPU, ON_GPU = 64, 256  # images of a chunk
DEAD = 1e-10  # added to the L1 norm by the authors' code: a dead unit's zero vector stays zero


def _argmax_seed(maps: Tensor) -> Tensor:
    flat = maps.flatten(1)
    return torch.zeros_like(flat).scatter_(1, flat.argmax(dim=1, keepdim=True), 1).view_as(maps)


SEEDS: dict[str, Callable[[Tensor], Tensor]] = {  # (m, h, w) -> (m, h, w)
    "activation": lambda maps: maps.clamp(min=0),
    "argmax": _argmax_seed,
    "sum": torch.ones_like,
}
POOLS: dict[str, Callable[[Tensor], Tensor]] = {  # (m, C, h, w) -> (m, C)
    "sum": lambda relevance: relevance.sum(dim=(2, 3)),
    "abs": lambda relevance: relevance.abs().sum(dim=(2, 3)),
    "max": lambda relevance: relevance.amax(dim=(2, 3)),
}
NORMALISERS: dict[str | None, Callable[[Tensor], Tensor]] = {  # (m, C) -> (m, C)
    "l1": lambda vectors: vectors / (vectors.abs().sum(dim=1, keepdim=True) + DEAD),
    None: lambda vectors: vectors,
}


def conditional_attributions(
    model: VisionModel,
    images: ImageSet,
    layer: str,
    lower: str,
    units: Sequence[int] | Tensor,
    references: Sequence[Sequence[int]] | Tensor,
    *,
    seed_map: str = "activation",
    pool: str = "sum",
    normalise: str | None = "l1",
    batch_size: int | None = None,
) -> Tensor:
    """Attribution vectors of units at their reference images.

    Parameters
    ----------
    model : VisionModel.
    layer, lower : where the units live, and the layer before it that they are attributed to.
    units : (U,) channels of `layer`.
    references : (U, n) indices into `images`, for instance `References.indices[units]`.
    seed_map : "activation", "argmax" or "sum", see above.
    pool : over positions of the lower layer, "sum" (signed), "abs" (sum of magnitudes) or "max".
    normalise : "l1" divides each vector by the sum of its magnitudes, None leaves it.
    batch_size : distinct images of a chunk. None: 64 on a CPU, 256 elsewhere.

    Returns
    -------
    (U, n, C_lower) float32 on the CPU. Zero vectors where a unit does not respond, or does not change with `lower`,
    with a warning that names the units of which this is so at all their references.

    Raises
    ------
    UnitscopeError
        If a layer, unit, image or option does not exist, or `lower` does not feed `layer`.
    """
    seed, reduce, scale = _options(seed_map, pool, normalise)
    unit_layer, to_map = layer_of(model, layer), layer_of(model, lower, "lower").to_map
    if layer == lower:
        raise UnitscopeError(f"`lower` must come before `layer`, got {layer!r} for both.")
    units, references = check_pairs(unit_layer, image_set(images), units, references)
    if batch_size is None:
        batch_size = ON_CPU if device_of(model).type == "cpu" else ON_GPU
    vectors, batch_size = None, checking.count("batch_size", batch_size)
    responds = torch.zeros(references.numel(), dtype=torch.bool)
    chunks = list(schedule(units, references, batch_size))
    batches = images.batches(batch_size, torch.cat([chunk.images for chunk in chunks]))
    with one_channel(model.module), Taps(model, [lower, layer], cut=lower, peaks=True) as taps, torch.enable_grad():
        for chunk, batch in progress(zip(chunks, batches, strict=True), len(chunks), "attributions"):
            maps = peak_maps(taps(batch.images), layer)
            peaks = maps.detach().amax(dim=(2, 3)).cpu() > 0
            for turn in chunk.rounds:
                responds[turn.places] = peaks[torch.arange(len(turn.units)), turn.units.cpu()]
                relevance = to_map(taps.leaf.detach() * _pull_back(maps, taps.leaf, turn.units, seed))
                rows = scale(reduce(relevance[: len(turn.units)])).cpu()
                if vectors is None:
                    vectors = rows.new_zeros(references.numel(), rows.shape[1])
                vectors[turn.places] = rows
    vectors = vectors.view(*references.shape, -1)
    _warn_of_zeros(vectors, units, responds.view(references.shape), layer)
    return vectors


def _options(seed_map: str, pool: str, normalise: str | None) -> tuple[Callable, Callable, Callable]:
    asked = (("seed_map", seed_map, SEEDS), ("pool", pool, POOLS), ("normalise", normalise, NORMALISERS))
    for kind, name, valid in asked:
        checking.choice(kind, name, valid)
    return SEEDS[seed_map], POOLS[pool], NORMALISERS[normalise]


def _pull_back(maps: Tensor, leaf: Tensor, units: Tensor, seed: Callable[[Tensor], Tensor]) -> Tensor:
    """Gradient at `leaf` (B, ...) of one unit of each of the first m images; zero for the others."""
    if not maps.requires_grad:
        raise UnitscopeError("`lower` does not feed `layer`: no gradient flows between them; see model.layers.")
    chosen = maps[torch.arange(len(units), device=maps.device), units.to(maps.device)]  # (m, h, w)
    (gradient,) = torch.autograd.grad(chosen, leaf, seed(chosen.detach()), retain_graph=True)
    return gradient


def _warn_of_zeros(vectors: Tensor, units: Tensor, responds: Tensor, layer: str) -> None:
    """Tell units without any attribution: dead ones, and saturated ones, which respond and yet do not change."""
    zero = ~vectors.any(dim=2).any(dim=1)
    for which, word in (
        (zero & ~responds.any(1), "are dead at all their references"),
        (
            zero & responds.any(1),
            "are saturated at all their references (they respond, and do not change with `lower`)",
        ),
    ):
        if which.any():
            warnings.warn(f"units {units[which].tolist()} of {layer!r} {word}: attributions are zero.", stacklevel=3)
