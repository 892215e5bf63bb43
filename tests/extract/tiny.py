"""Tiny seeded networks and image sets, in memory."""

from __future__ import annotations

import hashlib

import torch
from timm.models.resnet import BasicBlock, ResNet
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from unitscope.data import Batch, ImageSet
from unitscope.models import load_model

SIZE = 17  # odd on purpose


class Noise(ImageSet):
    """`n` images of uniform noise; counts what is read, and fails or dies when told to."""

    def __init__(self, n: int = 20, size: int = SIZE, seed: int = 0):
        self.name, self.classes, self.image_size = f"noise{n}", (), size
        self.images = torch.rand(n, 3, size, size, generator=torch.Generator().manual_seed(seed))
        self.labels = torch.full((n,), -1)
        self.read, self.trap = [], lambda index: None

    def load(self, indices):
        order = self.check(indices)
        for index in order.tolist():
            self.trap(index)
        self.read += order.tolist()
        return Batch(self.images[order], self.labels[order], order)

    def fingerprint(self):
        return hashlib.sha256(self.images.numpy().tobytes()).hexdigest()[:16]


def stir(network: nn.Module, seed: int = 0) -> nn.Module:
    """Random weights, and batch norms that do something."""
    torch.manual_seed(seed)
    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            module.reset_parameters()
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.running_mean, 0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0.2, 0.2)
    return network


def without_biases(network: nn.Module) -> nn.Module:
    """Positively homogeneous: every convolution and batch norm becomes linear."""
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.zeros_(module.running_mean)
            nn.init.zeros_(module.bias)
        elif getattr(module, "bias", None) is not None:
            nn.init.zeros_(module.bias)
    return network


def resnet(block: type = BasicBlock, classes: int = 4) -> nn.Module:
    """Stages of 9, 5, 3 and 2 pixels a side."""
    network = ResNet(block, (1, 2, 1, 1), num_classes=classes, channels=(8, 8, 12, 16))
    network.conv1, network.maxpool = nn.Conv2d(3, 64, 3, 2, 1, bias=False), nn.Identity()
    return stir(network)


def wrap(network: nn.Module, size: int = SIZE, **options):
    """A VisionModel on the CPU that feeds images to the network as they are."""
    return load_model(network, device="cpu", input_size=size, preprocess=lambda images: images, **options)


def small_vit() -> nn.Module:
    torch.manual_seed(1)
    return VisionTransformer(img_size=16, patch_size=4, embed_dim=12, depth=3, num_heads=2, num_classes=3)


def hooks(model) -> int:
    """Forward hooks and pre-hooks left on a model."""
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.module.modules())
