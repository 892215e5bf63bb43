"""Where networks come from: the embedded zoo, timm, open_clip, torchvision, the torch.hub names of DINO, any nn.Module.

Each source builds its network, knows its preprocessing and says where its weights are published. None reads, unpickles
or downloads weights itself.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

import torch
from torch import nn

from unitscope.data.critters import NAMES
from unitscope.data.folders import CIFAR10_CLASSES
from unitscope.errors import UnitscopeError, unknown
from unitscope.models.architectures import build, critter_tokenize
from unitscope.models.cifar_resnets import DEPTHS, CifarResNet
from unitscope.models.downloads import Remote
from unitscope.models.packaged import Trunk
from unitscope.models.vision import IMAGENET_MEAN, IMAGENET_STD, Network, Preprocess
from unitscope.models.weights import Convert, State

DINO = {  # torch.hub name: architecture here (torchvision's or timm's, equal key by key), published file
    "dino_resnet50": ("torchvision/resnet50", "dino_resnet50_pretrain/dino_resnet50_pretrain.pth"),
    "dino_vits16": ("timm/vit_small_patch16_224.dino", "dino_deitsmall16_pretrain/dino_deitsmall16_pretrain.pth"),
    "dino_vits8": ("timm/vit_small_patch8_224.dino", "dino_deitsmall8_pretrain/dino_deitsmall8_pretrain.pth"),
    "dino_vitb16": ("timm/vit_base_patch16_224.dino", "dino_vitbase16_pretrain/dino_vitbase16_pretrain.pth"),
    "dino_vitb8": ("timm/vit_base_patch8_224.dino", "dino_vitbase8_pretrain/dino_vitbase8_pretrain.pth"),
}
DINO_URL = "https://dl.fbaipublicfiles.com/dino/"
IMAGENET_CLASSES = 1000
TRUNK_SIZE = 64  # pictures that the calibrated LPIPS was made for
PLAIN_SIZE = 224  # input of an nn.Module that does not say


@dataclass
class Source:
    """A network with random weights, and how to fill it: its published weights, and a converter for foreign keys."""

    network: Network
    remote: Remote = field(default_factory=Remote)
    convert: Convert | None = None

    @property
    def whole(self) -> nn.Module:
        """The module that a weight file describes."""
        return self.network.clip if self.network.clip is not None else self.network.module


def from_zoo(name: str) -> Source:
    """A network of the embedded zoo (`models/architectures.py`), by its full name."""
    module, size = build(name), 64 if name.startswith("critters/") else 32
    preprocess = Preprocess(size)
    if hasattr(module, "visual"):
        return Source(Network(module.visual, preprocess, size, clip=module, tokenize=critter_tokenize))
    headless = getattr(module, "num_classes", None) == 0
    classes = None if headless else NAMES if name.startswith("critters/") else CIFAR10_CLASSES
    return Source(Network(module, preprocess, size, classes))


def from_timm(name: str, input_size: int | None = None) -> Source:
    """A timm model, by architecture and weight tag as timm writes them ("resnet50.a1_in1k").

    A transformer is built for `input_size`; its position embeddings are resampled when the weights are read.
    """
    import timm

    arch, _, tag = name.partition(".")
    if not timm.is_model(arch):
        raise unknown("timm model", arch, timm.list_models())
    tags = [listed.partition(".")[2] for listed in timm.list_pretrained(f"{arch}.*")]
    if tag and tag not in tags:
        raise unknown(f"timm/{arch} tag", tag, tags)
    about = timm.get_pretrained_cfg(name) or timm.models.PretrainedCfg()
    if "quickgelu" in str(about.notes).lower() and "quickgelu" not in arch:
        raise _gelu_mistake(tag, arch, f"timm/{arch.replace('_clip_', '_clip_quickgelu_')}.{tag}")
    module = timm.create_model(name, **({"img_size": input_size} if input_size and about.fixed_input_size else {}))
    network = from_module(module).network
    network.classes = imagenet_classes() if getattr(module, "num_classes", 0) == IMAGENET_CLASSES else None
    network.hidden = "blocks" if "_clip_" in arch else None
    files = [about.hf_hub_filename] if about.hf_hub_filename else ["model.safetensors", "pytorch_model.bin"]
    remote = Remote(about.hf_hub_id or "", files, about.url or "")
    return Source(network, remote, getattr(sys.modules[type(module).__module__], "checkpoint_filter_fn", None))


def from_open_clip(name: str) -> Source:
    """An open_clip model, by architecture and weight tag ("RN50-quickgelu/openai"); `module` is its image tower.

    Raises
    ------
    UnitscopeError
        If the tag was trained with QuickGELU and the architecture has none, or the other way round: the weights would
        load and give other features without a word.
    """
    import open_clip
    from open_clip.convert import convert_state_dict
    from open_clip.transform import PreprocessCfg, merge_preprocess_dict

    arch, _, tag = name.partition("/")
    if arch not in open_clip.list_models():
        raise unknown("open_clip architecture", arch, open_clip.list_models())
    if tag and not open_clip.is_pretrained_cfg(arch, tag):
        raise unknown(f"open_clip/{arch} tag", tag, open_clip.list_pretrained_tags_by_model(arch))
    published_as = open_clip.get_pretrained_cfg(arch, tag) if tag else {}
    quick = open_clip.get_model_config(arch).get("quick_gelu", False)
    if tag and quick != published_as.get("quick_gelu", False):
        raise _gelu_mistake(
            tag, arch, f"open_clip/{arch.removesuffix('-quickgelu') if quick else arch + '-quickgelu'}/{tag}"
        )
    clip = _random_clip(arch)
    about = merge_preprocess_dict(asdict(PreprocessCfg()), published_as)
    size = _one_side(clip.visual.image_size, name)
    preprocess = Preprocess(size, about["mean"], about["std"], _interpolation(about["interpolation"]))
    network = Network(clip.visual, preprocess, size, clip=clip, tokenize=_Tokenizer(arch), hidden="transformer")
    return Source(network, _open_clip_remote(published_as), lambda state, model: convert_state_dict(model, state))


def _random_clip(arch: str) -> nn.Module:
    """An open_clip model without weights, and without the log line that says so."""
    import open_clip

    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        return open_clip.create_model(arch, load_weights=False, pretrained_text=False)
    except (OSError, ImportError, RuntimeError) as error:  # text towers of other packages, or behind a network
        raise UnitscopeError(f"open_clip/{arch} cannot be built here ({str(error).splitlines()[0]}).") from error
    finally:
        logging.disable(before)


def _gelu_mistake(tag: str, arch: str, right: str) -> UnitscopeError:
    return UnitscopeError(
        f"the weights {tag!r} and the architecture {arch} differ in their activation (QuickGELU and GELU), which would "
        f"load and give other features: take {right}."
    )


def _open_clip_remote(published_as: dict) -> Remote:
    repo, _, file = published_as.get("hf_hub", "").rpartition("/")
    files = [file] if file else ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]
    return Remote(repo, files, published_as.get("url", ""))


@dataclass
class _Tokenizer:
    """open_clip's tokenizer of an architecture, made when the first text comes (some need a download)."""

    arch: str
    made: Callable | None = field(default=None, compare=False, repr=False)

    def __call__(self, texts: list[str]) -> torch.Tensor:
        import open_clip

        try:
            self.made = self.made or open_clip.get_tokenizer(self.arch)
        except (OSError, ImportError, ValueError) as error:
            raise UnitscopeError(f"the tokenizer of {self.arch} cannot be had ({error}).") from error
        return self.made(texts)


