"""Directions on the manifold of images, and between two clusters (Klindt et al. 2023, Figs. 6 and 7)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from unitscope.evidence.directions import reported
from unitscope.evidence.directions.comparing import better, over_units, ranks_over_pairs, ranks_rise
from unitscope.metrics import verdicts
from unitscope.metrics.verdicts import Verdict
from unitscope.papers.directions.manifold import kurtosis, sparseness


def colour_before_class(near: Tensor, rgb: Tensor, labels: Tensor) -> Verdict:
    """C15: an image's neighbours tell its mean colour (R^2) better than its class (share right, chance at 0).

    Images are drawn again, each with its neighbours near (m, k).
    """
    if int(labels.min()) < 0:
        return verdicts.untested("these images have no labels")
    values = rgb.double()
    missed = (values - values[near].mean(1)).square().sum(1).numpy()
    spread = (values - values.mean(0)).square().sum(1).numpy()
    votes = torch.nn.functional.one_hot(labels)[near].sum(1)
    hit = (votes.argmax(1) == labels).double().numpy()
    chance = float(labels.bincount().max()) / len(labels)
    if chance == 1:
        return verdicts.untested("these images have one class")

    def ahead(missed, spread, hit, axis=-1):
        colour = 1 - missed.sum(axis) / spread.sum(axis)
        return colour - (hit.mean(axis) - chance) / (1 - chance)

    found = verdicts.exceeds(0.0, ahead, missed, spread, hit, of="images")
    colour, label = 1 - missed.sum() / spread.sum(), (hit.mean() - chance) / (1 - chance)
    return found.but(reason=f"colour {colour:.2f}, class {label:.2f} (chance at 0)")


def sparser(later: dict, graded: dict) -> Verdict:
    """C16: top images of k-means directions lie closer together than those of units, by ranks that share no image with
    II.

    later : mean distance of ranks 6 to 20 (K,), "sparsity on the manifold" in the caption of Fig. 6.
    graded : Eq. 4 (m, K), of which the reason shows two other measures.
    """
    found = verdicts.larger(later["neurons"], later["k-means"], of="directions")
    peaked, lifetime = (
        float(measure(graded["k-means"]).mean() - measure(graded["neurons"]).mean())
        for measure in (kurtosis, sparseness)
    )
    means = f"mean distance: units {later['neurons'].mean():.4f}, k-means {later['k-means'].mean():.4f}"
    return found.but(reason=f"{means}; k-means less units: kurtosis {peaked:.2f}, Treves-Rolls {lifetime:.3f}")


def close_is_interpretable(later: dict, index: dict) -> Verdict:
    """C17: Spearman of the distance of ranks 6 to 20 with II is below 0, for units and for k-means."""
    parts = {name: ranks_rise(later[name], index[name], over=False, of="directions") for name in later}
    return verdicts.every(parts)


def far_looks_different(distance: Tensor, cross: Tensor) -> Verdict:
    """C18: over pairs of clusters cross-II falls with the distance of the centroids; tables (K, K), clusters drawn
    again.
    """
    return over_units(ranks_over_pairs(distance, cross), len(distance), over=False, of="clusters")


def drops_between(along: Tensor, alphas: Tensor) -> Verdict:
    """C19: II at the two centroids is above II half-way between them; one far pair (P, A) for each start cluster."""
    return verdicts.above(_ends(along, alphas), _at(along, alphas, 0.5), of="start clusters")


def drops_beyond(along: Tensor, alphas: Tensor) -> Verdict:
    """B15: II at the two centroids is above II half a step beyond either."""
    parts = {
        f"alpha = {a}": verdicts.above(_ends(along, alphas), _at(along, alphas, a), of="start clusters")
        for a in (-0.5, 1.5)
    }
    return verdicts.every(parts)


def calmer_at_home(norms: Tensor, squared: Tensor, alphas: Tensor) -> Verdict:
    """C20: the gradient norm of |y^ - v| (Eq. 7) at a cluster's own images is below that at the other's; (P, A, M)
    each.

    The reason shows the same for |y^ - v|^2, which is small wherever y^ is near v.
    """
    mean = norms.mean(2)
    found = verdicts.below(_at(mean, alphas, 0.0), _at(mean, alphas, 1.0), of="start clusters")
    own, other = (_at(squared.mean(2), alphas, a) for a in (0.0, 1.0))
    share, gap = float(np.mean(own < other)), float((own - other).mean())
    return found.but(reason=f"{found.reason}; with |y - v|² {gap:.3f}, lower in {share:.0%} of the pairs")


def calm_is_interpretable(index, norms) -> Verdict:
    """C21: Spearman of II with the gradient norm at a direction's own images is below 0, over all clusters."""
    return ranks_rise(index, norms, over=False, effect=-reported.SENSITIVITY, of="clusters")


def closer(a, b) -> Verdict:
    """B13: directions of one seed are nearer to those of another than random ones are; largest correlations (K,)."""
    return better(a, b, ("k-means", "random"))


def _at(values: Tensor, alphas: Tensor, alpha: float) -> np.ndarray:
    return values[:, int((alphas - alpha).abs().argmin())].double().numpy()


def _ends(values: Tensor, alphas: Tensor) -> np.ndarray:
    return (_at(values, alphas, 0.0) + _at(values, alphas, 1.0)) / 2
