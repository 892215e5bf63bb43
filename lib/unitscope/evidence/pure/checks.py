"""The claims of the paper (C) and of the outputs of its notebooks (O) as verdicts on scores.

Gaps and distances are in units of the mean distance over all pairs, the paper's thresholds and effects too. Intervals
are drawn over units. `effect` is what the notebooks print for ResNet-50, or for correlations the paper's ResNet-101.

    found  {view: Split} of the same U units, as `scores.splits` gives it
    sums   {view: (U, 6)} as `scores.pair_sums` gives it
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import stats
from torch import Tensor

from unitscope.evidence.pure import reported
from unitscope.metrics import verdicts
from unitscope.metrics.clusters import pooled_correlation
from unitscope.metrics.statistics import Estimate, estimate, median
from unitscope.metrics.verdicts import Verdict
from unitscope.papers.pure.scores import VIEWS, Split, agreement, top

Found = Mapping[str, Split]

HIGH, PURIFIED = map(reported.relative, (reported.HIGH_GAP, reported.PURIFIED_GAP))
PURER = reported.purer_by()
CHANCE = 0.05  # share of units that pass a 95 % quantile of their null by luck


def tighter(found: Found) -> Verdict:
    """C1: distances within clusters are smaller by PURE than by activations."""
    return verdicts.below(found["PURE"].intra, found["activations"].intra, effect=-PURER["within"])


def farther(found: Found) -> Verdict:
    """C2: distances between clusters are larger by PURE than by activations."""
    return verdicts.above(found["PURE"].inter, found["activations"].inter, effect=PURER["between"])


def word(verdict: Verdict, adjective: str) -> str:
    """A verdict of C1 or C2 as words for a sentence: "tighter", "not clearly tighter", or how far from it."""
    return {
        "holds": adjective,
        "undecided": f"not clearly {adjective}",
        "contradicted": f"not {adjective} by even half of the paper's difference",
    }.get(verdict.state, f"not known to be {adjective}")


def chain(found: Found) -> Verdict:
    """C3: within clusters rival <= PURE < activations < random, and the reverse between them.

    "<=" allows for half of the paper's difference between PURE and activations. C1 and C2 are two of the six steps.
    """
    slack = {side: abs(value) / 2 for side, value in PURER.items()}
    pure, activations, rival = (found[view] for view in ("PURE", "activations", "rival"))
    worse = reported.ends()["activations"]
    parts = {
        "within: rival ≤ PURE": verdicts.not_above(rival.intra, pure.intra, margin=slack["within"]),
        "within: PURE < activations": tighter(found),
        "within: activations < random": verdicts.below(activations.intra, activations.overall, effect=1 - worse[0]),
        "between: PURE ≤ rival": verdicts.not_above(pure.inter, rival.inter, margin=slack["between"]),
        "between: activations < PURE": farther(found),
        "between: random < activations": verdicts.above(activations.inter, activations.overall, effect=worse[1] - 1),
    }
    means = {
        "within": [found[view].intra.mean() for view in VIEWS],
        "between": [found[view].inter.mean() for view in VIEWS],
    }
    shown = "; ".join(f"{side} " + ", ".join(f"{float(mean):.3f}" for mean in row) for side, row in means.items())
    return verdicts.every(parts).but(ours=shown)


def beats_random(found: Found) -> Verdict:
    """C4: every way of splitting makes clusters tighter than no split, and farther apart."""
    parts = {}
    for view, (within, between) in reported.ends().items():
        one = found[view]
        parts[f"{view} within"] = verdicts.below(one.intra, one.overall, effect=1 - within)
        parts[f"{view} between"] = verdicts.above(one.inter, one.overall, effect=between - 1)
    return verdicts.every(parts)


def near_the_rival(found: Found, sees: Mapping[str, float]) -> Verdict:
    """C5: of the way from the activations' gap to the rival's, PURE comes more than half.

    The rival stands for an ideal separation by looks; it must earn that. `sees` is how well it knows each factor of the
    images by neighbouring crops (`controls.neighbours`), the one that the network is about first. Where it sorts crops
    by background more than by that, or splits no better than activations, there is no ideal to come near to.
    """
    about = next(iter(sees), None)
    if about is not None and sees.get("background", -1.0) > sees[about]:
        return verdicts.untested(
            f"the rival sorts crops by background ({sees['background']:.2f} beyond chance) more than by {about} "
            f"({sees[about]:.2f}), so it is no ideal to come near to"
        )
    if not verdicts.above(found["rival"].gap, found["activations"].gap).holds:
        return verdicts.untested("the rival is not clearly better than activations here, so there is no way to go")
    columns = (found["PURE"].gap, found["activations"].gap, found["rival"].gap)
    return verdicts.exceeds(0.5, share_of_way, *columns, effect=reported.share_of_way() - 0.5)


def share_of_way(pure, start, end, axis: int = -1):
    """How far mean(pure) lies from mean(start) to mean(end)."""
    pure, start, end = (np.mean(np.asarray(column), axis=axis) for column in (pure, start, end))
    with np.errstate(invalid="ignore", divide="ignore"):
        return (pure - start) / (end - start)


def trend(settings: Mapping[object, Found], same_units: bool) -> Verdict:
    """C1 and C2 in the mean over several settings, and contradicted in none of them.

    same_units : every setting splits the same units, whose scores are averaged; else each setting has units of its own.
    """
    if not settings:
        return verdicts.untested("there is no other setting to compare")
    pooled = {
        (view, side): pool([getattr(one[view], side) for one in settings.values()], same_units)
        for view in ("PURE", "activations")
        for side in ("intra", "inter")
    }
    whole = {
        "within, all together": verdicts.below(pooled["PURE", "intra"], pooled["activations", "intra"]),
        "between, all together": verdicts.above(pooled["PURE", "inter"], pooled["activations", "inter"]),
    }
    parts = {}
    for name, one in settings.items():
        parts[f"{name} within"] = verdicts.below(one["PURE"].intra, one["activations"].intra)
        parts[f"{name} between"] = verdicts.above(one["PURE"].inter, one["activations"].inter)
    return verdicts.together(whole, parts)


def pool(columns: list[Tensor], same_units: bool) -> np.ndarray:
    """Columns (U,) as one: their mean if they belong to the same units, else one after the other."""
    arrays = [np.asarray(column) for column in columns]
    return np.mean(arrays, axis=0) if same_units else np.concatenate(arrays)


def same_for_k(by_k: Mapping[int, Found]) -> Verdict:
    """C6: C1 and C2 for three, four and five clusters."""
    return trend({f"k = {k}": one for k, one in by_k.items() if k > 2}, same_units=True)


def other_networks(networks: Mapping[str, Found]) -> Verdict:
    """C7: C1 and C2 in the other networks of the family."""
    return trend(networks, same_units=False) if networks else verdicts.untested("no other network was run")


def correlation(sums: Tensor) -> Estimate:
    """Correlation with the judge's distances, pooled over units, and its interval over units."""
    return estimate(pooled_correlation, *sums.T)


