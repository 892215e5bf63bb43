"""What the zoo page claims of the networks: shares of test pictures, and how good generators are.

A card keeps a share and the number of pictures that it was taken over; that is all that an interval of a share needs.
It keeps no spread of the other figures of a generator, so nearness and diversity are measured again on fewer pictures.

    metrics, control  figures of a card, and the same figures of the network with random weights
    count             the pictures that they were taken over
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchmetrics.image.kid import poly_mmd
from torchvision.transforms.functional import gaussian_blur

from unitscope.data import ImageSet
from unitscope.data.held import Held
from unitscope.errors import UnitscopeError
from unitscope.metrics import verdicts
from unitscope.metrics.verdicts import Verdict
from unitscope.models import load_model
from unitscope.models.generators.generated import Generated
from unitscope.training.generators_judge import BATCH, BLUR, JUDGE, Pooled, eye, within_classes

SUPERVISED, PROBED, GAIN = 0.95, {"knn5": 0.7, "linear": 0.6}, 0.25
ZERO_SHOT = {"species": 0.8, "colour": 0.7, "pattern": 0.7}
PIXELS, NAMED, DIVERSE = 0.6, 0.8, 0.6
SET = 30  # pictures whose kernel distance to as many real ones is one measurement


@dataclass(frozen=True)
class Drawn:
    """A generator measured: kernel distances (S,) of sets of its pictures to sets of real ones, those of blurred real

    pictures to the same sets, and its diversity (C,) within each class as a share of that of real pictures."""

    near: Tensor
    blurred: Tensor
    diversity: Tensor


def hits(share: float, count: int) -> np.ndarray:
    """A share of `count` pictures as one True or False for each."""
    if not 0 <= share <= 1:
        raise UnitscopeError(f"a share of pictures lies in 0 to 1, got {share!r}.")
    return np.arange(count) < round(share * count)


def pixels_do_not_suffice(named: Tensor) -> Verdict:
    """Z1: a classifier on pixels names less than 60 % of the pictures; named (n,), True where it is right."""
    return verdicts.share(named.numpy(), PIXELS, over=False, of="pictures")


def supervised(cards: Mapping[str, dict], count: int) -> Verdict:
    """Z2: every supervised ResNet of the critter world names more than 95 % of its pictures; {name: card}."""
    own = {name: card for name, card in cards.items() if name.startswith("critters/resnet")}
    shares = {name: card["metrics"].get("top1") for name, card in own.items()}
    parts = {
        name: verdicts.share(hits(share, count), SUPERVISED, of="pictures")
        for name, share in shares.items()
        if share is not None
    }
    if not parts:
        return verdicts.untested("no supervised ResNet has a card")
    shown = ", ".join(f"{name.split('/')[-1]} {part.ours:.3f}" for name, part in parts.items())
    return verdicts.every(parts).but(ours=shown)


def probed(card: dict, measure: str, count: int) -> Verdict:
    """Z3-Z5: a share by neighbours ("knn5") or by a linear probe, above its bar and 25 points above random weights."""
    own, control = (hits(card[figures][measure], count) for figures in ("metrics", "random_weights"))
    least = PROBED[measure]
    parts = {
        f"above {least:.0%}": verdicts.share(own, least, of="pictures"),
        "25 points above random weights": verdicts.larger(own, control, by=GAIN, of="pictures"),
    }
    first = next(iter(parts.values()))
    gain = 100 * (card["metrics"][measure] - card["random_weights"][measure])
    return verdicts.every(parts).but(
        ours=first.ours, interval=first.interval, samples=first.samples,
        reason=f"{gain:+.1f} points against random weights",
    )  # fmt: skip


def zero_shot(card: dict, factor: str, count: int) -> Verdict:
    """Z6-Z8: a factor named by captions alone."""
    return verdicts.share(hits(card["metrics"][f"zero_shot_{factor}"], count), ZERO_SHOT[factor], of="pictures")


def named(card: dict | None) -> Verdict:
    """Z9, Z12: the judge names a generator's pictures as intended; None: not trained yet."""
    if card is None:
        return verdicts.untested("not trained yet")
    metrics = card["metrics"]
    return verdicts.share(hits(metrics["named_at_0.7"], metrics["samples"]), NAMED, of="drawn pictures")


def nearer_than_blurred(one: Drawn | None) -> Verdict:
    """Z10, Z13: drawn pictures are nearer to real ones than other real ones are that are slightly blurred."""
    if one is None:
        return verdicts.untested("not trained yet")
    found = verdicts.below(one.near, one.blurred, of=f"sets of {SET} pictures")
    return found.but(reason=f"{float(one.near.mean()):.3f} against {float(one.blurred.mean()):.3f}")


def diverse(one: Drawn | None) -> Verdict:
    """Z11, Z14: within classes, drawn pictures keep more than 60 % of the diversity of real ones."""
    if one is None:
        return verdicts.untested("not trained yet")
    return verdicts.exceeds(DIVERSE, np.mean, one.diversity, of="classes")


@torch.no_grad()
def measure(
    generators: Sequence, real: ImageSet, count: int = 240, truncation: float = 0.7, seed: int = 0
) -> dict[str, Drawn]:
    """Measure generators on `count` pictures each, {name: Drawn}, by the judges of `training.generators_judge`.

    Distances are kernel distances (Binkowski et al. 2018, a polynomial of degree 3 on pooled features), which are not
    biased in small sets, as the Frechet distance is.

    Raises
    ------
    UnitscopeError
        If there are fewer than twice `count` real pictures, or `count` is less than one set.
    """
    if not SET <= count <= len(real) // 2:
        most = len(real) // 2
        raise UnitscopeError(f"count must be {SET} to {most}, half of the {len(real)} real pictures, got {count}.")
    pooled, phi = Pooled(load_model(JUDGE, device="cpu")), eye()
    first, second = real.subset(range(count)), real.subset(range(count, 2 * count))
    seen, own = features(pooled, first), within_classes(first, phi)
    blurred = kernel_distances(seen, features(pooled, second, BLUR))
    found = {}
    for gan in generators:
        labels = gan.labels_of(count)
        drawn = Held(Generated(gan, gan.sample(count, labels, seed, truncation), labels, BATCH))
        spread = within_classes(drawn, phi)
        diversity = torch.tensor([spread[label] / own[label] for label in own if label in spread])
        found[gan.name] = Drawn(kernel_distances(seen, features(pooled, drawn)), blurred, diversity)
    return found


def features(pooled: Pooled, images: ImageSet, blur: float = 0.0) -> Tensor:
    """What the judge sees of each picture (N, D), after a Gaussian blur of so many pixels."""
    batches = (batch.images for batch in images.batches(BATCH))
    size = 2 * round(3 * blur) + 1
    return torch.cat([pooled(gaussian_blur(one, size, blur) if blur else one).double() for one in batches])


def kernel_distances(real: Tensor, other: Tensor) -> Tensor:
    """Kernel distance between each set of features and the set at its place (S,); a last smaller set is left out."""
    whole = len(real) // SET * SET
    pairs = zip(real[:whole].split(SET), other[:whole].split(SET), strict=True)
    return torch.stack([poly_mmd(one, two) for one, two in pairs])
