"""StyleGAN2 as its published checkpoints have it (Karras et al. 2020a, 2020b "StyleGAN2-ADA").

    x (n, C, h, w)  maps    w (n, w_dim)    ws (n, num_ws, w_dim), one for each convolution and the last "to RGB"

Convolutions are modulated by scaling their inputs and demodulated by scaling their outputs (eqs. 1 to 3), so that all
pictures of a batch share one convolution. Everything computes in fp32, also blocks that were trained in fp16.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitscope.errors import UnitscopeError
from unitscope.models.generators.official_files import Node
from unitscope.models.generators.style_parts import (
    EPSILON,
    FullyConnected,
    Styled,
    active,
    fir,
    leaky,
    linear_config,
    mapping_config,
)

ARCHITECTURES = ("orig", "skip", "resnet")


class StyledConv(nn.Module):
    """A modulated convolution, its noise, bias and leaky ReLU; `about` as `conv_config` gives it."""

    def __init__(self, about: dict):
        super().__init__()
        inputs, outputs, kernel, taps = (about[key] for key in ("in", "out", "kernel", "taps"))
        self.up, self.gain, self.clamp, self.active = about["up"], about["gain"], about["clamp"], about["active"]
        self.affine = FullyConnected(about["affine"])
        self.weight = nn.Parameter(torch.zeros(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.noisy = about["noise"]
        if self.noisy:
            self.register_buffer("noise_const", torch.zeros(about["resolution"], about["resolution"]))
            self.noise_strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("resample_filter", torch.zeros(taps, taps))

    def forward(self, x: Tensor, w: Tensor, gain: float = 1.0, noise: str = "const") -> Tensor:
        """x (n, in, h, w), w (n, w_dim) -> (n, out, up h, up w); `noise` is "const" (as stored) or "none"."""
        style = self.affine(w)
        y = self.convolve(x * style[:, :, None, None])
        power = style.square() @ self.weight.square().sum((2, 3)).t()
        y = y * (power + EPSILON).rsqrt()[:, :, None, None]
        if self.noisy and noise == "const":
            y = y + self.noise_const * self.noise_strength
        y = y + self.bias[:, None, None]
        gain, clamp = self.gain * gain, None if self.clamp is None else self.clamp * gain
        if self.active:
            return leaky(y, gain, clamp)
        return y * gain if clamp is None else (y * gain).clamp(-clamp, clamp)

    def convolve(self, x: Tensor) -> Tensor:
        """The convolution, after a doubling of the size where `up` is 2 (as a transposed one, then the filter)."""
        kernel, taps = self.weight.shape[-1], len(self.resample_filter)
        if self.up == 1:
            return F.conv2d(x, self.weight, padding=kernel // 2)
        before = kernel // 2 + (taps + self.up - 1) // 2 - (kernel - 1)
        after = kernel // 2 + (taps - self.up) // 2 - (kernel - self.up)
        x = F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=self.up)
        return fir(x, self.resample_filter, pad=(before, after, before, after), gain=self.up**2)


class ToRGB(nn.Module):
    """A modulated 1 x 1 convolution to colours, not demodulated."""

    def __init__(self, about: dict):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(about["out"], about["in"], about["kernel"], about["kernel"]))
        self.bias = nn.Parameter(torch.zeros(about["out"]))
        self.affine, self.gain, self.clamp = FullyConnected(about["affine"]), about["gain"], about["clamp"]

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x (n, in, h, w), w (n, w_dim) -> (n, colours, h, w)."""
        style = self.affine(w) * self.gain
        y = F.conv2d(x * style[:, :, None, None], self.weight, self.bias, padding=self.weight.shape[-1] // 2)
        return y if self.clamp is None else y.clamp(-self.clamp, self.clamp)


class Skip(nn.Module):
    """The way around a residual block: a 1 x 1 convolution, doubled in size."""

    def __init__(self, about: dict):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(about["out"], about["in"], about["kernel"], about["kernel"]))
        self.register_buffer("resample_filter", torch.zeros(about["taps"], about["taps"]))
        self.weight_gain, self.clamp = about["weight_gain"], about["clamp"]

    def forward(self, x: Tensor, gain: float) -> Tensor:
        y = doubled(F.conv2d(x, self.weight * self.weight_gain), self.resample_filter) * gain
        return y if self.clamp is None else y.clamp(-self.clamp * gain, self.clamp * gain)


def doubled(x: Tensor, f: Tensor) -> Tensor:
    """Maps at twice the size, through the filter f (k, k)."""
    before, after = (len(f) + 1) // 2, (len(f) - 2) // 2
    return fir(x, f, up=2, pad=(before, after, before, after), gain=4)


