"""A world of coloured patches and a network whose first unit is known to be two detectors in one."""

from __future__ import annotations

from collections import OrderedDict

import pytest
import torch
from torch import nn
from unitscope.data import Batch, ImageSet
from unitscope.models import load_model
from unitscope.papers import pure

SIZE = 16
RED_OR_GREEN, BLUE, DEAD = 0, 1, 2  # units of the layer "upper"


class Patches(ImageSet):
    """`n` black images with a red (label 0) or green (label 1) patch, every other pair of them with a blue one too."""

    def __init__(self, n: int = 60, seed: int = 0):
        self.name, self.classes, self.image_size = f"patches{n}", ("red", "green"), SIZE
        self.labels = torch.arange(n) % 2
        draw = torch.Generator().manual_seed(seed)
        self.images = torch.zeros(n, 3, SIZE, SIZE)
        for index in range(n):
            top, left = torch.randint(0, 4, (2,), generator=draw).tolist()
            light = 0.6 + 0.4 * torch.rand(2, generator=draw)
            self.images[index, index % 2, 4 * top : 4 * top + 4, 4 * left : 4 * left + 4] = light[0]
            if index // 2 % 2:
                other = (top + 1) % 4
                self.images[index, 2, 4 * other : 4 * other + 4, 4 * left : 4 * left + 4] = light[1]

    def load(self, indices):
        order = self.check(indices)
        return Batch(self.images[order], self.labels[order], order)

    def fingerprint(self):
        return self.name


def stage(weights: list[list[float]]) -> nn.Module:
    """A 1 x 1 convolution with the given weights (out, in), and a ReLU."""
    conv = nn.Conv2d(len(weights[0]), len(weights), 1, bias=False)
    conv.weight.data = torch.tensor(weights)[:, :, None, None]
    return nn.Sequential(conv, nn.ReLU())


def network(upper: list[list[float]]) -> nn.Module:
    """Layers "lower", detectors of red, green and blue, and "upper", whose units weigh them."""
    return nn.Sequential(OrderedDict(lower=stage(torch.eye(3).tolist()), upper=stage(upper)))


def wrap(module: nn.Module, layers=("lower", "upper")):
    return load_model(module, device="cpu", input_size=SIZE, preprocess=lambda images: images, layers=list(layers))


def summed():
    """Unit 0 is red plus green; unit 1 shouts about blue, which has nothing to do with it; unit 2 is dead."""
    return wrap(network([[1.0, 1.0, 0.0], [0.0, 0.0, 5.0], [-1.0, -1.0, -1.0]]))


def apart():
    """Three clean units: red, green, and a loud blue."""
    return wrap(network([[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 5.0]]))


def eye(gain: float = 1.0):
    """A judge that sees the mean colour of a crop."""
    return wrap(nn.Sequential(OrderedDict(seen=stage((gain * torch.eye(3)).tolist()))), ["seen"])


@pytest.fixture(scope="session")
def study():
    """Three units of the toy network, twenty references each."""
    return pure.study(summed(), Patches(), "upper", "lower", eye(), eye(2.0), n_units=3, n_ref=20)
