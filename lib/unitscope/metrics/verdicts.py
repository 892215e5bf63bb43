"""From scores to a verdict: what we found, its 95 % interval, and which of four states a claim is in.

    holds          the whole interval lies on the claimed side
    contradicted   it lies on the other side, or so near to it that half of the paper's own effect is excluded
    undecided      neither; `detectable` is the smallest effect that this sample would have shown (80 % power)
    untested       nothing was measured; `reason` says why

    a, b     (n,)  scores of the same n things ("units", "pictures"; the argument `of` names them)
    effect   the paper's own effect in the units of ours, counted from the threshold in the claimed direction (> 0)

Intervals are drawn over the independent thing. Where a score belongs to a pair of units, give the statistic the rows of
the units (`np.arange(n)`) and let it compute the pairs among those drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from scipy import stats

from unitscope.errors import UnitscopeError
from unitscope.metrics.statistics import Estimate, estimate, paired_difference, wilcoxon
from unitscope.metrics.verdict import Verdict

FEWEST = 6  # of fewer things not even unanimous signs are significant: 2 * 0.5**5 > 0.05
POWER = float(stats.norm.ppf(0.975) + stats.norm.ppf(0.8))  # in standard errors: an effect that 80 % of samples show


def decide(found: Estimate, threshold: float = 0.0, *, effect: float | None = None, over: bool = True) -> str:
    """The state of the claim "the statistic lies above the threshold" (`over=False`: below it)."""
    if effect is not None and not effect > 0:
        raise UnitscopeError(
            f"effect, the paper's distance from the threshold on the claimed side, is > 0; got {effect!r}."
        )
    low, high = found.interval if over else (-found.interval[1], -found.interval[0])
    bound = threshold if over else -threshold
    if found.size < FEWEST:
        return "undecided"
    if low > bound:
        return "holds"
    return "contradicted" if high < bound + (effect or 0.0) / 2 else "undecided"


def verdict_of(
    found: Estimate, threshold: float = 0.0, *, over: bool = True, effect=None, of: str = "units"
) -> Verdict:
    """Does an estimate that was drawn elsewhere lie above `threshold` (`over=False`: below it)? ours: its value."""
    state = decide(found, threshold, effect=effect, over=over)
    shown = _shown(found, state, of)
    if effect is not None and state != decide(found, threshold, over=over):  # by the paper's effect alone
        return shown.but(reason=f"half of the paper's effect of {effect:.3g} is excluded")
    return shown


def above(a, b, *, effect: float | None = None, of: str = "units") -> Verdict:
    """Is a larger than b, thing by thing, in the mean? ours: the mean of a - b."""
    return _paired(a, b, effect, of, over=True)


def below(a, b, *, effect: float | None = None, of: str = "units") -> Verdict:
    """Is a smaller than b, thing by thing, in the mean? ours: the mean of a - b."""
    return _paired(a, b, effect, of, over=False)


def not_above(a, b, *, margin: float, of: str = "units") -> Verdict:
    """Is a at most b, up to a margin (non-inferiority: a - b < margin)? ours: the mean of a - b."""
    return falls_short(_margin(margin), np.mean, paired_difference(a, b), of=of)


def exceeds(threshold: float, statistic: Callable[..., float], *columns, effect=None, of: str = "units") -> Verdict:
    """Is a statistic of columns (n,), the same things drawn in each, larger than `threshold`? ours: the statistic."""
    return verdict_of(estimate(statistic, *columns), threshold, effect=effect, of=of)


def falls_short(threshold: float, statistic: Callable[..., float], *columns, effect=None, of: str = "units") -> Verdict:
    """Is a statistic of columns (n,) smaller than `threshold`? ours: the statistic."""
    return verdict_of(estimate(statistic, *columns), threshold, over=False, effect=effect, of=of)


def within(low: float, high: float, statistic: Callable[..., float], *columns, of: str = "units") -> Verdict:
    """Does a statistic lie between two bounds? Its whole interval must; contradicted if none of the interval does."""
    if not low < high:
        raise UnitscopeError(f"`within` needs low < high, got {low!r} and {high!r}.")
    found = estimate(statistic, *columns)
    inside = low < found.interval[0] and found.interval[1] < high
    outside = found.interval[1] < low or found.interval[0] > high
    state = "undecided" if found.size < FEWEST or not (inside or outside) else "holds" if inside else "contradicted"
    return _shown(found, state, of)


def larger(a, b, *, by: float = 0.0, effect: float | None = None, of: str = "values") -> Verdict:
    """Is the mean of a (n,) larger than that of unrelated b (m,)? ours: the difference; both are drawn again.

    by : how much larger; below 0, a may also be smaller by less than that. An empty column is untested.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if not len(a) or not len(b):
        return untested(f"{len(a)} and {len(b)} {of}; both groups need one at least")
    found = replace(estimate(_difference_of_means, a, b, paired=False), size=min(len(a), len(b)))
    state = decide(found, by, effect=effect)
    return _shown(found, state, of).but(
        samples=f"{len(a)} and {len(b)} {of}", reason=f"{a.mean():.2f} against {b.mean():.2f}"
    )


