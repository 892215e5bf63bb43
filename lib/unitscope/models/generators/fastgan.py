"""FastGAN as Projected GAN's checkpoints have it (Liu et al. 2021, Sauer et al. 2021 "Projected GANs").

    z (n, z_dim)    y (n, z_dim)  embedding of the class    w = z, or [z | y] with classes    x (n, C, h, w)  maps

There is no mapping network: z is brought to unit length and spread to 4 x 4 pixels; each block doubles the size. The
official code draws noise at every call; here noise is zero unless it is given, so that a picture is a map of w.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitscope.errors import UnitscopeError
from unitscope.models.generators.official_files import Node
from unitscope.models.generators.style_parts import to_pictures, unit_norm

SMALLEST = 128  # pictures of the official code
EXCITED_BY = {64: 4, 128: 8, 256: 16, 512: 32}  # skip-layer excitation: size of a map, size of what scales it
IDLE = ("num_batches_tracked",)  # tensors that evaluation has no use for


class Norm(nn.Module):
    """Batch norm by stored statistics; gain and shift are stored, or read from y."""

    def __init__(self, about: dict):
        super().__init__()
        channels, width, self.eps = about["channels"], about["condition"], about["eps"]
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.conditional = width > 0
        if self.conditional:
            self.gain, self.bias = nn.Linear(width, channels), nn.Linear(width, channels)
        else:
            self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, y: Tensor | None) -> Tensor:
        if not self.conditional:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)
        x = F.batch_norm(x, self.running_mean, self.running_var, eps=self.eps)
        return x * (1 + self.gain(y))[:, :, None, None] + self.bias(y)[:, :, None, None]


class Noise(nn.Module):
    """Adds given noise (n, 1, h, w) with a learned weight."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor, noise: Tensor | None) -> Tensor:
        return x if noise is None else x + self.weight * noise


class Gate(nn.Module):
    """One half of the channels, gated by the other; its outputs are the units."""

    def forward(self, x: Tensor) -> Tensor:
        return F.glu(x, 1)


class Start(nn.Module):
    """z to 4 x 4 pixels."""

    def __init__(self, about: dict):
        super().__init__()
        self.conv = nn.ConvTranspose2d(about["in"], about["out"], 4, bias=False)
        self.bn, self.act = Norm(about["bn"]), Gate()

    def forward(self, z: Tensor) -> Tensor:
        return self.act(self.bn(self.conv(z[:, :, None, None]), None))


class UpBlock(nn.Module):
    """Twice the size, then convolution, noise, norm and gate, once (lite) or twice; `about` as `block_config` gives
    it.
    """

    def __init__(self, about: dict):
        super().__init__()
        self.count = len(about["halves"])
        for number, half in enumerate(about["halves"], 1):
            setattr(self, f"conv{number}", nn.Conv2d(half["in"], half["out"], 3, padding=1, bias=False))
            setattr(self, f"noise{number}", Noise() if half["noise"] else None)
            setattr(self, f"bn{number}", Norm(half["bn"]))
            setattr(self, f"act{number}", Gate())

    def forward(self, x: Tensor, y: Tensor | None, noises: Mapping[int, Tensor]) -> Tensor:
        """x (n, in, h, w) -> (n, out, 2 h, 2 w); `noises` by the number of the convolution."""
        x = F.interpolate(x, scale_factor=2, mode="nearest")
        for number in range(1, self.count + 1):
            conv, noise, bn, act = (getattr(self, f"{part}{number}") for part in ("conv", "noise", "bn", "act"))
            x = conv(x)
            x = act(bn(x if noise is None else noise(x, noises.get(number)), y))
        return x


class Excitation(nn.Module):
    """A large map times what a small one says of each channel."""

    def __init__(self, about: dict):
        super().__init__()
        self.conv1 = nn.Conv2d(about["in"], about["out"], 4, bias=False)
        self.conv2 = nn.Conv2d(about["out"], about["out"], 1, bias=False)

    def forward(self, small: Tensor, big: Tensor) -> Tensor:
        return big * self.conv2(F.silu(self.conv1(F.adaptive_avg_pool2d(small, 4)))).sigmoid()


