"""Units as a population (Figs. 10, 11), the index against known truth, controls, and identities."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from unitscope.evidence.directions.comparing import better, ranks_rise
from unitscope.evidence.directions.population import PowerLaw, critical_slope
from unitscope.evidence.directions.roc import area_under_curve
from unitscope.metrics import verdicts
from unitscope.metrics.interpretability import interpretability
from unitscope.metrics.similarity import Similarity
from unitscope.metrics.statistics import Estimate
from unitscope.metrics.verdicts import Verdict
from unitscope.papers.directions.trials import Trials, margins

FLAT = critical_slope(4)  # -1.5: so steep a spectrum suits a smooth map of four dimensions (Stringer et al. 2019)
TOLERANCE = 1e-5
TOO_FEW = "too few units for a power law: about 10 are needed"
NOTHING_KNOWN = "nothing is known of these images, not even a class"


def lone_are_interpretable(co_activation, index) -> Verdict:
    """C27: Spearman of co-activation with II is below 0 over units."""
    return ranks_rise(co_activation, index, over=False)


def near_critical(law: PowerLaw | None, critical: float, images: int, raw: float) -> Verdict:
    """C28: the spectrum decays at least as fast as the critical law, yet slower than that of four dimensions.

    images : behind the law, half of which are drawn for its interval; raw : the slope without z-scoring. No law: too
    few units for one.
    """
    if law is None:
        return verdicts.untested(TOO_FEW)
    found = Estimate(law.slope, law.interval, (law.interval[1] - law.interval[0]) / 3.92, images)
    parts = {
        f"smooth: below {critical:.4f}": verdicts.verdict_of(found, critical, over=False, of="images"),
        f"high-dimensional: above {FLAT:g}": verdicts.verdict_of(found, FLAT, of="images"),
    }
    return verdicts.every(parts).but(ours=law.slope, interval=law.interval, reason=f"without z-scoring {raw:.2f}")


def purity_rises(index, purity: Tensor | None) -> Verdict:
    """B3: Spearman of II with the purity of a unit's best concept is above 0; None where no concept is known."""
    if purity is None:
        return verdicts.untested(NOTHING_KNOWN)
    pure = purity > purity.quantile(0.75)
    area = area_under_curve(torch.as_tensor(index), pure)
    told = "" if np.isnan(area) else f"area for telling the purest quarter: {area:.2f}"
    found = ranks_rise(index, purity)
    return found.but(reason=found.reason or told)


def purer(features: Tensor | None, units: Tensor | None) -> Verdict:
    """B4: k-means directions are purer than units; purity (K,) and (N,), None where no concept is known."""
    if features is None or units is None:
        return verdicts.untested(NOTHING_KNOWN)
    return better(features.numpy(), units.numpy())


def tells_better(features: Tensor | None, units: Tensor | None) -> Verdict:
    """B5: the area for the best concept is larger for k-means directions than for units; None as in `purer`."""
    return purer(features, units)


def looks_at_parts(index, focus: Tensor | None) -> Verdict:
    """B6: Spearman of II with a unit's concentration on parts is above 0; None where no parts are known."""
    return verdicts.untested("these images have no part masks") if focus is None else ranks_rise(index, focus)


def differ_more_than_they_vary(index, intervals) -> Verdict:
    """B7: the 95 % range of II over units is wider than the mean interval (N, 2) of one unit's II. ours: their
    ratio.
    """
    widths = np.asarray(intervals)[:, 1] - np.asarray(intervals)[:, 0]
    if not widths.any():
        return verdicts.untested("no unit's index varies between halves of the images")

    def wider(index, widths, axis=-1):
        low, high = np.quantile(index, [0.025, 0.975], axis=axis)
        return (high - low) / np.maximum(np.mean(widths, axis=axis), 1e-30)

    return verdicts.exceeds(1.0, wider, index, widths)


def beats_control(a, b, names: tuple[str, str]) -> Verdict:
    """B8 to B11: the mean II of a is above that of a control b."""
    return better(a, b, names)


def fast_forms(judge: Similarity, best: Tensor, trials: Trials) -> Verdict:
    """C30: II from sums and norms, and margins from products, equal the same from differences of all pairs.

    best (K, M): MEIs. ours: the largest deviation, relative to the largest value.
    """
    plain = replace(judge, table=None)
    rows = plain.vectors
    index = torch.stack([_literal(plain, rows[chosen], rows[chosen]).mean() for chosen in best])
    asked = Trials(*(part[: len(best)] for part in (trials.units, trials.queries, trials.high, trials.low)))
    delta = torch.stack([
        _nearest(plain, rows, (up, down), high) - _nearest(plain, rows, (up, down), low)
        for (up, down), high, low in zip(asked.queries, asked.high, asked.low, strict=True)
    ])  # fmt: skip
    parts = {
        "II": _deviation(interpretability(plain, best), index),
        "margins": _deviation(margins(plain, asked), delta),
    }
    worst = max(part.ours for part in parts.values())
    return verdicts.every(parts).but(ours=worst, reason="largest relative deviation")


def _literal(judge: Similarity, a: Tensor, b: Tensor) -> Tensor:
    distance = torch.cdist(a.double(), b.double(), compute_mode="donot_use_mm_for_euclid_dist")
    return judge.from_distances(distance.square())


def _nearest(judge: Similarity, rows: Tensor, queries, references: Tensor) -> Tensor:
    """Largest similarity of the first query with the references, less that of the second."""
    up, down = (_literal(judge, rows[query][None], rows[references]).max() for query in queries)
    return up - down


def _deviation(fast: Tensor, literal: Tensor) -> Verdict:
    return verdicts.identity(float((fast - literal).abs().max() / literal.abs().max().clamp(min=1e-30)), TOLERANCE)