def share(hits, threshold: float, *, over: bool = True, effect: float | None = None, of: str = "units") -> Verdict:
    """Does more (`over=False`: less) than a share `threshold` of the things show something? hits (n,): True or False.

    The interval is Wilson's (scipy.stats.binomtest), which stays open where all or none do.
    """
    hits = np.asarray(hits)
    if hits.ndim != 1 or hits.dtype != bool:
        raise UnitscopeError(f"share takes one True or False per thing (n,), got {hits.dtype} of shape {hits.shape}.")
    if not len(hits):
        return untested(f"no {of} to count")
    ends = stats.binomtest(int(hits.sum()), len(hits)).proportion_ci(method="wilson")
    rate = float(hits.mean())
    error = float(ends.high - ends.low) / 2 / stats.norm.ppf(0.975)
    found = Estimate(rate, (float(ends.low), float(ends.high)), float(error), len(hits))
    return verdict_of(found, threshold, over=over, effect=effect, of=of)


def ordered(columns: Mapping[str, object], *, margin: float | None = None, paired=True, of: str = "units") -> Verdict:
    """Do the means of columns (n,) rise in the given order, each step a comparison of its own? ours: the means.

    Parameters
    ----------
    margin : a step may also stay level or fall by less than this ("<=" in place of "<").
    paired : the columns belong to the same things; else each step compares unrelated groups.
    """
    if len(columns) < 2:
        raise UnitscopeError(f"`ordered` needs two columns at least, got {len(columns)}.")
    if margin is not None and not paired:
        raise UnitscopeError("`ordered` takes a margin for paired columns only.")
    values = {name: np.asarray(column, dtype=float) for name, column in columns.items()}
    parts, names = {}, list(values)
    for one, other in zip(names, names[1:], strict=False):
        a, b = values[one], values[other]
        if margin is not None:
            parts[f"{one} ≤ {other}"] = not_above(a, b, margin=margin, of=of)
        else:
            parts[f"{one} < {other}"] = above(b, a, of=of) if paired else larger(b, a, of=of)
    return every(parts).but(ours=", ".join(f"{name} {column.mean():.3f}" for name, column in values.items()))


def every(parts: Mapping[str, Verdict]) -> Verdict:
    """Do all of several verdicts hold? One that is contradicted contradicts the whole; an open one leaves it open.

    Untested only if no part was tested. ours: how many hold.
    """
    return _compound(parts, decisive="contradicted", unanimous="holds")


def some(parts: Mapping[str, Verdict]) -> Verdict:
    """Does at least one of several verdicts hold? Contradicted only if each part is. ours: how many hold."""
    return _compound(parts, decisive="holds", unanimous="contradicted")


def together(whole: Mapping[str, Verdict], parts: Mapping[str, Verdict]) -> Verdict:
    """A trend over several settings: what they say taken together (`whole`), while none of them (`parts`) contradicts
    it.

    Each setting alone may be too small a sample to decide. ours: how many of both hold.
    """
    found, alone = every(whole), every(parts)
    state = "contradicted" if alone.state == "contradicted" else found.state
    both = every({**found.parts, **alone.parts})
    return Verdict(state, both.ours, reason=found.reason, parts=both.parts)