def gain(*columns, axis: int = -1):
    """How much larger one pooled correlation is than another: of the first six sums and of the last six."""
    return pooled_correlation(*columns[:6], axis=axis) - pooled_correlation(*columns[6:], axis=axis)


def aligned(sums: Mapping[str, Tensor]) -> Verdict:
    """C8: r_rival > r_PURE > r_activations > 0, each step over the same units drawn again."""
    paper = reported.correlations()
    rival, pure, activations = (sums[view].T for view in VIEWS)
    first, second = paper["rival"] - paper["PURE"], paper["PURE"] - paper["activations"]
    parts = {
        "rival > PURE": verdicts.exceeds(0, gain, *rival, *pure, effect=first),
        "PURE > activations": verdicts.exceeds(0, gain, *pure, *activations, effect=second),
        "activations > 0": verdicts.exceeds(0, pooled_correlation, *activations, effect=paper["activations"]),
    }
    shown = ", ".join(f"{float(pooled_correlation(*sums[view].T)):.2f}" for view in VIEWS)
    return verdicts.every(parts).but(ours=shown)


def more_aligned(networks: Mapping[str, Mapping[str, Tensor]]) -> Verdict:
    """C9: r_PURE > r_activations in the other networks, in their mean, and contradicted in none; {network: sums}."""
    if not networks:
        return verdicts.untested("no other network was run")
    tables = {name: np.concatenate([one["PURE"], one["activations"]], 1) for name, one in networks.items()}
    owner = np.repeat(np.arange(len(tables)), [len(table) for table in tables.values()])
    rows = np.concatenate(list(tables.values()))

    def mean_gain(drawn) -> float:
        drawn = drawn.astype(int)
        return float(np.mean([gain(*rows[drawn[owner[drawn] == network]].T) for network in range(len(tables))]))

    whole = {"all together": verdicts.exceeds(0, mean_gain, np.arange(len(rows)))}
    parts = {name: verdicts.exceeds(0, gain, *table.T) for name, table in tables.items()}
    return verdicts.together(whole, parts)


