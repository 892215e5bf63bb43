"""Claims 16 and 17: neighbours and clusters of units (Fig. 5B, 5C).

    first   `Order` of the units' changes on one half of the pictures: neighbours and clusters
    second  (U, K)  changes of the same units on the other half: what they are judged by

The part that changes most is itself read off the vector, so neighbours in the same pictures share it by construction,
even if vectors are noise.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope.data.critters import PARTS
from unitscope.evidence.linking import NOTHING, semantics
from unitscope.evidence.linking.semantics import Order
from unitscope.metrics import verdicts
from unitscope.metrics.verdicts import FEWEST, Verdict

FACE, APART = ("snout", "ears", "head"), ("legs", "body")
ONE, SEVERAL = 0.7, 0.25  # share of a cluster's squared mean change: in one part, in each of two


def ordered_space(
    first: Order | None, second: Tensor, face: Sequence[str] = FACE, apart: Sequence[str] = APART
) -> Verdict:
    """16: neighbours share the part that they change, more than chance; snout, ears and head mix more than legs and
    body.
    """
    if first is None:
        return verdicts.untested(NOTHING)
    label = second[first.rows].abs().argmax(1)  # (V,)
    around = label[semantics.neighbours(first)]  # (V, k)
    own = (around == label[:, None]).double().mean(1)
    counts = torch.bincount(label, minlength=len(PARTS)).double()
    by_chance = (counts[label] - 1) / (len(label) - 1)
    parts = {"purer than chance": verdicts.above(own, by_chance)}
    mixed, separate = (mixing(label, around, [PARTS.index(name) for name in names]) for names in (face, apart))
    if len(mixed) and len(separate):
        parts["snout, ears and head mix more"] = verdicts.larger(mixed, separate, of="units")
    else:
        parts["snout, ears and head mix more"] = verdicts.untested("no unit changes these parts most")
    return verdicts.every(parts).but(
        ours=f"{float(own.mean()):.2f} of neighbours alike, by chance {float(by_chance.mean()):.2f}",
        samples=f"{len(label)} units",
    )


def mixing(label: Tensor, around: Tensor, group: list[int]) -> np.ndarray:
    """Of every unit whose part is in `group`: share of its neighbours with another part of the group, as a multiple of
    chance.
    """
    inside = torch.isin(label, torch.tensor(group))
    rows = inside.nonzero().flatten()
    chance = torch.tensor([float((inside & (label != label[row])).sum()) for row in rows]) / max(len(label) - 1, 1)
    other = torch.isin(around[rows], torch.tensor(group)) & (around[rows] != label[rows][:, None])
    return (other.double().mean(1) / chance.clamp(min=1e-9))[chance > 0].numpy()


def kinds_of_clusters(first: Order | None, second: Tensor) -> Verdict:
    """17: the cluster most bound to one part has over 70 % of its squared mean change there, the most mixed one over 25
    % in each of two.

    Clusters of six units at least, and their parts, are chosen on one half of the pictures and judged on the other.
    """
    if first is None:
        return verdicts.untested(NOTHING)
    told = F.normalize(second[first.rows].double(), dim=1)
    sizes = torch.bincount(first.clusters)
    large = [cluster for cluster in range(len(sizes)) if int(sizes[cluster]) >= FEWEST]
    if len(large) < 2:
        return verdicts.untested(f"{len(large)} clusters have {FEWEST} units; two kinds need two clusters")
    shares = {cluster: squared_share(first.vectors[first.clusters == cluster].numpy()) for cluster in large}
    single = max(large, key=lambda cluster: np.sort(shares[cluster])[-1])
    mixed = max((cluster for cluster in large if cluster != single), key=lambda cluster: np.sort(shares[cluster])[-2])
    parts, words = {}, []
    for cluster, count, least in ((single, 1, ONE), (mixed, 2, SEVERAL)):
        labels = np.argsort(shares[cluster])[::-1][:count]
        rows = told[first.clusters == cluster].numpy()
        names = " and ".join(PARTS[label] for label in labels)
        parts[f"{names} above {least:.0%}"] = verdicts.exceeds(least, _least_share(rows, labels), np.arange(len(rows)))
        words.append(f"{names} {parts[f'{names} above {least:.0%}'].ours:.2f}")
    return verdicts.every(parts).but(ours=", ".join(words), reason=f"{len(large)} clusters of {FEWEST} units at least")


def squared_share(vectors: np.ndarray) -> np.ndarray:
    """Share of each label in the squared mean (K,) of vectors (V, K)."""
    square = vectors.mean(0) ** 2
    return square / max(square.sum(), 1e-12)


def _least_share(rows: np.ndarray, labels: np.ndarray):
    return lambda drawn: squared_share(rows[drawn.astype(int)])[labels].min()
