"""Where in the image a unit's evidence lies: heat maps by layer-wise relevance propagation (LRP).

    R  relevance    z  a convolution's output under its rule    y  its true output    g = R / y

The rules are EpsilonPlusFlat, as in PURE's code (there through zennit): Flat on the first convolution, ZPlus on the
others, Epsilon on linear layers, batch norms merged into the convolution before them, Norm on sums and average pools.

Relevance is carried as g, so R = y g everywhere. Then ReLU, pooling, linear layers and residual sums follow their rule
by the ordinary gradient, in any arrangement of a block; only convolutions, batch norms and clips (ReLU6, which passes
relevance on where it is saturated, too) need a different slope, which forward hooks give them. Values stay those of the
network, and the network itself is not touched.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from timm.layers import BatchNormAct2d, Conv2dSame
from timm.layers.padding import pad_same
from torch import Tensor, nn

from unitscope import checking
from unitscope.data import ImageSet
from unitscope.errors import UnitscopeError
from unitscope.extract.crops import BLUR, THRESHOLD, crop_boxes
from unitscope.extract.pairs import check_pairs, schedule
from unitscope.extract.taps import Taps, image_set, layer_of
from unitscope.models import VisionModel
from unitscope.progress import progress

STABILISER = 1e-6  # zennit's default
KNOWN = (
    nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.Linear, nn.Identity, nn.Flatten, nn.Dropout, nn.Dropout2d,
    nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, Conv2dSame,
)  # fmt: skip


class _Slope(torch.autograd.Function):
    """The value y with the slope y / z of another output z of the same input."""

    @staticmethod
    def forward(ctx, z: Tensor, y: Tensor) -> Tensor:
        ctx.save_for_backward(y / _stable(z))
        return y.clone()  # residual sums add to it in place

    @staticmethod
    def backward(ctx, g: Tensor) -> tuple[Tensor, None]:
        (slope,) = ctx.saved_tensors
        return g * slope, None


class Rules:
    """Gives a network the slopes of EpsilonPlusFlat inside the `with` block, for units of `layer`.

    After a forward pass under gradients, `leaf` (B, 3, H, W) is the tensor whose gradient is the input relevance.

    Raises
    ------
    UnitscopeError
        If the part below `layer` holds anything but convolutions, batch norms, ReLUs, pools and linear layers.
    """

    def __init__(self, model: VisionModel, layer: str):
        self.model, self.leaf, self._handles = model, None, []
        self.first, self.merged = self._trace(layer)
        self._convs = set(self.merged.values())
        self._inputs: dict[nn.Module, Tensor] = {}  # of convolutions that wait for their batch norm
        self._signed: dict[nn.Module, tuple[Tensor, ...]] = {}

    def __enter__(self) -> Rules:
        for module in self.model.module.modules():
            if isinstance(module, BatchNormAct2d):  # norm and activation in one; `drop` stands between them
                self._handles.append(module.drop.register_forward_hook(self._between(module)))
            elif isinstance(module, (nn.Conv2d, nn.BatchNorm2d)):
                self._handles.append(module.register_forward_hook(self._slope))
            elif isinstance(module, nn.ReLU6):
                self._handles.append(module.register_forward_hook(_through))
        return self

    def __exit__(self, *_) -> None:
        while self._handles:
            self._handles.pop().remove()
        self.leaf = None
        self._inputs.clear()
        self._signed.clear()

    def _trace(self, layer: str) -> tuple[nn.Module, dict[nn.Module, nn.Module]]:
        """The first convolution, and the convolution in front of each batch norm, seen in a pass of one image."""
        made, order, merged = {}, [], {}

        def merge(norm, inputs):  # before its own output: the tapped layer may lie inside of it
            if id(inputs[0]) in made:
                merged[norm] = made[id(inputs[0])][0]

        def note(module, _inputs, output):
            order.append(module)
            if isinstance(module, nn.Conv2d):
                made[id(output)] = module, output  # the output is kept, so that its id stays its own

        modules = list(self.model.module.modules())
        handles = [module.register_forward_hook(note) for module in modules]
        handles += [one.register_forward_pre_hook(merge) for one in modules if isinstance(one, nn.BatchNorm2d)]
        size = self.model.input_size
        try:
            with torch.no_grad(), Taps(self.model, [layer]) as taps:
                taps(torch.zeros(1, 3, size, size))
        finally:
            for handle in handles:
                handle.remove()
        self._refuse(order, layer)
        return next(iter(made.values()))[0], merged

    def _refuse(self, order: Sequence[nn.Module], layer: str) -> None:
        kinds = {type(module) for module in order if not any(True for _ in module.children())}
        strange = sorted(kind.__name__ for kind in kinds if kind not in KNOWN)  # subclasses may do anything
        if strange or not kinds & {nn.Conv2d, Conv2dSame}:
            raise UnitscopeError(
                f"LRP knows convolution networks with ReLU, but {self.model.name} has "
                f"{', '.join(strange) or 'no convolution'} below {layer!r}; take receptive_field_boxes instead."
            )

    def _between(self, norm: BatchNormAct2d):
        return lambda _drop, inputs, y: self._slope(norm, inputs, y)

    def _slope(self, module: nn.Module, inputs: tuple, y: Tensor) -> Tensor | None:
        x = inputs[0]
        if module in self._convs:  # its batch norm, next in line, answers for both
            self._inputs[module] = x
            return None
        conv = self.merged.get(module, module)
        if module in self.merged:
            x = self._inputs.pop(conv)
        if conv is self.first:
            self.leaf = torch.ones_like(x, requires_grad=True)
            z = _convolve(conv, self.leaf, torch.ones_like(conv.weight))
        elif isinstance(conv, nn.BatchNorm2d):  # without a convolution before it: relevance passes
            z = x
        else:
            z = self._positive(conv, module, x)
        return _Slope.apply(z, y.detach())

    def _positive(self, conv: nn.Conv2d, norm: nn.Module, x: Tensor) -> Tensor:
        """ZPlus: what speaks for the output, positive inputs by positive weights and negative by negative."""
        if conv not in self._signed:
            weight, bias = _merge(conv, norm)
            self._signed[conv] = weight.clamp(min=0), weight.clamp(max=0), bias.clamp(min=0)
        plus, minus, bias = self._signed[conv]
        if (x >= 0).all():  # behind a ReLU: nothing to split, a fifth less to pull back
            return _convolve(conv, x, plus, bias)
        return _convolve(conv, x.clamp(min=0), plus, bias) + _convolve(conv, x.clamp(max=0), minus)


def _convolve(conv: nn.Conv2d, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """What `conv` does, with another weight and bias; TensorFlow's uneven padding included."""
    if isinstance(conv, Conv2dSame):
        x = pad_same(x, conv.kernel_size, conv.stride, conv.dilation)
    return conv._conv_forward(x, weight, bias)


