"""Networks that the project has never seen, as a reader would write them: named "python:own_networks.py:FUNCTION"."""

import torch
import torch.nn.functional as F
from torch import nn

ABOUT = {"input_size": 32, "mean": [0.5] * 3, "std": [0.5] * 3}
CLASSES = ["pika", "hare", "cat", "lynx", "leopard"]


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow pads: more below and on the right."""

    def forward(self, x):
        rows, columns = (self._padding(side, k, s) for side, k, s in zip(x.shape[2:], self.kernel_size, self.stride))
        return F.conv2d(F.pad(x, columns + rows), self.weight, self.bias, self.stride, 0, 1, self.groups)

    @staticmethod
    def _padding(side, kernel, stride):
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        return [total // 2, total - total // 2]


def block(inside, outside, stride):
    """Depthwise and pointwise, each followed by ReLU6, as in an EfficientNet-Lite."""
    return nn.Sequential(
        SameConv(inside, inside, 3, stride, groups=inside), nn.BatchNorm2d(inside), nn.ReLU6(),
        nn.Conv2d(inside, outside, 1), nn.BatchNorm2d(outside), nn.ReLU6(),
    )  # fmt: skip


class Lite(nn.Module):
    """ReLU6 and TF-style padding; `loud` scales the normalised maps until most peaks saturate."""

    def __init__(self, head=True, loud=12.0):
        super().__init__()
        self.stem = nn.Sequential(SameConv(3, 8, 3, 2), nn.BatchNorm2d(8), nn.ReLU6())
        self.blocks = nn.Sequential(block(8, 12, 2), block(12, 16, 2))
        self.classifier = nn.Linear(16, len(CLASSES)) if head else nn.Identity()
        nn.init.constant_(self.blocks[-1][4].weight, loud)

    def forward(self, x):
        return self.classifier(self.blocks(self.stem(x)).mean((2, 3)))


class Residual(nn.Module):
    """One residual stage."""

    def __init__(self, inside, outside):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inside, outside, 3, 2, 1, bias=False), nn.BatchNorm2d(outside)
        self.conv2, self.bn2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False), nn.BatchNorm2d(outside)
        self.short = nn.Conv2d(inside, outside, 1, 2)
        self.relu1, self.relu2 = nn.ReLU(), nn.ReLU()

    def forward(self, x):
        return self.relu2(self.bn2(self.conv2(self.relu1(self.bn1(self.conv1(x))))) + self.short(x))


class Res(nn.Module):
    """A small ResNet, with a linear head, a convolution of 1 x 1 as SqueezeNet's, or none."""

    def __init__(self, head):
        super().__init__()
        self.conv1, self.relu = nn.Conv2d(3, 8, 3, padding=1), nn.ReLU()
        self.layer1, self.layer2, self.layer3 = Residual(8, 12), Residual(12, 16), Residual(16, 20)
        self.head = head

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(self.relu(self.conv1(x)))))
        return self.head(x)


def pooled(*after):
    """Mean over places, then `after`."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), *after)


def seeded(make, seed=1):
    """A network with the same random weights each time, its batch norms fitted to noise."""
    torch.manual_seed(seed)
    network = make().train()
    with torch.no_grad():
        network(torch.randn(16, 3, 32, 32))
    return network.eval()


def lite():
    return seeded(Lite), {**ABOUT, "classes": CLASSES}


def lite_headless():
    return seeded(lambda: Lite(head=False)), ABOUT


def res():
    return seeded(lambda: Res(pooled(nn.Linear(20, len(CLASSES))))), {**ABOUT, "classes": CLASSES}


def res_headless():
    return seeded(lambda: Res(pooled()), 2), ABOUT


def squeezed():
    """Dropout, a 1 x 1 convolution, ReLU, mean over places: SqueezeNet's head."""
    head = nn.Sequential(nn.Dropout(), nn.Conv2d(20, len(CLASSES), 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return seeded(lambda: Res(head), 3), {**ABOUT, "classes": CLASSES}


def stranger():
    """A classifier of things that no generator here draws."""
    return seeded(lambda: Res(pooled(nn.Linear(20, 3)))), {**ABOUT, "classes": ["teapot", "tractor", "trombone"]}


class Painter(nn.Module):
    """A generator of coloured patches; its classes are said where it is built."""

    z_dim = 8

    def __init__(self):
        super().__init__()
        self.up = nn.Sequential(nn.ConvTranspose2d(8, 16, 8), nn.ReLU(), nn.Upsample(scale_factor=4))
        self.paint = nn.Sequential(nn.Conv2d(16, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 3, 1), nn.Sigmoid())
        self.offset = nn.Embedding(3, 8)

    def mapping(self, z, labels):
        return z + self.offset(labels)

    def forward(self, w):
        return self.paint(self.up(w[:, :, None, None]))


def painter():
    torch.manual_seed(5)
    return Painter(), {"classes": ["teapot", "tractor", "trombone"]}
