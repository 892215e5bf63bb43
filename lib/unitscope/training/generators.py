"""How the zoo's generators learn to draw: by distilling the renderer of the critter world, from pictures painted on the
way.

    z  (B, 32) Gaussian latents    c  (B,) species    psi  (B,) truncation    w  (B, D)

Every step draws fresh (z, c): no picture is ever seen twice. The network must draw what the renderer paints, with three
simplifications, since no network can know a hash: one texture seed for all, four phases of a background in the place of
a continuum, and truncated pictures keep their discrete choices (coat, background, objects) while every measure moves
towards its mean. So truncation has a meaning outside the renderer's own latents, and any w nearby is drawn sharply.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from unitscope.data import ImageSet
from unitscope.data.critters import (
    BACKGROUNDS,
    CHUNK,
    COLOURS,
    LATENT,
    NAMES,
    OBJECTS,
    OCCLUDERS,
    PARTS,
    PATTERNS,
    Factors,
    Pictures,
    factors,
    render,
)
from unitscope.data.critters.latent_factors import COORDINATES
from unitscope.metrics import lpips
from unitscope.models.architectures import build
from unitscope.models.weights import fit, read_state
from unitscope.models.zoo import zoo_weights
from unitscope.training.objectives import normalise, place

TEACHER = "critters/resnet_s"  # the eye of the perceptual loss; critters/resnet, the judge, is held out
STAGES = ("layer1", "layer2", "layer3", "layer4")
PHASES = 4
CHOICES = {
    "species": len(NAMES),
    "facing": 2,
    "tongue": 2,
    "colour": len(COLOURS),
    "pattern": len(PATTERNS),
    "background": len(BACKGROUNDS),
    "background_phase": PHASES,
    "object": len(OBJECTS),
    "occluder": len(OCCLUDERS),
}
MEASURES = tuple(name for name in COORDINATES if name not in CHOICES and name != "texture")
CAREFUL = ("ears", "eyes", "snout", "tail", "tongue", "head")  # parts in which species differ: their pixels count most


def truncated(z: Tensor, psi: Tensor) -> Tensor:
    """z (B, Z) whose measures are moved towards their mean, u -> 1/2 + psi (u - 1/2) with u = Phi(z); choices are
    kept.
    """
    columns = torch.tensor([COORDINATES.index(name) for name in MEASURES], device=z.device)
    u = 0.5 + psi[:, None] * (torch.special.ndtr(z[:, columns]) - 0.5)
    moved = z.clone()
    moved[:, columns] = torch.special.ndtri(u.double().clamp(1e-6, 1 - 1e-6)).to(z)
    return moved


def simplified(z: Tensor, labels: Tensor) -> Factors:
    """The renderer's factors with one texture seed and `PHASES` background phases."""
    found = factors(z, labels)
    phase = ((found.background_phase * PHASES).floor().clamp(max=PHASES - 1) + 0.5) / PHASES
    return replace(found, texture=torch.zeros_like(found.texture), background_phase=phase)


def targets(z: Tensor, labels: Tensor, size: int = 64) -> Pictures:
    """What the network is to draw, and the part masks that say where mistakes weigh most."""
    found = simplified(z, labels)
    parts = [render(found.select(rows), size) for rows in torch.arange(len(z), device=z.device).split(CHUNK)]
    return Pictures(torch.cat([p.images for p in parts]), torch.cat([p.masks for p in parts]))


