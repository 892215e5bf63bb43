"""What a generator of photographs can do: figures by networks that took no part in its training.

    n  samples a truncation, classes in turns    psi  truncation (1 and 0.7)    psi's figures end in _at_1 and _at_0.7

Judges: the ImageNet-trained AlexNet and VGG-16 trunks of `packaged.Trunk`, and SqueezeNet 1.0 where its weight file is
named. The trained generator only ever saw EfficientNet-Lite0. Names: AlexNet's pooled features under a logistic
regression fitted on training photographs at the generator's size, and SqueezeNet's own ten logits. Every figure stands
beside that of real validation photographs at the same size, and the Frechet distances beside those of the same
photographs blurred by a Gaussian of 1 and 2 pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn
from torchvision.models import squeezenet1_0
from torchvision.transforms.functional import gaussian_blur

from unitscope.data.images import ImageSet
from unitscope.errors import UnitscopeError
from unitscope.models.generators.contract import Generator
from unitscope.models.generators.generated import Generated
from unitscope.models.generators.neural import Neural
from unitscope.models.generators.photographs import IMAGENETTE
from unitscope.models.packaged import Trunk
from unitscope.models.recipes.generators_judge import within_class
from unitscope.models.recipes.quality import frechet_distance, nearest, precision_and_recall
from unitscope.models.weights import fit, read_state

TRUNCATIONS, BLURS = (1.0, 0.7), (1.0, 2.0)
SAMPLES, QUICK = 10_000, 500
BATCH, SQUEEZED = 50, 128                                      # SqueezeNet takes pictures enlarged to 128 pixels
IMAGENET_ROWS = (0, 217, 482, 491, 497, 566, 569, 571, 574, 701)      # the ten classes among ImageNet's thousand
COPY_QUANTILE = 0.01

Judge = Callable[[Tensor], Tensor]


def alex() -> Judge:
    """Pictures in [0, 1] -> (B, 896): the last three taps of the AlexNet trunk, averaged over positions."""
    trunk = Trunk("alex")
    return lambda images: torch.cat([tap.mean((2, 3)) for tap in trunk(images)[2:]], 1)


def vgg() -> Judge:
    """Pictures in [0, 1] -> (B, 512): the last tap of the VGG-16 trunk, averaged over positions."""
    trunk = Trunk("vgg")
    return lambda images: trunk(images)[-1].mean((2, 3))


def squeezed(path: str | Path) -> Judge:
    """Pictures in [0, 1] -> (B, 522): SqueezeNet's last features averaged over positions (512), and the ten classes' logits."""
    network = squeezenet1_0(weights=None)
    fit(network, read_state(path), path)
    network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    mean, deviation = (torch.tensor(values)[:, None, None] for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))

    def read(images: Tensor) -> Tensor:
        images = F.interpolate(images, size=(SQUEEZED, SQUEEZED), mode="bilinear", align_corners=False)
        maps = network.features((images - mean) / deviation)
        return torch.cat([maps.mean((2, 3)), F.relu(network.classifier[1](maps)).mean((2, 3))[:, list(IMAGENET_ROWS)]], 1)

    return read


@torch.no_grad()
def seen_by(judges: dict[str, Judge], images: ImageSet, blur: float = 0.0) -> dict[str, Tensor]:
    """Every judge's features of every picture, from one pass; `blur` is a Gaussian's sigma in pixels."""
    found = {name: [] for name in judges}
    for batch in images.batches(BATCH):
        pictures = gaussian_blur(batch.images, 2 * round(3 * blur) + 1, blur) if blur else batch.images
        for name, judge in judges.items():
            found[name].append(judge(pictures))
    return {name: torch.cat(parts) for name, parts in found.items()}


class Names:
    """A linear head over AlexNet's pooled features, fitted on training photographs: which class is it?"""

    def __init__(self, features: Tensor, labels: Tensor):
        self.model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300)).fit(features.numpy(), labels.numpy())

    def share(self, features: Tensor, labels: Tensor) -> float:
        """The share of pictures that it names as intended."""
        return float(self.model.score(features.numpy(), labels.numpy()))


class Taps:
    """phi (B, P) of the AlexNet trunk: unit-normalised taps divided by the root of the map's size, so that |phi - phi'|^2 is
    LPIPS with uniform heads."""

    def __init__(self):
        self.trunk = Trunk("alex")

    def __call__(self, images: Tensor) -> Tensor:
        return torch.cat([(m / (m.norm(dim=1, keepdim=True) + 1e-10) / (m.shape[2] * m.shape[3]) ** 0.5).flatten(1) for m in self.trunk(images)], 1)