def both_kinds(found: Found, null: Tensor) -> Verdict:
    """C10: more units than luck gives are polysemantic and purified by PURE, and more are monosemantic.

    Polysemantic: the judge's gap is above HIGH and above 95 % of those that k-means finds in one Gaussian cloud of the
    unit's own covariance, `null` (U, draws); purified: PURE's gap is above PURIFIED. Monosemantic: the judge's gap is
    below the median of that null.
    """
    gap = found["judge"].gap
    purified = (gap > HIGH) & (gap > null.quantile(0.95, dim=1)) & (found["PURE"].gap > PURIFIED)
    single = gap < median(null, 1)
    parts = {
        "polysemantic and purified": verdicts.share(purified.numpy(), CHANCE),
        "monosemantic": verdicts.share(single.numpy(), CHANCE),
    }
    return verdicts.every(parts).but(ours=f"{int(purified.sum())} and {int(single.sum())} of {len(gap)} units")


def agrees_with_judge(found: Found) -> Verdict:
    """C11: in the quarter of units of largest gap, PURE agrees with the judge's clusters more than activations."""
    gap = found["judge"].gap
    rows = top(gap, max(verdicts.FEWEST, len(gap) // 4))
    scores = {view: agreement(found[view], found["judge"], rows) for view in ("PURE", "activations")}
    return verdicts.above(scores["PURE"], scores["activations"])


def overestimates(everywhere: Tensor) -> Verdict:
    """C12: activations rank alike pairs farther than PURE does; differences of median ranks (U,)."""
    return verdicts.exceeds(0, np.mean, everywhere)


def overestimates_locally(everywhere: Tensor, among_small: Tensor) -> Verdict:
    """C12b: the more so among pairs of small crops (U,); NaN: the unit has no such pair."""
    has = among_small.isfinite() & everywhere.isfinite()
    if not has.any():
        return verdicts.untested("no unit has pairs of small crops that the judge finds alike")
    return verdicts.above(among_small[has], everywhere[has])


def cheaper(seconds: Mapping[str, Tensor]) -> Verdict:
    """C13: activations < PURE < crops and rival, in seconds a unit; each step over the same units, timed in turn."""
    columns = {f"{view} (s)": seconds[view] for view in ("activations", "PURE", "rival")}
    return verdicts.ordered(columns, of="timed units")


def order_among(found: Found, chosen: Tensor) -> Verdict:
    """O1: among the chosen (polysemantic) units rival > PURE > activations in gap, each larger than among the rest."""
    if not chosen.any():
        return nobody(chosen)
    paper, rest = reported.polysemantic_gaps(), reported.other_gaps()
    parts = {}
    for one, other in zip(VIEWS, VIEWS[1:], strict=False):
        effect = paper[one] - paper[other]
        parts[f"{one} > {other}"] = verdicts.above(found[one].gap[chosen], found[other].gap[chosen], effect=effect)
    for view in VIEWS:
        gaps = found[view].gap
        parts[f"{view} larger than among the rest"] = verdicts.larger(
            gaps[chosen], gaps[~chosen], effect=paper[view] - rest[view], of="units"
        )
    shown = ", ".join(f"{float(found[view].gap[chosen].mean()):.2f}" for view in VIEWS)
    return verdicts.every(parts).but(ours=shown)


def skewed(gaps: Tensor) -> Verdict:
    """O3: gaps pile up at small values and have a tail to the right: positive skewness."""
    return verdicts.exceeds(0, stats.skew, gaps, effect=reported.skewness())


def rises_with_size(networks: Mapping[str, Found]) -> Verdict:
    """O4: mean gap of the smallest network below that of every larger one, and no fall from the next to the largest.

    The last step allows for half of the paper's rise from ResNet-34 to ResNet-50.
    """
    if len(networks) < 2:
        return verdicts.untested("no other network was run")
    gaps = {name: one["judge"].gap for name, one in networks.items()}
    (small, first), *others = gaps.items()
    paper = reported.oracle_gaps()
    effect = paper[1] - paper[0]
    parts = {f"{small} < {name}": verdicts.larger(gap, first, effect=effect, of="units") for name, gap in others}
    for (one, a), (other, b) in zip(others, others[1:], strict=False):
        parts[f"{one} ≤ {other}"] = verdicts.larger(b, a, by=-effect / 2, of="units")
    shown = ", ".join(f"{name} {float(gap.mean()):.2f}" for name, gap in gaps.items())
    return verdicts.every(parts).but(ours=shown)


def spread_and_gap(networks: Mapping[str, Found]) -> Verdict:
    """O5: units of more diverse references have larger gaps: correlation above 0.2, less in the first network."""
    if len(networks) < 2:
        return verdicts.untested("no other network was run")
    columns = {name: (np.asarray(one["judge"].overall), np.asarray(one["judge"].gap)) for name, one in networks.items()}
    (small, first), *others = columns.items()
    parts = {f"{name} > 0.2": verdicts.exceeds(0.2, verdicts.pearson, *pair) for name, pair in others}
    for name, pair in others:
        parts[f"{small} < {name}"] = steeper(pair, first)
    shown = ", ".join(f"{name} {verdicts.pearson(*pair):.2f}" for name, pair in columns.items())
    return verdicts.every(parts).but(ours=shown)


def steeper(one: tuple[np.ndarray, np.ndarray], other: tuple[np.ndarray, np.ndarray]) -> Verdict:
    """Is the correlation of two columns larger over the units of one network than over those of another?"""
    x, y = (np.concatenate(columns) for columns in zip(one, other, strict=True))
    split = len(one[0])

    def difference(rows) -> float:
        rows = rows.astype(int)
        first, second = rows[rows < split], rows[rows >= split]
        if not len(first) or not len(second):
            return float("nan")
        return verdicts.pearson(x[first], y[first]) - verdicts.pearson(x[second], y[second])

    return verdicts.exceeds(0, difference, np.arange(len(x)))


def fails_more_often(found: Found, chosen: Tensor, least: float = 0.1) -> Verdict:
    """O6: over 10 % of the chosen units have a negative gap by activations, and fewer by PURE.

    The second part looks at the units where only one of the two is negative (McNemar's test): mostly activations.
    """
    if not chosen.any():
        return nobody(chosen)
    negative = {view: (found[view].gap[chosen] < 0).numpy() for view in ("activations", "PURE")}
    differ = negative["activations"] != negative["PURE"]
    parts = {
        "activations": verdicts.share(negative["activations"], least, effect=reported.NEGATIVE_SHARE - least),
        "activations more than PURE": verdicts.share(
            negative["activations"][differ], 0.5, of="units where one is negative"
        ),
    }
    shown = ", ".join(f"{view} {hits.mean():.0%}" for view, hits in negative.items())
    return verdicts.every(parts).but(ours=shown)


def nobody(chosen: Tensor) -> Verdict:
    """No verdict about units that are not there."""
    return verdicts.untested(f"none of the {len(chosen)} units is so")
