"""Claims 1 to 9: the link and the likeness of the two spaces (Fig. 3, S1).

found  {distance: {"cycled" | baseline: (n,)}} of n held-out pictures, as `cycles.compare` gives it
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

from unitscope.evidence.linking import NO_HEAD
from unitscope.evidence.linking.cycles import DISTANCES
from unitscope.evidence.linking.depth import LayerLink
from unitscope.evidence.linking.spaces import Likeness
from unitscope.metrics import verdicts
from unitscope.metrics.verdicts import Verdict

Found = Mapping[str, Mapping[str, Tensor]]
PICTURES, DRAWS, SPECIES = "pictures", "draws of classes", "classes"
RANDOM = ("same class", "other class")
IMAGES = ("judge", "LPIPS", "pixels", "SSIM")
HIGH, ALIKE, CHANCE = 0.5, 0.2, 0.1  # adjusted Rand index: "both high", "to a similar degree", above shuffled classes
LEVEL = 0.02  # adjusted Rand index by which a step may fall and still count as level


def nearer(found: Found, baseline: str, distance: str = "W") -> Verdict:
    """The cycled latent or picture is nearer to the original than a baseline is; the ratio of the two means is the
    reason.
    """
    one, other = found[distance]["cycled"], found[distance][baseline]
    verdict = verdicts.below(one, other, of=PICTURES)
    return verdict.but(reason=f"{float(one.mean() / other.mean()):.2f} of the baseline; {verdict.reason}")


def linked_beats_random(found: Found, distance: str = "W") -> Verdict:
    """1 and 2: nearer than a random picture of the same class and one of another class."""
    parts = {f"than {name}": nearer(found, name, distance) for name in RANDOM}
    means = ", ".join(f"{name} {float(found[distance][name].mean()):.3f}" for name in ("cycled", *RANDOM))
    return verdicts.every(parts).but(ours=means, samples=parts["than same class"].samples)


def linked_beats_random_by_all(found: Found, names=("LPIPS", "pixels", "SSIM")) -> Verdict:
    """3: the same by the supplement's other distances."""
    return verdicts.every(
        {f"{DISTANCES[name]}, than {other}": nearer(found, other, name) for name in names for other in RANDOM}
    )


def distances_see_classes(found: Found) -> Verdict:
    """Ours: an instrument's own figure. By each distance another picture of the class is nearer than one of another
    class.
    """
    columns = {name: found[name] for name in IMAGES}
    return verdicts.every({
        DISTANCES[name]: verdicts.below(column["same class"], column["other class"], of=PICTURES)
        for name, column in columns.items()
    })  # fmt: skip


def explains_within(error: Tensor, baseline: Tensor) -> Verdict:
    """Control: the link is nearer than the class mean; ours: R^2 within classes."""
    return verdicts.exceeds(0, lambda e, b, axis=-1: 1 - e.mean(axis) / b.mean(axis), error, baseline, of=PICTURES)


def both_separate(likeness: Likeness, shares: Mapping[str, float] | None = None) -> Verdict:
    """4: k-means finds the classes in both spaces, to a similar degree, and far better than shuffled classes.

    shares : {space: share of its variance that lies between classes}, for the reason.
    """
    w, r, null = (likeness.ari[name].numpy() for name in ("W", "R", "shuffled"))
    parts = {
        f"in W above {HIGH}": verdicts.exceeds(HIGH, np.mean, w, of=DRAWS),
        f"in R above {HIGH}": verdicts.exceeds(HIGH, np.mean, r, of=DRAWS),
        f"alike to {ALIKE}": verdicts.within(-ALIKE, ALIKE, np.mean, w - r, of=DRAWS),
        "in W above shuffled": verdicts.exceeds(CHANCE, np.mean, w - null, of=DRAWS),
        "in R above shuffled": verdicts.exceeds(CHANCE, np.mean, r - null, of=DRAWS),
    }
    told = ", ".join(
        f"{value:.0%} of the variance of {name} lies between classes" for name, value in (shares or {}).items()
    )
    ours = f"W {w.mean():.2f}, R {r.mean():.2f}, shuffled {null.mean():.2f}"
    return verdicts.every(parts).but(ours=ours, reason=told or None)


