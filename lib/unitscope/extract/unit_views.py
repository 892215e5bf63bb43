"""All units of one network on one batch, laid out for products with the units of another (see `cross_moments`).

    N  units of the network, layer after layer    s  side of a unit's own map    B  images of the batch
    p  a side at which products are taken, p <= s  M  a side at which moments are taken, M >= s

Inside, units are sorted by s (stable), so "all units of side p or more" is a suffix and "of side p" its beginning.
Values are shifted by the unit's mean on the first images and divided by its deviation there: it changes no correlation
and keeps single precision honest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from unitscope.errors import UnitscopeError
from unitscope.extract.resize_adjoint import NEIGHBOURS, keeps_means, neighbour_products, pull_down, resized_sums


@dataclass(frozen=True)
class UnitTable:
    """The units of a network: its layers in order, with their channels and the side of their square maps."""

    network: str
    layers: tuple[str, ...]
    channels: tuple[int, ...]
    sides: tuple[int, ...]

    def __len__(self) -> int:
        return sum(self.channels)

    def repeat(self, values: Sequence[int]) -> Tensor:
        """One value a layer -> one a unit, (N,) int64."""
        return torch.tensor(values, dtype=torch.int64).repeat_interleave(torch.tensor(self.channels))

    @property
    def layer_of(self) -> Tensor:
        """(N,) number of each unit's layer."""
        return self.repeat(range(len(self.layers)))

    @property
    def channel_of(self) -> Tensor:
        """(N,) channel of each unit in its layer."""
        return torch.cat([torch.arange(count) for count in self.channels])

    @property
    def side_of(self) -> Tensor:
        """(N,) side of each unit's map."""
        return self.repeat(self.sides)

    @property
    def order(self) -> Tensor:
        """(N,) units by the side of their maps, smallest first."""
        return self.side_of.argsort(stable=True)

    def place(self, unit: int) -> tuple[str, int]:
        """(layer, channel) of a unit."""
        if not 0 <= unit < len(self):
            raise UnitscopeError(f"{self.network} has units 0..{len(self) - 1}, got {unit}.")
        return self.layers[int(self.layer_of[unit])], int(self.channel_of[unit])

    def units(self, layer: str) -> range:
        """The units of a layer."""
        number = self.layers.index(layer)
        start = sum(self.channels[:number])
        return range(start, start + self.channels[number])


def unit_table(network, layers: Iterable[str] | None = None) -> UnitTable:
    """The units of a VisionModel or a generator: of `layers`, or of all its layers.

    Raises
    ------
    UnitscopeError
        If there is no layer, a layer is unknown, or its maps are not square.
    """
    names = tuple(network.layers if layers is None else layers)
    if not names:
        raise UnitscopeError(f"{network.name} has no layers with maps, so it has no units to match.")
    lookup = getattr(network, "layer", None) or network.layers.__getitem__
    found = [lookup(name) for name in names]
    for layer in found:
        if layer.grid[0] != layer.grid[1]:
            raise UnitscopeError(f"maps must be square, got {layer.grid} in layer {layer.name!r} of {network.name}.")
    return UnitTable(network.name, names, tuple(one.channels for one in found), tuple(one.grid[0] for one in found))


CACHED = 1 << 17  # numbers
PILOT = 16  # images of the first batch that set the shift and the scale


