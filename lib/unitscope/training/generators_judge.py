"""What a generator of the zoo can do: the figures on its card, by networks that it did not learn from.

    n = 2,000 fresh samples, classes in turns    psi  truncation (1 and 0.7)    phi  LPIPS embedding, uniform heads

The judge is critters/resnet: its labels, and its pooled features for the Frechet distance (torchmetrics' formula). Real
pictures are critters/test in two halves of 2,000; the first is compared with the generated ones, with the second half
and with the second half blurred (Gaussian, sigma one pixel): the two yardsticks. Diversity is the mean LPIPS distance
of two pictures of one class, in the eye of critters/alexnet, as a share of that of the real ones.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import torch
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance
from torchvision.transforms.functional import gaussian_blur

from unitscope.data.critters import NAMES
from unitscope.data.held import Held
from unitscope.data.images import ImageSet
from unitscope.metrics import lpips
from unitscope.models import VisionModel
from unitscope.models.generators.contract import Generator
from unitscope.models.generators.generated import Generated
from unitscope.models.generators.neural import Neural
from unitscope.models.load import load_model

JUDGE, EYE = "critters/resnet", "critters/alexnet"
SAMPLES, SEED, TRUNCATIONS = 2000, 0, (1.0, 0.7)
BLUR = 1.0  # pixels
BATCH = 50


Phi = Callable[[Tensor], Tensor]  # images (B, 3, H, W) in [0, 1] -> their LPIPS embeddings (B, P)


def eye() -> Phi:
    """The LPIPS embedding of critters/alexnet with uniform heads."""
    return partial(lpips.phi, lpips.from_model(load_model(EYE, device="cpu")))


class Pooled(nn.Module):
    """Images in [0, 1] to the judge's features before its head (B, D)."""

    def __init__(self, model: VisionModel):
        super().__init__()
        self.model, self.num_features = model, model.module.num_features

    def forward(self, images: Tensor) -> Tensor:
        net = self.model.module
        return net.forward_head(net.forward_features(self.model.preprocess(images)), pre_logits=True)


def card_figures(network: nn.Module, test: ImageSet, samples: int = SAMPLES) -> dict[str, float]:
    """All figures of a generator network, each rounded to four digits; see the module's text."""
    return generator_figures(Neural("generator", network, NAMES, "cpu"), test, samples)


@torch.no_grad()
def generator_figures(gan: Generator, test: ImageSet, samples: int = SAMPLES, seed: int = SEED) -> dict[str, float]:
    """The same for any generator behind the contract.

    Parameters
    ----------
    test : real pictures with labels, at least two; at most 2 * `samples` are used.
    samples : generated pictures for each truncation, and real ones in each half.
    """
    named, phi = load_model(JUDGE, device="cpu"), eye()
    half = min(samples, len(test) // 2)
    real, first = yardsticks(test, half), test.subset(range(half))
    found = {"samples": samples, "seed": seed, **real}
    for psi in TRUNCATIONS:
        labels = gan.labels_of(samples)
        drawn = Held(Generated(gan, gan.sample(samples, labels, seed, psi), labels, BATCH))  # three measures read them
        found[f"named_at_{psi:g}"] = share_named(named, drawn)
        found[f"frechet_at_{psi:g}"] = frechet(Pooled(named), first, drawn)
        found[f"diversity_at_{psi:g}"] = within_class(drawn, phi) / real["diversity_real"]
    return {key: round(value, 4) for key, value in found.items()}


@lru_cache(maxsize=1)
def yardsticks(test: ImageSet, half: int) -> dict[str, float]:
    """The figures of real pictures, the first `half` of `test` (against the second): measured once for a network and
    its control.
    """
    model, first, second = load_model(JUDGE, device="cpu"), test.subset(range(half)), test.subset(range(half, 2 * half))
    return {
        "frechet_real": frechet(Pooled(model), first, second),
        "frechet_blurred": frechet(Pooled(model), first, second, blur=BLUR),
        "named_real": share_named(model, first),
        "diversity_real": within_class(first, eye()),
    }


@torch.no_grad()
def share_named(model: VisionModel, images: ImageSet) -> float:
    """Share of images whose largest logit is their label."""
    right = sum((model.logits(batch.images).argmax(1) == batch.labels).sum().item() for batch in images.batches(BATCH))
    return right / len(images)


@torch.no_grad()
def frechet(pooled: Pooled, real: ImageSet, other: ImageSet, blur: float = 0.0) -> float:
    """Frechet distance of two sets in the judge's features; `blur` blurs the second set (sigma in pixels)."""
    distance = FrechetInceptionDistance(feature=pooled).set_dtype(torch.float64)
    for images, is_real in ((real, True), (other, False)):
        for batch in images.batches(BATCH):
            pictures = (
                batch.images if is_real or not blur else gaussian_blur(batch.images, 2 * round(3 * blur) + 1, blur)
            )
            distance.update(pictures, real=is_real)
    return distance.compute().item()


def within_class(images: ImageSet, phi: Phi) -> float:
    """Mean LPIPS distance of all pairs of one class, averaged over classes."""
    found = within_classes(images, phi)
    return sum(found.values()) / len(found)


@torch.no_grad()
def within_classes(images: ImageSet, phi: Phi) -> dict[int, float]:
    """Mean LPIPS distance |phi - phi'|^2 of all pairs of each class that has one, from sums and norms alone."""
    sums, squares, counts = {}, {}, {}
    for batch in images.batches(BATCH):
        rows = phi(batch.images).double()
        for row, label in zip(rows, batch.labels.tolist(), strict=True):
            sums[label] = sums.get(label, 0) + row
            squares[label] = squares.get(label, 0.0) + row.square().sum().item()
            counts[label] = counts.get(label, 0) + 1
    pairs = {c: n * (n - 1) for c, n in sorted(counts.items()) if n > 1}
    return {c: 2 * (counts[c] * squares[c] - sums[c].square().sum().item()) / pairs[c] for c in pairs}
