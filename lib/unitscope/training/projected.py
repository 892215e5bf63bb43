"""The projected discriminator (Sauer et al. 2021, "Projected GANs converge faster", sections 3 and 4).

    B  pictures    stage 1..4  maps of the frozen network at 1/4, 1/8, 1/16, 1/32 of the side    C_l  mixed channels

Pictures are looked at by a frozen ImageNet network, EfficientNet-Lite0 as in the paper. Its stages are mixed by random
convolutions that are never trained: across channels, then from coarse to fine across scales. Four small discriminators
with spectral norm judge one mixed map each; the class enters each as a projection (Miyato and Koyama 2018, eq. 3).
Ours differs: stages are brought to unit variance on real pictures first, and the discriminators carry group norm in the
place of batch norm, so that a logit depends on its own picture alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights
from torch.nn.utils.parametrizations import spectral_norm

from unitscope.models.packaged import load_lite

CHANNELS = (24, 40, 112, 320)  # EfficientNet-Lite0 at the ends of its blocks 1, 2, 4, 6
ENDS = (1, 2, 4, 6)
MIXED = (64, 64, 128, 256)
GROUPS = 8  # of the discriminators' group norms


class Stages(nn.Module):
    """Pictures (B, 3, H, W) in [-1, 1] -> the four stages of a frozen network, batch norms folded into the
    convolutions.

    [-1, 1] is what EfficientNet-Lite takes (mean and deviation 0.5).
    """

    def __init__(self, network: nn.Module):
        super().__init__()
        self.stem = nn.Sequential(network.conv_stem, network.bn1)
        self.blocks = nn.ModuleList(network.blocks)
        fold(self)
        self.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> list[Tensor]:
        x, found = self.stem(images.contiguous(memory_format=torch.channels_last)), []
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in ENDS:
                found.append(x)
        return found


def fold(module: nn.Module) -> None:
    """Put every batch norm of timm's `BatchNormAct2d` that follows a convolution into that convolution; its activation
    stays.
    """
    conv = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.Conv2d):
            conv = child
        elif isinstance(child, nn.BatchNorm2d) and conv is not None:
            conv.weight, conv.bias = fuse_conv_bn_weights(
                conv.weight, conv.bias, child.running_mean, child.running_var, child.eps, child.weight, child.bias
            )
            setattr(module, name, getattr(child, "act", nn.Identity()))
            conv = None
        else:
            fold(child)


class Mixing(nn.Module):
    """Random mixing across channels and scales: four stages -> four maps of `MIXED` channels, finest first; never
    trained.
    """

    def __init__(self, channels: Sequence[int] = CHANNELS, mixed: Sequence[int] = MIXED):
        super().__init__()
        self.across_channels = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in zip(channels, mixed, strict=True))
        self.across_scales = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in zip(mixed, mixed[1:]))
        for conv in [*self.across_channels, *self.across_scales]:
            nn.init.kaiming_normal_(conv.weight, nonlinearity="linear")
            nn.init.zeros_(conv.bias)
        for number, wide in enumerate(channels):
            self.register_buffer(f"mean_{number}", torch.zeros(wide))
            self.register_buffer(f"scale_{number}", torch.ones(wide))
        self.requires_grad_(False)

    def calibrate(self, stages: Sequence[Tensor]) -> None:
        """Learn each stage channel's mean and deviation from real pictures."""
        for number, stage in enumerate(stages):
            getattr(self, f"mean_{number}").copy_(stage.mean((0, 2, 3)))
            getattr(self, f"scale_{number}").copy_(1 / stage.std((0, 2, 3)).clamp(min=1e-3))

    def forward(self, stages: Sequence[Tensor]) -> list[Tensor]:
        maps = []
        for number, (stage, conv) in enumerate(zip(stages, self.across_channels, strict=True)):
            mean, scale = getattr(self, f"mean_{number}"), getattr(self, f"scale_{number}")
            weight = conv.weight * scale[None, :, None, None]  # the standardisation, in the convolution
            maps.append(F.conv2d(stage, weight, conv.bias - (weight.flatten(1) @ mean)))
        for number in reversed(range(len(maps) - 1)):
            coarse = self.across_scales[number](maps[number + 1])
            maps[number] = (
                maps[number] + F.interpolate(coarse, size=maps[number].shape[2:], mode="bilinear", align_corners=False)
            ) / 2**0.5
        return maps


