"""Correlation of every unit of one network with every unit of another, exact, in one pass (Rosetta Neurons, eq. 2).

    j, k   units of the left and the right network, with maps of sides s and t    M = max(s, t)
    n      images    N = n M^2 values of a pair, once the smaller map is resized to M

    C  sum of products    S, Q  sum and sum of squares of a unit, each at side M
    rho_jk = (C - S_j S_k / N) / sqrt((Q_j - S_j^2 / N) (Q_k - S_k^2 / N)),    0 for a unit that does not vary

Nothing is resized: the larger map is pulled down by the adjoint of the resize (`resize_adjoint`), so products are taken
at the smaller side, two matrix products for each side. C is in single precision over shifted and scaled values, S and Q
in double.

The numerator is a sum of three parts, and so is rho: images (a picture has much of both), positions (both lie at one
place in the mean picture) and the rest. If the pictures of one network are paired at random with those of the other,
the expected rho is the part of positions: the re-pairing null in closed form.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from unitscope import checking
from unitscope.errors import UnitscopeError
from unitscope.extract.resize_adjoint import pull_down, resized_sums, squares_at
from unitscope.extract.unit_views import Pilot, UnitTable, Views

DEAD = 1e-12  # a unit's variance below this share of its mean square (and of its pilot variance) is rounding


@dataclass(frozen=True)
class Correlations:
    """rho = image + position + rest, each (units left, units right) float32; 0 where a unit is dead.

    `dead` : two bool columns, (left,) and (right,).
    """

    left: UnitTable
    right: UnitTable
    rho: Tensor
    image: Tensor
    position: Tensor
    dead: tuple[Tensor, Tensor]

    @property
    def rest(self) -> Tensor:
        """What is neither "this picture has much of it" nor "it is usually there"."""
        return self.rho - self.image - self.position


@dataclass(eq=False)
class CrossMoments:
    """Moments of all pairs of units; `update` with views of the same images in the same order.

    Two of them over the same pilots `merge`; the merged one holds what one pass over both would give.
    Memory: two matrices (left, right) in single precision, whatever the number of images.
    """

    left: Pilot
    right: Pilot
    n: int = 0
    products: Tensor | None = field(default=None, repr=False)
    images: Tensor | None = field(default=None, repr=False)
    neighbours: tuple[dict, dict] = field(default_factory=lambda: ({}, {}), repr=False)
    maps: tuple[dict, dict] = field(default_factory=lambda: ({}, {}), repr=False)

    def __post_init__(self):
        self.rows, self.columns = _spans(self.left.table), _spans(self.right.table)

    def update(self, left: Views, right: Views) -> None:
        """Take in one batch.

        Raises
        ------
        UnitscopeError
            If the two views are not of the same number of images.
        """
        if left.n != right.n:
            raise UnitscopeError(f"both networks must see the same images, got {left.n} and {right.n} of them.")
        if self.products is None:
            device = next(iter(left.at.values())).device
            shape = len(self.left.table), len(self.right.table)
            self.products, self.images = (torch.zeros(shape, device=device) for _ in range(2))
        self.n += left.n
        for p in sorted({*self.rows, *self.columns}):
            self._multiply(p, left, right)
        for s, t in self.blocks():
            large = max(s, t)
            block = self.images[slice(*self.rows[s]), slice(*self.columns[t])]
            block.addmm_(left.sums[s, large].T / large, right.sums[t, large] / large)
        for side, seen in enumerate((left, right)):
            _add(self.neighbours[side], seen.products)
            _add(self.maps[side], seen.maps)

    def _multiply(self, p: int, left: Views, right: Views) -> None:
        """Products at side p: (left >= p) x (right = p), then (left = p) x (right > p)."""
        if p in self.columns:
            start, stop = self.columns[p]
            a = left.at.get(p)
            if a is not None:
                rows = slice(len(self.left.table) - a.shape[1], None)
                self.products[rows, start:stop].addmm_(a.T, right.at[p][:, : stop - start])
        if p in self.rows:
            start, stop = self.rows[p]
            own = self.columns[p][1] - self.columns[p][0] if p in self.columns else 0
            b = right.at[p][:, own:] if p in right.at else None
            if b is not None and b.shape[1]:
                columns = slice(len(self.right.table) - b.shape[1], None)
                self.products[start:stop, columns].addmm_(left.at[p][:, : stop - start].T, b)

    def blocks(self) -> Iterator[tuple[int, int]]:
        """Every pair of a side of the left and one of the right network."""
        return ((s, t) for s in self.rows for t in self.columns)

    def merge(self, other: CrossMoments) -> CrossMoments:
        """Take in what `other` saw of other images with the same pilots. Returns self."""
        if self.left is not other.left or self.right is not other.right:
            raise UnitscopeError("only moments over the same pilots merge; give both the same two Pilot objects.")
        if other.n:
            fresh = self.products is None
            self.products = other.products.clone() if fresh else self.products + other.products
            self.images = other.images.clone() if fresh else self.images + other.images
            self.n += other.n
            for side in (0, 1):
                _add(self.neighbours[side], other.neighbours[side])
                _add(self.maps[side], other.maps[side])
        return self

    def result(self) -> Correlations:
        """Correlations of everything seen, units in the order of their tables.

        Raises
        ------
        UnitscopeError
            If nothing was seen yet or a value is not a number.
        """
        if not self.n:
            raise UnitscopeError("no image was seen yet; update(...) first.")
        found = [torch.zeros(self.products.shape, device=self.products.device) for _ in range(3)]
        for s, t in self.blocks():
            block = slice(*self.rows[s]), slice(*self.columns[t])
            for whole, part in zip(found, self._block(s, t, block), strict=True):
                whole[block] = part.to(whole.dtype)
        if not all(part.isfinite().all() for part in found):
            raise UnitscopeError("a network gave values that are not numbers; check weights and images.")
        back = self.left.table.order.argsort(), self.right.table.order.argsort()
        rho, image, position = (part.cpu()[back[0]][:, back[1]] for part in found)
        return Correlations(self.left.table, self.right.table, rho, image, position, self._dead(back))

    def of_pairs(self, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """rho, its share of images and its share of positions, each (P,) float64, of chosen pairs only.

        left, right (P,) : units in the order of their tables.
        """
        if not self.n:
            raise UnitscopeError("no image was seen yet; update(...) first.")
        left = checking.indices("left", left, len(self.left.table), "(P)")
        right = checking.indices("right", right, len(self.right.table), "(P)")
        checking.same_shape("left", left, "right", right)
        back = [pilot.table.order.argsort() for pilot in (self.left, self.right)]
        i, j = (place[units] for place, units in zip(back, (left, right), strict=True))
        found = torch.zeros(3, len(i), dtype=torch.float64)
        for s, t in self.blocks():
            here = (
                (i >= self.rows[s][0]) & (i < self.rows[s][1]) & (j >= self.columns[t][0]) & (j < self.columns[t][1])
            ).nonzero()[:, 0]
            if len(here):
                found[:, here] = self._pairs(s, t, i[here], j[here]).cpu()
        if not found.isfinite().all():
            raise UnitscopeError("a network gave values that are not numbers; check weights and images.")
        return tuple(found)

    def _pairs(self, s: int, t: int, i: Tensor, j: Tensor) -> Tensor:
        """(3, P) of pairs of left units of side s and right units of side t, by their places in sorted order."""
        large, small = max(s, t), min(s, t)
        i, j = i.to(self.products.device), j.to(self.products.device)
        a, b = i - self.rows[s][0], j - self.columns[t][0]
        (sa, va), (sb, vb) = self._moments(0, s, large), self._moments(1, t, large)
        mean = sa[a] * sb[b] / (self.n * large**2)
        maps = [
            m if side == small else pull_down(m, small)
            for side, m in ((s, self._map(0, s)[a]), (t, self._map(1, t)[b]))
        ]
        parts = self.products[i, j].double(), self.images[i, j].double(), (maps[0] * maps[1]).sum((1, 2)) / self.n
        weight = _inverse_root(va)[a] * _inverse_root(vb)[b]
        return torch.stack([(part - mean) * weight for part in parts])

    def statistics(self, side: int) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation (units,) float64 of the left (0) or right (1) units over images and positions."""
        checking.choice("side", side, (0, 1))
        if not self.n:
            raise UnitscopeError("no image was seen yet; update(...) first.")
        pilot = (self.left, self.right)[side]
        means, spreads = [], []
        for s in _spans(pilot.table):
            total, spread = self._moments(side, s, s)
            means.append(total / (self.n * s * s))
            spreads.append((spread / (self.n * s * s)).sqrt())
        scale, back = pilot.scale.double(), pilot.table.order.argsort()
        mean = torch.cat(means).cpu() / scale + pilot.shift.double()
        if not mean.isfinite().all():
            raise UnitscopeError("a network gave values that are not numbers; check weights and images.")
        return mean[back], (torch.cat(spreads).cpu() / scale)[back]

    def _block(self, s: int, t: int, block: tuple[slice, slice]) -> tuple[Tensor, Tensor, Tensor]:
        """rho and its parts by images and by positions, for left units of side s and right units of side t."""
        large = max(s, t)
        values = self.n * large**2
        a, va = self._moments(0, s, large)
        b, vb = self._moments(1, t, large)
        mean = torch.outer(a, b) / values
        small = min(s, t)
        maps = [
            (m if side == small else pull_down(m, small)).flatten(1)
            for side, m in ((s, self._map(0, s)), (t, self._map(1, t)))
        ]
        parts = (
            self.products[block].double() - mean,
            self.images[block].double() - mean,
            maps[0] @ maps[1].T / self.n - mean,
        )
        weight = torch.outer(_inverse_root(va), _inverse_root(vb))
        return parts[0] * weight, parts[1] * weight, parts[2] * weight

    def _map(self, side: int, s: int) -> Tensor:
        """(units, s, s) float64 of one side, summed over images."""
        return self.maps[side][s].permute(2, 0, 1)

    def squares(self, side: int, s: int, large: int) -> Tensor:
        """Sum of squares (units,) of the left (0) or right (1) units of side s over all images, resized to `large`."""
        return squares_at(self.neighbours[side][s], large)

    def total(self, side: int, s: int, large: int) -> Tensor:
        """Sum (units,) of the left (0) or right (1) units of side s over all images, resized to `large`."""
        return resized_sums(self._map(side, s), large)

    def _moments(self, side: int, s: int, large: int) -> tuple[Tensor, Tensor]:
        """Sum (units,) and centred sum of squares (units,) at side `large`; the latter 0 where a unit is dead."""
        total = self.total(side, s, large)
        squares = self.squares(side, s, large)
        values = self.n * large**2
        spread = (squares - total.square() / values).clamp(min=0)
        pilot = (self.left, self.right)[side]
        start, stop = _spans(pilot.table)[s]
        # in shifted and scaled values; the true mean square counts the shift
        shift = (pilot.shift * pilot.scale)[start:stop].double().to(spread.device)
        floor = DEAD * (squares + values * shift.square())
        return total, torch.where(spread > floor, spread, 0.0)

    def _dead(self, back: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        left, right = (
            torch.cat([self._moments(side, s, s)[1] == 0 for s in _spans(pilot.table)]).cpu()[back[side]]
            for side, pilot in enumerate((self.left, self.right))
        )
        return left, right


def _spans(table: UnitTable) -> dict[int, tuple[int, int]]:
    """{side: (start, stop)} of its units in sorted order."""
    counts: dict[int, int] = {}
    for side, count in sorted(zip(table.sides, table.channels, strict=True)):
        counts[side] = counts.get(side, 0) + count
    spans, start = {}, 0
    for side, count in counts.items():
        spans[side] = (start, start + count)
        start += count
    return spans


def _inverse_root(spread: Tensor) -> Tensor:
    return torch.where(spread > 0, spread.clamp(min=1e-300).rsqrt(), 0.0)


def _add(total: dict, more: dict) -> None:
    for key, value in more.items():
        total[key] = total[key] + value if key in total else value
