"""Official checkpoints behind the contract: "stylegan:FILE.pkl", read and never executed, or a converted file.

StyleGAN2 (ADA and the StyleGAN3 repository's), StyleGAN3 (T, R), StyleGAN-XL (stem and super-resolution) and Projected
GAN's FastGAN. A checkpoint becomes a configuration (plain numbers) and tensors by name; a converted file is a
safetensors file with these tensors and the configuration in its metadata, so both load to the same bits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from unitscope.errors import UnitscopeError
from unitscope.files import atomic
from unitscope.identity import fingerprint
from unitscope.models.generators import fastgan, stylegan2, stylegan3
from unitscope.models.generators.inert_tensors import read_checkpoint
from unitscope.models.generators.neural import Neural
from unitscope.models.generators.official_files import Node, tree
from unitscope.models.weights import fit, read_state

PREFIX = "stylegan:"
METADATA = "unitscope-generator"
IMAGENET = 1000
MEANS_FROM = 256  # latents of each class for the mean w of random weights
NETWORKS = {
    "stylegan2": stylegan2.StyleGAN2, "stylegan3": stylegan3.StyleGAN3, "stylegan-xl": stylegan3.StyleGAN3,
    "fastgan": fastgan.FastGAN,
}  # fmt: skip


@dataclass(frozen=True)
class Checkpoint:
    """A generator as data: its configuration and its tensors by name."""

    config: dict
    tensors: dict[str, Tensor]


class Official(Neural):
    """A published generator; w is (n, w_dim), or (n, num_ws, w_dim) with one w for each layer.

    `module.synthesis(ws)` gives pictures as the network was trained, around [-1, 1]; `synthesize` maps them to [0, 1].
    Feature maps are cut to the picture (`Layer.margin`); `whole=True` keeps the margins.
    """

    def __init__(
        self,
        name: str,
        checkpoint: Checkpoint,
        device: str | torch.device = "auto",
        classes: Sequence[str] | None = None,
    ):
        self.config = checkpoint.config
        module = build_official(checkpoint, name)
        known = classes is not None and len(classes) == module.classes
        super().__init__(name, module, classes if known else class_names(module.classes, self.config), device)

    def styles(self, z: Tensor, labels: Tensor, truncation: float = 1.0, cutoff: int | None = None) -> Tensor:
        """ws (n, num_ws, w_dim) of latents z (n, z_dim) and labels (n,): truncated for the first `cutoff` layers
        only.
        """
        return self.module.mapping.styles(z.to(self.device), labels.to(self.device), truncation, cutoff)

    def check(self, w: Tensor) -> Tensor:
        slots = self.module.num_ws
        if isinstance(w, Tensor) and w.ndim == 3 and w.shape[1:] == (slots, self.w_dim) and w.is_floating_point():
            return w.to(self.device, torch.float32)
        return super().check(w)

    def fingerprint(self) -> str:
        return fingerprint(super().fingerprint(), json.dumps(self.config, sort_keys=True))


def class_names(count: int, config: dict) -> Sequence[str]:
    """ImageNet's names for the thousand classes of a StyleGAN-XL, else numbers."""
    if count == IMAGENET and config["family"] == "stylegan-xl":
        from unitscope.models.sources import imagenet_classes

        return imagenet_classes()
    return [str(number) for number in range(count)]


def build_official(checkpoint: Checkpoint, origin: str) -> torch.nn.Module:
    """The network of a checkpoint, filled; every tensor is used and every shape compared."""
    family = checkpoint.config.get("family")
    if type(family) is not str or family not in NETWORKS:
        raise UnitscopeError(f"{origin} is a generator of the family {family!r}; known are {', '.join(NETWORKS)}.")
    with whole(origin):
        network = NETWORKS[family](checkpoint.config)
    fit(network, checkpoint.tensors, origin)
    return network


def read_official(path: str | Path) -> Checkpoint:
    """The checkpoint in a pickle of the official repositories, or in a file that `convert` wrote.

    Raises
    ------
    UnitscopeError
        If the file is absent, damaged, of another kind, or names anything that is not taken.
    """
    path = Path(path).expanduser()
    if path.suffix == ".safetensors":
        return Checkpoint(_metadata(path), read_state(path))
    root = read_checkpoint(path)
    with whole(path):
        return Checkpoint(*_described(tree(root["G_ema"]), path))