class Head(nn.Module):
    """One discriminator: halvings down to the size of the coarsest map, then a logit for each place, moved by the
    class.
    """

    def __init__(self, channels: int, halvings: int, classes: int, width: int = 128):
        super().__init__()
        layers, before = [], channels
        for number in range(halvings):
            after = min(width, 64 * 2**number)
            layers += [
                spectral_norm(nn.Conv2d(before, after, 4, stride=2, padding=1)),
                nn.GroupNorm(GROUPS, after),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            before = after
        self.body = nn.Sequential(
            *layers,
            spectral_norm(nn.Conv2d(before, width, 3, padding=1)),
            nn.GroupNorm(GROUPS, width),
            nn.LeakyReLU(0.2, inplace=True),
        )
        self.plain = spectral_norm(nn.Conv2d(width, 1, 1))
        self.of_class = spectral_norm(nn.Embedding(classes, width))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """(B, channels, h, w), (B,) -> logits (B, h', w')."""
        h = self.body(x)
        return (self.plain(h) + (h * self.of_class(labels)[:, :, None, None]).sum(1, keepdim=True))[:, 0]


class Heads(nn.Module):
    """The four discriminators, finest map first."""

    def __init__(self, classes: int, mixed: Sequence[int] = MIXED):
        super().__init__()
        self.heads = nn.ModuleList(
            Head(channels, len(mixed) - 1 - number, classes) for number, channels in enumerate(mixed)
        )

    def forward(self, maps: Sequence[Tensor], labels: Tensor) -> list[Tensor]:
        return [head(x, labels) for head, x in zip(self.heads, maps, strict=True)]


def hinge(real: Sequence[Tensor], drawn: Sequence[Tensor]) -> Tensor:
    """What the discriminators minimise (Lim and Ye 2017), a mean over discriminators: 2 where they know nothing."""
    return sum(F.relu(1 - r).mean() + F.relu(1 + d).mean() for r, d in zip(real, drawn, strict=True)) / len(real)


def persuasion(drawn: Sequence[Tensor]) -> Tensor:
    """What the generator minimises: minus the mean logit of what it drew."""
    return -sum(d.mean() for d in drawn) / len(drawn)


def shortfall(real: Sequence[Tensor], drawn: Sequence[Tensor], labels: Tensor) -> Tensor:
    """How much less drawn pictures of one class differ than photographs of it do, 0 (as much or more) to 1 (not at
    all).

    1 - s / s', not below 0, averaged over maps; s and s' are the deviations within classes of drawn and real pictures,
    averaged over channels and places. In the spirit of Mao et al. 2019 ("Mode seeking GANs"): a discriminator that
    judges one picture at a time lets a class of few training steps fall into one picture.
    """
    return sum(
        F.relu(1 - within(d, labels) / within(r, labels).detach()) for r, d in zip(real, drawn, strict=True)
    ) / len(real)


def within(maps: Tensor, labels: Tensor) -> Tensor:
    """The deviation within classes of maps (B, C, h, w): the root of the mean square around the class's mean in this
    batch.
    """
    flat = maps.flatten(1)
    hot = F.one_hot(labels).to(flat)  # (B, S)
    counts = hot.sum(0).clamp(min=1)
    apart = flat - hot @ ((hot.t() @ flat) / counts[:, None])
    free = (len(flat) - (hot.sum(0) > 0).sum()).clamp(min=1)
    return (apart.square().sum(0) / free).mean().add(1e-8).sqrt()


def lite_stages() -> Stages:
    """The frozen network of the recipe: EfficientNet-Lite0 with ImageNet weights from its package."""
    return Stages(load_lite(0))