class Synthesis(nn.Module):
    """z (n, z_dim) and y to pictures (n, colours, H, W) around [-1, 1]."""

    def __init__(self, config: dict):
        super().__init__()
        self.sizes, self.z_dim = [int(size) for size in config["blocks"]], config["z_dim"]
        self.embed = nn.Embedding(*config["embed"]) if config["embed"] else None
        self.init = Start(config["init"])
        for size, about in config["blocks"].items():
            setattr(self, f"feat_{size}", UpBlock(about))
        for size, about in config["excitations"].items():
            setattr(self, f"se_{size}", Excitation(about))
        self.to_big = nn.Conv2d(
            config["to_big"]["in"], config["to_big"]["out"], 3, padding=1, bias=config["to_big"]["bias"]
        )

    def forward(self, w: Tensor, noises: Mapping[str, Tensor] | None = None) -> Tensor:
        """w (n, z_dim) or (n, 2 z_dim); `noises` by "feat_8.noise1" and the like, zero where none is given."""
        y, given = (w[:, self.z_dim :] if self.embed is not None else None), noises or {}
        maps = {4: self.init(unit_norm(w[:, : self.z_dim]))}
        for size in self.sizes:
            own = {number: given[key] for number in (1, 2) if (key := f"feat_{size}.noise{number}") in given}
            x = getattr(self, f"feat_{size}")(maps[size // 2], y, own)
            maps[size] = getattr(self, f"se_{size}")(maps[EXCITED_BY[size]], x) if size in EXCITED_BY else x
        return self.to_big(maps[self.sizes[-1]])


class Latents(nn.Module):
    """z and the label to w: z itself, or z beside the class's embedding."""

    def __init__(self, embed: nn.Embedding | None):
        super().__init__()
        self.table = [embed]  # the synthesis owns it

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        (embed,) = self.table
        return z if embed is None else torch.cat([z, embed(labels if labels.ndim == 1 else labels.argmax(1))], 1)

    def styles(self, z: Tensor, labels: Tensor, psi: float = 1.0, cutoff: int | None = None) -> Tensor:
        """w as (n, 1, w_dim); there is no truncation, since z is brought to unit length."""
        return self(z, labels)[:, None]


class FastGAN(nn.Module):
    """The whole network of a configuration; units are the outputs of the gates, behind each convolution."""

    num_ws = 1
    margins: dict[str, int] = {}

    def __init__(self, config: dict):
        super().__init__()
        self.synthesis = Synthesis(config)
        self.mapping = Latents(self.synthesis.embed)
        self.z_dim, self.image_size, self.classes = config["z_dim"], config["img_resolution"], max(config["c_dim"], 1)
        self.w_dim = self.z_dim * (2 if config["embed"] else 1)
        gates = [
            f"synthesis.feat_{size}.act{number}"
            for size, about in config["blocks"].items()
            for number in range(1, len(about["halves"]) + 1)
        ]
        self.unit_layers = ("synthesis.init.act", *gates)

    @property
    def w_mean(self) -> Tensor:
        embed = self.synthesis.embed
        zero = self.synthesis.to_big.weight.new_zeros(self.classes, self.z_dim)
        return zero if embed is None else torch.cat([zero, embed.weight[: self.classes]], 1)

    def forward(self, w: Tensor) -> Tensor:
        """w (n, w_dim) or (n, 1, w_dim) -> pictures (n, 3, H, W) in [0, 1]."""
        return to_pictures(self.synthesis(w[:, 0] if w.ndim == 3 else w))


# from a checkpoint


def configure(node: Node) -> tuple[dict, dict[str, Tensor]]:
    """Configuration and tensors of a FastGAN in a checkpoint; blocks beyond the resolution have no use and are left
    out.
    """
    synthesis, resolution = node.child("synthesis"), node.integer("img_resolution")
    sizes = [2**power for power in range(3, resolution.bit_length())]
    if resolution < SMALLEST or sizes[-1] != resolution:
        raise UnitscopeError(f"a FastGAN draws powers of two from {SMALLEST} px on, the checkpoint says {resolution}.")
    children = {name: child for name, child in synthesis.children.items() if _size(name) <= resolution}
    renamed = Node(
        synthesis.kind,
        synthesis.path,
        synthesis.attributes,
        synthesis.tensors,
        {name: _renamed(name, child) for name, child in children.items()},
    )
    embed, to_big, start = renamed.children.get("embed"), renamed.child("to_big"), renamed.child("init")
    blocks = {str(size): block_config(renamed.child(f"feat_{size}")) for size in sizes}
    config = {
        "family": "fastgan",
        "img_resolution": resolution,
        "z_dim": node.integer("z_dim"),
        "c_dim": node.integer("c_dim") if embed else 0,
        "embed": embed.shape("weight", 2) if embed else None,
        "init": {
            "in": start.child("conv").shape("weight", 4)[0],
            "out": start.child("conv").shape("weight", 4)[1],
            "bn": norm_config(start.child("bn")),
        },
        "blocks": blocks,
        "excitations": {
            str(size): _channels(renamed.child(f"se_{size}").child("conv1")) for size in sizes if size in EXCITED_BY
        },
        "to_big": {**_channels(to_big), "bias": "bias" in to_big.tensors},
    }
    return config, dict(renamed.state("synthesis."))


def _size(name: str) -> int:
    """The size in "feat_256" and "se_256"; 0 of other names."""
    return (
        int(name.rpartition("_")[2]) if name.startswith(("feat_", "se_")) and name.rpartition("_")[2].isdecimal() else 0
    )


def _renamed(name: str, node: Node) -> Node:
    """A child of the synthesis under our names: numbered parts become conv1, noise1, bn1, conv2, ..."""
    inner = node.children.get("main") or node.children.get("init") or node
    parts: dict[str, Node] = {}
    for key, child in inner.children.items():
        kind = {
            "Conv2d": "conv",
            "ConvTranspose2d": "conv",
            "BatchNorm2d": "bn",
            "CCBN": "bn",
            "NoiseInjection": "noise",
        }.get(child.kind)
        if kind is None:
            if dict(child.state()):
                raise UnitscopeError(
                    f"{child.path} of the checkpoint is a {child.kind} with tensors, which no FastGAN has."
                )
        elif key[-1] in "12" and key[:-1] == kind:
            parts[key] = _plain(child)
        else:
            number = 1 + sum(part.startswith(kind) for part in parts)
            parts[kind if name == "init" else f"{kind}{number}"] = _plain(child)
    if "conv2" in parts and "noise1" in parts and "noise2" not in parts:  # one for both
        parts["noise2"] = Node(
            "NoiseInjection", parts["noise1"].path, {}, {"weight": parts["noise1"].tensor("weight").clone()}, {}
        )
    return Node(node.kind, node.path, node.attributes, {}, parts) if parts else _plain(node)


def _plain(node: Node) -> Node:
    """A module whose weight is freed from spectral norm, W / (u . W v), and whose statistics have one name."""
    tensors = dict(_named(node))
    if "weight_orig" in tensors:
        whole, u, v = (tensors.pop(key) for key in ("weight_orig", "weight_u", "weight_v"))
        rows = (
            (whole.transpose(0, 1) if node.kind == "ConvTranspose2d" else whole).flatten(1)
            if whole.ndim > 1
            else whole[:, None]
        )
        if u.shape != rows.shape[:1] or v.shape != rows.shape[1:]:
            raise UnitscopeError(
                f"{node.path} of the checkpoint has vectors of spectral norm that do not fit its weight."
            )
        tensors["weight"] = whole / torch.dot(u, rows @ v)
    return Node(
        node.kind, node.path, node.attributes, tensors, {name: _plain(child) for name, child in node.children.items()}
    )


def _named(node: Node) -> Iterator[tuple[str, Tensor]]:
    for name, value in node.tensors.items():
        if name not in IDLE:
            yield name.replace("stored_", "running_"), value


def _channels(node: Node) -> dict:
    out, inputs, *_ = node.shape("weight", 4)
    return {"in": inputs, "out": out}


def norm_config(node: Node) -> dict:
    """A norm's channels, how wide its condition is (0: none) and what is added to the variance."""
    width = node.child("gain").shape("weight", 2)[1] if "gain" in node.children else 0
    return {"channels": node.shape("running_mean", 1)[0], "condition": width, "eps": node.number("eps")}


def block_config(node: Node) -> dict:
    """The one or two halves of a block."""
    numbers = [number for number in (1, 2) if f"conv{number}" in node.children]
    return {"halves": [{**_channels(node.child(f"conv{number}")), "noise": f"noise{number}" in node.children,
                        "bn": norm_config(node.child(f"bn{number}"))} for number in numbers]}  # fmt: skip
