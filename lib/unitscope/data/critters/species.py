"""The twelve species: which parts they have, and in which single part the close relatives differ.

Lengths are in units of the critter's own frame (a body is about 0.5 long and the picture 2 wide at scale 1).
Close relatives: pika and hare (ears), pig and tapir (snout), cat and lynx (tail), cat and leopard (pattern),
horse and zebra (pattern), fox and hound (ears and tail). Colours and patterns overlap everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "grey", "white")
PATTERNS = ("plain", "striped", "spotted", "patched")
PARTS = ("background", "body", "head", "ears", "eyes", "snout", "legs", "tail", "tongue")

RGB = torch.tensor(
    [
        [0.80, 0.25, 0.22],
        [0.91, 0.55, 0.20],
        [0.93, 0.80, 0.35],
        [0.44, 0.66, 0.34],
        [0.32, 0.52, 0.80],
        [0.58, 0.40, 0.70],
        [0.55, 0.55, 0.57],
        [0.95, 0.93, 0.89],
    ]
)


@dataclass(frozen=True)
class Species:
    """Shape of one species; lengths in the critter's frame, angles in radians (0: forward, pi/2: up)."""

    body: float = 0.26
    hip: float = 0.15
    shoulder: float = 0.15
    leg: float = 0.24
    leg_width: float = 0.045
    neck: float = 0.12
    neck_width: float = 0.09
    head: float = 0.145
    snout: float = 0.06
    snout_base: float = 0.08
    snout_tip: float = 0.055
    snout_drop: float = 0.15
    ear: float = 0.16
    ear_base: float = 0.065
    ear_tip: float = 0.012
    ear_angle: float = 1.75
    tail: float = 0.42
    tail_base: float = 0.032
    tail_tip: float = 0.028
    tail_angle: float = 2.3
    patterns: tuple[str, ...] = PATTERNS
    colours: tuple[str, ...] = COLOURS


PIKA = Species(
    body=0.17,
    hip=0.21,
    shoulder=0.17,
    leg=0.13,
    leg_width=0.05,
    neck=0.05,
    neck_width=0.12,
    head=0.17,
    snout=0.05,
    snout_base=0.09,
    snout_tip=0.06,
    ear=0.07,
    ear_base=0.06,
    ear_tip=0.055,
    ear_angle=1.8,
    tail=0.05,
    tail_base=0.06,
    tail_tip=0.05,
    tail_angle=2.9,
    colours=("grey", "white", "orange", "blue"),
)
PIG = Species(
    body=0.27,
    hip=0.21,
    shoulder=0.20,
    leg=0.17,
    leg_width=0.055,
    neck=0.07,
    neck_width=0.15,
    head=0.165,
    snout=0.08,
    snout_base=0.085,
    snout_tip=0.075,
    snout_drop=0.25,
    ear=0.10,
    ear_base=0.055,
    ear_tip=0.02,
    ear_angle=2.0,
    tail=0.10,
    tail_base=0.025,
    tail_tip=0.02,
    tail_angle=2.5,
    colours=("red", "purple", "grey", "white"),
)
HORSE = Species(
    body=0.29,
    hip=0.165,
    shoulder=0.16,
    leg=0.38,
    leg_width=0.042,
    neck=0.27,
    neck_width=0.085,
    head=0.11,
    snout=0.17,
    snout_base=0.085,
    snout_tip=0.065,
    snout_drop=0.75,
    ear=0.10,
    ear_base=0.035,
    ear_tip=0.012,
    ear_angle=1.7,
    tail=0.34,
    tail_base=0.04,
    tail_tip=0.055,
    tail_angle=4.0,
    patterns=("plain", "spotted", "patched"),
    colours=("orange", "grey", "white", "yellow"),
)
CAT = Species(patterns=("plain", "striped", "patched"), colours=("orange", "yellow", "grey", "purple"))
FOX = Species(
    body=0.27,
    hip=0.145,
    shoulder=0.15,
    leg=0.26,
    head=0.135,
    snout=0.18,
    snout_base=0.075,
    snout_tip=0.03,
    snout_drop=0.2,
    ear=0.17,
    ear_base=0.06,
    ear_tip=0.012,
    tail=0.36,
    tail_base=0.045,
    tail_tip=0.105,
    tail_angle=2.8,
    colours=("red", "orange", "green", "white"),
)

SPECIES: dict[str, Species] = {
    "pika": PIKA,
    "hare": replace(PIKA, ear=0.36, ear_base=0.05, ear_tip=0.045, ear_angle=1.75),
    "pig": PIG,
    "tapir": replace(PIG, snout=0.27, snout_tip=0.045, snout_drop=0.65),
    "horse": HORSE,
    "zebra": replace(HORSE, patterns=("striped",)),
    "cat": CAT,
    "lynx": replace(CAT, tail=0.07, tail_base=0.045, tail_tip=0.04),
    "leopard": replace(CAT, patterns=("spotted",)),
    "fox": FOX,
    "hound": replace(
        FOX,
        ear=0.19,
        ear_base=0.04,
        ear_tip=0.065,
        ear_angle=4.3,
        tail=0.33,
        tail_base=0.03,
        tail_tip=0.022,
        tail_angle=2.1,
    ),
    "mouse": Species(
        body=0.18,
        hip=0.19,
        shoulder=0.14,
        leg=0.09,
        leg_width=0.04,
        neck=0.05,
        neck_width=0.10,
        head=0.13,
        snout=0.14,
        snout_base=0.08,
        snout_tip=0.025,
        ear=0.10,
        ear_base=0.075,
        ear_tip=0.10,
        ear_angle=1.9,
        tail=0.55,
        tail_base=0.024,
        tail_tip=0.02,
        tail_angle=2.7,
        colours=("grey", "blue", "yellow", "purple"),
    ),
}
NAMES = tuple(SPECIES)
MEASURES = tuple(f.name for f in fields(Species) if f.type == "float")


def measures(labels: Tensor) -> dict[str, Tensor]:
    """Every length and angle of the species named by `labels` (B,), each (B,) float32."""
    rows = {name: [getattr(one, name) for one in SPECIES.values()] for name in MEASURES}
    return {name: torch.tensor(row, device=labels.device)[labels] for name, row in rows.items()}


def choices(attribute: str, options: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Which of `options` each species may show: table (12, len(options)) of option numbers and counts (12,)."""
    table = torch.zeros(len(SPECIES), len(options), dtype=torch.int64)
    counts = torch.zeros(len(SPECIES), dtype=torch.int64)
    for row, one in enumerate(SPECIES.values()):
        allowed = [options.index(name) for name in getattr(one, attribute)]
        table[row, : len(allowed)] = torch.tensor(allowed)
        counts[row] = len(allowed)
    return table, counts
