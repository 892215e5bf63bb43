"""Claims 1 to 9: the link and the likeness of the two spaces (Fig. 3, S1).

    found  {distance: {"cycled" | baseline: (n,)}} of n held-out pictures, as `cycle.compare` gives it
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from unitscope.metrics import old_verdicts as verdicts
from unitscope.papers.linking.checks import counted
from unitscope.papers.linking.cycle import DISTANCES
from unitscope.papers.linking.spaces import Likeness

Found = Mapping[str, Mapping[str, Tensor]]


def nearer(found: Found, baseline: str, distance: str = "W") -> dict:
    """1: the cycled latent is nearer than a baseline; the ratio of the two means stands in the reason."""
    verdict = counted(verdicts.below(found[distance]["cycled"], found[distance][baseline]), "pictures")
    ratio = float(found[distance]["cycled"].mean() / found[distance][baseline].mean())
    return {**verdict, "reason": f"{ratio:.2f} of the baseline; {verdict['reason']}"}


def linked_beats_random(found: Found) -> dict:
    """1: nearer than a random latent of the same class and of another one."""
    parts = {name: nearer(found, name) for name in ("same class", "other class")}
    random = parts["other class"]
    return {**verdicts.every(parts), "ours": random["ours"], "interval": random["interval"], "reason": random["reason"]}


def chain(found: Found, distance: str) -> dict:
    """2 and 3: cycled < another picture of the class < a picture of another class."""
    columns = found[distance]
    parts = {
        "cycled < same class": verdicts.below(columns["cycled"], columns["same class"]),
        "same < other class": verdicts.below(columns["same class"], columns["other class"]),
    }
    means = ", ".join(f"{float(columns[name].mean()):.3g}" for name in ("cycled", "same class", "other class"))
    return {**verdicts.every(parts), "ours": means}


def chains(found: Found, names=("LPIPS", "pixels", "SSIM")) -> dict:
    """3: the same order by the supplement's other distances."""
    return verdicts.every({DISTANCES[name]: chain(found, name) for name in names})


def both_separate(likeness: Likeness) -> dict:
    """4: k-means finds the classes in both spaces, alike, and far above shuffled classes."""
    w, r, null = (float(likeness.ari[name].median()) for name in ("W", "R", "shuffled"))
    parts = {
        "ARI in W > 0.5": {"holds": w > 0.5}, "ARI in R > 0.5": {"holds": r > 0.5},
        "|difference| < 0.2": {"holds": abs(w - r) < 0.2}, "above shuffled": {"holds": min(w, r) > null + 0.1},
    }  # fmt: skip
    return {**verdicts.every(parts), "ours": f"W {w:.2f}, R {r:.2f}, shuffled {null:.2f}"}


def alike(likeness: Likeness) -> dict:
    """5: both matrices correlate above the 99th percentile of shuffled samples, and within single classes too."""
    parts = {}
    for kind, values in likeness.rsa.items():
        parts[f"{kind} above its null"] = verdicts.above(values, likeness.null[kind])
        parts[f"{kind} within a class"] = verdicts.exceeds(0, np.mean, likeness.within[kind])
    means = ", ".join(f"{kind} {float(v.mean()):.2f} (within {float(likeness.within[kind].mean()):.2f})" for kind, v in likeness.rsa.items())
    return {**verdicts.every(parts), "ours": means}


def linear_suffices(error: Tensor, curved: Tensor, baseline: Tensor, least: float = 0.9) -> dict:
    """6: least squares explains at least 90 % of what the perceptron explains, of the variance about the overall mean."""

    if float(curved.mean()) >= float(baseline.mean()):
        return verdicts.untested("the perceptron explains nothing of held-out latents")

    def share(linear, mlp, base) -> float:
        return (base.mean() - linear.mean()) / max(base.mean() - mlp.mean(), 1e-12)

    return counted(verdicts.exceeds(least, share, *(column.numpy() for column in (error, curved, baseline))), "pictures")


def keeps_class(kept: Tensor | None, error: Tensor, train_error: Tensor, least: float = 0.8) -> dict:
    """7: the cycled picture keeps its class for over 80 %, and the training error is over half the held-out one."""
    if kept is None:
        return verdicts.untested("the classifier has no head")
    ratio = float(train_error.mean() / error.mean())
    parts = {"class kept": verdicts.exceeds(least, np.mean, kept.double().numpy()), "not overfit": {"holds": ratio > 0.5}}
    held = counted(parts["class kept"], "pictures")
    return {**verdicts.every(parts), "ours": held["ours"], "interval": held["interval"], "reason": f"train / held-out error {ratio:.2f}; {held['reason']}"}


def fitting_is_cheap(fit: float, drawing: float) -> dict:
    """8: fitting f takes less than a tenth of drawing its pairs, in seconds of processor time."""
    return {"ours": f"{fit:.2f} s against {drawing:.1f} s", "holds": fit < 0.1 * drawing}


def truncation_separates(ari: Mapping[float, float]) -> dict:
    """9: ARI in W rises as truncation shrinks W around the class means."""
    falling = [ari[psi] for psi in sorted(ari, reverse=True)]
    rises = all(a <= b + 1e-9 for a, b in zip(falling, falling[1:], strict=False)) and falling[-1] > falling[0]
    return {"ours": ", ".join(f"{psi:g}: {ari[psi]:.2f}" for psi in sorted(ari, reverse=True)), "holds": rises}


def explains_within(error: Tensor, baseline: Tensor) -> dict:
    """Ours: within classes the link explains a part of W, R^2 against the class mean."""
    return counted(verdicts.exceeds(0, lambda e, b: 1 - e.mean() / b.mean(), error.numpy(), baseline.numpy()), "pictures")


def loses_when_shuffled(shuffled: Tensor, baseline: Tensor) -> dict:
    """Control: a link fitted on shuffled pairs explains nothing about held-out ones."""
    value = 1 - float(shuffled.mean() / baseline.mean())
    return {"ours": value, "holds": value < 0.01}


def depth_matters(layers: Mapping[str, object]) -> dict:
    """Ours: the layer that explains most of W within a class, and whether it is the penultimate one's layer."""
    scores = {name: one.within for name, one in layers.items()}
    best = max(scores, key=scores.get)
    gap = torch.tensor(0.0) if best == "penultimate" else layers["penultimate"].error - layers[best].error
    parts = ", ".join(f"{name} {value:.2f}" for name, value in scores.items())
    if best == "penultimate":
        return {"ours": parts, "holds": False, "reason": "the penultimate layer itself explains most"}
    tested = verdicts.exceeds(0, np.mean, gap.numpy())
    return {"ours": parts, "holds": tested["holds"], "reason": f"most by {best}"}
