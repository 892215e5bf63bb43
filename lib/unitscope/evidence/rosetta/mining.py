"""Claims 1 to 14 on mining, and ours on concepts and networks, as verdicts.

trained, random   {network: Evidence} of the networks as trained, and of their twins with random weights
Over pictures: shards of the pass are left out in turn, the same shards in everything that is compared.
Over units: units of the generator are drawn again, each with all that belongs to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from unitscope.evidence.rosetta import measures, nulls
from unitscope.evidence.rosetta.measures import Evidence, Literal, beyond_place, mean_of_rho
from unitscope.metrics import verdicts
from unitscope.metrics.statistics import median
from unitscope.metrics.verdicts import Verdict
from unitscope.papers.rosetta.dictionary import Dictionary
from unitscope.papers.rosetta.matches import clusters
from unitscope.papers.rosetta.mining import Match, Mining, mine

Found = Mapping[str, Evidence]
SHARDS, UNITS = "shards of pictures", "generator units"
FASTER = 10.0
DEALS = 39  # shuffles of a randomisation test at 2.5 % on either side
MUST_BE_SILENT = 0.5  # a unit is called often silent if it is so in more than half of the pictures


def only_if(state: str) -> Callable[[Verdict], Verdict]:
    """Verdicts pass where the generator is "trained" or there is none; with random weights nothing is claimed."""
    known = state != "random weights"
    return lambda found: found if known else verdicts.untested("the generator has random weights here")


def short(name: str) -> str:
    """A network's name without its family."""
    return name.split("/")[-1]


def listing(values: Mapping[str, float], form: str = "{:.2f}") -> str:
    """ "resnet 0.61, dino_vit 0.55" """
    return verdicts.in_line({short(name): value for name, value in values.items()}, form)


def more(values: np.ndarray) -> Verdict:
    """Is a difference, given as (1 + shards,) values with a shard left out in turn, above 0?"""
    return verdicts.verdict_of(nulls.jackknife(values), of=SHARDS)


def beats_nulls(trained: Found, random: Found) -> Verdict:
    """1: best partners of all generator units correlate beyond the usual place, and more so than with random weights.

    What pictures paired anew would keep is the part by position; it is taken off. Every generator unit counts, so that
    networks with few and with many best buddies are compared over the same units.
    """
    values = {name: nulls.over_shards(one.match, one.every, beyond_place) for name, one in trained.items()}
    twins = {name: nulls.over_shards(one.match, one.every, beyond_place) for name, one in random.items()}
    parts = {f"{short(name)} over pictures paired anew": more(one) for name, one in values.items()}
    parts |= {f"{short(name)} over random weights": more(values[name] - one) for name, one in twins.items()}
    ours = listing({name: one[0] for name, one in values.items()})
    beside = listing({name: one[0] for name, one in twins.items()}) or "not run"
    return verdicts.every(parts).but(ours=f"{ours}; random weights {beside}")


def more_above(trained: Found, random: Found) -> Verdict:
    """2: more best buddies of the trained network than of the random one score above tau on held-out pictures."""
    if not random:
        return verdicts.untested("no network of random weights was run beside a trained one")
    parts, counts = {}, {}
    for name, twin in random.items():
        both = [
            nulls.over_shards(one.match, one.held, lambda rho, _i, _p, tau=trained[name].tau: float((rho > tau).sum()))
            for one in (trained[name], twin)
        ]
        parts[short(name)], counts[name] = more(both[0] - both[1]), [one[0] for one in both]
    ours = [listing({name: pair[side] for name, pair in counts.items()}, "{:.0f}") for side in (0, 1)]
    return verdicts.every(parts).but(ours=f"{ours[0]}; random weights {ours[1]}")


def replicates(trained: Found, random: Found) -> Verdict:
    """3: of a generator unit's best buddies, more are found again on the other half than with random weights."""
    if not random:
        return verdicts.untested("no network of random weights was run beside a trained one")
    shares = {
        name: [measures.replication_of_units(one) for one in (trained[name], twin)] for name, twin in random.items()
    }
    parts = {short(name): verdicts.larger(*pair, of=UNITS) for name, pair in shares.items()}
    ours = [listing({name: float(pair[side].mean()) for name, pair in shares.items()}, "{:.0%}") for side in (0, 1)]
    return verdicts.every(parts).but(ours=f"{ours[0]}; random weights {ours[1]}")


