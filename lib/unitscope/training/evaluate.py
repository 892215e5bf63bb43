"""What a zoo network can do: the figures on its card, each beside the same network with random weights.

features  (N, D) pooled penultimate features      labels  (N,)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, StandardScaler
from torch import Tensor, nn

from unitscope.data.critters import BACKGROUNDS, COLOURS, NAMES, PATTERNS, Critters, critter_set
from unitscope.data.critters.latent_factors import caption
from unitscope.data.images import ImageSet
from unitscope.models.architectures import critter_tokenize
from unitscope.training.objectives import normalise

NEIGHBOURS, KNOWN = 5, 12_000
NAMED_BY = {"species": (1,), "colour": (3,), "pattern": (3,), "background": (2,)}  # wordings that hold little else


@torch.no_grad()
def outputs(read, images: ImageSet) -> Tensor:
    """`read` (network input -> (B, D)) on every image of a set, (N, D)."""
    return torch.cat([read(normalise(batch.images)).float() for batch in images.batches(250)])


def pooled(network: nn.Module):
    """The features that a linear classifier would read: patch tokens averaged (ViT), or positions averaged (CNN)."""
    if hasattr(network, "patch_embed"):
        return lambda x: network.forward_features(x)[:, 1:].mean(1)
    return lambda x: network.forward_head(network.forward_features(x), pre_logits=True)


def summary(network: nn.Module):
    """What a network without classes returns: the class token (ViT), on which DINO is trained and judged, or positions
    averaged (CNN).
    """
    return network


def top1(network: nn.Module, test: ImageSet) -> dict[str, float]:
    """Share of test images whose largest logit is their label."""
    return {"top1": accuracy(outputs(network, test).argmax(1), test.labels)}


def accuracy(guess: Tensor, truth: Tensor) -> float:
    """Share of equal entries, rounded to four digits."""
    return round((guess == truth).double().mean().item(), 4)


def probes(network: nn.Module, test: ImageSet, read=pooled) -> dict[str, float]:
    """Five nearest neighbours by cosine, and logistic regression, on the features of 12,000 training images, as
    `read(network)` gives them.
    """
    train = critter_set("train", limit=KNOWN)
    known, asked = (outputs(read(network), images) for images in (train, test))
    nearest = make_pipeline(Normalizer(), KNeighborsClassifier(NEIGHBOURS))
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=400))
    return {
        name: accuracy(
            torch.from_numpy(model.fit(known.numpy(), train.labels.numpy()).predict(asked.numpy())), test.labels
        )
        for name, model in (("knn5", nearest), ("linear", linear))
    }


@torch.no_grad()
def zero_shot(network: nn.Module, test: Critters) -> dict[str, float]:
    """Species, colour and pattern named by the nearest prompt ensemble: all captions that hold the name, averaged."""
    image = F.normalize(outputs(network.encode_image, test), dim=1)
    truth, found = test.factors(range(len(test))), {}
    names = {"species": NAMES, "colour": COLOURS, "pattern": PATTERNS, "background": BACKGROUNDS}
    for factor, values in names.items():
        others = [(one, other) for one in names for other in names if factor not in (one, other) and one < other]
        classes = []
        for value in range(len(values)):
            scenes = [
                {
                    "species": 0,
                    "colour": 0,
                    "pattern": 0,
                    "background": 0,
                    "facing": 1,
                    "tongue": 0,
                    factor: value,
                    one: i,
                    other: j,
                }
                for one, other in others
                for i in range(len(names[one]))
                for j in range(len(names[other]))
            ]
            texts = sorted({caption(scene, variant) for scene in scenes for variant in NAMED_BY[factor]})
            classes.append(network.encode_text(critter_tokenize(texts), normalize=True).mean(0))
        found[f"zero_shot_{factor}"] = accuracy(
            (image @ F.normalize(torch.stack(classes), dim=1).T).argmax(1), getattr(truth, factor)
        )
    return found


def pixel_classifier(images: ImageSet, train: ImageSet) -> Tensor:
    """Which of `images` (N,) ridge regression on their 32 x 32 pixels names right, after training on `train`."""
    known, asked = (
        F.adaptive_avg_pool2d(one.load(range(len(one))).images, 32).flatten(1).numpy() for one in (train, images)
    )
    guess = RidgeClassifier(alpha=300.0).fit(known, train.labels).predict(asked)
    return torch.from_numpy(guess) == images.labels


def confusion(network: nn.Module, images: ImageSet) -> Tensor:
    """Counts (classes, classes): row the label, column what the network says."""
    guess, classes = outputs(network, images).argmax(1), len(images.classes)
    return torch.bincount(images.labels * classes + guess, minlength=classes**2).view(classes, classes)