def identity(error: float, tolerance: float, reason: str | None = None) -> Verdict:
    """Two ways of computing one number agree: the largest difference is within `tolerance`. Nothing is sampled."""
    error = float(error)
    if not np.isfinite(error):
        raise UnitscopeError(f"an identity's error must be finite, got {error}.")
    state = "holds" if error <= tolerance else "contradicted"
    return Verdict(state, error, reason=reason or f"tolerance {tolerance:g}")


def counted(ours: float | str, holds: bool, reason: str | None = None) -> Verdict:
    """A statement about everything there is, as a count of all units: nothing is sampled, so there is no interval."""
    if not isinstance(holds, (bool, np.bool_)):
        raise UnitscopeError(f"holds must be True or False, got {holds!r}; where nothing is known, use `untested`.")
    return Verdict("holds" if holds else "contradicted", ours, reason=reason)


def untested(reason: str) -> Verdict:
    """No verdict, and why."""
    return Verdict("untested", reason=reason)


def pearson(x, y, axis: int = -1):
    """Correlation of two columns, or of many at once along `axis`; 0 where one does not vary."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    varies = (np.ptp(x, axis=axis) > 0) & (np.ptp(y, axis=axis) > 0)
    x, y = (z - z.mean(axis=axis, keepdims=True) for z in (x, y))
    scale = np.sqrt((x * x).sum(axis) * (y * y).sum(axis))
    return np.where(varies, (x * y).sum(axis) / np.where(scale > 0, scale, 1), 0.0)[()]


def spearman(x, y, axis: int = -1):
    """Rank correlation of two columns, or of many at once along `axis`, ties at their mean rank; 0 where one is
    flat.
    """
    return pearson(stats.rankdata(x, axis=axis), stats.rankdata(y, axis=axis), axis)


def _paired(a, b, effect: float | None, of: str, over: bool) -> Verdict:
    difference = paired_difference(a, b)
    p = wilcoxon(difference)
    found = verdict_of(estimate(np.mean, difference), over=over, effect=effect, of=of)
    return found.but(reason=f"{found.reason}; Wilcoxon p = {p:.1g}" if found.reason else f"Wilcoxon p = {p:.1g}")


def _shown(found: Estimate, state: str, of: str) -> Verdict:
    few = f" (fewer than {FEWEST} decide nothing)" if found.size < FEWEST else ""
    shows = None if few else POWER * found.error
    return Verdict(state, found.value, found.interval, shows, f"{found.size} {of}{few}")


def _compound(parts: Mapping[str, Verdict], decisive: str, unanimous: str) -> Verdict:
    if not parts:
        raise UnitscopeError("a compound verdict needs at least one part, got none.")
    if wrong := [name for name, part in parts.items() if not isinstance(part, Verdict)]:
        raise UnitscopeError(f"the parts of a compound verdict must be verdicts; not so: {', '.join(map(str, wrong))}.")
    parts = {str(name): part for name, part in parts.items()}
    states = [part.state for part in parts.values()]
    if decisive in states:
        state = decisive
    elif set(states) == {unanimous}:
        state = unanimous
    else:
        state = "untested" if set(states) == {"untested"} else "undecided"
    ours = f"{states.count('holds')} of {len(parts)} hold"
    reason = next(iter(parts.values())).reason if state == "untested" else None
    return Verdict(state, ours, reason=reason, parts=parts)


def _difference_of_means(a, b, axis=-1):
    return np.mean(a, axis=axis) - np.mean(b, axis=axis)


def _margin(margin: float) -> float:
    if not margin > 0:
        raise UnitscopeError(f"margin must be above 0, got {margin!r}.")
    return margin


def in_line(values: Mapping[str, float | Verdict], form: str = "{:.2f}") -> str:
    """Figures by name in one line: "resnet 0.61, dino_vit 0.55"."""
    numbers = {name: value.ours if isinstance(value, Verdict) else value for name, value in values.items()}
    return ", ".join(f"{name} {form.format(number)}" for name, number in numbers.items())
