"""What a generator of photographs can do: figures by networks that took no part in its training.

    n  samples a truncation, classes in turns    psi  truncation (1 and 0.7)    psi's figures end in _at_1 and _at_0.7

Judges: the ImageNet-trained AlexNet and VGG-16 trunks of `packaged.Trunk`, and SqueezeNet 1.0 where its weight file is
named. The trained generator only ever saw EfficientNet-Lite0. Names: AlexNet's pooled features under a linear
discriminant (Ledoit and Wolf's shrinkage) fitted on training photographs at the generator's size, and SqueezeNet's own
ten logits. Every figure stands beside that of real validation photographs at the same size, and the Frechet distances
beside those of the same photographs blurred by a Gaussian of 1 and 2 pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

import torch
import torch.nn.functional as F
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from torch import Tensor, nn
from torchvision.models import squeezenet1_0
from torchvision.transforms.functional import gaussian_blur

from unitscope.data.images import ImageSet
from unitscope.errors import UnitscopeError
from unitscope.metrics import lpips
from unitscope.metrics.statistics import median
from unitscope.models.generators.contract import Generator
from unitscope.models.generators.generated import Generated
from unitscope.models.generators.neural import Neural
from unitscope.models.generators.photographs import IMAGENETTE
from unitscope.models.packaged import Trunk
from unitscope.models.weights import fit, read_state
from unitscope.training.generators_judge import within_class
from unitscope.training.quality import frechet_distance, nearest, precision_and_recall

TRUNCATIONS, BLURS = (1.0, 0.7), (1.0, 2.0)
SAMPLES, QUICK, FEWEST = 10_000, 250, 1000  # FEWEST: training photographs, at least
BATCH, SQUEEZED = 50, 128  # SqueezeNet takes pictures enlarged to 128 pixels
IMAGENET_ROWS = (0, 217, 482, 491, 497, 566, 569, 571, 574, 701)  # the ten classes among ImageNet's thousand
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
    """Pictures in [0, 1] -> (B, 522): SqueezeNet's last features averaged over positions (512), and the ten classes'
    logits.
    """
    network = squeezenet1_0(weights=None)
    fit(network, read_state(path), path)
    network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
    mean, deviation = (torch.tensor(values)[:, None, None] for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))

    def read(images: Tensor) -> Tensor:
        images = F.interpolate(images, size=(SQUEEZED, SQUEEZED), mode="bilinear", align_corners=False)
        maps = network.features((images - mean) / deviation)
        return torch.cat(
            [maps.mean((2, 3)), F.relu(network.classifier[1](maps)).mean((2, 3))[:, list(IMAGENET_ROWS)]], 1
        )

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
        self.model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(
            features.double().numpy(), labels.numpy()
        )

    def share(self, features: Tensor, labels: Tensor) -> float:
        """The share of pictures that it names as intended."""
        return float(self.model.score(features.double().numpy(), labels.numpy()))


def eye() -> Judge:
    """The LPIPS embedding (B, P) of the AlexNet trunk with uniform heads."""
    return partial(lpips.phi, lpips.Perceptual("lpips:alex-st", Trunk("alex"), None, torch.device("cpu")))


@torch.no_grad()
def photograph_figures(
    gan: Generator,
    train: ImageSet,
    test: ImageSet,
    samples: int = SAMPLES,
    seed: int = 0,
    squeezenet: str | Path | None = None,
    deep: bool = True,
) -> dict[str, float]:
    """All figures of a generator, rounded to four digits.

    Parameters
    ----------
    train : the photographs that it learned from; the reference of the Frechet distance, and what may have been copied.
    test : photographs that it did not see; at most `samples` of them, evenly spaced, and twice as many of `train`.
    samples : pictures drawn for each truncation; distances and neighbours compare as many as there are of `test`, since
        a Frechet distance of fewer pictures is larger.
    squeezenet : weight file of torchvision's `squeezenet1_0` (ImageNet); where it is named, precision, recall and
    nearest
        photographs are measured in its features, else in AlexNet's, which tell classes far less well at this size.
    deep : whether VGG judges too, which takes most of the time.

    Returns
    -------
    dict with, for `real`, `blur_1`, `blur_2`, `at_1`, `at_0.7` where they make sense: `named_` (AlexNet),
    `named_squeeze_`, `frechet_alex_`, `frechet_vgg_`, `frechet_squeeze_`, `precision_`, `recall_`, `diversity_` (mean
    LPIPS distance within a class, as a share of that of real photographs), `nearest_` (median distance to the nearest
    training photograph, as a share of that of real ones) and `copies_` (share nearer than all but 1 % of the real ones
    are; .01 where nothing is copied).

    Raises
    ------
    UnitscopeError
        If the classes of generator and photographs differ.
    """
    if not tuple(gan.classes) == tuple(train.classes) == tuple(test.classes):
        raise UnitscopeError(
            f"classes of {gan.name} are {list(gan.classes)}, those of the photographs {list(train.classes)} and"
            f" {list(test.classes)}."
        )
    side = real_side(train, test, samples, squeezenet, deep)
    found = {"samples": samples, "real": side.count, "seed": seed} | side.figures
    for psi in TRUNCATIONS:
        labels = gan.labels_of(samples)
        pictures = Generated(gan, gan.sample(samples, labels, seed, psi), labels, BATCH)
        drawn = seen_by(side.judges, pictures)
        few = {name: features[: side.count] for name, features in drawn.items()}
        near = nearest(side.space(few), side.space(side.known))[0]
        precision, recall = precision_and_recall(side.space(side.real), side.space(few))
        what = f"at_{psi:g}"
        found |= named(drawn, labels, side.names, what) | distances(side.known, few, what)
        found |= {
            f"precision_{what}": precision,
            f"recall_{what}": recall,
            f"diversity_{what}": within_class(pictures.subset(range(side.count)), side.eye) / side.diversity,
            f"nearest_{what}": float(median(near) / median(side.near)),
            f"copies_{what}": (near < side.near.quantile(COPY_QUANTILE)).double().mean().item(),
        }
    return {key: round(value, 4) for key, value in found.items()}


@dataclass(frozen=True)
class RealSide:
    """Everything that is measured on photographs alone: features, the fitted head, yardsticks."""

    judges: dict[str, Judge]
    known: dict[str, Tensor]
    real: dict[str, Tensor]
    names: Names
    eye: Judge
    near: Tensor
    diversity: float
    count: int
    figures: dict[str, float]

    @staticmethod
    def space(features: dict[str, Tensor]) -> Tensor:
        """The features in which neighbours are looked for."""
        return plain(features)["squeeze" if "squeeze" in features else "alex"]


@lru_cache(maxsize=1)
def real_side(train: ImageSet, test: ImageSet, samples: int, squeezenet: str | Path | None, deep: bool) -> RealSide:
    """The photographs' side, measured once for a generator and its control."""
    judges = (
        {"alex": alex()} | ({"vgg": vgg()} if deep else {}) | ({"squeeze": squeezed(squeezenet)} if squeezenet else {})
    )
    train, test = evenly(train, max(2 * samples, FEWEST)), evenly(test, samples)
    known, real, look = seen_by(judges, train), seen_by(judges, test), eye()
    names = Names(known["alex"], train.labels)
    figures = named(real, test.labels, names, "real") | distances(known, real, "real")
    for blur in BLURS:
        figures |= distances(known, seen_by(judges, test, blur), f"blur_{blur:g}")
    some = torch.linspace(0, len(train) - 1, min(len(test), len(train))).round().long()
    space = RealSide.space
    figures["precision_real"], figures["recall_real"] = precision_and_recall(space(real), space(known)[some])
    return RealSide(
        judges,
        known,
        real,
        names,
        look,
        nearest(space(real), space(known))[0],
        within_class(test, look),
        len(test),
        figures,
    )


