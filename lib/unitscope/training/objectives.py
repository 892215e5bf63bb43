"""What each kind of network learns from: labels, two sightings, hidden patches or captions.

An objective owns the modules that are trained; `loss(rows, generator, progress)` is one step's loss on the training
pictures `rows` (B,), `after(progress)` runs when the step is done, `network` is what the zoo keeps. `progress` runs
from 0 to 1. Views are drawn on the processor, the same on every machine, and then moved to where the network is.
"""

from __future__ import annotations

import math
from copy import deepcopy

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn

from unitscope.data.images import ImageSet
from unitscope.models.architectures import critter_tokenize
from unitscope.training.pictures import as_bytes, second_sighting
from unitscope.training.views import random_colours, random_crops, random_greys, random_shifts

MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
View = tuple[int, tuple[float, float]]
NATIVE = {"large": (48, (0.5, 0.9)), "small": (32, (0.25, 0.5))}


def normalise(images: Tensor) -> Tensor:
    """[0, 1] to the ImageNet mean and deviation, which every zoo network takes."""
    return ((images - MEAN.to(images)) / STD.to(images)).contiguous(memory_format=torch.channels_last)


def place(module: nn.Module) -> torch.device:
    """Where a module's parameters are."""
    return next(module.parameters()).device


class Supervised(nn.Module):
    """Cross entropy on the labels, with mirrored, cropped and recoloured pictures.

    `scale`: share of a picture's area in a crop; `shift`: instead of a crop, pixels by which pictures move at most;
    `colours`: as in `random_colours`; `smoothing`: share of a label that goes to all classes alike.
    """

    def __init__(
        self,
        network: nn.Module,
        images: ImageSet,
        scale: tuple[float, float] = (0.6, 1.0),
        shift: int = 0,
        colours: float = 0.1,
        smoothing: float = 0.05,
    ):
        super().__init__()
        self.network, self.scale, self.shift, self.colours, self.smoothing = network, scale, shift, colours, smoothing
        self.pictures, self.labels = as_bytes(images), images.labels

    def loss(self, rows: Tensor, generator: Generator, progress: float) -> Tensor:
        views = self.pictures[rows].float() / 255
        views = (
            random_shifts(views, self.shift, generator)
            if self.shift
            else random_crops(views, views.shape[-1], self.scale, generator)
        )
        views = normalise(random_colours(views, self.colours, generator)).to(place(self))
        return F.cross_entropy(
            self.network(views).float(), self.labels[rows].to(views.device), label_smoothing=self.smoothing
        )

    def after(self, progress: float) -> None:
        """Nothing to do."""


