"""In-silico psychophysics: which of two queries belongs to the unit's reference images? (Klindt et al. 2023, Eq. 2)

    T  trials    R = 9  references on each side    q+, q-  the query that excites the unit and the one that does not
    r+ (T, R), r- (T, R)  references that excite the unit and that do not

    Delta = [pool s(q+, r+) + pool s(q-, r-)] - [pool s(q-, r+) + pool s(q+, r-)];   correct if Delta > 0     (2b)

The printed Eq. 2 uses r+ alone (`evidence="max_only"`) and a minimum of what is a distance; the authors' code computes
(2b) with the largest similarity as pool, which is the default here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope import checking
from unitscope.errors import UnitscopeError, unknown
from unitscope.metrics.similarity import Similarity

REFERENCES = 9
POOLS = {"max": lambda s: s.amax(-1), "mean": lambda s: s.mean(-1)}
EVIDENCE = ("both", "max_only")


@dataclass(frozen=True)
class Trials:
    """units (T,): whose trial it is; queries (T, 2): q+ and q-; high, low (T, R): r+ and r-; all image numbers."""

    units: Tensor
    queries: Tensor
    high: Tensor
    low: Tensor

    def __len__(self) -> int:
        return len(self.units)


def margins(similarity: Similarity, trials: Trials, evidence: str = "both", pool: str = "max") -> Tensor:
    """Delta of every trial (T,): how clearly the similarity picks the right query; negative where it picks the wrong.

    Raises
    ------
    UnitscopeError
        For an unknown pool or kind of evidence.
    """
    if pool not in POOLS:
        raise unknown("pool", pool, POOLS)
    if evidence not in EVIDENCE:
        raise unknown("evidence", evidence, EVIDENCE)
    width = trials.high.shape[1]
    s = similarity.between(trials.queries, torch.cat([trials.high, trials.low], 1))  # (T, 2, 2R)
    near_high, near_low = POOLS[pool](s[..., :width]), POOLS[pool](s[..., width:])  # (T, 2) both
    delta = near_high[:, 0] - near_high[:, 1]
    return delta + near_low[:, 1] - near_low[:, 0] if evidence == "both" else delta


def accuracy(delta: Tensor, units: Tensor, count: int) -> Tensor:
    """Share of a unit's trials with Delta > 0 (Eq. 3): (count,). A tie is a guess and counts one half."""
    right = (delta > 0).double() + 0.5 * (delta == 0).double()
    total = torch.zeros(count, dtype=torch.float64).index_add_(0, units, right)
    return total / torch.bincount(units, minlength=count)


def difficulty_trials(
    responses: Tensor, q: float = 0.0, trials: int = 20, references: int = REFERENCES, seed: int = 0
) -> Trials:
    """Trials of every direction (n, K) when only the quantiles [q, 1 - q] of its responses are left (Fig. 5).

    Of the images left, the `trials` most extreme are queries; the references of trial t are the ranks
    trials * (k + 1) + t, k = 0..8, from the same end.

    Raises
    ------
    UnitscopeError
        If q is not in [0, 0.5), or too few images are left.
    """
    n, count = responses.shape
    low, high = round(q * n), n - round(q * n)
    need = 2 * trials * (references + 1)
    if not 0 <= q < 0.5 or high - low < need:
        raise UnitscopeError(
            f"{trials} trials a unit need {need} images between the quantiles {q:g} and {1 - q:g}, there are "
            f"{max(high - low, 0)} of {n}; lower trials or q, or give more images."
        )
    order = responses.T.argsort(dim=1, descending=True, stable=True)[:, low:high]
    generator = torch.Generator().manual_seed(seed)
    shuffled = torch.stack([torch.randperm(trials, generator=generator) for _ in range(2)])
    ranks = trials * torch.arange(1, references + 1) + torch.arange(trials)[:, None]  # (trials, R)
    best, worst = order, order.flip(1)
    queries = torch.stack([best[:, shuffled[0]], worst[:, shuffled[1]]], 2)
    units = torch.arange(count).repeat_interleave(trials)
    return Trials(units, queries.flatten(0, 1), best[:, ranks].flatten(0, 1), worst[:, ranks].flatten(0, 1))


def affordable(n: int, trials: int, difficulties: Sequence[float], fewest: int = 2) -> tuple[int, list[float]]:
    """How many trials of a unit, at most `trials`, and which difficulties n images allow: `fewest` of them at least.

    Raises
    ------
    UnitscopeError
        If they allow not one trial at so many difficulties.
    """
    for count in range(checking.count("trials", trials), 0, -1):
        need = 2 * count * (REFERENCES + 1)
        kept = [q for q in difficulties if n - 2 * round(q * n) >= need]
        if len(kept) >= min(fewest, len(difficulties)):
            return count, kept
    raise UnitscopeError(f"one trial of a unit needs {2 * (REFERENCES + 1)} images, there are {n}; give more `images`.")


def accuracy_over_difficulty(
    similarity: Similarity, responses: Tensor, difficulties: Sequence[float], trials: int = 20, seed: int = 0, **rule
) -> Tensor:
    """Accuracy of every direction (n, K) at every difficulty q (Fig. 5): (Q, K).

    Parameters
    ----------
    rule : `evidence` and `pool` of `margins`.
    """
    rows = []
    for q in difficulties:
        asked = difficulty_trials(responses, q, trials, seed=seed)
        rows.append(accuracy(margins(similarity, asked, **rule), asked.units, responses.shape[1]))
    return torch.stack(rows)


def ranked_trials(
    responses: Tensor, units: Tensor, batches: int = 10, references: int = REFERENCES, seed: int = 0
) -> Trials:
    """Trials as Zimmermann et al. (2023) made them for people: references more extreme than the query (Fig. 2).

    On each side the images are cut into `references` + 1 bins of `batches` ranks, each shuffled; trial b takes item b
    of every bin, the last bin is the query's.

    Raises
    ------
    UnitscopeError
        If there are fewer than 2 * batches * (references + 1) images.
    """
    n, side = len(responses), batches * (references + 1)
    if n < 2 * side:
        raise UnitscopeError(
            f"{batches} trials a unit need {2 * side} images, there are {n}; lower batches or give more images."
        )
    order = responses[:, units].T.argsort(dim=1, descending=True, stable=True)
    generator = torch.Generator().manual_seed(seed)
    ends = []
    for ranked in (order[:, :side], order.flip(1)[:, :side]):
        bins = ranked.unflatten(1, (references + 1, batches))
        shuffle = torch.stack([torch.randperm(batches, generator=generator) for _ in range(references + 1)])
        ends.append(bins.gather(2, shuffle.expand(len(units), -1, -1)).transpose(1, 2).flatten(0, 1))  # (U b, R + 1)
    queries = torch.stack([end[:, -1] for end in ends], 1)
    return Trials(units.repeat_interleave(batches), queries, ends[0][:, :-1], ends[1][:, :-1])
