"""Which units matter to which class (Wehrheim et al. 2024, section 4.4, Fig. 6).

C  classes    U  units    ends (C, U, 2, n, c) probabilities at a unit's lowest and highest value
dp_{i, c} = mean over pictures of p_c(highest) - p_c(lowest);   unit i is relevant to class c if |dp| > 0.15
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from unitscope.extract.penultimate import Reader
from unitscope.papers.linking.profiles import Profile

RELEVANT = 0.15


@dataclass(frozen=True)
class Relevance:
    """moves (C, U, n): signed change of the class's probability in every picture; flipped (C, U, n): whether the
    predicted class changes.
    """

    names: tuple[str, ...]
    moves: Tensor
    flipped: Tensor
    threshold: float = RELEVANT

    @property
    def change(self) -> Tensor:
        """Mean over pictures (C, U), signed."""
        return self.moves.mean(-1)

    @property
    def relevant(self) -> Tensor:
        """Whether a unit is relevant to a class (C, U)."""
        return self.change.abs() > self.threshold

    def halves(self) -> tuple[Relevance, Relevance] | None:
        """The same on every second picture, and on the others; None where there is one picture only."""
        if self.moves.shape[-1] < 2:
            return None
        return tuple(replace(self, moves=self.moves[..., s::2], flipped=self.flipped[..., s::2]) for s in (0, 1))

    def sets(self) -> dict[str, set[int]]:
        """{class: positions of its relevant units}."""
        return {
            name: set(row.nonzero().flatten().tolist()) for name, row in zip(self.names, self.relevant, strict=True)
        }

    def shared(self) -> int:
        """Position of the unit relevant to most classes; among equals the one of largest mean |dp|."""
        score = self.relevant.sum(0) + self.change.abs().mean(0) / 2
        return int(score.argmax())


def relevance(found: Profile, reader: Reader, threshold: float = RELEVANT) -> Relevance | None:
    """Class relevance of every tuned unit; None for a classifier without a head."""
    if found.ends is None:
        return None
    own = reader.columns(found.names)
    p = torch.stack([ends[..., number] for ends, number in zip(found.ends, own.tolist(), strict=True)])  # (C, U, 2, n)
    predicted = found.ends.argmax(-1)
    return Relevance(found.names, p[:, :, 1] - p[:, :, 0], predicted[:, :, 1] != predicted[:, :, 0], threshold)


def correlations(change: Tensor) -> Tensor:
    """Fig. 6C: correlation over units of the changes (C, U) of every two classes (C, C); 0 where one does not vary."""
    return torch.corrcoef(change.double()).nan_to_num(0.0)


def head_alone(reader: Reader, found: Profile) -> Tensor | None:
    """What the head's weights alone promise: v_c of each direction times its range (C, U); None without a head."""
    if not reader.has_head:
        return None
    weights = reader.weight.cpu()[reader.columns(found.names)]
    return (weights @ found.tuner.inputs.T) * (found.tuner.high - found.tuner.low)


def venn(sets: dict[str, set[int]]) -> list[tuple[tuple[str, ...], int]]:
    """Counts of units by the exact set of classes that they matter to, largest first; nothing for units of no class."""
    everything = set().union(*sets.values()) if sets else set()
    belongs: dict[tuple[str, ...], int] = {}
    for unit in everything:
        key = tuple(name for name, members in sets.items() if unit in members)
        belongs[key] = belongs.get(key, 0) + 1
    return sorted(belongs.items(), key=lambda item: (-item[1], item[0]))


def pair_means(table: Tensor, names: Sequence[str], related) -> tuple[list[float], list[float]]:
    """Entries of a symmetric table (C, C) of pairs that are `related(one, other)`, and of all the others."""
    pairs = [(i, j) for i in range(len(names)) for j in range(i)]
    kin = [float(table[i, j]) for i, j in pairs if related(names[i], names[j])]
    return kin, [float(table[i, j]) for i, j in pairs if not related(names[i], names[j])]