@contextmanager
def whole(origin: str | Path) -> Iterator[None]:
    """Whatever damaged numbers in a checkpoint lead to is one error."""
    try:
        yield
    except UnitscopeError:
        raise
    except (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RuntimeError, MemoryError) as error:
        raise UnitscopeError(
            f"checkpoint {origin} is damaged: what it says of its network does not fit together"
            f" ({type(error).__name__})."
        ) from error


def _described(node: Node, path: Path) -> tuple[dict, dict[str, Tensor]]:
    synthesis = node.child("synthesis")
    if "block_resolutions" in synthesis.attributes:
        return stylegan2.configure(node), dict(node.state())
    if "layer_names" in synthesis.attributes:
        return stylegan3.configure(node), dict(node.state())
    if synthesis.kind.startswith("FastganSynthesis"):
        return fastgan.configure(node)
    raise UnitscopeError(
        f"checkpoint {path} holds a {node.kind} with a {synthesis.kind}, none of the families {', '.join(NETWORKS)}."
    )


def _metadata(path: Path) -> dict:
    if not path.is_file():
        raise UnitscopeError(f"checkpoint {path} {'is no regular file' if path.exists() else 'does not exist'}.")
    try:
        with safe_open(path, "pt") as file:
            found = json.loads((file.metadata() or {})[METADATA])
    except Exception as error:  # a damaged file can break the reader in any way, and each means the same
        raise UnitscopeError(
            f"checkpoint {path} has no configuration of a generator in its metadata ({type(error).__name__}); "
            "write such a file with `unitscope zoo convert FILE.pkl OUT.safetensors`."
        ) from error
    if not isinstance(found, dict):
        raise UnitscopeError(f"checkpoint {path} has a configuration that is no table.")
    return found


def convert(source: str | Path, target: str | Path) -> Checkpoint:
    """Write a checkpoint as safetensors, with its configuration in the metadata; it is built once to be sure that it
    fits.
    """
    target = Path(target).expanduser()
    if target.suffix != ".safetensors":
        raise UnitscopeError(f"the converted file must end in .safetensors, got {target}.")
    found = read_official(source)
    build_official(found, str(source))
    with atomic(target) as part:
        save_file(
            {name: value.contiguous() for name, value in found.tensors.items()},
            part,
            {METADATA: json.dumps(found.config)},
        )
    return found


def redrawn(found: Checkpoint, seed: int) -> Checkpoint:
    """A checkpoint of the same architecture with random weights, the negative control.

    Each parameter is drawn from a normal distribution with its own mean and deviation; the mean w is taken anew from
    MEANS_FROM latents a class; other buffers (filters, statistics of norms) stay.
    """
    network, draws = build_official(found, "the checkpoint"), torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in network.parameters():
            spread = value.std(correction=0) if value.numel() > 1 else 0.0
            value.copy_(value.mean() + spread * torch.randn(value.shape, generator=draws))
        if "w_avg" in dict(network.mapping.named_buffers()):
            means = network.mapping.w_avg
            z = torch.randn(MEANS_FROM, network.z_dim, generator=draws)
            count = len(means) if means.ndim == 2 else network.classes
            rows = torch.stack([network.mapping(z, torch.full((MEANS_FROM,), label)).mean(0) for label in range(count)])
            means.copy_(rows if means.ndim == 2 else rows.mean(0))
    return Checkpoint(found.config, network.state_dict())


def load_official(
    path: str | Path, device: str | torch.device = "auto", name: str = "", classes: Sequence[str] | None = None,
    pretrained: bool = True, seed: int = 0,
) -> Official:  # fmt: skip
    """The generator of a checkpoint file, by its path; `pretrained=False` draws its weights anew from `seed`."""
    found = read_official(path)
    return Official(name or f"{PREFIX}{path}", found if pretrained else redrawn(found, seed), device, classes)
