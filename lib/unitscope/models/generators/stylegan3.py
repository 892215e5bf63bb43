"""StyleGAN3 (configurations T and R) and StyleGAN-XL (stem and super-resolution) as their checkpoints have them.

    x (n, C, h, w)  maps    w (n, w_dim)    ws (n, num_ws, w_dim): the input's, then one for each layer

Karras et al. (2021), Sauer et al. (2022). Maps are wider than the picture by a margin on each side, which the last
layers cut off; a layer's margin aligns its map with the picture. Layers are run in the order that the checkpoint
states.
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
    fir,
    leaky,
    linear_config,
    mapping_config,
)

TENSORS = ("weight", "bias", "magnitude_ema", "up_filter", "down_filter")


class FourierInput(nn.Module):
    """Plane waves that w turns and shifts, mixed to channels; `about` as `input_config` gives it."""

    def __init__(self, about: dict):
        super().__init__()
        channels = about["channels"]
        self.size, self.rate, self.bandwidth = about["size"], about["rate"], about["bandwidth"]
        self.weight = nn.Parameter(torch.zeros(channels, channels))
        self.affine = FullyConnected(about["affine"])
        self.register_buffer("transform", torch.eye(3))
        self.register_buffer("freqs", torch.zeros(channels, 2))
        self.register_buffer("phases", torch.zeros(channels))

    def forward(self, w: Tensor) -> Tensor:
        """w (n, w_dim) -> (n, channels, height, width)."""
        t = self.affine(w)
        t = t / t[:, :2].norm(dim=1, keepdim=True)
        cos, sin, right, down = t.unbind(1)
        one, zero = torch.ones_like(cos), torch.zeros_like(cos)
        turn = torch.stack([cos, -sin, zero, sin, cos, zero, zero, zero, one], 1).view(-1, 3, 3)
        shift = torch.stack([one, zero, -right, zero, one, -down, zero, zero, one], 1).view(-1, 3, 3)
        whole = turn @ shift @ self.transform
        phases = self.phases + (self.freqs @ whole[:, :2, 2:]).squeeze(2)  # (n, channels)
        freqs = self.freqs @ whole[:, :2, :2]  # (n, channels, 2)
        strength = (1 - (freqs.norm(dim=2) - self.bandwidth) / (self.rate / 2 - self.bandwidth)).clamp(0, 1)
        width, height = self.size
        x, y = (
            ((torch.arange(side, device=w.device, dtype=w.dtype) + 0.5 - side / 2) / self.rate)
            for side in (width, height)
        )
        angle = freqs[:, :, 0, None, None] * x + freqs[:, :, 1, None, None] * y[:, None] + phases[:, :, None, None]
        waves = (2 * math.pi * angle).sin() * strength[:, :, None, None]
        return torch.einsum("nchw,dc->ndhw", waves, self.weight / math.sqrt(self.weight.shape[1]))


class Layer(nn.Module):
    """A modulated convolution between two filters, with the leaky ReLU at a higher rate; `about` from
    `layer_config`.
    """

    def __init__(self, about: dict):
        super().__init__()
        inputs, outputs, kernel = about["in"], about["out"], about["kernel"]
        self.colours, self.clamp, self.pad, self.up, self.down = (
            about[key] for key in ("colours", "clamp", "pad", "up", "down")
        )
        self.affine = FullyConnected(about["affine"])
        self.weight = nn.Parameter(torch.zeros(outputs, inputs, kernel, kernel))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("magnitude_ema", torch.ones(()))
        for name in ("up_filter", "down_filter"):
            self.register_buffer(name, torch.zeros(about[name]) if about[name] else None)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        """x (n, in, h, w), w (n, w_dim) -> (n, out, h', w')."""
        style, weight = self.affine(w), self.weight
        if self.colours:
            style = style / math.sqrt(weight.shape[1] * weight.shape[2] ** 2)
        else:
            weight = weight * weight.square().mean((1, 2, 3), keepdim=True).rsqrt()
            style = style * style.square().mean(1, keepdim=True).rsqrt()
        gain = self.magnitude_ema.rsqrt()
        y = F.conv2d(x * (style * gain)[:, :, None, None], weight, padding=weight.shape[-1] - 1)
        if not self.colours:
            power = style.square() @ weight.square().sum((2, 3)).t()
            y = y * (power + EPSILON).rsqrt()[:, :, None, None]
        y = self.resampled(y + self.bias[:, None, None], self.up_filter, up=self.up, pad=self.pad, gain=self.up**2)
        if self.colours:
            y = y if self.clamp is None else y.clamp(-self.clamp, self.clamp)
        else:
            y = leaky(y, clamp=self.clamp)
        return self.resampled(y, self.down_filter, down=self.down)

    def resampled(self, y: Tensor, f: Tensor | None, **how) -> Tensor:
        """`fir`, where a layer without a filter only pads and cuts."""
        return (
            fir(y, y.new_ones(1) if f is None else f, **how)
            if f is not None or how.get("pad", [0]) != [0, 0, 0, 0]
            else y
        )


class Synthesis(nn.Module):
    """ws (n, num_ws, w_dim) to pictures (n, colours, H, W) around [-1, 1]."""

    def __init__(self, config: dict):
        super().__init__()
        self.input, self.names, self.scale = FourierInput(config["input"]), tuple(config["layers"]), config["scale"]
        for name, about in config["layers"].items():
            setattr(self, name, Layer(about))

    def forward(self, ws: Tensor) -> Tensor:
        x = self.input(ws[:, 0])
        for number, name in enumerate(self.names):
            x = getattr(self, name)(x, ws[:, number + 1])
        return x * self.scale


class StyleGAN3(Styled):
    """The whole network of a configuration; units are the outputs of all layers but the last, which gives colours."""

    def __init__(self, config: dict):
        hidden = {name: about for name, about in config["layers"].items() if not about["colours"]}
        margins = {f"synthesis.{name}": (about["size"] - about["rate"]) // 2 for name, about in hidden.items()}
        super().__init__(config, Synthesis(config), list(margins), margins)
        if self.num_ws != len(config["layers"]) + 1:
            raise UnitscopeError(
                f"the checkpoint has {len(config['layers'])} layers and num_ws {self.num_ws}; one more than layers is"
                " needed."
            )


# from a checkpoint


def configure(node: Node) -> dict:
    """The configuration of a StyleGAN3 or StyleGAN-XL in a checkpoint, read from what its modules say of themselves."""
    synthesis = node.child("synthesis")
    names = synthesis.get("layer_names")
    if not isinstance(names, list) or not all(name in synthesis.children for name in names):
        raise UnitscopeError(f"{synthesis.path}.layer_names of the checkpoint must name its layers, got {names!r}.")
    mapping = mapping_config(node.child("mapping"))
    return {
        "family": "stylegan-xl" if mapping["projected"] else "stylegan3",
        "img_resolution": node.integer("img_resolution"),
        "mapping": mapping,
        "scale": synthesis.number("output_scale"),
        "input": input_config(synthesis.child("input")),
        "layers": {name: layer_config(synthesis.child(name)) for name in names},
    }


def input_config(node: Node) -> dict:
    return {
        "channels": node.integer("channels"), "size": node.integers("size"), "rate": node.number("sampling_rate"),
        "bandwidth": node.number("bandwidth"), "affine": linear_config(node.child("affine")),
    }  # fmt: skip


def layer_config(node: Node) -> dict:
    """One layer; `size` is its map's side, `rate` how much of that side the picture covers."""
    out, inputs, kernel, _ = node.shape("weight", 4)
    filters = {name: list(node.tensors[name].shape) if name in node.tensors else None for name in TENSORS[3:]}
    return {
        "in": inputs,
        "out": out,
        "kernel": kernel,
        "colours": bool(node.get("is_torgb")),
        "clamp": node.optional("conv_clamp"),
        "pad": node.integers("padding"),
        "up": node.integer("up_factor"),
        "down": node.integer("down_factor"),
        **filters,
        "size": node.integers("out_size")[0],
        "rate": node.integer("out_sampling_rate"),
        "affine": linear_config(node.child("affine")),
    }
