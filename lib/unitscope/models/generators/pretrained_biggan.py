"""BigGAN-deep trained on ImageNet (Brock et al. 2019), from the optional package `pytorch-pretrained-biggan`.

    w = [z (128) | class embedding (128)]      z truncated normal in the paper; here truncation shrinks z towards 0

The package's generator takes exactly this vector as its condition; its own truncation selects batch-norm statistics.
Nothing is downloaded here: `weights` names the folder with `config.json` and `pytorch_model.bin`, which are read
without a pickle.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor, nn

from unitscope.errors import MissingWeights, UnitscopeError, unknown
from unitscope.models.generators.neural import Neural
from unitscope.models.sources import imagenet_classes
from unitscope.models.weights import fit, read_state

PACKAGE = "pytorch-pretrained-biggan"
MODELS = ("biggan-deep-128", "biggan-deep-256", "biggan-deep-512")
START = [
    (False, 16, 16),
    (True, 16, 16),
    (False, 16, 16),
    (True, 16, 8),
    (False, 8, 8),
]  # doubles?, channels in, out (over 128)
LARGE = [*START, (True, 8, 8), (False, 8, 8), (True, 8, 4), (False, 4, 4), (True, 4, 2), (False, 2, 2), (True, 2, 1)]
LAYERS = {
    128: [*START, (True, 8, 4), (False, 4, 4), (True, 4, 2), (False, 2, 2), (True, 2, 1)],
    256: LARGE,
    512: [*LARGE, (False, 1, 1), (True, 1, 1)],
}
IMAGENET = 1000
ATTENTION = "snconv1x1"  # convolutions inside self-attention: keys and queries, no units


class Conditioned(nn.Module):
    """The package's BigGAN as mapping (z, class) -> w and synthesis w -> pictures in [0, 1]; units are its
    convolutions'.

    `truncation` in (0, 1] selects the batch-norm statistics, which the package stores for steps of 0.02.
    """

    def __init__(self, whole: nn.Module, truncation: float = 1.0):
        super().__init__()
        config = whole.config
        self.whole, self.truncation = whole, truncation
        self.z_dim, self.w_dim, self.image_size = config.z_dim, 2 * config.z_dim, config.output_dim
        with torch.no_grad():
            embeddings = whole.embeddings.weight.detach().t()  # (classes, z_dim)
        self.register_buffer("w_mean", torch.cat([torch.zeros_like(embeddings), embeddings], 1), persistent=False)
        self.unit_layers = tuple(
            f"whole.generator.layers.{path}" for path, part in whole.generator.layers.named_modules()
            if isinstance(part, nn.Conv2d) and ATTENTION not in path
        )  # fmt: skip

    def mapping(self, z: Tensor, labels: Tensor) -> Tensor:
        return torch.cat([z, self.w_mean[labels, self.z_dim :]], 1)

    def forward(self, w: Tensor) -> Tensor:
        return (self.whole.generator(w, self.truncation) + 1) / 2


class PretrainedBigGAN(Neural):
    """The package's BigGAN behind the contract; classes have ImageNet's names."""

    def __init__(
        self,
        name: str,
        device: str | torch.device = "auto",
        *,
        weights: str | Path | None = None,
        pretrained: bool = True,
        seed: int = 0,
    ):
        model = name.removeprefix(f"{PACKAGE}/")
        if model not in MODELS:
            raise unknown("generator", name, [f"{PACKAGE}/{one}" for one in MODELS])
        BigGAN, BigGANConfig = package(name)
        folder = None if weights is None else Path(weights).expanduser()
        if folder is not None and not (folder / "config.json").is_file():
            raise UnitscopeError(
                f"weights of {name} must be a folder with config.json and pytorch_model.bin, got {folder}."
            )
        if pretrained and folder is None:
            raise MissingWeights(
                f"the weights of {name} are missing: pass weights= the folder with its config.json and"
                " pytorch_model.bin, or pretrained=False."
            )
        config = (
            BigGANConfig.from_dict(json.loads((folder / "config.json").read_text(encoding="utf-8")))
            if folder
            else BigGANConfig()
        )
        if not folder:
            config.output_dim = int(model.rpartition("-")[2])
            config.layers = LAYERS[config.output_dim]
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            whole = BigGAN(config)
            fill_norms(whole)
        if pretrained:
            fit(whole, read_state(folder / "pytorch_model.bin"), folder)
        classes = (
            imagenet_classes()
            if config.num_classes == IMAGENET
            else [str(number) for number in range(config.num_classes)]
        )
        super().__init__(name, Conditioned(whole), classes, device)


def fill_norms(whole: nn.Module) -> None:
    """Gains of 1 and shifts of 0, where the package leaves whatever lay in the memory."""
    norm = getattr(whole.generator, "bn", None)
    if norm is not None:
        nn.init.ones_(norm.weight)
        nn.init.zeros_(norm.bias)


def package(name: str) -> tuple:
    """The package's two classes.

    Raises
    ------
    UnitscopeError
        If the package is not installed: it says which extra brings it.
    """
    try:
        from pytorch_pretrained_biggan import BigGAN, BigGANConfig
    except ImportError as error:
        raise UnitscopeError(
            f"{name} needs the package {PACKAGE}: pip install {PACKAGE} (optional, not tested here with its weights),"
            " or take critters/biggan."
        ) from error
    return BigGAN, BigGANConfig