def _through(_clip: nn.Module, inputs: tuple, y: Tensor) -> Tensor:
    """An activation that hands on all relevance of its output."""
    return _Slope.apply(inputs[0], y.detach())


def _merge(conv: nn.Conv2d, norm: nn.Module) -> tuple[Tensor, Tensor]:
    """Weight and bias of one convolution that does what `conv` and the batch norm after it do; norm is conv if none."""
    bias = conv.weight.new_zeros(len(conv.weight)) if conv.bias is None else conv.bias
    if norm is conv:
        return conv.weight, bias
    scale = (norm.running_var + norm.eps).rsqrt() * (1 if norm.weight is None else norm.weight)
    shift = 0 if norm.bias is None else norm.bias
    return conv.weight * scale[:, None, None, None], (bias - norm.running_mean) * scale + shift


def _stable(z: Tensor) -> Tensor:
    """z moved away from zero."""
    return torch.where(z < 0, z - STABILISER, z + STABILISER)


def lrp_heatmaps(
    model: VisionModel,
    images: Tensor,
    layer: str,
    units: int | Sequence[int] | Tensor,
    positions: Sequence[int] | Tensor,
    *,
    batch_size: int = 32,
) -> Tensor:
    """Heat of one unit at one position in each image.

    Parameters
    ----------
    model : VisionModel made of convolutions with ReLU.
    images : (n, 3, H, W), RGB in [0, 1].
    units : one channel of `layer`, or one for each image.
    positions : (n,) on the flattened map of `layer`, for instance `References.positions[unit]`.

    Returns
    -------
    (n, H, W) float32 on the CPU, summed over colours. It adds up to the response at the position, less what biases
    absorb; zero where the unit does not respond there. On the network's input grid, resized if that differs.

    Raises
    ------
    UnitscopeError
        If the layer, a unit or a position does not exist, or the rules do not cover the network.
    """
    unit_layer, batch_size = layer_of(model, layer), checking.count("batch_size", batch_size)
    images = checking.finite("images", images, "(n, 3, H, W)", empty=True).float()
    if len(images) and not images.numel():
        raise UnitscopeError(f"LRP needs pictures of at least one pixel, got {tuple(images.shape)}.")
    units, positions = (
        checking.indices("units", units).flatten(),
        checking.indices("positions", positions, empty=True).flatten(),
    )
    if len(units) not in (1, len(images)):
        raise UnitscopeError(f"`units` must be one unit or one for each of {len(images)} images, got {len(units)}.")
    units = units.expand(len(images))
    _check_places(unit_layer, units, positions, len(images))
    heat = []
    with Rules(model, layer) as rules, Taps(model, [layer]) as taps, torch.enable_grad():
        for rows in torch.arange(len(images)).split(batch_size):
            maps = taps(images[rows])[layer]
            heat.append(_heat(rules, maps, units[rows], positions[rows], images.shape[2:]))
    return torch.cat(heat).cpu()


