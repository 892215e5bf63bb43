"""The claims of the paper and ours as tests of scores: each function gives the fields that a claim needs.

C1-C13 stand in the paper, O1-O7 in the outputs of its notebooks, X1-X8, N1 and N2 are ours. Gaps and distances are in units
of the mean distance over all pairs, the paper's thresholds too; intervals come from units drawn again.

    found  {view: Split} of the same U units, as `scores.splits` gives it
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from unitscope.metrics import old_verdicts as verdicts
from unitscope.papers.pure.reported import HIGH_GAP, LOW_GAP, PURIFIED_GAP, relative
from unitscope.papers.pure.scores import VIEWS, Split, agreement

HIGH, PURIFIED, LOW = map(relative, (HIGH_GAP, PURIFIED_GAP, LOW_GAP))
FEWEST = 5  # units that a statement about some of them needs

Found = Mapping[str, Split]


def tighter(found: Found, one: str = "PURE", other: str = "activations") -> dict:
    """C1: distances within clusters are smaller by `one` than by `other`."""
    return verdicts.below(found[one].intra, found[other].intra)


def farther(found: Found, one: str = "PURE", other: str = "activations") -> dict:
    """C2: distances between clusters are larger by `one` than by `other`."""
    return verdicts.above(found[one].inter, found[other].inter)


def wider(found: Found, one: str, other: str) -> dict:
    """O2: the gap by `one` is larger than by `other`."""
    return verdicts.above(found[one].gap, found[other].gap)


def both(found: Mapping[object, Found]) -> dict:
    """C1 and C2 in every one of several settings (C7: networks, X4: swapped judge)."""
    if not found:
        return verdicts.untested("no other network was run")
    parts = {f"{name} within": tighter(one) for name, one in found.items()}
    return verdicts.every(parts | {f"{name} between": farther(one) for name, one in found.items()})


def chain(found: Found) -> dict:
    """C3: within clusters rival <= PURE < activations < random, and the reverse between them, in the mean."""
    random = {"random": found["PURE"].overall}
    within = {view: found[view].intra for view in VIEWS} | random
    between = random | {view: found[view].inter for view in reversed(VIEWS)}
    parts = {"within": verdicts.ordered(within), "between": verdicts.ordered(between)}
    return {**verdicts.every(parts), "ours": f"within: {parts['within']['ours']}; between: {parts['between']['ours']}"}


def beats_random(found: Found) -> dict:
    """C4: every way of splitting makes clusters tighter than no split, and farther apart."""
    parts = {f"{view} within": verdicts.below(found[view].intra, found[view].overall) for view in VIEWS}
    parts |= {f"{view} between": verdicts.above(found[view].inter, found[view].overall) for view in VIEWS}
    return verdicts.every(parts)


def near_the_rival(found: Found) -> dict:
    """C5: of the way from the activations' gap to the rival's, PURE comes more than half."""
    if not verdicts.above(found["rival"].gap, found["activations"].gap)["holds"]:
        return verdicts.untested("the rival is not better than activations here, so there is no way to go")
    return verdicts.exceeds(0.5, share_of_way, found["PURE"].gap, found["activations"].gap, found["rival"].gap)


def share_of_way(pure: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """How far mean(pure) lies from mean(start) to mean(end)."""
    way = end.mean() - start.mean()
    return float((pure.mean() - start.mean()) / way) if way else 0.0


def same_for_k(by_k: Mapping[int, Found]) -> dict:
    """C6: C1 and C2 for every number of clusters but 2, and distances within fall with that number for every view."""
    parts = {f"k = {k} within": tighter(one) for k, one in by_k.items() if k != 2}
    parts |= {f"k = {k} between": farther(one) for k, one in by_k.items() if k != 2}
    for view in VIEWS:
        parts[f"{view} falls"] = verdicts.ordered({k: one[view].intra for k, one in sorted(by_k.items(), reverse=True)})
    return verdicts.every(parts)


def aligned(correlations: Mapping[str, Tensor]) -> dict:
    """C8: r_rival > r_PURE > r_activations > 0, r_PURE at least 1.5 times r_activations; columns over sets of units."""
    rival, pure, activations = (correlations[view] for view in VIEWS)
    parts = {
        "rival > PURE": verdicts.above(rival, pure),
        "PURE > activations": verdicts.above(pure, activations),
        "activations > 0": verdicts.exceeds(0, np.mean, activations),
        "PURE at least 1.5 x activations": {"holds": bool(pure.mean() >= 1.5 * activations.mean())},
    }
    return {**verdicts.every(parts), "ours": ", ".join(f"{float(correlations[view].mean()):.2f}" for view in VIEWS)}


def more_aligned(correlations: Mapping[str, Mapping[str, Tensor]]) -> dict:
    """C9: r_PURE > r_activations in every other network; {network: {view: column over sets of units}}."""
    if not correlations:
        return verdicts.untested("no other network was run")
    means = ", ".join(
        f"{name.split('/')[-1]} {float(one['PURE'].mean()):.2f}, {float(one['activations'].mean()):.2f}"
        for name, one in correlations.items()
    )
    parts = {name: verdicts.above(one["PURE"], one["activations"]) for name, one in correlations.items()}
    return {**verdicts.every(parts), "ours": means}


def aligned_within(own: Mapping[str, tuple[Tensor, Tensor]]) -> dict:
    """X1: within units, PURE agrees with the judge more than activations do; {view: (Pearson, Spearman)}, each (U,).

    A unit whose distances by some view are all equal has no correlation (NaN) and is left out.
    """
    parts = {}
    for name, pure, activations in zip(("Pearson", "Spearman"), own["PURE"], own["activations"], strict=True):
        defined = (pure + activations).isfinite()
        parts[name] = verdicts.above(pure[defined], activations[defined])
    return {**verdicts.every(parts), "ours": parts["Pearson"]["ours"], "interval": parts["Pearson"]["interval"]}


def both_kinds(found: Found) -> dict:
    """C10: some units are polysemantic and purified by PURE, others are monosemantic."""
    purified = int(((found["judge"].gap > HIGH) & (found["PURE"].gap > PURIFIED)).sum())
    single = int((found["judge"].gap < LOW).sum())
    return {"ours": f"{purified} and {single} of {len(found['PURE'].gap)} units", "holds": purified > 0 and single > 0}


def agrees_with_judge(found: Found) -> dict:
    """C11: in the quarter of units of largest gap, PURE agrees with the judge's clusters more than activations."""
    top = found["judge"].gap.argsort(descending=True)[: max(FEWEST, len(found["judge"].gap) // 4)]
    scores = {view: agreement(found[view], found["judge"])[top] for view in ("PURE", "activations")}
    return verdicts.above(scores["PURE"], scores["activations"])


def overestimates(everywhere: Tensor, among_small: Tensor) -> dict:
    """C12: activations rank alike pairs farther than PURE does (U,), more so among small crops (NaN: no such pair)."""
    has = ~among_small.isnan()
    parts = {"all pairs": verdicts.exceeds(0, np.mean, everywhere)}
    if int(has.sum()) >= FEWEST:
        parts["small crops more"] = verdicts.above(among_small[has], everywhere[has])
    rest = parts["all pairs"]
    return {**verdicts.every(parts), "ours": rest["ours"], "interval": rest["interval"]}


def cheaper(seconds: Mapping[str, float]) -> dict:
    """C13: activations < PURE < crops and rival, in seconds a unit."""
    return verdicts.ordered({f"{view} (s)": [seconds[view]] for view in ("activations", "PURE", "rival")})


def order_among(found: Found, chosen: Tensor) -> dict:
    """O1: among the chosen (polysemantic) units rival > PURE > activations in gap, each larger than over all units."""
    if int(chosen.sum()) < FEWEST:
        return few(chosen)
    gaps = {view: found[view].gap[chosen] for view in VIEWS}
    parts = {f"{a} > {b}": verdicts.above(gaps[a], gaps[b]) for a, b in zip(VIEWS, VIEWS[1:], strict=False)}
    parts |= {f"{view} larger": {"holds": bool(gaps[view].mean() > found[view].gap.mean())} for view in VIEWS}
    return {**verdicts.every(parts), "ours": ", ".join(f"{float(gaps[view].mean()):.2f}" for view in VIEWS)}


def skewed(gaps: Tensor, bins: int = 10) -> dict:
    """O3: gaps lean left with a tail to the right: mean above median, mode in the lowest three of ten bins."""
    counts = torch.histc(gaps, bins, float(gaps.min()), float(gaps.max()))
    mode, mean, median = int(counts.argmax()), float(gaps.mean()), float(gaps.median())
    return {
        "ours": f"mode in bin {mode + 1}, mean {mean:.2f}, median {median:.2f}",
        "holds": mode < 3 and mean > median,
    }


def rises_with_size(networks: Mapping[str, Found]) -> dict:
    """O4: mean gap of the smallest network below that of the next, which is not above that of the largest."""
    if len(networks) < 2:
        return verdicts.untested("no other network was run")
    gaps = {name: one["judge"].gap for name, one in networks.items()}
    chain = verdicts.ordered(gaps, strict=False)
    small, *_, large = gaps.values()
    return {**chain, "holds": chain["holds"] and bool(large.mean() > small.mean())}


def spread_and_gap(networks: Mapping[str, Found]) -> dict:
    """O5: units of more diverse references have larger gaps: correlation above 0.2, less in the first network."""
    if len(networks) < 2:
        return verdicts.untested("no other network was run")
    found = {name: verdicts.pearson(one["judge"].overall, one["judge"].gap) for name, one in networks.items()}
    first, *others = found.values()
    holds = all(value > 0.2 and value > first for value in others)
    return {"ours": ", ".join(f"{name} {value:.2f}" for name, value in found.items()), "holds": holds}


def fails_more_often(found: Found, chosen: Tensor, least: float = 0.1) -> dict:
    """O6: over 10 % of the chosen units have a negative gap by activations, and fewer by PURE."""
    if int(chosen.sum()) < FEWEST:
        return few(chosen)
    shares = {view: float((found[view].gap[chosen] < 0).double().mean()) for view in ("activations", "PURE")}
    holds = shares["activations"] > max(least, shares["PURE"])
    return {"ours": f"activations {shares['activations']:.0%}, PURE {shares['PURE']:.0%}", "holds": holds}


def oracle_is_tight(found: Found, least: float = 0.99) -> dict:
    """O7: the judge's own clusters are tighter than no split in 99 % of units."""
    share = float((found["judge"].intra < found["judge"].overall).double().mean())
    return {"ours": share, "holds": share >= least}


def beyond_chance(gaps: Tensor, null: Tensor, chosen: Tensor, least: float = 0.8) -> dict:
    """X7: for 80 % of the chosen units the gap (U,) exceeds 95 % of the gaps (U, draws) of random partitions."""
    if int(chosen.sum()) < FEWEST:
        return few(chosen)
    share = float((gaps > null.quantile(0.95, dim=1))[chosen].double().mean())
    return {"ours": share, "holds": share >= least, "reason": f"{int(chosen.sum())} units"}


def steady(top: Tensor, bottom: Tensor, least: float = 0.8) -> dict:
    """X6: clusters hardly depend on the seed for units of high gap (mean ARI above 0.8), more for those of low gap."""
    found = verdicts.exceeds(least, np.mean, top)
    return {
        **found,
        "holds": found["holds"] and bool(top.mean() > bottom.mean()),
        "reason": f"low gap: {float(bottom.mean()):.2f}",
    }


def recovered(agreements: Mapping[str, Tensor]) -> dict:
    """X2: planted sources are found better by PURE than by activations, and these find them better than chance does."""
    if not agreements:
        return verdicts.untested("no two units of the layer mean different things")
    first = verdicts.above(agreements["PURE"], agreements["activations"])
    second = verdicts.above(agreements["activations"], agreements["chance"])
    failed = " and ".join(
        name
        for name, part in {"PURE > activations": first, "activations > chance": second}.items()
        if not part["holds"]
    )
    means = f"PURE {float(agreements['PURE'].mean()):.2f}, activations {float(agreements['activations'].mean()):.2f}"
    return {
        **first,
        "holds": not failed,
        "reason": f"{means}; {first['reason']}" + (f"; not {failed}" if failed else ""),
    }


def recovered_earlier(agreements: Mapping[str, Tensor]) -> dict:
    """X8: below the last stage planted sources are found better by PURE than by activations; {view: (P,)} or nothing."""
    if not agreements:
        return verdicts.untested("no earlier layer has two clean units that mean different things")
    found = verdicts.above(agreements["PURE"], agreements["activations"])
    means = ", ".join(f"{view} {float(column.mean()):.2f}" for view, column in agreements.items())
    return {**found, "reason": f"{means}; {found['reason']}"}


def nearer_to_own(found: tuple[Tensor, Tensor]) -> dict:
    """X3: unseen crops lie nearer to references of their own cluster than to others; mean distances (U,) to both."""
    return verdicts.below(*found)


def learnt(trained: Tensor, untrained: Tensor) -> dict:
    """N2: clusters follow the class more in a trained network; mutual information (U, F) with factors, class first."""
    if not trained.shape[1]:
        return verdicts.untested("nothing is known of these images, not even a class")
    return verdicts.larger(trained[:, 0], untrained[:, 0])


def survives(variants: Found) -> dict:
    """X5: C1 and C2 hold for every variant of the attributions."""
    parts = {}
    for name, one in variants.items():
        if name != "activations":
            pair = {"PURE": one, "activations": variants["activations"]}
            parts |= {f"{name} within": tighter(pair), f"{name} between": farther(pair)}
    return verdicts.every(parts)


def few(chosen: Tensor) -> dict:
    """No verdict about too few units."""
    return verdicts.untested(f"only {int(chosen.sum())} such units among {len(chosen)}; {FEWEST} are needed")
