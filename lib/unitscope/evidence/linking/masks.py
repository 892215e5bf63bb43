"""Claims 18 and 19, and two of ours: motion, the masks that everything is measured with, and known factors (Fig. 2B,
4C, S6).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy.stats import rankdata

from unitscope.data.critters import NAMES, PARTS
from unitscope.evidence.linking.examples import Moved
from unitscope.evidence.linking.recovery import Recovery
from unitscope.evidence.linking.shots import LARGE, ShotScores
from unitscope.metrics import verdicts
from unitscope.metrics.verdicts import Verdict
from unitscope.papers.linking.motions import strongest

PICTURES = "pictures"
NO_LARGE = "the pictures hold no large parts"
NOT_RENDERED = "the renderer, whose factors are known, draws none but the critters' species"
GOOD, LOSS = 0.5, 0.15  # overlap on large parts; what an unseen class may lose


def only_with_parts(gan) -> Callable[[Verdict], Verdict]:
    """Verdicts on parts pass where the generator draws critters; of other pictures no part is known."""
    known = set(gan.classes) <= set(NAMES)
    return lambda found: found if known else verdicts.untested("no parts of this generator's pictures are known")


def alignment_helps(found: Moved) -> Verdict:
    """18: arrows are shorter after alignment, and more of the longest ones lie on the part of largest change than of
    all pixels.

    Lengths and shares are means over the pictures of a unit.
    """
    units = np.array(found.units)
    columns = np.array(
        [[*one.lengths, *on_part(one.after, mask)] for one, mask in zip(found.fields, found.masks, strict=True)]
    )
    columns = np.array(
        [
            np.nanmean(rows, axis=0)
            for rows in (columns[units == unit] for unit in np.unique(units))
            if np.isfinite(rows).all(1).any()
        ]
    )
    if not len(columns):
        return verdicts.untested("no unit moves anything on a part")
    before, after, arrows, pixels = columns.T
    parts = {"shorter": verdicts.below(after, before), "on the part": verdicts.above(arrows, pixels)}
    return verdicts.every(parts).but(
        ours=(
            f"length {before.mean():.2f} to {after.mean():.2f} px; {arrows.mean():.0%} of arrows on {pixels.mean():.0%}"
            " of pixels"
        ),
        samples=parts["shorter"].samples,
    )


def on_part(field: np.ndarray, mask: torch.Tensor) -> tuple[float, float]:
    """Share of the longest arrows, and of all pixels, that lie on a mask (H, W); NaN for no arrows or no mask."""
    member, arrows = mask.numpy().astype(bool), strongest(field)
    if not arrows.any() or not member.any():
        return float("nan"), float("nan")
    return float(member[arrows].mean()), float(member.mean())


def masks_are_right(scores: ShotScores, shots: int) -> Verdict:
    """Ours: the instrument's own figure. Mean overlap with exact masks on large parts above 0.5; each part's overlap is
    the reason.
    """
    large = large_parts(scores)
    if scores.exact is None or not large.any():
        return verdicts.untested(
            "no exact masks of this generator's pictures are known" if scores.exact is None else NO_LARGE
        )
    table = scores.exact[shots].numpy()
    verdict = verdicts.exceeds(GOOD, _overlap(table, large), np.arange(len(table)), of=PICTURES)
    each = scores.by_shots[shots].nan_to_num(0.0).tolist()
    return verdict.but(reason=", ".join(f"{part} {value:.2f}" for part, value in zip(PARTS, each, strict=True)))


def large_parts(scores: ShotScores) -> np.ndarray:
    """Which labels (K,) are large parts: not the background, and a hundredth of all pixels at least."""
    large = (scores.share >= LARGE).numpy()
    large[0] = False
    return large


def few_labels_suffice(scores: ShotScores, shots: int) -> Verdict:
    """19: mean overlap on large parts above 0.5 with five pictures a class; a class never shown loses less than
    0.15.
    """
    large = large_parts(scores)
    if not large.any():
        return verdicts.untested(NO_LARGE)
    taught = scores.tables[shots].numpy()
    parts = {"large parts": verdicts.exceeds(GOOD, _overlap(taught, large), np.arange(len(taught)), of=PICTURES)}
    for name, (own, left) in scores.unseen.items():
        both = [_overlap(table.numpy(), large) for table in (own, left)]
        parts[f"{name} unseen"] = verdicts.falls_short(
            LOSS, lambda rows, both=both: both[0](rows) - both[1](rows), np.arange(len(own)), of=PICTURES
        )
    lost = "".join(f"; {name} loses {parts[f'{name} unseen'].ours:.2f}" for name in scores.unseen)
    return verdicts.every(parts).but(
        ours=f"overlap {parts['large parts'].ours:.2f}{lost}", samples=parts["large parts"].samples
    )


def _overlap(table: np.ndarray, large: np.ndarray):
    """Mean intersection over union of the large parts in some of the pictures; table (n, K, 2): both pixel counts."""

    def overlap(rows) -> float:
        both, either = table[rows.astype(int)].sum(0).T[:, large]
        return float((both / np.maximum(either, 1)).mean())

    return overlap


def follows_factors(found: Recovery | None) -> Verdict:
    """Ours: over units, a measure follows the factor that must move it (rank correlation) more than it follows other
    factors; None where the renderer does not draw the classes.
    """
    if found is None:
        return verdicts.untested(NOT_RENDERED)
    count = len(found.table)
    both = np.stack(
        [one.mean(1).numpy() for side in (found.factors, found.measures) for one in side.values()]
    )  # (2 F, U)
    own = np.eye(count, dtype=bool)

    def lead(rows) -> float:
        table = np.nan_to_num(np.corrcoef(rankdata(both[:, rows.astype(int)], axis=1))[:count, count:])
        return table[own].mean() - np.abs(table[~own]).mean()

    with np.errstate(invalid="ignore"):
        verdict = verdicts.exceeds(0, lead, np.arange(both.shape[1]))
    right = ", ".join(f"{name} {float(value):.2f}" for name, value in found.right.items())
    mean = float(found.table.diagonal().mean())
    return verdict.but(reason=f"{mean:.2f} against {mean - verdict.ours:.2f}; {right}")