def named(features: dict[str, Tensor], labels: Tensor, names: Names, what: str) -> dict[str, float]:
    """The share named as intended, by each judge that names."""
    found = {f"named_{what}": names.share(features["alex"], labels)}
    if "squeeze" in features:
        found[f"named_squeeze_{what}"] = (
            (features["squeeze"][:, -len(IMAGENETTE) :].argmax(1) == labels).double().mean().item()
        )
    return found


def distances(known: dict[str, Tensor], features: dict[str, Tensor], what: str) -> dict[str, float]:
    """Frechet distances from the training photographs, in every judge's features."""
    return {
        f"frechet_{name}_{what}": frechet_distance(one, other)
        for (name, one), other in zip(plain(known).items(), plain(features).values(), strict=True)
    }


def plain(features: dict[str, Tensor]) -> dict[str, Tensor]:
    """Features without SqueezeNet's logits."""
    return {name: one[:, : -len(IMAGENETTE)] if name == "squeeze" else one for name, one in features.items()}


def evenly(images: ImageSet, count: int) -> ImageSet:
    """At most `count` images, evenly spaced."""
    return (
        images
        if len(images) <= count
        else images.subset(torch.linspace(0, len(images) - 1, count).round().long().tolist())
    )


def quickly(network: nn.Module, test: ImageSet, train: ImageSet) -> dict[str, float]:
    """The figures that an export writes on a card: `QUICK` samples, AlexNet alone."""
    return photograph_figures(Neural("generator", network, network.classes, "cpu"), train, test, QUICK, deep=False)
