"""What the paper and its published notebooks report, in one place.

The paper's Fig. 4 shows ResNet-101 without numbers that can be read here; the numbers below for distances are those
that the notebooks print for ResNet-50, those for correlations are of ResNet-101. Distances there are Euclidean between
CLIP ViT-B/32 embeddings; ours have another judge and another scale. So both are expressed in their own mean distance
over all pairs of references (the paper's `OVERALL`), which makes them comparable.
"""

from __future__ import annotations

import numpy as np

NAMES = {"rival": "DINO", "PURE": "PURE", "activations": "activations"}  # {our view: the paper's method}

OVERALL = 6.08  # ResNet-50, mean CLIP distance of all pairs: the "random" marker
INTRA = {"DINO": 5.79, "PURE": 5.85, "activations": 5.95}  # ResNet-50, two clusters
INTER = {"DINO": 6.48, "PURE": 6.40, "activations": 6.26}
ORACLE_GAP = {"ResNet-34": 0.75, "ResNet-50": 1.03, "ResNet-101": 1.07}  # clusters by CLIP itself, from histograms
OVERALL_OF = {"ResNet-34": 6.35, "ResNet-50": 6.08, "ResNet-101": 6.20}
CORRELATION = {"DINO": 0.57, "PURE": 0.38, "activations": 0.17}  # ResNet-101, pairs of several units pooled
POLYSEMANTIC_GAP = {"DINO": 1.65, "PURE": 1.42, "activations": 0.91}  # ResNet-50, units above HIGH_GAP
NEGATIVE_SHARE = 0.18  # of the polysemantic units, gap of clusters by activations below 0
POLYSEMANTIC_SHARE = 0.178  # of the units of ResNet-50: gap by CLIP above HIGH_GAP
GAP_COUNTS = (174, 703, 515, 298, 157, 90, 69, 26, 9, 7)  # ResNet-50, gaps from 0.08 to 3.64 in ten bins
HIGH_GAP, PURIFIED_GAP = 1.5, 1.0  # our readings of "polysemantic" and "purified"


def relative(distance: float) -> float:
    """A distance or a gap of the paper in units of its mean distance over all pairs."""
    return distance / OVERALL


def ends() -> dict[str, tuple[float, float]]:
    """{view: (within, between)} of the paper's ResNet-50, in units of its mean distance; "random" is 1."""
    return {view: (relative(INTRA[name]), relative(INTER[name])) for view, name in NAMES.items()}


def purer_by() -> dict[str, float]:
    """How much tighter and farther apart clusters by PURE are than clusters by activations, ResNet-50."""
    return {
        "within": relative(INTRA["PURE"] - INTRA["activations"]),
        "between": relative(INTER["PURE"] - INTER["activations"]),
    }


def gaps() -> dict[str, float]:
    """{view: mean gap} of all units, ResNet-50."""
    return {view: relative(INTER[name] - INTRA[name]) for view, name in NAMES.items()}


def polysemantic_gaps() -> dict[str, float]:
    """{view: mean gap} of the polysemantic units, ResNet-50."""
    return {view: relative(POLYSEMANTIC_GAP[name]) for view, name in NAMES.items()}


def other_gaps() -> dict[str, float]:
    """{view: mean gap} of the units that are not polysemantic, ResNet-50: what is left of the mean over all."""
    share, part = POLYSEMANTIC_SHARE, polysemantic_gaps()
    return {view: (mean - share * part[view]) / (1 - share) for view, mean in gaps().items()}


def oracle_gaps() -> list[float]:
    """Mean gap by CLIP's own clusters of ResNet-34, 50 and 101, each in units of its own mean distance."""
    return [ORACLE_GAP[name] / OVERALL_OF[name] for name in ORACLE_GAP]


def correlations() -> dict[str, float]:
    """{view: correlation with CLIP's distances}, ResNet-101."""
    return {view: CORRELATION[name] for view, name in NAMES.items()}


def share_of_way() -> float:
    """How far PURE comes from the gap of activations to that of DINOv2, ResNet-50."""
    gap = gaps()
    return (gap["PURE"] - gap["activations"]) / (gap["rival"] - gap["activations"])


def skewness() -> float:
    """Skewness of the gaps of ResNet-50, from the counts of its histogram."""
    place = np.repeat(np.arange(len(GAP_COUNTS)), GAP_COUNTS)
    return float((((place - place.mean()) / place.std()) ** 3).mean())