def from_torchvision(name: str) -> Source:
    """A torchvision classifier, by name and optionally by weights ("resnet50/IMAGENET1K_V1"; its default otherwise)."""
    import torchvision

    arch, _, tag = name.partition("/")
    if arch not in torchvision.models.list_models(module=torchvision.models):
        raise unknown("torchvision model", arch, torchvision.models.list_models(module=torchvision.models))
    choices = torchvision.models.get_model_weights(arch)
    if tag and tag not in choices.__members__:
        raise unknown(f"torchvision/{arch} tag", tag, choices.__members__)
    chosen = choices[tag] if tag else choices.DEFAULT
    about = chosen.transforms()
    size = about.crop_size[0]
    preprocess = Preprocess(size, about.mean, about.std, _interpolation(about.interpolation.value))
    extra = {"init_weights": False} if arch in ("googlenet", "inception_v3") else {}
    module = torchvision.models.get_model(arch, weights=None, **extra)
    return Source(Network(module, preprocess, size, tuple(chosen.meta["categories"])), Remote(url=chosen.url))


def from_hub(name: str) -> Source:
    """DINO by its torch.hub name (facebookresearch/dino:main).

    The repository's own code is not run: its ResNet is torchvision's and its ViT is timm's, with the same keys.
    """
    if name not in DINO:
        raise unknown("hub model", name, DINO)
    base, file = DINO[name]
    family, _, base = base.partition("/")
    network = (from_timm if family == "timm" else from_torchvision)(base).network
    network.classes = None
    if name == "dino_resnet50":
        network.module.fc = nn.Identity()
        network.preprocess = Preprocess(PLAIN_SIZE, interpolation="bicubic")
    return Source(network, Remote(url=DINO_URL + file), _without_head)


