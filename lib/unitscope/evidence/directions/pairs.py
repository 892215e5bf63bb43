"""Pairs of units that are added (Klindt et al. 2023, Fig. 8): units are drawn again, never pairs.

syn, null  `metrics.synergy.Synergy` of the same units; in `null` the images of the second unit are permuted
"""

from __future__ import annotations

import numpy as np
from torch import Tensor

from unitscope.evidence.directions.comparing import mean_over_pairs, over_units, ranks_over_pairs, ranks_rise, square
from unitscope.metrics import verdicts
from unitscope.metrics.synergy import Synergy
from unitscope.metrics.verdicts import Verdict

UNCORRELATED = 0.1
SLIGHT = 0.5  # a rank correlation from here on is not slight
STRONG = -0.3  # a rank correlation from here on is not strongly negative
BEST = 100


def gaining(found: Synergy) -> np.ndarray:
    """Which pairs gain: a table (N, N) of 0 and 1."""
    return square(found.pairs, found.values > 0, len(found.single))


def most_lose(syn: Synergy, null: Synergy) -> Verdict:
    """C22: less than half of the pairs gain. The reason shows that so it is by chance: a maximum is hard to exceed."""
    found = over_units(mean_over_pairs(gaining(syn)), len(syn.single), 0.5, over=False)
    return found.but(reason=f"share of pairs that gain; {share(null):.3f} with permuted images")


def many_gain(syn: Synergy, null: Synergy) -> Verdict:
    """C23: more pairs gain than with permuted images. ours: the difference of the shares."""
    found = over_units(mean_over_pairs(gaining(syn) - gaining(null)), len(syn.single))
    return found.but(reason=f"{share(syn):.3f} of the pairs, {share(null):.3f} with permuted images")


def correlated_gain(syn: Synergy, correlation: Tensor) -> Verdict:
    """C24: over pairs, synergy rises with the units' correlation (N, N), a little: Spearman between 0 and 0.5."""
    statistic = ranks_over_pairs(correlation, square(syn.pairs, syn.values, len(syn.single)))
    return verdicts.within(0.0, SLIGHT, statistic, np.arange(len(syn.single)))


def uncorrelated_gain(syn: Synergy, null: Synergy, correlation: Tensor) -> Verdict:
    """C25: among pairs of nearly uncorrelated units more gain than with permuted images."""
    chosen = np.abs(np.asarray(correlation)) < UNCORRELATED
    count = int(np.triu(chosen, 1).sum())
    if not count:
        return verdicts.untested(f"no pair has a correlation within {UNCORRELATED} of 0")
    found = over_units(mean_over_pairs(gaining(syn) - gaining(null), chosen), len(syn.single))
    shares = [float(mean_over_pairs(gaining(one), chosen)(np.arange(len(syn.single)))) for one in (syn, null)]
    return found.but(reason=f"{shares[0]:.3f} of {count} pairs, {shares[1]:.3f} with permuted images")


def diluted(syn: Synergy, null: Synergy) -> Verdict:
    """C26: best synergy falls steeply with a unit's own II, and more so than with permuted images.

    Synergy holds the unit's own II with a minus sign, so it falls with anything: only what exceeds the null speaks.
    """
    single, best, chance = syn.single.numpy(), syn.best_partner().numpy(), null.best_partner().numpy()

    def steeper(single, best, chance, axis=-1):
        return verdicts.spearman(single, best, axis) - verdicts.spearman(single, chance, axis)

    parts = {
        "strongly negative": ranks_rise(single, best, STRONG, over=False),
        "more than with permuted images": verdicts.falls_short(0.0, steeper, single, best, chance),
    }
    rho = [verdicts.spearman(single, values) for values in (best, chance)]
    return verdicts.every(parts).but(ours=float(rho[0]), reason=f"{rho[1]:.2f} with permuted images")


def found_again(here: Synergy, there: Synergy) -> Verdict:
    """B2: the best pairs of one half of the images have a positive mean synergy on the other; their units drawn
    again.
    """
    top = here.values.topk(min(BEST, len(here.values))).indices
    units, inside = np.unique(here.pairs[top].numpy(), return_inverse=True)
    inside = inside.reshape(-1, 2)
    table, chosen = (square(inside, values, len(units)) for values in (there.values[top], np.ones(len(top))))
    found = over_units(mean_over_pairs(table, chosen > 0), len(units))
    chosen_at, everywhere = float(here.values[top].mean()), float(there.values.mean())
    return found.but(reason=f"the {len(top)} best pairs, {chosen_at:.3f} where chosen; all pairs {everywhere:.3f}")


def share(found: Synergy) -> float:
    """Share of the pairs that gain."""
    return float((found.values > 0).double().mean())
