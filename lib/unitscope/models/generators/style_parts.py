"""What StyleGAN2, StyleGAN3 and StyleGAN-XL share: equalised linear layers, the mapping network, resampling filters.

    z (n, z_dim) latents    c  labels    w (n, w_dim)    ws (n, num_ws, w_dim), one w for each layer    f  a filter

Karras et al. (2019, 2020, 2021), Sauer et al. (2022); written from the mathematics. A network is built from a
configuration (plain numbers, `official.py`) and names its tensors as the published checkpoints do.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitscope.errors import UnitscopeError
from unitscope.models.generators.official_files import Node

EPSILON = 1e-8


def unit_norm(v: Tensor) -> Tensor:
    """v (n, D) over its root mean square."""
    return v * (v.square().mean(1, keepdim=True) + EPSILON).rsqrt()


def leaky(x: Tensor, gain: float = math.sqrt(2), clamp: float | None = None) -> Tensor:
    """Leaky ReLU of slope 0.2, times `gain`, cut to [-clamp, clamp]."""
    x = F.leaky_relu(x, 0.2) * gain
    return x if clamp is None else x.clamp(-clamp, clamp)


def fir(
    x: Tensor, f: Tensor, up: int = 1, down: int = 1, pad: Sequence[int] = (0, 0, 0, 0), gain: float = 1.0
) -> Tensor:
    """Resample maps: zeros after each sample, padding, convolution with f, every `down`-th sample.

    Parameters
    ----------
    x : (n, C, h, w)
    f : (k, k), or (k,) for a filter that is the outer product of itself.
    pad : left, right, top, bottom; negative numbers cut off.
    """
    n, channels, h, w = x.shape
    if up > 1:
        x = F.pad(x.reshape(n, channels, h, 1, w, 1), (0, up - 1, 0, 0, 0, up - 1)).reshape(n, channels, h * up, w * up)
    x = F.pad(x, tuple(pad))
    f = (f * gain ** (f.ndim / 2)).flip(*range(f.ndim)).to(x.dtype)
    if f.ndim == 2:
        return F.conv2d(x, f.expand(channels, 1, *f.shape), stride=down, groups=channels)
    x = F.conv2d(x, f.expand(channels, 1, 1, -1), stride=(1, down), groups=channels)
    return F.conv2d(x, f[:, None].expand(channels, 1, -1, 1), stride=(down, 1), groups=channels)


class FullyConnected(nn.Module):
    """y = x (weight weight_gain)^T + bias bias_gain, then the activation; `about` as `linear_config` gives it."""

    def __init__(self, about: dict):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(about["out"], about["in"]))
        self.bias = nn.Parameter(torch.zeros(about["out"])) if about["bias"] else None
        self.weight_gain, self.bias_gain, self.active = about["weight_gain"], about["bias_gain"], about["active"]

    def forward(self, x: Tensor) -> Tensor:
        """x (n, in) -> (n, out)."""
        bias = None if self.bias is None else self.bias * self.bias_gain
        y = F.linear(x, self.weight * self.weight_gain, bias)
        return leaky(y) if self.active else y


def linear_config(node: Node) -> dict:
    """The configuration of a linear layer in a checkpoint."""
    out, inputs = node.shape("weight", 2)
    return {
        "in": inputs, "out": out, "bias": "bias" in node.tensors, "active": active(node),
        "weight_gain": node.number("weight_gain"), "bias_gain": node.number("bias_gain"),
    }  # fmt: skip


def active(node: Node) -> bool:
    """Whether a layer ends in the leaky ReLU."""
    found = node.get("activation", "linear")
    if found not in ("linear", "lrelu"):
        raise UnitscopeError(f"{node.path} has the activation {found!r}; 'linear' and 'lrelu' are known.")
    return found == "lrelu"


class StyleMapping(nn.Module):
    """z and the label to w; `about` as `mapping_config` gives it.

    A class enters as an embedding of its one-hot vector, or (StyleGAN-XL) as a row of features of a classifier,
    projected. `w_avg` is one mean w, or one for each class.
    """

    def __init__(self, about: dict):
        super().__init__()
        self.z_dim, self.c_dim, self.w_dim, self.num_ws = (about[key] for key in ("z_dim", "c_dim", "w_dim", "num_ws"))
        self.projected = about["projected"]
        width = self.z_dim
        if self.projected:
            self.embed = nn.Embedding(about["rows"], about["embed_proj"]["in"])
            self.embed_proj = FullyConnected(about["embed_proj"])
            width += about["embed_proj"]["out"]
        elif about["embed"]:
            self.embed = FullyConnected(about["embed"])
            width += about["embed"]["out"]
        self.count = len(about["layers"])
        for number, layer in enumerate(about["layers"]):
            if layer["in"] != width:
                raise UnitscopeError(f"mapping.fc{number} reads {layer['in']} numbers, but {width} come.")
            setattr(self, f"fc{number}", FullyConnected(layer))
            width = layer["out"]
        if width != self.w_dim:
            raise UnitscopeError(f"the mapping gives {width} numbers instead of w_dim {self.w_dim}.")
        self.register_buffer("w_avg", torch.zeros(about["w_avg"]))

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """z (n, z_dim) and labels (n,) int64, or conditions (n, c_dim), to w (n, w_dim), not truncated."""
        x = unit_norm(z)
        if self.projected:
            numbers = labels if labels.ndim == 1 else labels.argmax(1)
            x = torch.cat([x, unit_norm(self.embed_proj(self.embed(numbers)))], 1)
        elif self.c_dim:
            condition = F.one_hot(labels, self.c_dim).to(z.dtype) if labels.ndim == 1 else labels
            x = torch.cat([x, unit_norm(self.embed(condition))], 1)
        for number in range(self.count):
            x = getattr(self, f"fc{number}")(x)
        return x

    @property
    def means(self) -> Tensor:
        """(max(c_dim, 1), w_dim): what truncation of each class pulls towards."""
        return self.w_avg.expand(max(self.c_dim, 1), -1) if self.w_avg.ndim == 1 else self.w_avg

    def styles(self, z: Tensor, labels: Tensor, psi: float = 1.0, cutoff: int | None = None) -> Tensor:
        """ws (n, num_ws, w_dim): w_avg + psi (w - w_avg) for the first `cutoff` layers (default all), w for the
        others.
        """
        w = self(z, labels)
        numbers = torch.zeros_like(labels) if not self.c_dim and labels.ndim == 1 else labels
        numbers = (
            numbers
            if numbers.ndim == 1
            else numbers.argmax(1)
            if self.c_dim
            else z.new_zeros(len(z), dtype=torch.int64)
        )
        pulled = torch.lerp(self.means[numbers], w, psi) if psi != 1 else w
        kept = self.num_ws if cutoff is None else cutoff
        return torch.where(torch.arange(self.num_ws, device=w.device)[:, None] < kept, pulled[:, None], w[:, None])


def mapping_config(node: Node) -> dict:
    """The configuration of a mapping network in a checkpoint."""
    embed, projected = node.children.get("embed"), "embed_proj" in node.children
    return {
        **{key: node.integer(key) for key in ("z_dim", "c_dim", "w_dim", "num_ws")},
        "projected": projected,
        "rows": embed.shape("weight", 2)[0] if projected else 0,
        "embed_proj": linear_config(node.child("embed_proj")) if projected else None,
        "embed": linear_config(embed) if embed and not projected else None,
        "layers": [linear_config(node.child(f"fc{number}")) for number in range(node.integer("num_layers"))],
        "w_avg": list(node.tensor("w_avg").shape),
    }  # fmt: skip


class Styled(nn.Module):
    """A mapping and a synthesis behind what `Neural` asks of a network; w is one for all layers, or one for each.

    A family gives `synthesis(ws)` -> pictures as they were trained, about [-1, 1], and `unit_layers`, `margins`.
    """

    def __init__(self, config: dict, synthesis: nn.Module, units: Sequence[str], margins: dict[str, int] | None = None):
        super().__init__()
        self.mapping = StyleMapping(config["mapping"])
        self.synthesis = synthesis
        self.z_dim, self.w_dim, self.num_ws = self.mapping.z_dim, self.mapping.w_dim, self.mapping.num_ws
        self.image_size, self.unit_layers, self.margins = config["img_resolution"], tuple(units), margins or {}
        self.classes = max(self.mapping.c_dim, 1)

    @property
    def w_mean(self) -> Tensor:
        return self.mapping.means

    def forward(self, w: Tensor) -> Tensor:
        """w (n, w_dim) or (n, num_ws, w_dim) -> pictures (n, 3, H, W) in [0, 1]."""
        ws = w[:, None].expand(-1, self.num_ws, -1) if w.ndim == 2 else w
        return to_pictures(self.synthesis(ws))


def to_pictures(raw: Tensor) -> Tensor:
    """(n, 1 or 3, H, W) around [-1, 1] as colours (n, 3, H, W) in [0, 1]; a network's overshoot is cut off."""
    return ((raw + 1) / 2).clamp(0, 1).expand(-1, 3, -1, -1)
