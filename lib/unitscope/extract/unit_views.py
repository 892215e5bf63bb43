"""All units of one network on one batch, laid out for products with the units of another (see `cross_moments`).

    N  units of the network, layer after layer    s  side of a unit's own map    B  images of the batch
    p  a side at which products are taken, p <= s  M  a side at which moments are taken, M >= s

Inside, units are sorted by s (stable), so "all units of side p or more" is a suffix and "of side p" its beginning. They
lie side by side, positions one below the other, as networks on a CPU give them: nothing has to be transposed.
Values are shifted by the unit's mean on the first images and divided by its deviation there: it changes no correlation
and keeps single precision honest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from unitscope import checking
from unitscope.errors import UnitscopeError, shortened
from unitscope.extract.resize_adjoint import NEIGHBOURS, keeps_means, neighbour_products, pull_down_pixels, resized_sums


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
        checking.count("unit", unit, 0, len(self) - 1)
        return self.layers[int(self.layer_of[unit])], int(self.channel_of[unit])

    def units(self, layer: str) -> range:
        """The units of a layer."""
        number = self.layers.index(checking.choice("layer", layer, self.layers))
        start = sum(self.channels[:number])
        return range(start, start + self.channels[number])


def unit_table(network, layers: Iterable[str] | None = None) -> UnitTable:
    """The units of a VisionModel or a generator: of `layers`, or of all its layers.

    Raises
    ------
    UnitscopeError
        If there is no layer, a layer is unknown, or its maps are not square.
    """
    if not hasattr(network, "layers") or not hasattr(network, "name"):
        raise UnitscopeError(
            f"`network` must be a VisionModel or a generator, got {shortened(network)}; see load_model."
        )
    names = tuple(network.layers if layers is None else checking.sequence("layers", layers, str, empty=True))
    if not names:
        raise UnitscopeError(f"{network.name} has no layers with maps, so it has no units to match.")
    lookup = getattr(network, "layer", None) or network.layers.__getitem__
    found = [lookup(name) for name in names]
    for layer in found:
        if layer.grid[0] != layer.grid[1]:
            raise UnitscopeError(f"maps must be square, got {layer.grid} in layer {layer.name!r} of {network.name}.")
    return UnitTable(network.name, names, tuple(one.channels for one in found), tuple(one.grid[0] for one in found))


PILOT = 16  # images of the first batch that set the shift and the scale


@dataclass(eq=False)
class Pilot:
    """Shift and scale (N,) of every unit of `table`, in sorted order, frozen at the first images that are seen."""

    table: UnitTable
    shift: Tensor | None = field(default=None, repr=False)
    scale: Tensor | None = field(default=None, repr=False)
    buffers: dict[object, Tensor] = field(default_factory=dict, repr=False)

    def buffer(self, key: object, shape: Sequence[int], like: Tensor) -> Tensor:
        """Memory that is taken again for every batch: fresh memory costs a page fault for each 4 kB."""
        old = self.buffers.get(key)
        if old is None or old.shape != shape or old.device != like.device or old.dtype != like.dtype:
            self.buffers[key] = like.new_empty(shape)
        return self.buffers[key]

    def grouped(self, maps: Mapping[str, Tensor]) -> dict[int, list[Tensor]]:
        """{side: [(B, s, s, C) of each layer]}, smallest side first; the first batch freezes the pilot."""
        found: dict[int, list[Tensor]] = {side: [] for side in sorted(set(self.table.sides))}
        for name, side in zip(self.table.layers, self.table.sides, strict=True):
            found[side].append(maps[name].detach().permute(0, 2, 3, 1))
        if self.shift is None:
            self._freeze([part for parts in found.values() for part in parts])
        return found

    def write(self, part: Tensor, start: int, out: Tensor) -> None:
        """Shifted and scaled values of the units from place `start` on: part (B, s, s, C) -> out of that shape."""
        own = slice(start, start + part.shape[-1])
        shift, scale = (v[own].to(part.device) for v in (self.shift, self.scale))
        torch.addcmul(-shift * scale, part, scale, out=out)

    def _freeze(self, parts: Sequence[Tensor]) -> None:
        parts = [part[:PILOT].double() for part in parts]
        means = [part.mean((0, 1, 2)) for part in parts]
        deviations = [part.std((0, 1, 2), correction=0) for part in parts]
        self.shift = torch.cat(means).float().cpu()
        deviation = torch.cat(deviations)
        floor = 1e-6 * torch.cat(means).abs() + 1e-12
        self.scale = torch.where(deviation > floor, 1 / deviation.clamp(min=1e-12), 1.0).float().cpu()


@dataclass(frozen=True)
class Views:
    """What one batch of one network brings to a product with any other; good until the next batch is laid out.

    n : images.    at : {p: (B * p * p, units of side >= p)}.    sums : {(s, M): (B, units of side s)}.
    products : {s: neighbour products (5 or 1, s, s, units of side s) float64}.    maps : {s: (s, s, units of side s)
    float64}, summed over images.
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
    counts = {side: sum(part.shape[-1] for part in parts) for side, parts in grouped.items()}
    partners = set(partners)
    first = next(iter(grouped.values()))[0]
    n = len(first)
    found = Views(n, {}, {}, {}, {})
    for p in sorted(p for p in partners | set(grouped) if p <= max(partners)):  # no product is taken at a larger side
        width = sum(count for side, count in counts.items() if side >= p)
        if width:
            found.at[p] = pilot.buffer(p, (n * p * p, width), first)
    start = 0
    for side, parts in grouped.items():
        larges = {max(side, other) for other in partners | {side}}
        found.sums.update({(side, large): first.new_empty(n, counts[side]) for large in larges})
        found.maps[side] = first.new_empty(side, side, counts[side], dtype=torch.float64)
        products = len(NEIGHBOURS) if max(larges) > side else 1
        found.products[side] = first.new_empty(products, side, side, counts[side], dtype=torch.float64)
        place = 0
        for part in parts:
            block = pilot.buffer("block", part.shape, first)
            pilot.write(part, start + place, block)
            _fill(found, side, counts, place, block)
            place += part.shape[-1]
        start += counts[side]
    return found


def _fill(found: Views, side: int, counts: Mapping[int, int], place: int, block: Tensor) -> None:
    """Everything that follows from the shifted and scaled maps `block` (B, s, s, C) of a layer, units from `place`
    on.
    """
    here = slice(place, place + block.shape[-1])
    total = block.sum((1, 2))
    for (own, large), sums in found.sums.items():
        if own == side:
            means = keeps_means(side, large)
            sums[:, here] = total * (large / side) ** 2 if means else resized_sums(block.permute(0, 3, 1, 2), large)
    found.maps[side][..., here] = block.sum(0)
    found.products[side][..., here] = neighbour_products(block, len(found.products[side]))
    for p, target in found.at.items():
        if p <= side:
            before = sum(count for other, count in counts.items() if p <= other < side)
            columns = slice(before + here.start, before + here.stop)
            small = block if p == side else pull_down_pixels(block, p)
            target.view(found.n, p, p, -1)[..., columns] = small