def mutual_is_better(trained: Found) -> Verdict:
    """4: best buddies score higher on held-out pictures than best partners that are not mutual."""
    parts, means = {}, {}
    for name, one in trained.items():
        alone = nulls.held_out(one.match, nulls.exclusive_one_sided)
        gap = nulls.over_shards(one.match, one.held, mean_of_rho) - nulls.over_shards(one.match, alone, mean_of_rho)
        parts[short(name)], means[name] = more(gap), gap[0]
    return verdicts.every(parts).but(ours=f"difference of means: {listing(means, '{:+.2f}')}")


def universal(trained: Found, random: Found) -> Verdict:
    """5: more generator units pass the re-pairing threshold in all networks than independent networks give, ever more
    with each network; and more than in the same networks with random weights."""
    if len(trained) < 2:
        return verdicts.untested("one network alone shares nothing")
    passed = {name: measures.passing(one).double().numpy() for name, one in trained.items()}
    columns, names = list(passed.values()), list(passed)

    def ratio(*some, axis=-1):
        together = np.prod(some, axis=0).mean(axis)
        alone = np.prod([column.mean(axis) for column in some], axis=0)
        return together / np.maximum(alone, 1e-9)

    def growth(*some, axis=-1):
        return ratio(*some, axis=axis) - ratio(*some[:-1], axis=axis)

    parts = {"more than independent": verdicts.exceeds(1, ratio, *columns, of=UNITS)}
    for count in range(3, len(columns) + 1):
        parts[f"more so with {short(names[count - 1])}"] = verdicts.exceeds(0, growth, *columns[:count], of=UNITS)
    if len(random) > 1:
        both = [
            np.prod([measures.passing(found[name]).double().numpy() for name in random], axis=0)
            for found in (trained, random)
        ]
        parts["more than with random weights"] = verdicts.above(*both, of=UNITS)
    grown = ", ".join(f"{ratio(*columns[:count]):.2f}" for count in range(1, len(columns) + 1))
    return verdicts.every(parts).but(ours=f"{grown} times, for 1 to {len(columns)} networks")


def post_over_pre(mining: Mining, name: str, n: int) -> Verdict:
    """6: maps after the activation match better than maps of the same layers before it (a ViT's hidden units)."""
    model = mining.networks[name]
    post = [layer for layer in model.layers if layer.endswith("mlp.act")]
    if not post:
        return verdicts.untested(f"{name} has no hidden units whose input can be read; name a ViT")
    both = {"post": model, "pre": model}
    layers = {"post": post, "pre": [layer.removesuffix("act") + "fc1" for layer in post]}
    found = mine(mining.gan, both, n, layers=layers, own=False, seed=1)
    return matched_better(found.match("post"), found.match("pre")).but(reason=f"{short(name)}, {n} pictures")


def matched_better(one: Match, other: Match) -> Verdict:
    """The best partners of all generator units correlate more in `one` than in `other`, on the same pictures."""
    scores = [nulls.over_shards(match, nulls.held_out(match, nulls.one_sided), mean_of_rho) for match in (one, other)]
    return more(scores[0] - scores[1])


def concept_count(found: Dictionary) -> Verdict:
    """7: between 20 and 100 concepts, fewer than shared units."""
    ours = f"{len(found)} concepts of {len(found.units)} units"
    return verdicts.counted(ours, 20 <= len(found) <= 100 and len(found) < len(found.units))


def tighter_inside(found: Dictionary) -> Verdict:
    """8: generator units correlate more inside a concept than between concepts, on pictures that did not make the
    concepts.
    """
    first, second = found.mining.own.halves
    labels = clusters(first.rho, found.units)
    return apart(second.rho[found.units][:, found.units], labels)


def apart(rho: Tensor, labels: Tensor) -> Verdict:
    """Units correlate (U, U) more with units of their own label (U,) than with others; alone in a label, a unit is left
    out.
    """
    rho = rho.double().clone().fill_diagonal_(float("nan"))
    same = labels[:, None] == labels[None]
    inside = torch.where(same, rho, float("nan")).nanmean(1)
    between = torch.where(same, float("nan"), rho).nanmean(1)
    rows = (inside.isfinite() & between.isfinite()).numpy()
    if not rows.any():
        return verdicts.untested("no unit shares a concept with another")
    return verdicts.above(inside.numpy()[rows], between.numpy()[rows], of=UNITS)


