"""Unit layers: which modules of a network give maps of units, and how their outputs are read.

    C  channels (units)    h, w  grid of the layer    L  tokens of a transformer, class and register tokens first

One dry forward pass of one image shows what every module gives. A unit layer is a module that runs once and whose
output is a map (B, C, h, w), a map with channels last (B, h, w, C), or tokens (B, L, C) of a patch grid.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from unitscope.errors import UnitscopeError, unknown

ACTIVATIONS = {
    "relu", "relu6", "leakyrelu", "prelu", "elu", "celu", "selu", "gelu", "gelutanh", "quickgelu", "silu", "swish",
    "hardswish", "hardswishme", "swishme", "mish", "softplus", "starrelu",
}  # fmt: skip
BLOCKS = {"Fire", "ConvNeXtStage"}  # their outputs are unit layers of their own
CLOSED_BLOCKS = {"Fire"}  # their inner activations are halves of the output, so they are left out
HEADS = {"head", "head_drop", "fc", "fc_norm", "classifier", "attnpool", "attn_pool"}
PLAIN = re.compile(r"Conv|Linear|\w*Norm")  # modules that end in no activation
MAX_PREFIX = 16  # class, distillation and register tokens of any known transformer stay below this


@dataclass(frozen=True)
class Layer:
    """Where units live: a module (`path` below the network), its `channels` and its `grid` (h, w).

    `kind` is "map", "channels_last" or "tokens"; tokens start with `prefix` tokens that have no place in the image and
    carry the batch on axis `batch_axis` (0, or 1 in old open_clip versions). `margin` rows and columns on each side of
    a generator's map lie outside the picture; `grid` is without them.

    `limiter` is the path of the activation that ends the layer where that is one with an upper `limit` (ReLU6: 6). What
    exceeds the limit looks alike, so the strongest images of such a layer are found before it (`before_limit`).
    """

    name: str
    path: str
    kind: str
    channels: int
    grid: tuple[int, int]
    prefix: int = 0
    batch_axis: int = 0
    margin: int = 0
    limiter: str = ""
    limit: float | None = None

    def to_map(self, raw: Tensor) -> Tensor:
        """The module's output as (B, C, h, w); class and register tokens are dropped.

        Raises
        ------
        UnitscopeError
            If `raw` is not what this layer gives for images of the network's input size.
        """
        if self.kind == "map":
            return raw[..., self.margin : -self.margin, self.margin : -self.margin] if self.margin else raw
        if self.kind == "channels_last":
            return raw.permute(0, 3, 1, 2)
        tokens = raw.transpose(0, 1) if self.batch_axis else raw
        h, w = self.grid
        if tokens.ndim != 3 or tokens.shape[1] != self.prefix + h * w:
            raise UnitscopeError(
                f"layer {self.name!r} gives {self.prefix} + {h} x {w} tokens, got {tuple(raw.shape)}; "
                "images must go through the model's `preprocess`."
            )
        return tokens[:, self.prefix :].transpose(1, 2).unflatten(2, self.grid)


class LayerTable(dict[str, Layer]):
    """Layers by name, from input to output; printed as a table of names, units, grids and activations.

    calls : what the modules of those names did in the dry pass.
    """

    def __init__(self, layers: Mapping[str, Layer], calls: Mapping[str, Call]):
        super().__init__(layers)
        self.activations = {name: calls[name].activation for name in layers}
        self.before_activation = [name for name in layers if PLAIN.match(calls[name].type)]

    def __repr__(self) -> str:
        rows = [("name", "units", "grid", "activation")]
        for name, layer in self.items():
            grid = "x".join(map(str, layer.grid)) + (" tokens" if layer.kind == "tokens" else "")
            rows.append((name, str(layer.channels), grid, self.activations[name]))
        wide = [max(len(row[column]) for row in rows) for column in range(4)]
        lines = [f"{a:{wide[0]}}  {b:>{wide[1]}}  {c:{wide[2]}}  {d}".rstrip() for a, b, c, d in rows]
        if found := self.before_activation:
            some = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
            lines.append(
                f"{some}: values before any activation, negative ones included. A network that calls its activation as "
                "a function (F.relu) has no module for what follows; name the block around it, or make it a module."
            )
        if found := [name for name, layer in self.items() if layer.limit is not None]:
            some = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
            lines.append(
                f"{some}: limited to {self[found[0]].limit:g}; images are ranked by the value before the limit."
            )
        return "\n".join(lines)


def limit_of(module: nn.Module) -> float | None:
    """The largest value that an activation gives (ReLU6, Hardtanh, Hardsigmoid); None for any other module."""
    if isinstance(module, nn.Hardtanh):  # ReLU6 is one
        return float(module.max_val)
    return 1.0 if type(module).__name__.lower() == "hardsigmoid" else None


def before_limit(module: nn.Module, given: Tensor) -> Tensor:
    """What such an activation would give for `given` without its upper limit; its lower one stays."""
    return given.clamp(min=module.min_val) if isinstance(module, nn.Hardtanh) else (given / 6 + 0.5).clamp(min=0)


@dataclass(frozen=True)
class Call:
    """What a module did in the dry pass: its output's shape, how it reads as a layer, and what forbids to tap it."""

    type: str
    shape: tuple[int, ...] | None  # None: something else than one tensor
    layer: Layer | None
    times: int
    overwritten: bool  # a later operation changed the output in place
    activation: str = "-"  # the type of the activation module whose output this is


