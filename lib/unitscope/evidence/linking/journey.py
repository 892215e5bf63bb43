"""From a picture to its counterfactual and beyond, step by step (Wehrheim et al. 2024, section 4.5, Fig. 7).

S  steps    a (S,)  position on the way: 0 the original, 1 the counterfactual    r_k = r + a_k (r' - r)
boundary    the first step whose picture is classified as the target; the paper's first change of class, unless a third
            class lies between
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from unitscope.evidence.linking.cycles import Eyes, distances
from unitscope.extract.penultimate import Reader
from unitscope.metrics.parts import METRICS, change, measure
from unitscope.papers.linking.counterfactuals import Counterfactual
from unitscope.papers.linking.link import Link
from unitscope.papers.linking.segmentation import LABELS, Artist

STEPS, BEYOND = 51, 1.5  # the way ends half its length behind the counterfactual, so that the boundary lies inside


@dataclass(frozen=True)
class Journey:
    """One way. images (S, 3, H, W), masks (S, H, W), p (S, c), predicted (S,), table (S, K, M) measures,
    distances {"pixels" | "LPIPS": (S,)} to the original; boundary: a step, or None if the target is never seen.
    """

    names: tuple[str, str]
    numbers: tuple[int, int]
    positions: Tensor
    images: Tensor
    masks: Tensor
    p: Tensor
    table: Tensor
    distances: dict[str, Tensor]
    boundary: int | None

    @property
    def predicted(self) -> Tensor:
        return self.p.argmax(1)

    @property
    def target(self) -> Tensor:
        """Probability of the target class (S,)."""
        return self.p[:, self.numbers[1]]

    def changes(self) -> Tensor:
        """Changes of every part against the original (S, K, M)."""
        return change(self.table[:1].expand_as(self.table).clone(), self.table, self.images.shape[-1]).values


@torch.no_grad()
def journey(
    artist: Artist,
    reader: Reader,
    link: Link,
    found: Counterfactual,
    row: int,
    names: tuple[str, str],
    eyes: Eyes,
    steps: int = STEPS,
) -> Journey:
    """The way of picture `row` of a counterfactual, drawn, classified and measured."""
    positions = torch.linspace(0, BEYOND, steps)
    r = found.start[row] + positions[:, None] * found.shift[row]
    r = r.clamp(min=0) if bool((found.start >= 0).all()) else r
    drawn = artist.paint_all(link.predict(r))
    p = reader.probabilities(reader.read(drawn.images)[0]).cpu()
    numbers = tuple(reader.columns(names).tolist())
    look = eyes.look(drawn.images)
    far = distances(look.rows(torch.zeros(1, dtype=torch.int64)), look)
    there = (p.argmax(1) == numbers[1]).nonzero().flatten()
    boundary = int(there[0]) or None if len(there) else None
    return Journey(
        names, numbers, positions, drawn.images, drawn.masks, p, measure(drawn.images, drawn.masks, LABELS),
        {name: far[name] for name in ("pixels", "LPIPS")}, boundary,
    )  # fmt: skip


def abruptness(curve: Tensor) -> float:
    """Largest step of a curve (S,) as a share of its range; 0 for a flat one."""
    reach = float(curve.max() - curve.min())
    return float(curve.diff().abs().max()) / reach if reach > 0 else 0.0


def slopes(curve: Tensor, boundary: int, window: int | None = None) -> tuple[float, float]:
    """Mean slope a step before and after the boundary; with `window`, of that many steps on either side."""
    before = curve[max(0, boundary - window) if window else 0 : boundary + 1]
    after = curve[boundary : boundary + window + 1 if window else len(curve)]
    return tuple(float((part[-1] - part[0]) / max(1, len(part) - 1)) for part in (before, after))


def monotone(curve: Tensor) -> float:
    """Spearman correlation with the position on the way; 0 for a flat curve."""
    values = curve.numpy()
    return float(spearmanr(np.arange(len(values)), values).statistic) if np.ptp(values) > 0 else 0.0


def metric(name: str) -> int:
    """Column of a measure in a table."""
    return METRICS.index(name)