class Block(nn.Module):
    """The layers of one resolution; `about` as `block_config` gives it."""

    def __init__(self, about: dict):
        super().__init__()
        self.residual = about["skip"] is not None
        self.register_buffer("resample_filter", torch.zeros(about["taps"], about["taps"]))
        self.first = about["const"]
        if self.first:
            self.const = nn.Parameter(torch.zeros(self.first))
        self.names = tuple(about["convs"])
        for name, conv in about["convs"].items():
            setattr(self, name, StyledConv(conv))
        self.torgb = ToRGB(about["torgb"]) if about["torgb"] else None
        self.skip = Skip(about["skip"]) if self.residual else None

    def forward(self, x: Tensor | None, picture: Tensor | None, ws: Tensor, noise: str) -> tuple[Tensor, Tensor | None]:
        """Maps and picture of the block before -> those of this one; ws (n, convolutions + 1, w_dim)."""
        around = None
        if self.first:
            x = self.const.expand(len(ws), -1, -1, -1)
        elif self.residual:
            around = self.skip(x, math.sqrt(0.5))
        for number, name in enumerate(self.names):
            gain = math.sqrt(0.5) if self.residual and name == "conv1" else 1.0
            x = getattr(self, name)(x, ws[:, number], gain, noise)
        x = x if around is None else around + x
        if picture is not None:
            picture = doubled(picture, self.resample_filter)
        if self.torgb is not None:
            colours = self.torgb(x, ws[:, len(self.names)])
            picture = colours if picture is None else picture + colours
        return x, picture


class Synthesis(nn.Module):
    """ws (n, num_ws, w_dim) to pictures (n, colours, H, W) around [-1, 1]."""

    def __init__(self, blocks: dict[str, dict]):
        super().__init__()
        self.names = tuple(blocks)
        for name, about in blocks.items():
            setattr(self, name, Block(about))

    def forward(self, ws: Tensor, noise: str = "const") -> Tensor:
        x = picture = None
        at = 0
        for name in self.names:
            block = getattr(self, name)
            x, picture = block(x, picture, ws[:, at : at + len(block.names) + 1], noise)
            at += len(block.names)
        return picture


class StyleGAN2(Styled):
    """The whole network of a configuration; units are the outputs of the styled convolutions."""

    def __init__(self, config: dict):
        units = [f"synthesis.{name}.{conv}" for name, block in config["blocks"].items() for conv in block["convs"]]
        super().__init__(config, Synthesis(config["blocks"]), units)
        if self.num_ws != len(units) + 1:
            raise UnitscopeError(
                f"the checkpoint has {len(units)} convolutions and num_ws {self.num_ws}; one more than convolutions is"
                " needed."
            )


# from a checkpoint


def configure(node: Node) -> dict:
    """The configuration of a StyleGAN2 in a checkpoint, read from what its modules say of themselves."""
    synthesis = node.child("synthesis")
    return {
        "family": "stylegan2",
        "img_resolution": node.integer("img_resolution"),
        "mapping": mapping_config(node.child("mapping")),
        "blocks": {
            f"b{size}": block_config(synthesis.child(f"b{size}")) for size in synthesis.integers("block_resolutions")
        },
    }


def block_config(node: Node) -> dict:
    """One resolution: its convolutions in order, its constant, "to RGB" and skip where it has them."""
    kind = node.get("architecture")
    if kind not in ARCHITECTURES:
        raise UnitscopeError(f"{node.path} has the architecture {kind!r}; known are {', '.join(ARCHITECTURES)}.")
    return {
        "const": node.shape("const", 3) if "const" in node.tensors else None,
        "taps": node.shape("resample_filter", 2)[0],
        "convs": {name: conv_config(node.child(name)) for name in ("conv0", "conv1") if name in node.children},
        "torgb": rgb_config(node.child("torgb")) if "torgb" in node.children else None,
        "skip": skip_config(node.child("skip")) if "skip" in node.children else None,
    }  # fmt: skip


def sizes(node: Node) -> dict:
    """Channels and kernel of a convolution."""
    out, inputs, kernel, _ = node.shape("weight", 4)
    return {"in": inputs, "out": out, "kernel": kernel, "clamp": node.optional("conv_clamp")}


def conv_config(node: Node) -> dict:
    return {
        **sizes(node),
        "resolution": node.integer("resolution"),
        "up": node.integer("up"),
        "noise": bool(node.get("use_noise")),
        "gain": node.number("act_gain"),
        "active": active(node),
        "taps": node.shape("resample_filter", 2)[0],
        "affine": linear_config(node.child("affine")),
    }


def rgb_config(node: Node) -> dict:
    return {**sizes(node), "gain": node.number("weight_gain"), "affine": linear_config(node.child("affine"))}


def skip_config(node: Node) -> dict:
    if active(node) or node.integer("up") != 2 or node.integer("down") != 1 or "bias" in node.tensors:
        raise UnitscopeError(f"{node.path} is no skip that doubles the size, without bias and activation.")
    return {**sizes(node), "weight_gain": node.number("weight_gain"), "taps": node.shape("resample_filter", 2)[0]}