def _without_head(state: State, network: nn.Module) -> State:
    return {key: value for key, value in state.items() if not key.startswith("fc.")}


def from_cifar10(name: str) -> Source:
    """A CIFAR-10 ResNet of He et al. 2016 ("resnet20", 32, 44, 56); its weights are a file of the user's."""
    names = [f"resnet{depth}" for depth in DEPTHS]
    if name not in names:
        raise unknown("CIFAR-10 network", f"cifar10/{name}", ["cifar10/resnet", *(f"cifar10/{one}" for one in names)])
    return Source(Network(CifarResNet(int(name.removeprefix("resnet"))), Preprocess(32), 32, CIFAR10_CLASSES))


def from_stlpips(name: str) -> Source:
    """The ImageNet-trained trunk, "alex" or "vgg", of the package stlpips-pytorch; without a head."""
    trunk = Trunk(name)
    mean, std = (1 + trunk.shift.flatten()) / 2, trunk.scale.flatten() / 2
    return Source(Network(trunk.features, Preprocess(TRUNK_SIZE, mean, std), TRUNK_SIZE))


def from_module(module: nn.Module) -> Source:
    """Any network; one that timm made brings its preprocessing along."""
    size, mean, std, interpolation = PLAIN_SIZE, IMAGENET_MEAN, IMAGENET_STD, "bilinear"
    if getattr(module, "pretrained_cfg", None):
        from timm.data import resolve_model_data_config

        about = resolve_model_data_config(module)
        size, interpolation = (
            _one_side(about["input_size"][1:], type(module).__name__),
            _interpolation(about["interpolation"]),
        )
        mean, std = about["mean"], about["std"]
    return Source(Network(module, Preprocess(size, mean, std, interpolation), size))


def imagenet_classes() -> tuple[str, ...]:
    """The names of ImageNet's 1,000 classes in their usual order, as torchvision gives them."""
    from torchvision.models import AlexNet_Weights

    return tuple(AlexNet_Weights.DEFAULT.meta["categories"])


def _interpolation(name: str) -> str:
    return "bilinear" if name == "bilinear" else "bicubic"


def _one_side(size: int | Sequence[int], name: str) -> int:
    sides = {size} if isinstance(size, int) else set(size)
    if len(sides) > 1:
        raise UnitscopeError(f"{name} takes images of {tuple(size)}; only square inputs are supported.")
    return sides.pop()
