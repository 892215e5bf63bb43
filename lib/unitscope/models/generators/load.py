"""`load_generator`: a generator by name, filled with weights, behind one contract."""

from __future__ import annotations

from pathlib import Path

import torch

from unitscope.errors import UnitscopeError, unknown
from unitscope.models.architectures import GENERATORS, build
from unitscope.models.generators.contract import Generator
from unitscope.models.generators.neural import Neural
from unitscope.models.generators.official import PREFIX, load_official
from unitscope.models.generators.official_catalogue import CATALOGUE, catalogue_classes, published_checkpoint
from unitscope.models.generators.own_generator import own_generator
from unitscope.models.generators.pretrained_biggan import PACKAGE, PretrainedBigGAN
from unitscope.models.generators.procedural import Procedural
from unitscope.models.own_code import PREFIX as OWN
from unitscope.models.weights import fit, read_state
from unitscope.models.zoo import zoo_weights

PROCEDURAL = "critters/procedural"


def load_generator(
    name: str,
    *,
    device: str | torch.device = "auto",
    weights: str | Path | None = None,
    pretrained: bool = True,
    seed: int = 0,
) -> Generator:
    """A generator: pictures from latents, feature maps and edits, behind the contract of `Generator`.

    >>> import unitscope as us
    >>> gan = us.load_generator("critters/stylegan", device="cpu")
    >>> w = gan.sample(4, seed=1)                           # (pictures, w_dim)
    >>> gan.synthesize(w).shape                             # RGB in [0, 1]
    torch.Size([4, 3, 64, 64])

    Parameters
    ----------
    name : "critters/stylegan", "critters/biggan", "imagenette/stylegan" (ten classes of photographs),
        "critters/procedural" (the renderer itself, with exact masks), or
        "pytorch-pretrained-biggan/biggan-deep-256" (128, 512 too; real photographs, optional package), or
        "stylegan:FILE.pkl" (an official checkpoint of StyleGAN2, StyleGAN3, StyleGAN-XL or Projected GAN's FastGAN,
        read and never executed; FILE.safetensors as `unitscope zoo convert` writes it), or a published one by name,
        downloaded ("stylegan-xl/imagenet256", "stylegan3/r-ffhqu-256x256", ...: `official_catalogue.py`), or
        "python:FILE.py:FUNCTION", a generator of your own (`own_generator.py`).
    device : "auto", or a device as torch names it.
    weights : a local weight file (of the package's model: its folder) instead of the published weights.
    pretrained : False leaves random weights, the negative control; `seed` draws them.

    Returns
    -------
    Generator: `sample` gives latents w (n, w_dim), `synthesize` pictures, `features` maps, `edit` pictures
    of changed maps.

    Raises
    ------
    UnitscopeError
        For an unknown name, missing, corrupt or foreign weights, or a package that is not installed.

    See also
    --------
    link : a classifier's activations linked to the latents. mine : units that a generator shares with networks.
    """
    if name == PROCEDURAL:
        return Procedural(device)
    if isinstance(name, str) and (name in CATALOGUE or name.startswith(PREFIX)):
        return _official(name, device, weights, pretrained, seed)
    if isinstance(name, str) and name.startswith(OWN):
        return own_generator(name, device, weights, pretrained, seed)
    if isinstance(name, str) and name.startswith(f"{PACKAGE}/"):
        return PretrainedBigGAN(name, device, weights=weights, pretrained=pretrained, seed=seed)
    if name not in GENERATORS:
        raise unknown(
            "generator",
            name,
            [*GENERATORS, PROCEDURAL, *CATALOGUE, f"{PACKAGE}/biggan-deep-256"],
            f"Or {PREFIX}FILE.pkl, or {OWN}FILE.py:FUNCTION.",
        )
    module = build(name, seed)
    if pretrained or weights is not None:
        file = zoo_weights(name) if weights is None else weights
        fit(module, read_state(file), file)
    return Neural(name, module, module.classes, device)


def _official(
    name: str, device: str | torch.device, weights: str | Path | None, pretrained: bool, seed: int
) -> Generator:
    """An official checkpoint, by name or file; its file says the architecture, so it is needed for random weights
    too.
    """
    if not name.startswith(PREFIX):
        file = published_checkpoint(name) if weights is None else weights
        return load_official(file, device, name, catalogue_classes(name), pretrained, seed)
    if weights is not None:
        raise UnitscopeError(f"weights= does not go with {name!r}, which names its file already.")
    return load_official(name.removeprefix(PREFIX), device, pretrained=pretrained, seed=seed)
