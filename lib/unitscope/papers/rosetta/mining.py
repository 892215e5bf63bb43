"""Mining: the units of a generator against the units of a whole zoo, in one pass (Rosetta Neurons, section 3.1).

    w  (n, D)   latents; the pictures that they give are all that any network sees
    A, B        the two halves of the pass (even and odd shards): matches are found in one and scored in the other

The generator runs once for all networks, and the pass is cut into shards that merge, so halves and leave-one-out
samples cost nothing more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from unitscope import checking
from unitscope.data import ImageSet
from unitscope.errors import UnitscopeError, unknown
from unitscope.extract.cross_moments import Correlations, CrossMoments
from unitscope.extract.taps import Taps
from unitscope.extract.unit_views import Pilot, UnitTable, unit_table, views
from unitscope.models import Generator, VisionModel
from unitscope.papers.rosetta.anchor import Anchor, without_anchor
from unitscope.papers.rosetta.matches import PAPER, UnitPairs, best_buddies
from unitscope.progress import progress

SHARDS = 8


def merged(shards: Sequence[CrossMoments]) -> CrossMoments:
    """What one pass over all shards would give; the shards stay as they are."""
    whole = CrossMoments(shards[0].left, shards[0].right)
    for shard in shards:
        whole.merge(shard)
    return whole


@dataclass(frozen=True)
class Match:
    """One network's correlations with the generator, by shards."""

    shards: tuple[CrossMoments, ...]

    @cached_property
    def moments(self) -> CrossMoments:
        return merged(self.shards)

    @cached_property
    def whole(self) -> Correlations:
        """From all pictures."""
        return self.moments.result()

    @cached_property
    def halves(self) -> tuple[Correlations, Correlations]:
        """From even and from odd shards."""
        return tuple(merged(half).result() for half in self.half_shards)

    @property
    def half_shards(self) -> tuple[Sequence[CrossMoments], Sequence[CrossMoments]]:
        return self.shards[0::2], self.shards[1::2]

    @property
    def table(self) -> UnitTable:
        """The network's units."""
        return self.shards[0].right.table

    def buddies(self, k: tuple[int, int] = PAPER) -> UnitPairs:
        """Best buddies over all pictures."""
        return best_buddies(self.whole.rho, k)


@dataclass(frozen=True)
class Mining:
    """One pass: the generator, the networks, the latents behind the pictures, and a Match for each network.

    `own` is the generator matched with itself, None where it was not asked for.
    """

    gan: Generator | Anchor
    networks: Mapping[str, VisionModel]
    w: Tensor
    labels: Tensor
    matches: Mapping[str, Match]
    own: Match | None
    table: UnitTable
    statistics: dict[str, tuple[Tensor, Tensor]] = field(default_factory=dict, repr=False)

    def match(self, name: str) -> Match:
        """The match of one network, by its name."""
        if name not in self.matches:
            raise unknown("network", name, self.matches)
        return self.matches[name]

    def buddies(self, names: Iterable[str], k: tuple[int, int] = PAPER) -> dict[str, UnitPairs]:
        """Best buddies with each of some networks."""
        return {name: self.match(name).buddies(k) for name in names}

    def moments_of(self, name: str | None = None) -> tuple[Tensor, Tensor]:
        """Mean and deviation (N,) of every unit of a network (None: the generator) over the mined pictures."""
        key = name or ""
        if key not in self.statistics:
            match = self.match(name) if name else next(iter(self.matches.values()))
            self.statistics[key] = match.moments.statistics(1 if name else 0)
        return self.statistics[key]


