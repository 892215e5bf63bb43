"""The zoo's generator of photographs: a mapping (z, class) -> w, and a light synthesis whose every norm is moved by w.

    B  pictures    Z = z_dim    D = w_dim    S  classes    C  channels

The synthesis follows FastGAN (Liu et al. 2021, "Towards faster and stabilized GAN training"), which Projected GAN
trains: blocks that double the size, gated linear units, gates from coarse maps to fine ones ("skip-layer excitation",
eq. 1). Ours differs: no noise inputs, so that a picture is a map of w alone; batch norm reads gain and bias from w, as
BigGAN's reads them from z and the class; sizes double in a transposed convolution (half the price of one after an
upsampling).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitscope.models.generators.biggan import ConditionalNorm

IMAGENETTE = (
    "tench",
    "English springer",
    "cassette player",
    "chain saw",
    "church",
    "French horn",
    "garbage truck",
    "gas pump",
    "golf ball",
    "parachute",
)


class Mapping(nn.Module):
    """Latent z (B, Z) and class (B,) to w (B, D): a linear part, the class's own place, and what a small network
    adds.
    """

    def __init__(self, z_dim: int, classes: int, w_dim: int, hidden: int = 256):
        super().__init__()
        self.place, self.linear = nn.Embedding(classes, w_dim), nn.Linear(z_dim, w_dim, bias=False)
        self.bend = nn.Sequential(
            nn.Linear(z_dim + w_dim, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, w_dim)
        )
        nn.init.normal_(self.linear.weight, std=z_dim**-0.5)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        place = self.place(labels)
        return (place + self.linear(z) + self.bend(torch.cat([z, place], 1))).float()


class BatchNormalised(torch.autograd.Function):
    """gain (x - mean) / deviation + shift with the batch's statistics; gain and shift (B, C) differ from picture to
    picture.

    Batch norm's own derivative takes three times as long on a CPU with channels_last maps, and the gain's comes for
    free here: with g = dL/dy and h = (x - mean) / deviation, sums of g and g h over a picture's positions give every
    part of it.
    """

    @staticmethod
    def forward(ctx, x: Tensor, gain: Tensor, shift: Tensor, mean: Tensor, precision: Tensor) -> Tensor:
        ctx.save_for_backward(x, gain, mean, precision)
        scale = gain * precision
        return torch.addcmul((shift - scale * mean)[:, :, None, None], x, scale[:, :, None, None])

    @staticmethod
    def backward(ctx, g: Tensor):
        x, gain, mean, precision = ctx.saved_tensors
        of_shift = g.sum((2, 3))  # (B, C)
        of_gain = precision * ((g * x).sum((2, 3)) - mean * of_shift)
        count = x.numel() / x.shape[1]
        first, second = (
            (gain * part).sum(0) / count for part in (of_shift, of_gain)
        )  # (C,) means of gain g and gain g h
        # dL/dx = precision (gain g - first - h second)
        slope = -second * precision.square()
        dx = torch.addcmul((-precision * first - slope * mean)[None, :, None, None], x, slope[None, :, None, None])
        return dx.addcmul_(g, (gain * precision)[:, :, None, None]), of_gain, of_shift, None, None


class MovedNorm(ConditionalNorm):
    """`ConditionalNorm` with a cheaper derivative in training; the same numbers."""

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        if not self.norm.training:
            return super().forward(x, condition)
        gain, shift = self.gain(condition), self.shift(condition)
        with torch.no_grad():
            mean = x.mean((0, 2, 3))
            variance = ((x * x).mean((0, 2, 3)) - mean.square()).clamp_(min=0)
            self.follow(mean, variance, x.numel() / x.shape[1])
        return BatchNormalised.apply(x, gain, shift, mean, (variance + self.norm.eps).rsqrt())

    def follow(self, mean: Tensor, variance: Tensor, count: float) -> None:
        """Keep the running statistics as torch's batch norm keeps them."""
        norm = self.norm
        norm.num_batches_tracked += 1
        share = 1 / norm.num_batches_tracked.item() if norm.momentum is None else norm.momentum
        norm.running_mean.lerp_(mean, share)
        norm.running_var.lerp_(variance * (count / (count - 1)), share)


