"""Pairs of units that become interpretable when they are added (Klindt et al. 2023, Eq. 8).

    z (n, N)  responses, z-scored over the images    a < b  units    P = N (N - 1) / 2 pairs
    L  length of a unit's list

    Syn(a, b) = II(a + b) - max(II(a), II(b)),    a + b stands for the responses z_a + z_b

The M strongest images of z_a + z_b are found without adding n numbers: among the L strongest of a and the L strongest
of b, let T be the M-th largest sum. Any image outside of both lists sums to at most z_a^(L) + z_b^(L); if T is larger,
the answer is proven (the threshold algorithm of Fagin et al. 2001). Pairs without proof are summed in full.
Memory: copies of z, one list a unit, and blocks of BLOCK_BYTES; it does not grow with the number of pairs beyond the
answer (`peak_bytes`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from unitscope import checking
from unitscope.errors import UnitscopeError
from unitscope.metrics.interpretability import break_ties, interpretability, top_images
from unitscope.metrics.similarity import Similarity

LIST_LENGTH = 64
GROWTH = 4
BLOCK_BYTES = 1 << 26


@dataclass(frozen=True)
class Synergy:
    """pairs (P, 2), a < b; values (P,) = Syn; single (N,) and joint (P,) II; sets (P, M): MEIs of the sums;
    proven: share of pairs that needed no full sum."""

    pairs: Tensor
    values: Tensor
    single: Tensor
    joint: Tensor
    sets: Tensor
    proven: float

    def best_partner(self) -> Tensor:
        """The largest synergy that each unit reaches with any partner: (N,) (Fig. 8E)."""
        best = torch.full_like(self.single, -torch.inf)
        for side in (0, 1):
            best.scatter_reduce_(0, self.pairs[:, side], self.values, "amax")
        return best


def varying(y: Tensor) -> Tensor:
    """Which columns of y (n, N) differ between images by more than rounding: (N,) bool."""
    y = checking.finite("y", y, "(n, N)")
    scale = (y - y.mean(0)).square().mean(0).sqrt()
    return scale > 1e-7 * y.abs().amax(0).clamp(min=1e-30)


def standardise(y: Tensor) -> Tensor:
    """Columns of y (n, N) with mean 0 and variance 1 over the images.

    Raises
    ------
    UnitscopeError
        If a column is constant: it has no z-score; or y is not finite (n, N).
    """
    y = checking.finite("y", y, "(n, N)")
    if (flat := (~varying(y)).nonzero().flatten()).numel():
        raise UnitscopeError(
            f"units {flat[:8].tolist()} give the same response to every image; leave constant units out."
        )
    centred = y - y.mean(0)
    return centred / centred.square().mean(0).sqrt()


def synergies(
    similarity: Similarity,
    y: Tensor,
    m: int = 5,
    length: int = LIST_LENGTH,
    rows: Tensor | None = None,
    null: int | None = None,
) -> Synergy:
    """Synergy of all pairs of units from responses y (n, N).

    Parameters
    ----------
    length : images on a unit's list; longer lists prove more pairs.
    rows : (n,) the similarity's numbers of the images, if y holds some of them only.
    null : a seed: the images of b are permuted before a and b are added, so nothing but chance is left of the pair.

    Memory beside the arguments stays below `peak_bytes(n, N, m)`.

    Raises
    ------
    UnitscopeError
        If there are fewer than two units or than m images, or a unit is constant.
    """
    checking.instance("similarity", similarity, Similarity, "make one with judge(...)")
    y = checking.finite("y", y)
    m, length = checking.count("m", m), checking.count("length", length)
    null = None if null is None else checking.count("null", null, 0)
    if y.ndim != 2 or y.shape[1] < 2:
        raise UnitscopeError(f"synergy needs responses (n, N) of at least two units, got {tuple(y.shape)}.")
    z = standardise(y.float()).T.contiguous()  # (N, n)
    rows = torch.arange(len(y)) if rows is None else checking.indices("rows", rows, len(similarity), "(n)")
    if len(rows) != len(y) or len(y) > len(similarity):
        raise UnitscopeError(
            f"each of the {len(y)} images of y must be one of the similarity's {len(similarity)}; `rows` names"
            f" {len(rows)}."
        )
    pairs, single = torch.combinations(torch.arange(len(z))), interpretability(similarity, rows[top_images(z.T, m)])
    added = pairs
    if null is not None:
        shuffled = torch.randperm(len(y), generator=torch.Generator().manual_seed(null))
        z, added = torch.cat([z, z[:, shuffled]]), pairs + torch.tensor([0, len(z)])
    found, proven = pair_tops(z, added, m, length)
    sets = rows[found]
    joint = interpretability(similarity, sets)
    values = joint - torch.maximum(single[pairs[:, 0]], single[pairs[:, 1]])
    return Synergy(pairs, values, single, joint, sets, proven)


def halves_of(similarity: Similarity, y: Tensor, m: int = 5) -> tuple[Synergy, Synergy]:
    """Synergies on the images of even and of odd number, of the units that vary on both.

    Raises
    ------
    UnitscopeError
        If y is not (n, N) with two images at least, or for what `synergies` refuses.
    """
    y = checking.finite("y", y)
    if y.ndim != 2 or len(y) < 2:
        raise UnitscopeError(f"halves need responses (n, N) of at least two images, got {tuple(y.shape)}.")
    halves = [torch.arange(start, len(y), 2) for start in (0, 1)]
    both = varying(y[halves[0]]) & varying(y[halves[1]])
    even, odd = (synergies(similarity, y[rows][:, both], m, rows=rows) for rows in halves)
    return even, odd


def peak_bytes(n: int, units: int, m: int = 5) -> int:
    """The most memory that `synergies` takes beside what it is given, for responses (n, units).

    Four copies of z (the null keeps a permuted one) and a bit for each of its entries, four blocks, and some numbers a
    pair. 32,640 pairs: 0.3 GB for 10,000 images, 0.5 GB for 50,000.
    """
    n, units, m = checking.count("n", n), checking.count("units", units), checking.count("m", m)
    pairs = units * (units - 1) // 2
    return 18 * n * units + 4 * BLOCK_BYTES + pairs * (100 + 16 * m + 12 * m * m)


def pair_tops(z: Tensor, pairs: Tensor, m: int, length: int) -> tuple[Tensor, float]:
    """The m strongest images of z_a + z_b for pairs (P, 2) of rows of z (N, n): (P, m), and the share proven by lists.

    Pairs that a list does not prove are asked once more with a longer one, then summed over all images.
    """
    z, pairs, m = _checked(z, pairs, m)
    length = checking.count("length", length)
    sets = torch.empty(len(pairs), m, dtype=torch.int64)
    waiting = torch.arange(len(pairs))
    for size in (length, GROWTH * length):
        if m <= size < z.shape[1] and len(waiting):
            found, sure = listed_tops(z, pairs[waiting], m, size)
            sets[waiting[sure]] = found[sure]
            waiting = waiting[~sure]
    for rows in waiting.split(max(1, BLOCK_BYTES // (16 * z.shape[1]))):
        sets[rows] = full_tops(z, pairs[rows], m)
    return sets, 1 - len(waiting) / max(1, len(pairs))


def listed_tops(z: Tensor, pairs: Tensor, m: int, length: int) -> tuple[Tensor, Tensor]:
    """The m strongest images of each sum among the two units' lists, and whether they are proven to be the strongest.

    Equal sums prove nothing here: which image comes first is left to the full sum.
    """
    z, pairs, m = _checked(z, pairs, m)
    length = checking.count("length", length, m, z.shape[1])
    lists = top_images(z.T, length)  # (N, L)
    listed = torch.zeros(z.shape, dtype=torch.bool).scatter_(1, lists, True)
    last = z.gather(1, lists[:, -1:]).flatten()
    sets, sure = [], []
    for block in pairs.split(max(1, BLOCK_BYTES // (64 * length))):
        a, b = block.unbind(1)
        candidates = torch.cat([lists[a], lists[b]], 1)
        sums = z[a[:, None], candidates] + z[b[:, None], candidates]
        sums[:, length:].masked_fill_(listed[a[:, None], lists[b]], -torch.inf)  # those of both lists count once
        values, best = sums.topk(m + 1, dim=1)
        distinct = (values[:, 1:] < values[:, :-1]).all(1)
        sure.append(distinct & (values[:, m - 1] > last[a] + last[b]))
        sets.append(candidates.gather(1, best[:, :m]))
    return torch.cat(sets), torch.cat(sure)


def full_tops(z: Tensor, pairs: Tensor, m: int) -> Tensor:
    """The same from the sums over all images."""
    z, pairs, m = _checked(z, pairs, m)
    sums = z[pairs[:, 0]] + z[pairs[:, 1]]
    return break_ties(sums, *sums.topk(m, dim=1))


def _checked(z: Tensor, pairs: Tensor, m: int) -> tuple[Tensor, Tensor, int]:
    """Finite responses (N, n), pairs (P, 2) of their rows, and a number of images that they have."""
    z = checking.finite("z", z, "(N, n)")
    return z, checking.indices("pairs", pairs, len(z), "(P, 2)", empty=True), checking.count("m", m, 1, z.shape[1])
