"""Claims of our own about PURE (X) and its controls (N) as verdicts on scores; intervals are drawn over units."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from unitscope.evidence.pure.checks import Found, farther, nobody, tighter, trend
from unitscope.evidence.pure.contents import Factor
from unitscope.metrics import verdicts
from unitscope.metrics.verdicts import Verdict
from unitscope.papers.pure.scores import VIEWS

NO_UNSEEN = "no unit responds to images beyond its references: give more images, or lower n_ref"
FEWEST_A_CLASS = 2  # images of each class, on average, without which no cluster can follow the class


def aligned_within(own: Mapping[str, tuple[Tensor, Tensor]]) -> Verdict:
    """X1: within units, PURE agrees with the judge more than activations do; {view: (Pearson, Spearman)}, each (U,).

    A unit whose distances by some view are all equal has no correlation (NaN) and is left out.
    """
    parts = {}
    for name, pure, activations in zip(("Pearson", "Spearman"), own["PURE"], own["activations"], strict=True):
        defined = (pure + activations).isfinite()
        if not defined.any():
            return verdicts.untested("no unit has a correlation")
        parts[name] = verdicts.above(pure[defined], activations[defined])
    return led_by(parts)


def recovered(agreements: Mapping[str, Tensor]) -> Verdict:
    """X2: planted sources are found better by PURE than by activations, and these find them better than chance does."""
    if not agreements:
        return verdicts.untested("no two units of the layer mean different things")
    parts = {
        "PURE > activations": verdicts.above(agreements["PURE"], agreements["activations"], of="planted units"),
        "activations > chance": verdicts.above(agreements["activations"], agreements["chance"], of="planted units"),
    }
    return led_by(parts).but(reason=means(agreements, "PURE", "activations"))


def recovered_earlier(agreements: Mapping[str, Tensor]) -> Verdict:
    """X8: below the last stage planted sources are found better by PURE than by activations; {view: (P,)} or {}."""
    if not agreements:
        return verdicts.untested("no earlier layer has two clean units that mean different things")
    found = verdicts.above(agreements["PURE"], agreements["activations"], of="planted units")
    return found.but(reason=means(agreements, *agreements))


def nearer_to_own(found: tuple[Tensor, Tensor] | None) -> Verdict:
    """X3: unseen crops lie nearer to references of their own cluster than to others; mean distances (U,) to both.

    None where no unit responds to images beyond its references.
    """
    if found is None:
        return verdicts.untested(NO_UNSEEN)
    if not len(found[0]):
        return verdicts.untested("no unit has unseen crops and references in both clusters")
    return verdicts.below(*found)


def swapped(found: Found) -> Verdict:
    """X4: C1 and C2 with the rival as judge."""
    return verdicts.every({"within": tighter(found), "between": farther(found)})


def survives(variants: Found) -> Verdict:
    """X5: C1 and C2 in the mean over the variants of the attributions, and contradicted by none of them."""
    rest = {name: {"PURE": one, "activations": variants["activations"]} for name, one in variants.items()}
    return trend({name: pair for name, pair in rest.items() if name != "activations"}, same_units=True)


def reproducible(top: Tensor, bottom: Tensor, least: float = 0.8) -> Verdict:
    """X6: circuits of other references are the same where the gap is large, less so where it is small.

    top, bottom : prediction strengths (U,) of the units of largest and smallest gap (`controls.prediction_strength`);
    `least` is the bar of its authors.
    """
    parts = {
        f"large gap > {least}": verdicts.exceeds(least, np.mean, top),
        "large gap > small gap": verdicts.larger(top, bottom, of="units"),
    }
    return led_by(parts)


def beyond_cuts(gaps: Tensor, null: Tensor, chosen: Tensor) -> Verdict:
    """X7: the chosen units' gap (U,) exceeds the 95 % quantile of gaps (U, draws) of random cuts, in the mean."""
    if not chosen.any():
        return nobody(chosen)
    return verdicts.above(gaps[chosen], null.quantile(0.95, dim=1)[chosen])


def falls_with_k(by_k: Mapping[int, Found]) -> Verdict:
    """X9: distances within clusters fall with every further cluster, by every view."""
    parts = {}
    for view in VIEWS:
        steps = sorted(by_k)
        for one, other in zip(steps, steps[1:], strict=False):
            parts[f"{view}, {other} < {one}"] = verdicts.below(by_k[other][view].intra, by_k[one][view].intra)
    return verdicts.every(parts)


def wider_than_untrained(trained: Found, untrained: Found) -> Verdict:
    """N1: PURE's gap is larger in the trained network than with random weights, at crops of one mean size."""
    return verdicts.larger(trained["PURE"].gap, untrained["PURE"].gap, of="units")


def learnt(trained: Tensor, untrained: Tensor, factors: Mapping[str, Factor]) -> Verdict:
    """N2: clusters follow the class more in a trained network; mutual information (U, F) with factors, class first."""
    if not factors:
        return verdicts.untested("nothing is known of these images, not even a class")
    name, first = next(iter(factors.items()))
    each = len(first.values) / len(first.values.unique())
    if each < FEWEST_A_CLASS:
        return verdicts.untested(f"{each:.1f} images of each {name}: no cluster can follow it")
    return verdicts.larger(trained[:, 0], untrained[:, 0], of="units")


def led_by(parts: Mapping[str, Verdict]) -> Verdict:
    """All of several verdicts, shown by the figure of the first."""
    first = next(iter(parts.values()))
    return verdicts.every(parts).but(
        ours=first.ours, interval=first.interval, detectable=first.detectable, samples=first.samples
    )


def means(columns: Mapping[str, Tensor], *views: str) -> str:
    """Means of columns in words."""
    return ", ".join(f"{view} {float(columns[view].mean()):.2f}" for view in views)
