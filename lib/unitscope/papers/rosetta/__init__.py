"""Rosetta Neurons: units that networks share, mined from a generator's pictures, and what can be done with them."""

from unitscope.papers.rosetta.anchor import Anchor
from unitscope.papers.rosetta.matches import UnitPairs, best_buddies
from unitscope.papers.rosetta.mining import Match, Mining, mine

__all__ = ["Anchor", "Match", "Mining", "UnitPairs", "best_buddies", "mine"]
