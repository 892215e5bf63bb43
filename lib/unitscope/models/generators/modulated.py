"""Parts of the style generator: informative latents, shapes moved by w, modulated convolutions.

    B  pictures    Z  latent coordinates    D = w_dim    M  shapes    C  channels

Convolutions are modulated and demodulated as in StyleGAN2 (Karras et al. 2020, eqs. 1 to 3), written as scales of
input and output so that all pictures of a batch share one convolution.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HARMONICS = 6


def harmonics(z: Tensor, count: int = HARMONICS) -> Tensor:
    """z (B, Z) beside sin and cos of k pi Phi(z), k = 1..count: (B, Z (1 + 2 count)); Phi makes a normal number
    uniform.
    """
    turns = torch.special.ndtr(z)[:, :, None] * (math.pi * torch.arange(1, count + 1, device=z.device))
    return torch.cat([z, turns.sin().flatten(1), turns.cos().flatten(1)], 1)


class Mapping(nn.Module):
    """Latent z (B, Z) and class (B,) to w (B, D)."""

    def __init__(self, z_dim: int, classes: int, w_dim: int, hidden: int = 256):
        super().__init__()
        self.species = nn.Embedding(classes, 64)
        width = z_dim * (1 + 2 * HARMONICS) + 64
        self.layers = nn.Sequential(
            nn.Linear(width, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, w_dim),
        )

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        return self.layers(torch.cat([harmonics(z), self.species(labels)], 1)).float()


class Shapes(nn.Module):
    """A layout drawn from w: soft ellipses (as in BlobGAN, Epstein et al. 2022), plane waves (as StyleGAN3's input) and
    learned constants (as StyleGAN2's input).

    w moves, turns and stretches ellipses and waves, and weighs the constants; nothing else in the synthesis knows where
    a pixel is. Ellipse m is sigmoid(sharpness_m (1 - |A_m p - b_m|^2)), wave m is sin(k_m p + phase_m), p in [-1, 1]^2.
    """

    def __init__(self, w_dim: int, size: int, ellipses: int, waves: int, constants: int, hidden: int = 256):
        super().__init__()
        self.size, self.ellipses, self.waves, self.channels = size, ellipses, waves, ellipses + waves + constants
        self.plan = nn.Sequential(
            nn.Linear(w_dim, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
            nn.SiLU(),
            nn.Linear(hidden, ellipses * 6 + waves * 3 + constants),
        )
        self.constants = nn.Parameter(torch.randn(constants, size, size) * 0.5)
        line = (torch.arange(size) + 0.5) * (2 / size) - 1
        y, x = torch.meshgrid(-line, line, indexing="ij")
        self.register_buffer(
            "plane", torch.stack([x.flatten(), y.flatten(), torch.ones(size * size)]), persistent=False
        )
        with torch.no_grad():
            last = self.plan[-1]
            last.weight.mul_(0.5)
            axes = torch.zeros(ellipses, 2, 3)
            axes[:, 0, 0], axes[:, 1, 1] = 2.5 + 2 * torch.rand(ellipses), 2.5 + 2 * torch.rand(ellipses)
            axes[:, :, 2] = torch.randn(ellipses, 2) * 1.2
            rates = torch.cat([torch.randn(waves, 2) * 8, torch.rand(waves, 1) * 6.28], 1)
            last.bias.copy_(torch.cat([axes.flatten(), rates.flatten(), torch.zeros(constants)]))
        self.sharpness = nn.Parameter(torch.full((ellipses, 1), 3.0))

    def forward(self, w: Tensor) -> Tensor:
        """w (B, D) -> (B, M, size, size): ellipses in [0, 1], waves in [-1, 1], weighed constants."""
        with torch.autocast(w.device.type, enabled=False):
            plan = self.plan(w.float())
            forms = plan[:, : self.ellipses * 6].reshape(-1, self.ellipses, 2, 3)
            # |A p + b|^2 as six products with (x^2, xy, y^2, x, y, 1): one matrix product paints all ellipses
            gram = forms.transpose(2, 3) @ forms  # (B, M, 3, 3)
            coefficients = torch.stack(
                [
                    gram[..., 0, 0],
                    2 * gram[..., 0, 1],
                    gram[..., 1, 1],
                    2 * gram[..., 0, 2],
                    2 * gram[..., 1, 2],
                    gram[..., 2, 2] - 1,
                ],
                -1,
            )
            x, y, one = self.plane
            squares = torch.stack([x * x, x * y, y * y, x, y, one])
            ellipses = torch.sigmoid((-self.sharpness * coefficients @ squares).to(self.kind(w)))
            rates, weights = plan[:, self.ellipses * 6 :].split([self.waves * 3, len(self.constants)], 1)
            waves = torch.sin((rates.reshape(-1, self.waves, 3) @ self.plane).to(self.kind(w)))
            constants = weights[:, :, None].to(self.kind(w)) * self.constants.flatten(1).to(self.kind(w))
        return (
            torch.cat([ellipses, waves, constants], 1)
            .view(len(w), -1, self.size, self.size)
            .contiguous(memory_format=torch.channels_last)
        )

    @staticmethod
    def kind(w: Tensor) -> torch.dtype:
        """The number format of the maps: that of the surrounding autocast."""
        return torch.get_autocast_dtype(w.device.type) if torch.is_autocast_enabled(w.device.type) else torch.float32


class Backdrop(nn.Module):
    """The picture behind: a sum of learned pictures, weighed by w, under what the blocks draw.

    Figure and ground in two layers, as in layered generators (Singh et al. 2019, "FineGAN"): picture = alpha figure +
    (1 - alpha) ground, alpha from the last map.
    """

    def __init__(self, w_dim: int, size: int, pictures: int = 96, hidden: int = 256):
        super().__init__()
        self.size = size
        self.weights = nn.Sequential(
            nn.Linear(w_dim, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, pictures)
        )
        self.pictures = nn.Parameter(torch.randn(pictures, 3 * size * size) * 0.1)

    def forward(self, figure: Tensor, w: Tensor) -> Tensor:
        """figure (B, 4, size, size): colour and alpha before their sigmoid; w (B, D) -> pictures (B, 3, size, size) in
        [0, 1].
        """
        ground = (self.weights(w) @ self.pictures).view(-1, 3, self.size, self.size).float().sigmoid()
        colour, alpha = figure.float().sigmoid().split([3, 1], 1)
        return torch.lerp(ground, colour, alpha)


class ModulatedConv(nn.Module):
    """A convolution whose input channels are scaled by w and whose outputs are brought back to unit variance."""

    def __init__(self, inputs: int, outputs: int, w_dim: int, kernel: int = 3, demodulate: bool = True):
        super().__init__()
        self.style = nn.Linear(w_dim, inputs)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, kernel, kernel) / math.sqrt(inputs * kernel**2))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.demodulate = demodulate
        nn.init.normal_(self.style.weight, std=0.5 / math.sqrt(w_dim))
        nn.init.ones_(self.style.bias)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x (B, inputs, h, w), w (B, D) -> (B, outputs, h, w)."""
        style = self.style(w).float()
        y = F.conv2d(x * style[:, :, None, None].to(x.dtype), self.weight, padding=self.weight.shape[-1] // 2)
        bias = self.bias[:, None, None].to(y.dtype)
        if not self.demodulate:
            return y + bias
        power = style.square() @ self.weight.square().sum((2, 3)).t()
        return torch.addcmul(bias, y, (power + 1e-4).rsqrt()[:, :, None, None].to(y.dtype))


class StyledBlock(nn.Module):
    """One modulated convolution and its leaky ReLU: what the book calls a layer of units.

    With `shuffle`, four output channels become one of twice the height and width (Shi et al. 2016).
    """

    def __init__(self, inputs: int, outputs: int, w_dim: int, kernel: int = 3, shuffle: bool = False):
        super().__init__()
        self.conv, self.shuffle = ModulatedConv(inputs, outputs, w_dim, kernel), shuffle
        if shuffle:  # the four start alike: no checkerboard (Aitken et al. 2017)
            self.conv.weight.data = self.conv.weight.data[::4].repeat_interleave(4, 0)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        x = F.leaky_relu(self.conv(x, w), 0.2)
        return F.pixel_shuffle(x, 2) if self.shuffle else x