def trace(network: nn.Module, image: Tensor) -> dict[str, Call]:
    """Run `network` once on `image` (1, 3, H, W) and note every module in the order in which they finish.

    The network itself stands under the empty path. Its hooks are gone afterwards, also if it raises.
    """
    outputs: dict[str, list] = {}

    def note(path: str):
        def hook(module: nn.Module, args: object, output: object) -> None:
            tensor = output if isinstance(output, Tensor) else None
            outputs.setdefault(path, []).append((tensor, tensor._version if tensor is not None else 0))

        return hook

    handles = [module.register_forward_hook(note(path)) for path, module in network.named_modules()]
    try:
        with torch.no_grad():
            network(image)
    finally:
        for handle in handles:
            handle.remove()
    grids: list[tuple[int, int]] = []
    types = {path: type(network.get_submodule(path)).__name__ for path in outputs}
    given = {id(results[-1][0]): types[path] for path, results in outputs.items() if types[path].lower() in ACTIVATIONS}
    calls = {path: _call(network, path, results, grids, given) for path, results in outputs.items()}
    _mark_limits(network, outputs, calls)
    return calls


def _mark_limits(network: nn.Module, outputs: dict[str, list], calls: dict[str, Call]) -> None:
    """Tell every layer that ends in an activation with a limit, the block around one too: both give one tensor."""
    limits = {path: limit for path in outputs if (limit := limit_of(network.get_submodule(path))) is not None}
    for limiter, limit in limits.items():
        tensor = outputs[limiter][-1][0]
        for path, call in calls.items():
            inside = not path or path == limiter or limiter.startswith(f"{path}.")
            if inside and call.layer is not None and len(outputs[limiter]) == 1 and outputs[path][-1][0] is tensor:
                calls[path] = replace(call, layer=replace(call.layer, limiter=limiter, limit=limit))


def _call(
    network: nn.Module, path: str, results: list, grids: list[tuple[int, int]], activations: Mapping[int, str]
) -> Call:
    """One module's results as a Call; the grid of a map is added to `grids`, where later tokens look for theirs."""
    tensor, version = results[-1]
    shape = None if tensor is None else tuple(tensor.shape)
    layer = None if shape is None else _read(path, shape, _is_linear(network, path), grids)
    if layer is not None and layer.kind != "tokens":
        grids.append(layer.grid)
    overwritten = tensor is not None and tensor._version != version
    kind = type(network.get_submodule(path)).__name__
    return Call(kind, shape, layer, len(results), overwritten, activations.get(id(tensor), "-"))