class Gated(nn.Module):
    """Convolution, norm moved by w, gated linear unit: one layer of units. With `up` the size doubles."""

    def __init__(self, inputs: int, outputs: int, w_dim: int, up: bool = False):
        super().__init__()
        kind = nn.ConvTranspose2d if up else nn.Conv2d
        self.conv = kind(inputs, 2 * outputs, 4 if up else 3, stride=2 if up else 1, padding=1, bias=False)
        self.norm = MovedNorm(2 * outputs, w_dim)
        if up:
            even(self.conv)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x (B, inputs, h, w), w (B, D) -> (B, outputs, h, w), or twice as high and wide."""
        return F.glu(self.norm(self.conv(x), w), 1)


@torch.no_grad()
def even(conv: nn.ConvTranspose2d) -> None:
    """Start a transposed 4 x 4 convolution as nearest upsampling and a 3 x 3 convolution: no checkerboard at first."""
    inputs, outputs = conv.weight.shape[:2]
    start = torch.randn(inputs, outputs, 3, 3) / (9 * inputs) ** 0.5
    kernel = torch.zeros(inputs, outputs, 4, 4)
    for y in (0, 1):
        for x in (0, 1):
            kernel[:, :, y : y + 3, x : x + 3] += start
    conv.weight.copy_(kernel)


class Excitation(nn.Module):
    """Gates (B, C, 1, 1) in (0, 1) for the channels of a fine map, read from a coarse one."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.gates = nn.Sequential(
            nn.AdaptiveAvgPool2d(4),
            nn.Conv2d(inputs, outputs, 4),
            nn.SiLU(),
            nn.Conv2d(outputs, outputs, 1),
            nn.Sigmoid(),
        )

    def forward(self, fine: Tensor, coarse: Tensor) -> Tensor:
        return fine * self.gates(coarse)


class PhotographGAN(nn.Module):
    """w (B, D) -> pictures (B, 3, 64, 64) in [0, 1]; `widths` are the channels from 4 pixels on, one each doubling."""

    classes = IMAGENETTE

    def __init__(self, z_dim: int = 64, w_dim: int = 128, widths: tuple[int, ...] = (256, 160, 96, 48, 24)):
        super().__init__()
        self.z_dim, self.w_dim, self.image_size = z_dim, w_dim, 4 * 2 ** (len(widths) - 1)
        self.mapping = Mapping(z_dim, len(self.classes), w_dim)
        self.register_buffer("w_mean", torch.zeros(len(self.classes), w_dim))
        self.start = nn.Linear(w_dim, 2 * widths[0] * 16)
        self.blocks = nn.ModuleDict()
        for level, (before, width) in enumerate(zip(widths, widths[1:])):
            size = 8 * 2**level
            self.blocks[f"b{size}_0"] = Gated(before, width, w_dim, up=True)
            self.blocks[f"b{size}_1"] = Gated(width, width, w_dim)
        sizes = [4 * 2**level for level in range(len(widths))]
        self.excitations = nn.ModuleDict(
            {
                f"b{fine}_1": Excitation(widths[sizes.index(fine // 8)], widths[sizes.index(fine)])
                for fine in sizes
                if fine >= 32
            }
        )
        self.rgb = nn.Conv2d(widths[-1], 3, 3, padding=1)
        self.unit_layers = tuple(f"blocks.{name}" for name in self.blocks)

    def forward(self, w: Tensor) -> Tensor:
        x = F.glu(self.start(w).view(len(w), -1, 4, 4), 1).contiguous(memory_format=torch.channels_last)
        maps = {4: x}
        for name, block in self.blocks.items():
            x = block(x, w)
            if name in self.excitations:
                x = self.excitations[name](x, maps[x.shape[-1] // 8])
            maps[x.shape[-1]] = x
        return self.rgb(x).float().sigmoid()

    @torch.no_grad()
    def settle(self, count: int = 2048, batch: int = 64, seed: int = 0) -> None:
        """Set what evaluation needs and training does not keep: class means of w, and the norms' mean and variance over
        `count` samples.

        A moving average of weights has activations of its own; statistics of the trained network do not fit it.
        """
        device = self.w_mean.device
        draws = torch.Generator().manual_seed(seed)
        z = torch.randn(count, self.z_dim, generator=draws).to(device)
        for label in range(len(self.classes)):
            self.w_mean[label] = self.mapping(z, torch.full((count,), label, device=device)).mean(0)
        norms = [module for module in self.modules() if isinstance(module, nn.BatchNorm2d)]
        momenta, training = [norm.momentum for norm in norms], self.training
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # a plain mean over batches
        self.train()
        labels = torch.arange(count, device=device) % len(self.classes)
        for rows in torch.arange(count).split(batch):
            self(self.mapping(z[rows], labels[rows]))
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
        self.train(training)