def alike(likeness: Likeness) -> Verdict:
    """5: both matrices correlate above the 99th percentile of shuffled samples, and within single classes too."""
    parts = {}
    for kind, values in likeness.rsa.items():
        parts[f"{kind} above its null"] = verdicts.above(values, likeness.null[kind], of=DRAWS)
        parts[f"{kind} within a class"] = verdicts.exceeds(0, np.mean, likeness.within[kind], of=SPECIES)
    means = ", ".join(
        f"{kind} {float(v.mean()):.2f} (within {float(likeness.within[kind].mean()):.2f})"
        for kind, v in likeness.rsa.items()
    )
    return verdicts.every(parts).but(ours=means)


def linear_suffices(error: Tensor, curved: Tensor, baseline: Tensor, least: float = 0.9) -> Verdict:
    """6: least squares explains at least 90 % of what the perceptron explains, of the variance about the overall
    mean.
    """
    if float(curved.mean()) >= float(baseline.mean()):
        return verdicts.untested("the perceptron explains nothing of held-out latents")

    def share(linear, mlp, base, axis=-1):
        return (base.mean(axis) - linear.mean(axis)) / np.maximum(base.mean(axis) - mlp.mean(axis), 1e-12)

    return verdicts.exceeds(least, share, error, curved, baseline, of=PICTURES)


def keeps_class(kept: Tensor | None, error: Tensor, train_error: Tensor, least: float = 0.8) -> Verdict:
    """7: the cycled picture keeps its class for over 80 %, and the training error is over half the held-out one."""
    if kept is None:
        return verdicts.untested(NO_HEAD)
    parts = {
        "class kept": verdicts.share(kept.numpy(), least, of=PICTURES),
        "not overfit": verdicts.larger(train_error, 0.5 * error, of=PICTURES),
    }
    ratio = float(train_error.mean() / error.mean())
    held = parts["class kept"]
    return verdicts.every(parts).but(
        ours=held.ours,
        interval=held.interval,
        samples=held.samples,
        reason=f"training error {ratio:.2f} of the held-out one",
    )


def fitting_is_cheap(fits: np.ndarray, drawings: np.ndarray, most: float = 0.1) -> Verdict:
    """8: fitting f takes less than a tenth of drawing its pairs.

    fits, drawings : (m,) seconds of processor time, measured in turn.
    """
    fits, drawings = np.asarray(fits), np.asarray(drawings)
    verdict = verdicts.falls_short(
        most, lambda a, b, axis=-1: a.mean(axis) / b.mean(axis), fits, drawings, of="repetitions"
    )
    return verdict.but(reason=f"{np.mean(fits):.2f} s against {np.mean(drawings):.1f} s")


def truncation_separates(ari: Mapping[float, Tensor]) -> Verdict:
    """9: the adjusted Rand index in W never falls as latents are truncated more, and rises from the least to the most.

    ari : {truncation: (draws,)} of the same draws.
    """
    columns = {f"{psi:g}": ari[psi].numpy() for psi in sorted(ari, reverse=True)}
    steps = verdicts.ordered(columns, margin=LEVEL, of=DRAWS)
    first, *_, last = columns
    rise = verdicts.above(columns[last], columns[first], of=DRAWS)
    return verdicts.every({**steps.parts, f"{first} < {last}": rise}).but(ours=steps.ours, samples=rise.samples)


def loses_when_shuffled(shuffled: Tensor, baseline: Tensor, most: float = 0.01) -> Verdict:
    """Control: a link fitted on shuffled pairs explains less than 1 % of held-out latents within classes."""
    return verdicts.falls_short(
        most, lambda e, b, axis=-1: 1 - e.mean(axis) / b.mean(axis), shuffled, baseline, of=PICTURES
    )


def depth_matters(layers: Mapping[str, LayerLink]) -> Verdict:
    """Ours: an earlier layer explains more of W than the penultimate one. It is chosen on every second picture and
    judged on the others.
    """
    last = layers["penultimate"].error
    earlier = {name: one.error for name, one in layers.items() if name != "penultimate"}
    best = min(earlier, key=lambda name: float(earlier[name][::2].mean()))
    verdict = verdicts.above(last[1::2], earlier[best][1::2], of=PICTURES)
    scores = ", ".join(f"{name} {one.within:.2f}" for name, one in layers.items())
    return verdict.but(reason=f"{best} against the penultimate layer; explained: {scores}")
