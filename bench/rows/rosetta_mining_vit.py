"""As `rosetta_mining`, with a transformer: few layers, but thousands of units."""

from __future__ import annotations

from common import Row
from rows import rosetta_mining


def prepare(quick: bool) -> Row:
    return rosetta_mining.prepare(quick, "critters/dino_vit")