@torch.no_grad()
def judged(gan: Generator, train: ImageSet, test: ImageSet, samples: int = SAMPLES, seed: int = 0, squeezenet: str | Path | None = None) -> dict[str, float]:
    """All figures of a generator, rounded to four digits.

    Parameters
    ----------
    train : the photographs that it learned from; the reference of the Frechet distance, and what may have been copied.
    test : photographs that it did not see; at most `samples` of them, evenly spaced, and as many of `train` at reduced sizes.
    samples : pictures drawn for each truncation; distances and neighbours compare as many as there are of `test`.
    squeezenet : weight file of torchvision's `squeezenet1_0` (ImageNet).

    Raises
    ------
    UnitscopeError
        If the classes of generator and photographs differ.
    """
    if not tuple(gan.classes) == tuple(train.classes) == tuple(test.classes):
        raise UnitscopeError(f"classes of {gan.name} are {list(gan.classes)}, those of the photographs {list(train.classes)} and {list(test.classes)}.")
    judges = {"alex": alex(), "vgg": vgg()} | ({"squeeze": squeezed(squeezenet)} if squeezenet else {})
    train, test = (evenly(images, count) for images, count in ((train, max(2 * samples, 2000)), (test, samples)))
    known, real, phi = seen_by(judges, train), seen_by(judges, test), Taps()
    names, count = Names(known["alex"], train.labels), len(test)
    own = nearest(real["alex"], known["alex"])[0]
    diversity = within_class(test, phi)
    found = {"samples": samples, "real": count, "seed": seed} | verdicts(known, real, test.labels, names, "real")
    for blur in BLURS:
        found |= distances(known, seen_by(judges, test, blur), f"blur_{blur:g}")
    for psi in TRUNCATIONS:
        labels = gan.labels_of(samples)
        drawn_set = Generated(gan, gan.sample(samples, labels, seed, psi), labels, BATCH)
        drawn = seen_by(judges, drawn_set)
        few = {name: features[:count] for name, features in drawn.items()}
        found |= verdicts(known, few, labels[:count], names, f"at_{psi:g}")
        found |= {key: value for key, value in named(drawn, labels, names, f"at_{psi:g}").items()}
        found[f"precision_at_{psi:g}"], found[f"recall_at_{psi:g}"] = precision_and_recall(real["vgg"], few["vgg"])
        found[f"diversity_at_{psi:g}"] = within_class(drawn_set.subset(range(min(count, samples))), phi) / diversity
        away = nearest(few["alex"], known["alex"])[0]
        found[f"nearest_at_{psi:g}"] = (away.median() / own.median()).item()
        found[f"copies_at_{psi:g}"] = (away < own.quantile(COPY_QUANTILE)).double().mean().item()
    found["precision_real"], found["recall_real"] = precision_and_recall(known["vgg"][:: max(1, len(train) // count)][:count], real["vgg"])
    return {key: round(value, 4) for key, value in found.items()}


def verdicts(known: dict[str, Tensor], features: dict[str, Tensor], labels: Tensor, names: Names, what: str) -> dict[str, float]:
    """Names and Frechet distances of one set of pictures."""
    return named(features, labels, names, what) | distances(known, features, what)


def named(features: dict[str, Tensor], labels: Tensor, names: Names, what: str) -> dict[str, float]:
    """The share named as intended, by each judge that names."""
    found = {f"named_{what}": names.share(features["alex"], labels)}
    if "squeeze" in features:
        found[f"named_squeeze_{what}"] = (features["squeeze"][:, -len(IMAGENETTE) :].argmax(1) == labels).double().mean().item()
    return found


def distances(known: dict[str, Tensor], features: dict[str, Tensor], what: str) -> dict[str, float]:
    """Frechet distances from the training photographs, in the features of VGG and, where it judges, SqueezeNet."""
    found = {f"frechet_{what}": frechet_distance(known["vgg"], features["vgg"])}
    if "squeeze" in features:
        found[f"frechet_squeeze_{what}"] = frechet_distance(*(one["squeeze"][:, : -len(IMAGENETTE)] for one in (known, features)))
    return found


def evenly(images: ImageSet, count: int) -> ImageSet:
    """At most `count` images, evenly spaced."""
    return images if len(images) <= count else images.subset(torch.linspace(0, len(images) - 1, count).round().long().tolist())


def quickly(network: nn.Module, test: ImageSet, train: ImageSet) -> dict[str, float]:
    """The figures that an export writes on a card: `QUICK` samples, without SqueezeNet."""
    return judged(Neural("generator", network, network.classes, "cpu"), train, test, QUICK)
