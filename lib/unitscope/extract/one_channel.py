"""Cheaper backward passes that start at a single unit of each image.

A unit's gradient lives in one channel of its layer, so the convolution right below needs one of its C kernels, not all
of them: its backward pass shrinks by a factor of C. In a stage of two residual blocks that is a quarter of all work.
A batch norm that stays as it is multiplies each channel by a number, on the way back as well: one product an element.

    g  (B, C, h, w)  gradient of a convolution's output    k  its only live channel, image by image    t  kernel taps
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_input


class _Convolution(torch.autograd.Function):
    """The output y of a convolution of x, computed already, with a backward pass that looks for a single channel."""

    @staticmethod
    def forward(ctx, x: Tensor, y: Tensor, conv: nn.Conv2d) -> Tensor:
        ctx.conv, ctx.shape = conv, x.shape
        return y.view_as(y)

    @staticmethod
    def backward(ctx, g: Tensor) -> tuple[Tensor, None, None]:
        conv = ctx.conv
        geometry = conv.stride, conv.padding, conv.dilation
        live = _single(g)
        if live is None:
            return conv2d_input(ctx.shape, conv.weight, g, *geometry), None, None
        kernels = conv.weight[live].flatten(2)  # (B, C_in, t)
        moved = shifted(g.sum(dim=1, keepdim=True), ctx.shape[2:], conv)  # (B, t, H, W)
        return (kernels @ moved.flatten(2)).view(ctx.shape), None, None


def _single(g: Tensor) -> Tensor | None:
    """The live channel of each image (B,), any where none is; None if an image has several."""
    if g[0].flatten(1).any(dim=1).sum() > 1:  # most dense gradients end here
        return None
    live = g.flatten(2).any(dim=2)  # (B, C)
    return None if live.sum(dim=1).max() > 1 else live.int().argmax(dim=1)


class _Norm(torch.autograd.Function):
    """The output y of a batch norm of x with kept statistics, computed already."""

    @staticmethod
    def forward(ctx, x: Tensor, y: Tensor, norm: nn.BatchNorm2d) -> Tensor:
        ctx.norm = norm
        ctx.mark_dirty(y)  # y itself: a ReLU may overwrite it
        return y

    @staticmethod
    def backward(ctx, g: Tensor) -> tuple[Tensor, None, None]:
        norm = ctx.norm
        return g * (norm.weight * (norm.running_var + norm.eps).rsqrt())[:, None, None], None, None


def shifted(g: Tensor, size: torch.Size, conv: nn.Conv2d) -> Tensor:
    """g (B, 1, h, w) laid onto the input's grid, once for each tap of the kernel: (B, t, *size)."""
    taps = conv.kernel_size[0] * conv.kernel_size[1]
    each = torch.eye(taps, dtype=g.dtype, device=g.device).view(1, taps, *conv.kernel_size)
    padding = [int(side) for side in conv.padding]
    rest = []  # input rows and columns that the last stride left over
    for n, wanted, s, p, d, k in zip(
        g.shape[2:], size, conv.stride, padding, conv.dilation, conv.kernel_size, strict=True
    ):
        rest.append(wanted - ((n - 1) * s - 2 * p + d * (k - 1) + 1))
    return F.conv_transpose2d(g, each, None, conv.stride, padding, rest, 1, conv.dilation)


@contextmanager
def one_channel(network: nn.Module) -> Iterator[None]:
    """Inside the block, plain convolutions and norms of `network` that take part in a gradient go back more cheaply."""
    inputs: dict[nn.Module, Tensor] = {}

    def before(module, args):
        if args[0].requires_grad and torch.is_grad_enabled():
            inputs[module] = args[0]
            return (args[0].detach(),)
        return None

    def after(module, args, y):
        return backward_of[module].apply(inputs.pop(module), y, module) if module in inputs else None

    backward_of = {module: kind for module in network.modules() if (kind := _cheaper(module))}
    handles = [module.register_forward_pre_hook(before) for module in backward_of]
    handles += [module.register_forward_hook(after) for module in backward_of]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _cheaper(module: nn.Module) -> type[torch.autograd.Function] | None:
    """For a module that does what its attributes say; a subclass may standardise weights or pad in its own way."""
    if (
        type(module) is nn.Conv2d
        and module.groups == 1
        and module.padding_mode == "zeros"
        and not isinstance(module.padding, str)
    ):
        return _Convolution
    if type(module) is nn.BatchNorm2d and module.affine and module.track_running_stats and not module.training:
        return _Norm
    return None