class Head(nn.Module):
    """DINO's projection: three layers, then cosine to prototypes (Caron et al. 2021, section 3.1).

    With batch norm, the paper's option: without it, short trainings with small batches fall to one point.
    """

    def __init__(self, width: int, hidden: int = 256, bottleneck: int = 64, prototypes: int = 512):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(width, hidden),
            nn.BatchNorm1d(hidden),
            nn.GELU(),
            nn.Linear(hidden, hidden),
            nn.BatchNorm1d(hidden),
            nn.GELU(),
            nn.Linear(hidden, bottleneck),
        )
        self.prototypes = nn.Linear(bottleneck, prototypes, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, width) to unit embeddings (B, bottleneck) and their cosines to the prototypes (B, K)."""
        embedding = F.normalize(self.layers(x).float(), dim=1)
        return embedding, F.linear(embedding, F.normalize(self.prototypes.weight, dim=1)).float()


def sinkhorn(logits: Tensor, rounds: int = 3) -> Tensor:
    """Logits (B, K) to assignments (B, K) whose rows sum to 1 and whose columns share the batch evenly.

    The Sinkhorn-Knopp centring of SwAV (Caron et al. 2020) that DINOv2 puts in the place of DINO's moving centre.
    """
    shares = (logits - logits.max()).double().exp()
    for _ in range(rounds):
        shares = shares / shares.sum(0, keepdim=True).clamp(min=1e-30)
        shares = shares / shares.sum(1, keepdim=True)
    return shares.float()


class SelfDistillation(nn.Module):
    """DINO (Caron et al. 2021, algorithm 1) on two sightings of one animal: a student matches an averaged teacher.

    Two large and two small views a sighting pair; the teacher sees the large ones only. To the paper's loss a second
    one is added, which two cores need: of all animals of the batch, the student must point at its own (MoCo v3, Chen et
    al. 2021).

    `large`, `small`: (pixels a side, share of the picture's area) of the views. The defaults are larger than the
    paper's crops; NATIVE ones keep the scale of the picture on average, so that animals have the size that the test
    shows. `colours` moves brightness, contrast and saturation, `hue` the hue (half turns; None: as `colours`), `grey`
    is the share of views without colour: where these are weak, coats tell the animals apart; where they are strong,
    build and pattern do.
    """

    STUDENT_TEMPERATURE, TEACHER_TEMPERATURE, MOMENTUM = 0.1, 0.04, 0.99

    def __init__(
        self,
        network: nn.Module,
        images: ImageSet,
        large: View = (64, (0.6, 1.0)),
        small: View = (32, (0.25, 0.6)),
        colours: float = 0.1,
        hue: float | None = None,
        grey: float = 0.0,
    ):
        super().__init__()
        self.large, self.small, self.colours, self.hue, self.grey = large, small, colours, hue, grey
        self.student = nn.ModuleDict({"network": network, "head": Head(network.num_features)})
        self.teacher = deepcopy(self.student).requires_grad_(False)
        self.first, self.second = as_bytes(images), second_sighting(images)

    @property
    def network(self) -> nn.Module:
        return self.teacher["network"]

    def loss(self, rows: Tensor, generator: Generator, progress: float) -> Tensor:
        sightings = [kept[rows].float() / 255 for kept in (self.first, self.second)]
        large, small = (
            torch.cat([self.view(one, *kind, generator) for one in sightings]) for kind in (self.large, self.small)
        )
        with torch.no_grad():
            places, cosines = self.teacher["head"](self.teacher["network"](large))
            targets = sinkhorn(cosines / self.TEACHER_TEMPERATURE).chunk(2)
        seen = [self.student["head"](self.student["network"](views)) for views in (large, small)]
        embeddings, guesses = ([part for views in seen for part in views[kind].chunk(2)] for kind in (0, 1))
        own = torch.arange(len(rows), device=large.device)
        loss, pairs = 0.0, [(t, s) for t in range(2) for s in range(4) if s != t]
        for t, s in pairs:
            distilled = -(targets[t] * (guesses[s] / self.STUDENT_TEMPERATURE).log_softmax(1)).sum(1).mean()
            pointed = F.cross_entropy(embeddings[s] @ places.chunk(2)[t].T / self.STUDENT_TEMPERATURE, own)
            loss = loss + (distilled + pointed) / len(pairs)
        return loss

    def view(self, images: Tensor, size: int, scale: tuple[float, float], generator: Generator) -> Tensor:
        views = random_colours(random_crops(images, size, scale, generator), self.colours, generator, self.hue)
        return normalise(random_greys(views, self.grey, generator)).to(place(self))

    def after(self, progress: float) -> None:
        momentum = 1 - (1 - self.MOMENTUM) * 0.5 * (1 + math.cos(math.pi * progress))
        with torch.no_grad():
            for ours, theirs in zip(self.teacher.parameters(), self.student.parameters(), strict=True):
                ours.lerp_(theirs, 1 - momentum)
            for ours, theirs in zip(self.teacher.buffers(), self.student.buffers(), strict=True):
                ours.copy_(theirs)


class MaskedPatches(nn.Module):
    """A masked autoencoder (He et al. 2022): a quarter of the patches is seen, the others' normalised pixels are
    guessed.
    """

    SEEN, WIDTH, DEPTH = 0.25, 96, 4

    def __init__(self, network: nn.Module, images: ImageSet):
        super().__init__()
        from timm.models.vision_transformer import Block

        self.network, self.pictures = network, as_bytes(images)
        self.patch = network.patch_embed.patch_size[0]
        tokens = network.patch_embed.num_patches
        self.narrow = nn.Linear(network.embed_dim, self.WIDTH)
        self.hidden = nn.Parameter(torch.zeros(1, 1, self.WIDTH))
        self.places = nn.Parameter(torch.randn(1, tokens + 1, self.WIDTH) * 0.02)
        self.decoder = nn.Sequential(*[Block(self.WIDTH, 4) for _ in range(self.DEPTH)], nn.LayerNorm(self.WIDTH))
        self.pixels = nn.Linear(self.WIDTH, 3 * self.patch**2)

    def loss(self, rows: Tensor, generator: Generator, progress: float) -> Tensor:
        images = normalise(
            random_crops(self.pictures[rows].float() / 255, self.pictures.shape[-1], (0.5, 1.0), generator)
        ).to(place(self))
        net, n = self.network, len(images)
        tokens = net.patch_embed(images)
        tokens = tokens.flatten(1, 2) if tokens.ndim == 4 else tokens
        order = torch.rand(tokens.shape[:2], generator=generator).argsort(1).to(images.device)
        seen = order[:, : int(self.SEEN * tokens.shape[1])]
        tokens = (tokens + net.pos_embed[:, 1:]).gather(1, seen[:, :, None].expand(-1, -1, tokens.shape[2]))
        tokens = torch.cat([(net.cls_token + net.pos_embed[:, :1]).expand(n, -1, -1), tokens], 1)
        code = self.narrow(net.norm(net.blocks(tokens)))
        full = (
            self.hidden.to(code.dtype)
            .repeat(n, order.shape[1], 1)
            .scatter(1, seen[:, :, None].expand(-1, -1, self.WIDTH), code[:, 1:])
        )
        guess = self.pixels(self.decoder(torch.cat([code[:, :1], full], 1) + self.places))[:, 1:]
        target = F.unfold(images.contiguous(), self.patch, stride=self.patch).transpose(1, 2)
        target = (target - target.mean(2, keepdim=True)) / (target.var(2, keepdim=True) + 1e-2).sqrt()
        error = (guess.float() - target).square().mean(2)
        return error.gather(1, order[:, seen.shape[1] :]).mean()

    def after(self, progress: float) -> None:
        """Nothing to do."""


class Captions(nn.Module):
    """CLIP's symmetric cross entropy over a batch of pictures and captions (Radford et al. 2021, figure 3).

    All captions of a batch have one wording: so two captions are equal exactly where they say the same of two pictures.
    """

    def __init__(self, network: nn.Module, images: ImageSet):
        super().__init__()
        self.network, self.pictures = network, as_bytes(images)
        every = torch.arange(len(images))
        self.tokens = torch.stack([critter_tokenize(images.captions(every, variant)) for variant in range(4)], 1)

    def loss(self, rows: Tensor, generator: Generator, progress: float) -> Tensor:
        views = random_crops(
            self.pictures[rows].float() / 255, self.pictures.shape[-1], (0.35, 1.0), generator, mirror=False
        )
        texts = self.tokens[rows, int(torch.randint(4, (), generator=generator))].to(place(self))
        image = self.network.encode_image(normalise(views).to(texts.device), normalize=True).float()
        text = self.network.encode_text(texts, normalize=True).float()
        logits = self.network.logit_scale.exp().clamp(max=100) * image @ text.T
        same = (texts[:, None] == texts[None]).all(2).float()  # equal captions are no mistake
        target = same / same.sum(1, keepdim=True)
        return (
            -(target * logits.log_softmax(1)).sum(1).mean() / 2 - (target * logits.T.log_softmax(1)).sum(1).mean() / 2
        )

    def after(self, progress: float) -> None:
        """Nothing to do."""