def _read(path: str, shape: tuple[int, ...], linear: bool, grids: list[tuple[int, int]]) -> Layer | None:
    """How an output of one square image reads as a map; None if it does not."""
    if len(shape) == 4 and shape[0] == 1:
        a, b, c = shape[1:]
        if a == b and (b != c or linear):
            return Layer(path, path, "channels_last", c, (a, b))
        return Layer(path, path, "map", a, (b, c)) if b == c else None
    if len(shape) == 3 and 1 in shape[:2]:
        batch_axis = 0 if shape[0] == 1 else 1
        tokens = shape[1 - batch_axis]
        for h, w in reversed(grids):
            if h * w > 1 and 0 <= tokens - h * w <= MAX_PREFIX:
                return Layer(path, path, "tokens", shape[2], (h, w), tokens - h * w, batch_axis)
    return None


def _is_linear(network: nn.Module, path: str) -> bool:
    """Whether a module stands among linear layers and no convolutions, so that its channels come last."""
    siblings = network.get_submodule(path.rpartition(".")[0]).children() if path else ()
    kinds = [type(sibling) for sibling in siblings]
    return nn.Linear in kinds and nn.Conv2d not in kinds


def unit_layers(calls: Mapping[str, Call]) -> LayerTable:
    """The unit layers of a network, from input to output.

    ResNets: the stages `layer1` to `layer4`, which end in their ReLU. Everything else: the activations (the post-GELU
    units of a ViT's MLPs among them), the Fire blocks of a SqueezeNet and the stages of a ConvNeXt. Networks without
    activation modules: the uppermost modules that give maps.
    """
    usable = {path: call.layer for path, call in calls.items() if path and _obstacle(call) is None}
    stages = _stages(usable)
    if stages:
        return table(stages, calls)
    closed = tuple(f"{path}." for path, call in calls.items() if call.type in CLOSED_BLOCKS)
    names = [
        path
        for path, layer in usable.items()
        if calls[path].type in BLOCKS
        or (calls[path].type.lower() in ACTIVATIONS and layer.grid != (1, 1) and not path.startswith(closed))
    ]
    for depth in (0, 1, 2):
        names = names or [path for path, layer in usable.items() if path.count(".") == depth and layer.grid != (1, 1)]
    return table(names, calls)


def table(names: Iterable[str], calls: Mapping[str, Call]) -> LayerTable:
    """The named layers of a dry pass."""
    return LayerTable({name: calls[name].layer for name in names}, calls)


def _stages(usable: Iterable[str]) -> list[str]:
    """`layer1`, `layer2`, ... of a ResNet, wherever in the network it sits; empty if there are fewer than two."""
    paths = set(usable)
    for path in usable:
        if path.split(".")[-1] == "layer1":
            found = [path[:-1] + str(i) for i in range(1, 9) if path[:-1] + str(i) in paths]
            if len(found) > 1:
                return found
    return []


def _obstacle(call: Call) -> str | None:
    """Why a module cannot be tapped, or None if it can."""
    if call.layer is None:
        given = "several values" if call.shape is None else f"an output of shape {call.shape}"
        return f"gives {given} for one image, not a map"
    if call.times > 1:
        return f"runs {call.times} times in one pass, so its output is not one map; name the block around it"
    if call.overwritten:
        return "gives a map that the next operation overwrites; name the block around it"
    return None


def layer_at(path: str, network: nn.Module, calls: Mapping[str, Call], listed: Iterable[str]) -> Layer:
    """The layer at any module path.

    Raises
    ------
    UnitscopeError
        If there is no such module, if it does not run, or if what it gives cannot be read as one map.
    """
    listed = list(listed)
    if not path or path not in dict(network.named_modules()):
        raise unknown("layer", path, listed, "Any other module path of the network can be named too.")
    reason = _obstacle(calls[path]) if path in calls else "does not run in a forward pass"
    if reason is not None:
        raise UnitscopeError(f"layer {path!r} {reason}. Layers: {', '.join(listed)}.")
    layer = calls[path].layer
    assert layer is not None  # nothing stands in its way
    return layer


def last_hidden(calls: Mapping[str, Call]) -> Layer:
    """Where an embedding is read: the last tokens or the last map before pooling and head.

    Raises
    ------
    UnitscopeError
        If the network has neither.
    """
    found = [
        call.layer
        for path, call in calls.items()
        if path and call.layer and "pool" not in call.type.lower() and HEADS.isdisjoint(path.split("."))
    ]
    if not found:
        raise UnitscopeError("this network gives no map and no tokens, so it has no embedding and no unit layers.")
    return found[-1]
