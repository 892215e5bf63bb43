"""The CIFAR-10 ResNets of He et al. 2016 (section 4.2): 20, 32, 44 and 56 layers, shortcuts without parameters.

B  images    C  channels of a stage: 16, 32, 64 on maps of 32, 16 and 8
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

DEPTHS = (20, 32, 44, 56)
CHANNELS = (16, 32, 64)


class Block(nn.Module):
    """Two 3 x 3 convolutions and a shortcut; where the block halves, it takes every second pixel, and the channels that
    it adds are zero, half of them on each side (option A of the paper).
    """

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1, self.relu1 = nn.BatchNorm2d(outputs), nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2, self.relu2 = nn.BatchNorm2d(outputs), nn.ReLU()
        self.stride, self.added = stride, (outputs - inputs) // 2

    def forward(self, x: Tensor) -> Tensor:
        """x (B, inputs, h, w) -> (B, outputs, h / stride, w / stride)."""
        y = self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x)))))
        if self.stride > 1:
            x = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.added, self.added))
        return self.relu2(x + y)


class CifarResNet(nn.Module):
    """`depth` layers of weights: one convolution, three stages of (depth - 2) / 6 blocks, one linear layer."""

    def __init__(self, depth: int, classes: int = 10):
        super().__init__()
        self.conv1, self.bn1, self.relu = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()
        inputs = CHANNELS[0]
        for number, outputs in enumerate(CHANNELS, 1):
            blocks = [
                Block(inputs if k == 0 else outputs, outputs, 1 + (k == 0 and number > 1))
                for k in range((depth - 2) // 6)
            ]
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
            inputs = outputs
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(CHANNELS[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        """Normalised images (B, 3, 32, 32) -> logits (B, classes)."""
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(self.pool(x).flatten(1))
