"""What the paper and its published notebooks report, in one place.

Distances there are Euclidean between CLIP ViT-B/32 embeddings; ours have another judge and another scale. So both are
expressed in their own mean distance over all pairs of references (the paper's `OVERALL`), which makes them comparable.
"""

from __future__ import annotations

NAMES = {"rival": "DINO", "PURE": "PURE", "activations": "activations"}  # {our view: the paper's method}

OVERALL = 6.08  # ResNet-50, mean CLIP distance of all pairs: the "random" marker
INTRA = {"DINO": 5.79, "PURE": 5.85, "activations": 5.95}  # ResNet-50, two clusters
INTER = {"DINO": 6.48, "PURE": 6.40, "activations": 6.26}
ORACLE_GAP = {"ResNet-34": 0.75, "ResNet-50": 1.03, "ResNet-101": 1.07}  # clusters by CLIP itself, from histograms
OVERALL_OF = {"ResNet-34": 6.35, "ResNet-50": 6.08, "ResNet-101": 6.20}
CORRELATION = {"DINO": 0.57, "PURE": 0.38, "activations": 0.17}  # ResNet-101, eq. (6)
POLYSEMANTIC_GAP = {"DINO": 1.65, "PURE": 1.42, "activations": 0.91}  # ResNet-50, units above HIGH_GAP
NEGATIVE_SHARE = 0.18  # of the polysemantic units, gap of clusters by activations below 0
HIGH_GAP, PURIFIED_GAP, LOW_GAP = 1.5, 1.0, 0.5  # our readings of "polysemantic", "purified", "monosemantic"


def relative(distance: float) -> float:
    """A distance or a gap of the paper in units of its mean distance over all pairs."""
    return distance / OVERALL


def ends() -> dict[str, tuple[float, float]]:
    """{view: (within, between)} of the paper's ResNet-50, in units of its mean distance."""
    return {view: (relative(INTRA[name]), relative(INTER[name])) for view, name in NAMES.items()}


def purer_by() -> dict[str, float]:
    """How much tighter and farther apart clusters by PURE are than clusters by activations, ResNet-50."""
    return {
        "within": relative(INTRA["PURE"] - INTRA["activations"]),
        "between": relative(INTER["PURE"] - INTER["activations"]),
    }


def correlations() -> dict[str, float]:
    """{view: correlation with CLIP's distances}, ResNet-101."""
    return {view: CORRELATION[name] for view, name in NAMES.items()}
