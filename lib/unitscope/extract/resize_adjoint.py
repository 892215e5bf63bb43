"""Products of resized maps without resizing: the adjoint of bilinear interpolation.

    g  (s, s)   a map            d  (t, t)  a larger one, s < t
    R  (t, s)   bilinear interpolation on one axis (half-pixel centres, `align_corners=False`); every row sums to 1
    R g R^T     the map resized to t x t, as torch's `interpolate` and the Rosetta paper's code resize it

    <R g R^T, d> = <g, R^T d R>        1^T R g R^T 1 = c^T g c, c = R^T 1        |R g R^T|^2 = <g, kappa g kappa>, kappa
    = R^T R

So the product, the sum and the norm of a resized map are had at the smaller size; nothing is ever made larger. As R
mixes neighbours only, kappa has three diagonals: five products of a map with its neighbours, summed over any number of
images, give the norm at every larger size.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope import checking


def resize_matrix(small: int, large: int) -> Tensor:
    """R (large, small) float64 of one axis; the identity where both are equal.

    Raises
    ------
    UnitscopeError
        If `small` is larger than `large`, or below 1.
    """
    small, large = checking.count("small", small), checking.count("large", large, at_least=small)
    return _matrix(small, large)


@lru_cache(maxsize=256)
def _matrix(small: int, large: int) -> Tensor:
    unit = torch.eye(small, dtype=torch.float64)[None]
    return F.interpolate(unit, size=large, mode="linear", align_corners=False)[0].T.contiguous()


@lru_cache(maxsize=256)
def _cast(kind: str, small: int, large: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """R, its column sums c, or kappa, ready for products with a map of some type on some device."""
    matrix = _matrix(small, large)
    made = {"matrix": lambda: matrix, "sums": lambda: matrix.sum(0), "gram": lambda: matrix.T @ matrix}[kind]()
    return made.to(device, dtype)


def enlarge(maps: Tensor, large: int) -> Tensor:
    """R g R^T: maps (..., s, s) -> (..., large, large). For targets that are made once, and for tests."""
    maps = _square(maps)
    matrix = _cast("matrix", maps.shape[-1], _at_least(large, maps.shape[-1]), maps.dtype, maps.device)
    return matrix @ maps @ matrix.T


def pull_down(maps: Tensor, small: int) -> Tensor:
    """R^T d R: maps (..., t, t) -> (..., small, small), the adjoint of `enlarge`; sums are kept, means are not."""
    maps = _square(maps)
    matrix = _cast("matrix", checking.count("small", small, 1, maps.shape[-1]), maps.shape[-1], maps.dtype, maps.device)
    half = (maps @ matrix).transpose(-1, -2).contiguous()  # (..., small, large): both products are one large one each
    return (half @ matrix).transpose(-1, -2)


def pull_down_pixels(maps: Tensor, small: int) -> Tensor:
    """`pull_down` where channels lie side by side: (B, t, t, C), contiguous -> (B, small, small, C)."""
    maps = checking.floating("maps", maps, "(B, t, t, C)")
    count, t, _, channels = maps.shape
    matrix = _cast("matrix", checking.count("small", small, 1, t), t, maps.dtype, maps.device).T
    rows = matrix @ maps.reshape(count, t, t * channels)
    return (matrix @ rows.view(count * small, t, channels)).view(count, small, small, channels)


def resized_sums(maps: Tensor, large: int) -> Tensor:
    """Sum over positions of maps (..., s, s) once resized to `large`: (...)."""
    maps = _square(maps)
    sums = _cast("sums", maps.shape[-1], _at_least(large, maps.shape[-1]), maps.dtype, maps.device)
    return (maps @ sums) @ sums


def resized_squares(maps: Tensor, large: int) -> Tensor:
    """Sum over positions of the squares of maps (..., s, s) once resized to `large`: (...)."""
    maps = _square(maps)
    large = _at_least(large, maps.shape[-1])
    if maps.shape[-1] == large:
        return maps.square().sum((-2, -1))
    gram = _cast("gram", maps.shape[-1], large, maps.dtype, maps.device)
    return (maps * (gram @ maps @ gram)).sum((-2, -1))


def keeps_means(small: int, large: int) -> bool:
    """Whether resizing keeps the mean of every map: integer ratios do."""
    return _at_least(large, 1) % checking.count("small", small) == 0


NEIGHBOURS = ((0, 0), (0, 1), (1, 0), (1, 1), (1, -1))


def neighbour_products(maps: Tensor, count: int = len(NEIGHBOURS)) -> Tensor:
    """g[y, x] g[y + dy, x + dx] summed over images: maps (B, s, s, C) -> (count, s, s, C) float64, zero beyond the rim.

    count : 1 takes the squares alone, which give the norm at the map's own size only.
    """
    maps, count = (
        checking.floating("maps", maps, "(B, s, s, C)").detach(),
        checking.count("count", count, 1, len(NEIGHBOURS)),
    )
    _, s, _, channels = maps.shape
    found = maps.new_zeros(count, s, s, channels)
    runs = []
    for total, (dy, dx) in zip(found, NEIGHBOURS, strict=False):
        here = maps[:, : s - dy, max(0, -dx) : s - max(0, dx)]
        there = maps[:, dy:, max(0, dx) : s + min(0, dx)]
        inside = total[: s - dy, : s - abs(dx)]
        if maps.is_cuda:
            inside.add_((here * there).sum(0))
        else:
            runs.append((inside, here.unbind(), there.unbind()))
    for image in range(len(maps)):  # on a CPU, one picture stays in the cache for all products
        for inside, left, right in runs:
            inside.addcmul_(left[image], right[image])
    return found.double()


def squares_at(products: Tensor, large: int) -> Tensor:
    """Sum of squares (C,) at side `large` of everything behind `products` (5 or 1, s, s, C)."""
    products = checking.floating("products", products, "(5, s, s, C) or (1, s, s, C)")
    s = products.shape[1]
    large = checking.count("large", large, s, None if len(products) == len(NEIGHBOURS) else s)
    if large == s:
        return products[0].sum((0, 1))
    gram = _cast("gram", s, large, products.dtype, products.device)
    own, next_ = gram.diagonal(), torch.cat([gram.diagonal(1), gram.new_zeros(1)])
    weights = [torch.outer(a, b) for a, b in ((own, own), (own, next_), (next_, own), (next_, next_), (next_, next_))]
    parts = [(weights[number][..., None] * products[number]).sum((0, 1)) for number in range(5)]
    return parts[0] + 2 * (parts[1] + parts[2] + parts[3] + parts[4])


def _square(maps: Tensor) -> Tensor:
    return checking.floating("maps", maps, "(..., s, s)")


def _at_least(large: int, small: int) -> int:
    return checking.count("large", large, at_least=small)
