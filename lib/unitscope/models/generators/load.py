"""`load_generator`: a generator by name, filled with weights, behind one contract."""

from __future__ import annotations

from pathlib import Path

import torch

from unitscope.errors import UnitscopeError, unknown
from unitscope.models.architectures import GENERATORS, build
from unitscope.models.generators.contract import Generator
from unitscope.models.generators.neural import Neural
from unitscope.models.generators.official import PREFIX, load_official
from unitscope.models.generators.pretrained_biggan import PACKAGE, PretrainedBigGAN
from unitscope.models.generators.procedural import Procedural
from unitscope.models.weights import fit, read_state
from unitscope.models.zoo import zoo_weights

PROCEDURAL, STYLEGAN_XL = "critters/procedural", "stylegan-xl/imagenet256"


def load_generator(
    name: str, *, device: str | torch.device = "auto", path: str | Path | None = None, pretrained: bool = True, seed: int = 0
) -> Generator:
    """A generator behind the contract of `Generator`.

    Parameters
    ----------
    name : "critters/stylegan", "critters/biggan", "imagenette/stylegan" (ten classes of photographs), "critters/procedural" (the renderer itself, with exact masks), or
        "pytorch-pretrained-biggan/biggan-deep-256" (128, 512 too; real photographs, optional package), or
        "stylegan:FILE.pkl" (an official checkpoint of StyleGAN2, StyleGAN3, StyleGAN-XL or Projected GAN's FastGAN, read
        and never executed; FILE.safetensors as `unitscope zoo convert` writes it).
    device : "auto", or a device as torch names it.
    path : a local weight file (of the package's model: its folder) instead of the published weights.
    pretrained : False leaves random weights, the negative control; `seed` draws them.

    Raises
    ------
    UnitscopeError
        For an unknown name, missing, corrupt or foreign weights, or a package that is not installed.
    """
    if name == PROCEDURAL:
        return Procedural(device)
    if name == STYLEGAN_XL:
        given = "path is missing" if path is None else f"path {path} cannot be read yet"
        raise UnitscopeError(
            f"{STYLEGAN_XL} is not supported yet ({given}): its published file is a pickle, and no pickle is executed here. "
            f"It needs the network's sources and its G_ema weights as safetensors. Until then: {', '.join([*GENERATORS, PROCEDURAL])}."
        )
    if isinstance(name, str) and name.startswith(PREFIX):
        return load_official(name.removeprefix(PREFIX), device)
    if isinstance(name, str) and name.startswith(f"{PACKAGE}/"):
        return PretrainedBigGAN(name, device, path=path, pretrained=pretrained, seed=seed)
    if name not in GENERATORS:
        raise unknown("generator", name, [*GENERATORS, PROCEDURAL, STYLEGAN_XL, f"{PACKAGE}/biggan-deep-256"])
    module = build(name, seed)
    if pretrained or path is not None:
        file = zoo_weights(name) if path is None else path
        fit(module, read_state(file), file)
    return Neural(name, module, module.classes, device)