def answers(z: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """What w should tell: measures (B, len(MEASURES)) in [-1, 1], and the number of every choice, {name: (B,)}."""
    found = simplified(z, labels)
    u = torch.special.ndtr(z)
    measures = torch.stack([2 * u[:, COORDINATES.index(name)] - 1 for name in MEASURES], 1)
    chosen = {name: getattr(found, name) for name in CHOICES}
    chosen["facing"] = (chosen["facing"] > 0).long()
    chosen["background_phase"] = (chosen["background_phase"] * PHASES).long()
    return measures, {name: value.long() for name, value in chosen.items()}


class Eye:
    """LPIPS with uniform heads in the stages of a frozen zoo network: what the trainer asks of a drawing."""

    def __init__(self, name: str = TEACHER):
        self.network = build(name)
        fit(self.network, read_state(zoo_weights(name)), name)
        self.network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        self.perceptual = lpips.Perceptual(f"lpips:{name}", self.stages, None, torch.device("cpu"))

    def stages(self, images: Tensor) -> list[Tensor]:
        """Maps of every stage, on the device of the images."""
        net, found = self.network.to(images.device), []
        x = net.act1(net.bn1(net.conv1(normalise(images))))
        for stage in STAGES:
            x = getattr(net, stage)(x)
            found.append(x)
        return found

    def distance(self, drawn: Tensor, truth: Tensor) -> Tensor:
        """LPIPS of drawn and true pictures, over the number of stages: the mean over the pairs."""
        with torch.no_grad():
            known = lpips.unit_maps(self.perceptual, truth, lpips.GRADIENT_FLOOR)
        seen = lpips.unit_maps(self.perceptual, drawn, lpips.GRADIENT_FLOOR)
        return lpips.distance(seen, known).mean() / len(STAGES)


class Distilled(nn.Module):
    """Pictures like the renderer's: weighted L1, distances in a small network's eye, and a w that tells the factors
    linearly.

    Half of every batch is drawn at psi = 1, half at psi in [0.4, 1], where the network stores class means; where it
    does not (BigGAN: truncation shrinks z, and a shrunken z is a z like any other), all at psi = 1. The last term asks
    a linear readout of the network's code (w itself, or what BigGAN's blocks read), thrown away afterwards, for every
    factor, on `asked` further latents; `lessons` steps of it alone come before the first picture. What the zoo keeps is
    the moving average of the weights.
    """

    def __init__(
        self, network: nn.Module, images: ImageSet, asked: int = 256, lessons: int = 2000, momentum: float = 0.998
    ):
        super().__init__()
        self.live, self.average = network, deepcopy(network).requires_grad_(False).eval()
        self.readout = nn.Linear(network.code_dim, len(MEASURES) + sum(CHOICES.values()))
        nn.init.normal_(self.readout.weight, std=0.3)  # a wide readout keeps the code near unit variance
        self.asked, self.lessons, self.momentum, self.eye = asked, lessons, momentum, Eye()
        self.stores_means = "w_mean" in dict(network.named_buffers())
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    @property
    def network(self) -> nn.Module:
        """The averaged network, its class means those of its own mapping."""
        self.refresh_means(self.average, 512)
        return self.average

    @staticmethod
    @torch.no_grad()
    def refresh_means(network: nn.Module, count: int, seed: int = 0) -> None:
        """Set `w_mean` (where it is stored) to the mean w of `count` latents a class."""
        if "w_mean" in dict(network.named_buffers()):
            z = torch.randn(count, LATENT, generator=torch.Generator().manual_seed(seed)).to(place(network))
            for label in range(len(NAMES)):
                network.w_mean[label] = network.mapping(z, torch.full((count,), label, device=z.device)).float().mean(0)

    def loss(self, rows: Tensor, generator: Generator, progress: float) -> Tensor:
        n, device = len(rows), place(self)
        if not self.steps:
            self.take_lessons(generator)
        z = torch.randn(n + self.asked, LATENT, generator=generator).to(device)
        labels = torch.randint(len(NAMES), (len(z),), generator=generator).to(device)
        full = torch.rand(n, generator=generator) < (0.5 if self.stores_means else 2.0)
        psi = torch.where(full, 1.0, 0.4 + 0.6 * torch.rand(n, generator=generator)).to(device)
        truth = targets(truncated(z[:n], psi), labels[:n], self.live.image_size)
        w = self.live.mapping(z, labels).float()
        self.follow_means(w.detach(), labels)
        centre = self.live.w_mean[labels[:n]]
        drawn = self.live(centre + psi[:, None] * (w[:n] - centre))
        shift = torch.randint(
            2, (2,), generator=generator
        ).tolist()  # else the eye's stem of stride 2 rewards a checkerboard
        seen = (picture.roll(shift, (2, 3)) for picture in (drawn, truth.images))
        return (
            4 * self.pixels(drawn, truth) + self.eye.distance(*seen) + 0.2 * self.telling(self.live.code(w), z, labels)
        )

    def follow_means(self, w: Tensor, labels: Tensor) -> None:
        """Let the stored class means follow the batch's."""
        if self.stores_means:
            hot = F.one_hot(labels, len(NAMES)).to(w)
            means = hot.t() @ w / hot.sum(0)[:, None].clamp(min=1)
            self.live.w_mean.lerp_(torch.where(hot.sum(0)[:, None] > 0, means, self.live.w_mean), 0.05)

    @staticmethod
    def pixels(drawn: Tensor, truth: Pictures) -> Tensor:
        """L1, thrice for the critter and five times for the parts that tell species apart."""
        careful = torch.zeros(len(PARTS), device=drawn.device)
        careful[1:] = 3.0
        careful[[PARTS.index(name) for name in CAREFUL]] = 5.0
        weight = torch.where(truth.masks > 0, careful[truth.masks.long()], 1.0)[:, None]
        return (weight * (drawn - truth.images).abs()).sum() / (3 * weight.sum())

    def take_lessons(self, generator: Generator) -> None:
        """Teach the mapping the factors before the first picture, at a hundredth of a step's price each."""
        with torch.autocast(place(self).type, enabled=False):  # autocast would keep its copies of the first weights
            self.lesson_by_lesson(generator, place(self))

    def lesson_by_lesson(self, generator: Generator, device: torch.device) -> None:
        """The lessons in full precision, Adam's rate falling to zero."""
        optimizer = torch.optim.Adam(self.parameters(), lr=2e-3)
        for lesson in range(self.lessons):
            optimizer.param_groups[0]["lr"] = 2e-3 * (1 - lesson / self.lessons)
            z = torch.randn(self.asked, LATENT, generator=generator).to(device)
            labels = torch.randint(len(NAMES), (self.asked,), generator=generator).to(device)
            w = self.live.mapping(z, labels).float()
            self.follow_means(w.detach(), labels)
            optimizer.zero_grad()
            self.telling(self.live.code(w), z, labels).backward()
            optimizer.step()

    def telling(self, code: Tensor, z: Tensor, labels: Tensor) -> Tensor:
        """How badly a linear readout of the code tells the factors: squared error of measures, cross entropy of
        choices.
        """
        with torch.autocast(code.device.type, enabled=False):
            measures, chosen = answers(z, labels)
            told = self.readout(code.float())
            guess, logits = told[:, : len(MEASURES)], told[:, len(MEASURES) :].split(list(CHOICES.values()), 1)
            wrong = sum(F.cross_entropy(row, chosen[name]) for name, row in zip(CHOICES, logits, strict=True)) / len(
                CHOICES
            )
            return 3 * F.mse_loss(guess, measures) + wrong

    @torch.no_grad()
    def after(self, progress: float) -> None:
        self.steps += 1
        momentum = min(self.momentum, (1 + self.steps) / (10 + self.steps))
        for ours, theirs in zip(self.average.parameters(), self.live.parameters(), strict=True):
            ours.lerp_(theirs, 1 - momentum)
        for ours, theirs in zip(self.average.buffers(), self.live.buffers(), strict=True):
            ours.copy_(theirs)


def figures(network: nn.Module, test: ImageSet) -> dict[str, float]:
    """The judge's figures for the card; imported late, since it loads networks of the zoo."""
    from unitscope.training.generators_judge import card_figures

    return card_figures(network, test)
