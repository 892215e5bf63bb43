"""How near a cycled picture comes to its original (Wehrheim et al. 2024, section 4.2, Fig. 3B, 3C and S1).

    n  held-out pictures    I their picture, J = G(f(r)) the cycled one

Five distances between two pictures or their latents, smaller is nearer: MSE in W, pixel MSE, LPIPS, 1 - SSIM, and
1 - cosine of a self-supervised network's embeddings, in the role of the paper's MoCo v2. Each is compared with three
baselines: another picture of the same class, one of another class, and the class mean.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure as ssim

from unitscope.errors import UnitscopeError
from unitscope.metrics import lpips
from unitscope.models import Generator, VisionModel
from unitscope.papers.linking.link import fit_linear
from unitscope.papers.linking.pairs import LinkedPairs
from unitscope.papers.linking.studies import BATCH, Cycle

DISTANCES = {
    "W": "MSE in W",
    "judge": "self-supervised (1 - cosine)",
    "LPIPS": "LPIPS",
    "pixels": "pixel MSE",
    "SSIM": "1 - SSIM",
}


BASELINES = ("class mean", "same class", "other class")


@dataclass(frozen=True)
class Look:
    """What the eyes saw of n pictures: images (n, 3, H, W), phi (n, P) of LPIPS, seen (n, E) of unit norm."""

    images: Tensor
    phi: Tensor
    seen: Tensor

    def rows(self, rows: Tensor) -> Look:
        """Some of the pictures."""
        return Look(self.images[rows], self.phi[rows], self.seen[rows])


@dataclass(frozen=True)
class Eyes:
    """What pictures are compared with: an LPIPS trunk and a self-supervised network."""

    perceptual: lpips.Perceptual
    judge: VisionModel

    @torch.inference_mode()
    def look(self, images: Tensor) -> Look:
        """Embed pictures (n, 3, H, W), each once."""
        phi = [lpips.phi(self.perceptual, part).cpu() for part in images.split(BATCH)]
        seen = [self.judge.embed(part.to(self.judge.device)).float().cpu() for part in images.split(BATCH)]
        return Look(images, torch.cat(phi), F.normalize(torch.cat(seen), dim=1))

    def between(self, one: Tensor, other: Tensor) -> dict[str, Tensor]:
        """Distances (n,) of pictures (n, 3, H, W), pair by pair."""
        return distances(self.look(one), self.look(other))


def distances(one: Look, other: Look) -> dict[str, Tensor]:
    """Distances (n,) of pictures that were looked at, pair by pair; a single one is compared with all."""
    a, b = torch.broadcast_tensors(one.images, other.images)
    alike = ssim(b.contiguous(), a.contiguous(), data_range=1.0, reduction="none")
    return {
        "judge": 1 - (one.seen * other.seen).sum(1),
        "LPIPS": torch.stack(
            [
                (x - y).square().sum()
                for x, y in zip(one.phi.expand(len(a), -1), other.phi.expand(len(a), -1), strict=True)
            ]
        ),
        "pixels": (a - b).square().mean((1, 2, 3)),
        "SSIM": 1 - alike.reshape(len(a)),
    }


def compare(
    gan: Generator, train: LinkedPairs, test: LinkedPairs, cycled: Cycle, eyes: Eyes, seed: int = 0
) -> dict[str, dict[str, Tensor]]:
    """{distance: {"cycled" | baseline: (n,)}} of every held-out picture.

    Raises
    ------
    UnitscopeError
        If the held-out pairs have no images, or a class has only one of them.
    """
    if test.images is None or int(torch.bincount(test.groups).min()) < 2 or len(test.names) < 2:
        raise UnitscopeError(
            "compare needs images of at least two classes, two pictures each; collect(..., images=True)."
        )
    centres = class_means(train)
    with torch.no_grad():
        mean_images = gan.synthesize(centres.to(gan.device)).cpu()
    same, other = partners(test.groups, seed)
    own = eyes.look(test.images)
    looks = {
        "cycled": eyes.look(cycled.images), "class mean": eyes.look(mean_images).rows(test.groups),
        "same class": own.rows(same), "other class": own.rows(other),
    }  # fmt: skip
    latents = {
        "cycled": cycled.w,
        "class mean": centres[test.groups],
        "same class": test.w[same],
        "other class": test.w[other],
    }
    found = {name: {} for name in DISTANCES}
    for column, look in looks.items():
        found["W"][column] = (test.w.double() - latents[column].double()).square().mean(1)
        for name, distance in distances(own, look).items():
            found[name][column] = distance.double()
    return found


def class_means(pairs: LinkedPairs) -> Tensor:
    """Mean w of every class (classes, D)."""
    return torch.stack([pairs.w[pairs.groups == group].mean(0) for group in range(len(pairs.names))])


def partners(groups: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
    """For each row another row of the same class, and one of another class, both at random: two (n,)."""
    draw = torch.Generator().manual_seed(seed)
    score = torch.rand(len(groups), len(groups), generator=draw)
    alike = groups[:, None] == groups[None, :]
    itself = torch.eye(len(groups), dtype=torch.bool)
    return score.masked_fill(~alike | itself, -1).argmax(1), score.masked_fill(alike, -1).argmax(1)


def timings(gan: Generator, pairs: LinkedPairs, repeats: int = 8, some: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """Processor seconds to fit the link to the pairs, and to draw all their pictures, `repeats` times in turn: two
    (repeats,).

    Drawing is timed on `some` pictures. Both run once before they are timed.
    """
    w = pairs.w[:some].to(gan.device)
    fits, drawings = [], []
    for _ in range(repeats + 1):
        fits.append(fit_linear(pairs.r, pairs.w).seconds)
        start = time.process_time()
        with torch.no_grad():
            gan.synthesize(w)
        drawings.append((time.process_time() - start) * len(pairs) / len(w))
    return np.array(fits[1:]), np.array(drawings[1:])