@torch.no_grad()
def mine(
    gan: Generator | Anchor | VisionModel,
    networks: Mapping[str, VisionModel],
    n: int | None = None,
    *,
    images: ImageSet | None = None,
    label=None,
    truncation: float = 1.0,
    seed: int = 0,
    batch_size: int = 40,
    shards: int = SHARDS,
    layers: Mapping[str, Sequence[str]] | None = None,
    own: bool = True,
) -> Mining:
    """Correlate every unit of `gan` with every unit of every network over n pictures.

    >>> import unitscope as us
    >>> gan = us.load_generator("critters/stylegan", device="cpu")
    >>> networks = {"small": us.load_model("critters/resnet_s", device="cpu")}
    >>> found = us.mine(gan, networks, 8, shards=2, layers={"small": ["layer4"]}, own=False)
    >>> found.match("small").whole.rho.shape                # (units of the generator, units of the network)
    torch.Size([688, 256])
    >>> pairs = found.match("small").buddies()              # units that are among each other's best: left, right, score

    Without a generator, a network takes its place on pictures that are there already:

    >>> anchor, photos = us.load_model("critters/resnet", device="cpu"), us.load_dataset("critters/test", limit=8)
    >>> found = us.mine(anchor, networks, images=photos, shards=2, layers={"small": ["layer4"]}, own=False)
    >>> found.match("small").whole.rho.shape                # (units of the anchor, units of the network)
    torch.Size([480, 256])

    Parameters
    ----------
    gan : a generator with layers; or a network, with `images`, whose units are matched with those of the others.
    networks : {name: VisionModel}.
    n : pictures; None: all of `images`.
    images : the pictures, where `gan` is a network.
    label, truncation, seed : what is sampled, as in `gan.sample`.
    shards : parts of the pass, at least 2; pictures go to them in turns of a batch.
    layers : {name: layers} where not all layers of a network (or of the generator, by its name) are wanted.
    own : match the generator with itself too (for clusters).

    Returns
    -------
    Mining: a Match for each network, with correlations in [-1, 1] and best buddies.

    Raises
    ------
    UnitscopeError
        If there is no network, the generator has no layers, there are fewer pictures than two for each shard, a network
        comes without images, or the anchor is among the networks.

    Source
    ------
    Dravid et al. (2023), "Rosetta Neurons", section 3.1 and eqs. (1) to (3).

    See also
    --------
    load_generator : what draws the pictures. link : a generator's latents instead of its units.
    """
    checking.instance("networks", networks, Mapping, "{name: load_model(...)}")
    gan = _drawn_by(gan, images, networks)
    n = len(gan.images) if n is None and isinstance(gan, Anchor) else checking.count("n", n)
    if not networks or shards < 2 or n < 2 * shards:
        raise UnitscopeError(
            f"mine needs networks, 2 shards and 2 pictures each, got {len(networks)} networks, {shards} shards, n={n}."
        )
    layers = dict(layers or {})
    pilots = {name: Pilot(unit_table(model, layers.get(name))) for name, model in networks.items()}
    ours = Pilot(unit_table(gan, layers.get(gan.name)))
    sides = {side for pilot in [*pilots.values(), *([ours] if own else [])] for side in pilot.table.sides}
    parts = {name: [CrossMoments(ours, pilot) for _ in range(shards)] for name, pilot in pilots.items()}
    mirror = [CrossMoments(ours, ours) for _ in range(shards if own else 0)]
    w = gan.sample(n, label=label, seed=seed, truncation=truncation)
    rounds = -(-n // (batch_size * shards))
    batches = w.split(-(-n // (rounds * shards)))  # as many to every shard
    for number, batch in enumerate(progress(batches, label="mining")):
        images, maps = gan.synthesize_with_features(batch, ours.table.layers)
        left = views(maps, ours, sides)
        del maps
        for name, model in networks.items():
            with Taps(model, pilots[name].table.layers) as taps:
                parts[name][number % shards].update(left, views(taps(images), pilots[name], ours.table.sides))
        if own:
            mirror[number % shards].update(left, left)
    found = {name: Match(tuple(one)) for name, one in parts.items()}
    labels = gan.images.labels[w[:, 0]] if isinstance(gan, Anchor) else gan.labels_of(n, label)
    return Mining(gan, networks, w, labels, found, Match(tuple(mirror)) if own else None, ours.table)


def _drawn_by(gan, images: ImageSet | None, networks: Mapping[str, VisionModel]) -> Generator | Anchor:
    """The generator, or the network that takes its place on `images`."""
    if isinstance(gan, VisionModel):
        if images is None:
            raise UnitscopeError(
                f"{gan.name} is a network and draws nothing; give the pictures, images=load_dataset(...)."
            )
        gan, images = Anchor(gan, images), None
    if images is not None:
        raise UnitscopeError("`images` go with a network in the generator's place; a generator draws its own pictures.")
    if isinstance(gan, Anchor) and len(without_anchor(networks, gan)) < len(networks):
        raise UnitscopeError(f"{gan.name} is the anchor, so it cannot be one of `networks`; leave it out there.")
    return gan
