"""Ground truth: truths planted on purpose, and how well the methods of the papers find them.

curves    a difficulty curve: scores of methods over what makes it harder
channels  channels of a layer summed into one (PURE)
axes      features mixed by rotations and dictionaries, channels hidden by a rotation (Directions)
purity    units that respond to a known number of species, colours, backgrounds (the interpretability index)
buddies   permuted, rotated and related networks (Rosetta)
links     units that encode a known factor (Linking)
checks    the chapter's claims
"""

from unitscope.evidence.ground_truth.curves import Curve, curve, stacked

__all__ = ["Curve", "curve", "stacked"]
