"""From scores to the fields of a claim: what we found, its 95 % interval, and whether the claim holds.

One rule for all: a claim about a number holds where the number's whole interval lies on the claimed side. Every
function gives {"ours", "interval", "holds", "reason"} as `unitscope.publish.claim` takes them.

    a, b  (U,)  scores of the same U units
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from unitscope.errors import UnitscopeError
from unitscope.metrics.statistics import bootstrap_interval, paired_test


def above(a, b) -> dict:
    """Is a larger than b, unit by unit? ours: the mean of a - b."""
    found = paired_test(a, b)
    return verdict(found.difference, found.interval, found.interval[0] > 0, note(a, found.p))


def below(a, b) -> dict:
    """Is a smaller than b, unit by unit? ours: the mean of a - b."""
    found = paired_test(a, b)
    return verdict(found.difference, found.interval, found.interval[1] < 0, note(a, found.p))


def exceeds(threshold: float, statistic: Callable[..., float], *columns) -> dict:
    """Is a statistic of one or more columns (U,) larger than `threshold`? For the interval, units are drawn again."""
    interval = interval_of(statistic, *columns)
    units = f"{len(columns[0])} units"
    return verdict(statistic(*map(np.asarray, columns)), interval, interval[0] > threshold, units)


def larger(a, b) -> dict:
    """Is the mean of a (n,) larger than that of unrelated b (m,)? ours: the difference; for the interval, both are drawn again.

    An empty column gives no verdict.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if not len(a) or not len(b):
        return untested(f"{len(a)} and {len(b)} values; both groups need one at least")
    rng = np.random.default_rng(0)
    drawn = [rng.choice(a, len(a)).mean() - rng.choice(b, len(b)).mean() for _ in range(2000)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return verdict(a.mean() - b.mean(), (low, high), low > 0, f"{a.mean():.2f} of {len(a)} against {b.mean():.2f} of {len(b)}")


def interval_of(statistic: Callable[..., float], *columns) -> tuple[float, float]:
    """95 % bootstrap interval of a statistic of columns (U,), the same units drawn in each."""
    columns = [np.asarray(column) for column in columns]
    return bootstrap_interval(
        np.arange(len(columns[0])), lambda rows: statistic(*(c[rows.astype(int)] for c in columns))
    )


def pearson(x, y) -> float:
    """Correlation of two columns; 0 where one does not vary."""
    return float(np.corrcoef(x, y)[0, 1]) if np.ptp(x) and np.ptp(y) else 0.0


def every(parts: Mapping[str, dict]) -> dict:
    """Do all of several verdicts hold? ours: how many; the reason names those that do not."""
    if not parts:
        raise UnitscopeError("`every` needs at least one verdict, got none.")
    failed = [name for name, part in parts.items() if not part["holds"]]
    reason = f"not for {', '.join(failed)}" if failed else None
    return {"ours": f"{len(parts) - len(failed)} of {len(parts)}", "holds": not failed, "reason": reason}


def ordered(columns: Mapping[str, object], *, strict: bool = True) -> dict:
    """Do the means of columns rise in the given order? ours: the chain of means."""
    means = [float(np.mean(np.asarray(column))) for column in columns.values()]
    rises = all(one < other if strict else one <= other for one, other in zip(means, means[1:], strict=False))
    return {"ours": ", ".join(f"{name} {mean:.3f}" for name, mean in zip(columns, means, strict=True)), "holds": rises}


def untested(reason: str) -> dict:
    """No verdict, and why."""
    return {"holds": None, "reason": reason}


def verdict(ours: float, interval: tuple[float, float], holds: bool, reason: str | None = None) -> dict:
    """The fields of a claim, as plain numbers."""
    return {"ours": float(ours), "interval": tuple(map(float, interval)), "holds": bool(holds), "reason": reason}


def note(values, p: float) -> str:
    """How many units stand behind a paired comparison, and Wilcoxon's p."""
    return f"{len(values)} units, Wilcoxon p = {p:.1g}"
