"""The style generator of the zoo: mapping (z, c) -> w, a layout moved by w, modulated convolutions from 8 x 8 to 64 x
64.

In StyleGAN2 and 3's roles (Karras et al. 2020, 2021): style modulation and demodulation, a synthesis without noise
inputs, positions that come from w alone (zero padding aside), truncation towards the class mean as in StyleGAN-XL.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitscope.data.critters import LATENT, NAMES
from unitscope.models.generators.modulated import Backdrop, Mapping, ModulatedConv, Shapes, StyledBlock


class StyleGAN(nn.Module):
    """w (B, D) -> pictures (B, 3, 64, 64) in [0, 1].

    Parameters
    ----------
    w_dim : coordinates of w.
    widths : channels at 8, 16 and 32 pixels, where two convolutions each read the layout; four pixels of the 64 pixel
        level lie in the channels of one pixel at 32, which makes the fine level cheap.
    fine : channels at 64 pixels.
    ellipses, waves, constants : maps of the layout.
    """

    classes = NAMES

    def __init__(
        self,
        w_dim: int = 128,
        widths: tuple[int, ...] = (128, 128, 64),
        fine: int = 24,
        ellipses: int = 64,
        waves: int = 32,
        constants: int = 32,
    ):
        super().__init__()
        self.z_dim, self.w_dim, self.code_dim = LATENT, w_dim, w_dim
        self.image_size = 8 * 2 ** len(widths)
        self.mapping = Mapping(LATENT, len(NAMES), w_dim)
        self.register_buffer("w_mean", torch.zeros(len(NAMES), w_dim))
        self.shapes = Shapes(w_dim, self.image_size // 2, ellipses, waves, constants)
        self.blocks, before = nn.ModuleDict(), 0
        for level, width in enumerate(widths):
            size = 8 * 2**level
            self.blocks[f"b{size}_0"] = StyledBlock(before + self.shapes.channels, width, w_dim, 1)
            self.blocks[f"b{size}_1"] = StyledBlock(width, width, w_dim, 3)
            before = width
        self.blocks[f"b{self.image_size}_up"] = StyledBlock(before, 4 * fine, w_dim, 3, shuffle=True)
        self.blocks[f"b{self.image_size}_1"] = StyledBlock(fine, fine, w_dim, 3)
        self.rgb = ModulatedConv(fine, 4, w_dim, 3, demodulate=False)
        self.backdrop = Backdrop(w_dim, self.image_size)
        self.unit_layers = tuple(f"blocks.{name}" for name in self.blocks)

    def code(self, w: Tensor) -> Tensor:
        """What the synthesis reads of w (B, code_dim): w itself."""
        return w

    def forward(self, w: Tensor) -> Tensor:
        layouts = [self.shapes(w)]
        while layouts[-1].shape[-1] > 8:
            layouts.append(F.avg_pool2d(layouts[-1], 2))
        x = layouts.pop()
        for name, block in self.blocks.items():
            if name.endswith("_0") and name != "b8_0":
                x = torch.cat([F.interpolate(x, scale_factor=2, mode="nearest"), layouts.pop()], 1)
            x = block(x, w)
        return self.backdrop(self.rgb(x, w), w)