def lrp_boxes(
    model: VisionModel,
    images: ImageSet,
    layer: str,
    units: Sequence[int] | Tensor,
    references: Tensor,
    positions: Tensor,
    *,
    threshold: float = THRESHOLD,
    blur: int = BLUR,
    batch_size: int = 32,
) -> Tensor:
    """Crop boxes of many units at their reference images; an image that serves several units runs forward once.

    Parameters
    ----------
    units : (U,) channels of `layer`.
    references, positions : (U, n) indices into `images` and positions on the map, `References.indices[units]` and
        `References.positions[units]`.
    threshold, blur : see `crop_boxes`.

    Returns
    -------
    (U, n, 4) int64 on the CPU, as `crop_boxes` gives them.
    """
    unit_layer, batch_size = layer_of(model, layer), checking.count("batch_size", batch_size)
    checking.real("threshold", threshold)
    checking.count("blur", blur)
    units, references = check_pairs(unit_layer, image_set(images), units, references)
    positions = checking.indices("positions", positions).flatten()
    _check_places(unit_layer, units, positions, references.numel())
    boxes = torch.empty(references.numel(), 4, dtype=torch.int64)
    chunks = list(schedule(units, references, batch_size))
    batches = images.batches(batch_size, torch.cat([chunk.images for chunk in chunks]))
    with Rules(model, layer) as rules, Taps(model, [layer]) as taps, torch.enable_grad():
        for chunk, batch in progress(zip(chunks, batches, strict=True), len(chunks), "crops by relevance"):
            maps = taps(batch.images)[layer]
            for turn in chunk.rounds:
                heat = _heat(rules, maps, turn.units, positions[turn.places], batch.images.shape[2:])
                boxes[turn.places] = crop_boxes(heat, threshold=threshold, blur=blur).cpu()
    return boxes.view(*references.shape, 4)


def _heat(rules: Rules, maps: Tensor, units: Tensor, positions: Tensor, size: Sequence[int]) -> Tensor:
    """Heat (m, *size) of units (m,) at positions (m,), in the first m images of maps (B, C, h, w)."""
    rows = torch.arange(len(units), device=maps.device)
    responses = maps.flatten(2)[rows, units.to(maps.device), positions.to(maps.device)]
    (relevance,) = torch.autograd.grad(responses.sum(), rules.leaf, retain_graph=True)
    heat = relevance[: len(units)].sum(dim=1)
    if heat.shape[1:] != tuple(size):
        heat = F.interpolate(heat[:, None], tuple(size), mode="bilinear", antialias=True)[:, 0]
    return heat.detach()


def _check_places(layer, units: Tensor, positions: Tensor, wanted: int) -> None:
    area = layer.grid[0] * layer.grid[1]
    if not wanted or len(positions) != wanted:
        raise UnitscopeError(f"LRP needs one position for each image, got {len(positions)} for {wanted} images.")
    for what, values, size in (("units", units, layer.channels), ("positions", positions, area)):
        if int(values.min()) < 0 or int(values.max()) >= size:
            raise UnitscopeError(
                f"{what} of layer {layer.name!r} must lie in 0..{size - 1}, "
                f"got {int(values.min())}..{int(values.max())}."
            )