def peaks_inside(matches: Mapping[str, Match]) -> Verdict:
    """9: scores are highest in neither the first nor the last layer of the generator.

    The highest layer is chosen on one half of the pictures and compared on the other; scores are means over networks.
    """
    choose, score = (
        [
            torch.stack(layers).double().mean(0)
            for layers in zip(*(measures.by_depth(m, 0, half) for m in matches.values()), strict=True)
        ]
        for half in (1, 0)
    )
    medians = [float(median(layer)) for layer in choose]
    best = int(np.argmax(medians[1:-1])) + 1 if len(medians) > 2 else 0
    if not best:
        return verdicts.untested("the generator has no layer between its first and its last")
    parts = {
        f"over the {word} layer": verdicts.larger(score[best], score[end], of=UNITS)
        for word, end in (("first", 0), ("last", -1))
    }
    ours = ", ".join(f"{float(layer.mean()):.2f}" for layer in score)
    return verdicts.every(parts).but(ours=ours, reason="mean best score, first to last layer")


def code_flatters(found: Mapping[str, Tensor]) -> Verdict:
    """10: the published code's score lies above Pearson's the more, the more often a unit is silent."""
    silent = int((found["silence"] > MUST_BE_SILENT).sum())
    if silent < verdicts.FEWEST:
        return verdicts.untested(
            f"{silent} units are silent in more than half of the pictures; {verdicts.FEWEST} are needed"
        )
    gap, silence = found["gap"].numpy(), found["silence"].numpy()
    return verdicts.exceeds(0, verdicts.spearman, gap, silence, of=UNITS)


def equal(found: Literal) -> Verdict:
    """11: the one pass equals the published procedure done in full."""
    parts = {
        "largest difference": verdicts.identity(found.error, 1e-4),
        "best buddies that differ": verdicts.identity(1 - found.agree, 0.01),
    }
    return verdicts.every(parts).but(ours=found.error, reason=f"{found.agree:.1%} of best buddies agree")


def faster(found: Literal) -> Verdict:
    """12: the one pass takes less than a tenth of the published procedure's time."""

    def times(slow, fast, axis=-1):
        return slow.mean(axis) / fast.mean(axis)

    return verdicts.exceeds(FASTER, times, found.slow.numpy(), found.fast.numpy(), of="runs of each")


def named(names: Sequence[str] | None) -> Verdict:
    """B1: more than half of the concepts have a name; None where no masks are known."""
    if names is None:
        return verdicts.untested("no masks of these pictures are known")
    return verdicts.share(np.array([name != "unknown" for name in names], dtype=bool), 0.5, of="concepts")


def deep_meets_deep(depths: Mapping[str, tuple[Tensor, Tensor]]) -> Verdict:
    """B2: depths of matched units correlate in every pair of networks; {pair: two columns over matched units}."""
    if not depths:
        return verdicts.untested("no two image networks were compared")
    parts = {
        name: verdicts.exceeds(0, verdicts.spearman, a.numpy(), b.numpy(), of="matched units") if len(a)
        else verdicts.untested("no unit has a partner")
        for name, (a, b) in depths.items()
    }  # fmt: skip
    tested = [part.ours for part in parts.values() if part.ours is not None]
    lowest = f"smallest {min(tested):.2f} of {len(parts)} pairs" if tested else None
    return verdicts.every(parts).but(ours=lowest)


def joins(joined: Sequence[int] | None, dealt: Sequence[Sequence[int]], by: float = 2.0) -> Verdict:
    """B3: two networks or more join more than `by` times as many pairs of generator units as with shuffled ends; None
    where there are no two generators.

    A randomisation test: the count lies above `by` times that of every one of at least 39 shuffles (below every one:
    contradicted), which happens by luck in 2.5 % of cases on either side.
    """
    if joined is None:
        return verdicts.untested("the pictures are photographs, and no generator takes part")
    if len(joined) < 2:
        return verdicts.untested("one network alone")
    null = by * np.array([one[1] for one in dealt])
    enough = len(null) >= DEALS
    state = (
        "holds"
        if enough and joined[1] > null.max()
        else "contradicted"
        if enough and joined[1] < null.min()
        else "undecided"
    )
    ours = f"{joined[1]} pairs, shuffled {null.mean() / by:.0f} (at most {null.max() / by:.0f})"
    return Verdict(state, ours, samples=f"{len(null)} shuffles")
