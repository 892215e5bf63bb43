"""The second generator of the zoo: residual up-blocks with class- and z-conditional batch norm, as BigGAN-deep.

    w = [z (32) | class embedding (32)]

As in BigGAN-deep (Brock et al. 2019, appendix B) the whole of w reaches every block; unlike there a small network
between w and the batch norms makes the coordinates of z, each of which the critter world reads on its own, into
features.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitscope.data.critters import LATENT, NAMES
from unitscope.models.generators.modulated import HARMONICS, Backdrop, Shapes, harmonics

EMBEDDING = 32


class ConditionalNorm(nn.Module):
    """Batch norm whose gain and bias are read from the condition (B, D)."""

    def __init__(self, channels: int, condition: int):
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.gain, self.shift = nn.Linear(condition, channels), nn.Linear(condition, channels)
        for layer, start in ((self.gain, 1.0), (self.shift, 0.0)):
            nn.init.normal_(layer.weight, std=0.02)
            nn.init.constant_(layer.bias, start)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        gain, shift = (layer(condition)[:, :, None, None].to(x.dtype) for layer in (self.gain, self.shift))
        return torch.addcmul(shift, self.norm(x), gain)


class ResidualBlock(nn.Module):
    """Norm, ReLU, convolution, twice, around a skip; first 1 x 1, then 3 x 3, half of BigGAN-deep's block."""

    def __init__(self, inputs: int, outputs: int, condition: int):
        super().__init__()
        self.norm_0, self.norm_1 = ConditionalNorm(inputs, condition), ConditionalNorm(outputs, condition)
        self.conv_0 = nn.Conv2d(inputs, outputs, 1)
        self.conv_1 = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.skip = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        y = self.conv_0(F.relu(self.norm_0(x, condition)))
        return self.skip(x) + self.conv_1(F.relu(self.norm_1(y, condition)))


class BigGAN(nn.Module):
    """w (B, D) -> pictures (B, 3, 64, 64) in [0, 1]; `widths` are the channels at 8, 16 and 32 pixels, `fine` at 64.

    The layout enters before the first block of a size and nowhere else; the last block sees no layout.
    """

    classes = NAMES

    def __init__(
        self,
        widths: tuple[int, ...] = (128, 128, 64),
        fine: int = 16,
        condition: int = 192,
        ellipses: int = 48,
        waves: int = 24,
        constants: int = 32,
    ):
        super().__init__()
        self.z_dim, self.w_dim, self.image_size = LATENT, LATENT + EMBEDDING, 8 * 2 ** len(widths)
        self.code_dim = condition
        self.species = nn.Embedding(len(NAMES), EMBEDDING)
        width = LATENT * (1 + 2 * HARMONICS) + EMBEDDING
        self.condition = nn.Sequential(
            nn.Linear(width, 256), nn.SiLU(), nn.Linear(256, 256), nn.SiLU(), nn.Linear(256, condition)
        )
        self.shapes = Shapes(condition, self.image_size // 2, ellipses, waves, constants)
        self.blocks, before = nn.ModuleDict(), 0
        for level, channels in enumerate(widths):
            self.blocks[f"b{8 * 2**level}"] = ResidualBlock(before + self.shapes.channels, channels, condition)
            before = channels
        self.up = nn.Conv2d(before, 4 * fine, 3, padding=1)
        self.up.weight.data = self.up.weight.data[::4].repeat_interleave(4, 0)  # no checkerboard (Aitken et al. 2017)
        self.blocks[f"b{self.image_size}"] = ResidualBlock(fine, fine, condition)
        self.norm, self.rgb = nn.BatchNorm2d(fine), nn.Conv2d(fine, 4, 3, padding=1)
        self.backdrop = Backdrop(condition, self.image_size)
        self.unit_layers = tuple(f"blocks.{name}" for name in self.blocks)

    @property
    def w_mean(self) -> Tensor:
        """Class means: z = 0 and the class embedding."""
        return torch.cat([torch.zeros(len(NAMES), LATENT, device=self.species.weight.device), self.species.weight], 1)

    def mapping(self, z: Tensor, labels: Tensor) -> Tensor:
        return torch.cat([z, self.species(labels).float()], 1)

    def code(self, w: Tensor) -> Tensor:
        """What the blocks read of w: the condition (B, code_dim)."""
        return self.condition(torch.cat([harmonics(w[:, :LATENT]), w[:, LATENT:]], 1))

    def forward(self, w: Tensor) -> Tensor:
        condition = self.code(w)
        layouts = [self.shapes(condition)]
        while layouts[-1].shape[-1] > 8:
            layouts.append(F.avg_pool2d(layouts[-1], 2))
        x = layouts.pop()
        for name, block in self.blocks.items():
            if name == f"b{self.image_size}":
                x = F.pixel_shuffle(self.up(x), 2)
            elif name != "b8":
                x = torch.cat([F.interpolate(x, scale_factor=2, mode="nearest"), layouts.pop()], 1)
            x = block(x, condition)
        return self.backdrop(self.rgb(F.relu(self.norm(x))), condition)