@dataclass(eq=False)
class Pilot:
    """Shift and scale (N,) of every unit of `table`, in sorted order, frozen at the first images that are seen."""

    table: UnitTable
    shift: Tensor | None = field(default=None, repr=False)
    scale: Tensor | None = field(default=None, repr=False)
    buffers: dict[int, Tensor] = field(default_factory=dict, repr=False)

    def buffer(self, p: int, shape: tuple[int, int], like: Tensor) -> Tensor:
        """Memory for the views at side p, taken again for every batch: fresh memory costs a page fault for each 4 kB."""
        old = self.buffers.get(p)
        if old is None or old.shape != shape or old.device != like.device or old.dtype != like.dtype:
            self.buffers[p] = like.new_empty(shape)
        return self.buffers[p]

    def grouped(self, maps: Mapping[str, Tensor]) -> dict[int, list[Tensor]]:
        """{side: [(C, B, s, s) of each layer]}, smallest side first; the first batch freezes the pilot."""
        found: dict[int, list[Tensor]] = {side: [] for side in sorted(set(self.table.sides))}
        for name, side in zip(self.table.layers, self.table.sides, strict=True):
            found[side].append(maps[name].detach().transpose(0, 1))
        if self.shift is None:
            self._freeze([part for parts in found.values() for part in parts])
        return found

    def write(self, part: Tensor, start: int, out: Tensor) -> None:
        """Shifted and scaled values of the units from place `start` on: part (C, B, s, s) -> out of that shape."""
        rows = slice(start, start + len(part))
        shift, scale = (v[rows].to(part.device)[:, None, None, None] for v in (self.shift, self.scale))
        torch.addcmul(-shift * scale, part, scale, out=out)

    def _freeze(self, parts: Sequence[Tensor]) -> None:
        parts = [part[:, :PILOT].double() for part in parts]
        means = [part.mean((1, 2, 3)) for part in parts]
        deviations = [part.std((1, 2, 3), correction=0) for part in parts]
        self.shift = torch.cat(means).float().cpu()
        deviation = torch.cat(deviations)
        floor = 1e-6 * torch.cat(means).abs() + 1e-12
        self.scale = torch.where(deviation > floor, 1 / deviation.clamp(min=1e-12), 1.0).float().cpu()


@dataclass(frozen=True)
class Views:
    """What one batch of one network brings to a product with any other; good until the next batch is laid out.

    n : images.    at : {p: (units of side >= p, B * p * p)}.    sums : {(s, M): (units of side s, B)}.
    products : {s: neighbour products of the units of side s, float64}.    maps : {s: (units of side s, s, s) float64}
    summed over images.
    """

    n: int
    at: dict[int, Tensor]
    sums: dict[tuple[int, int], Tensor]
    products: dict[int, Tensor]
    maps: dict[int, Tensor]


def views(maps: Mapping[str, Tensor], pilot: Pilot, partners: Iterable[int]) -> Views:
    """Lay out one batch.

    Parameters
    ----------
    maps : {layer: (B, C, s, s)} of every layer of the pilot's table.
    partners : sides of all networks that these units will be matched with (their own may be among them).
    """
    grouped = pilot.grouped(maps)
    counts = {side: sum(map(len, parts)) for side, parts in grouped.items()}
    partners = set(partners)
    first = next(iter(grouped.values()))[0]
    n = first.shape[1]
    needed = sorted(p for p in partners | set(grouped) if p <= max(partners))      # no product is taken at a larger side
    places = {p: [(side, count) for side, count in counts.items() if side >= p] for p in needed}
    found = Views(n, {p: pilot.buffer(p, (sum(c for _, c in own), n * p * p), first) for p, own in places.items() if own}, {}, {}, {})
    start = 0
    for side, parts in grouped.items():
        rows = {}                                             # {p: (units of this side, B, p, p)}, what is to be filled
        for p in (p for p in found.at if p <= side):
            before = sum(count for other, count in places[p] if other < side)
            rows[p] = found.at[p][before : before + counts[side]].view(-1, n, p, p)
        larges = {max(side, other) for other in partners | {side}}
        found.sums.update({(side, large): first.new_empty(counts[side], n) for large in larges})
        found.maps[side] = first.new_empty(counts[side], side, side, dtype=torch.float64)
        found.products[side] = first.new_empty(len(NEIGHBOURS) if max(larges) > side else 1, counts[side], side, side, dtype=torch.float64)
        place = 0
        for part in parts:
            block = rows[side][place : place + len(part)] if side in rows else first.new_empty(part.shape)
            pilot.write(part, start + place, block)           # at once: in memory, channels may lie side by side
            few = len(part) if part.is_cuda else max(1, CACHED // part[0].numel())
            for some in block.split(few):                     # so few channels that they stay in the processor's cache
                _fill(found, side, rows, place, some)
                place += len(some)
        start += counts[side]
    return found


def _fill(found: Views, side: int, rows: Mapping[int, Tensor], start: int, block: Tensor) -> None:
    """Everything that follows from the shifted and scaled maps `block` (C, B, s, s) of some units of one side."""
    here = slice(start, start + len(block))
    total = block.sum((2, 3))
    for (own, large), sums in found.sums.items():
        if own == side:
            sums[here] = total * (large / side) ** 2 if keeps_means(side, large) else resized_sums(block, large)
    found.maps[side][here] = block.sum(1)
    found.products[side][:, here] = neighbour_products(block, len(found.products[side]))
    for p, target in rows.items():
        if p < side:
            target[here] = pull_down(block, p)
