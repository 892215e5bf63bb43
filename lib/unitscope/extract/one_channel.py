"""Cheaper backward passes that start at a single unit of each image.

A unit's gradient lives in one channel of its layer, so the convolution right below needs one of its C kernels, not all
of them: its backward pass shrinks by a factor of C. In a stage of two residual blocks that is a quarter of all work.

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
        live = g.flatten(2).any(dim=2)                                        # (B, C)
        if live.sum(dim=1).max() > 1:
            return conv2d_input(ctx.shape, conv.weight, g, *geometry), None, None
        kernels = conv.weight[live.int().argmax(dim=1)].flatten(2)            # (B, C_in, t)
        moved = shifted(g.sum(dim=1, keepdim=True), ctx.shape[2:], conv)      # (B, t, H, W)
        return (kernels @ moved.flatten(2)).view(ctx.shape), None, None


def shifted(g: Tensor, size: torch.Size, conv: nn.Conv2d) -> Tensor:
    """g (B, 1, h, w) laid onto the input's grid, once for each tap of the kernel: (B, t, *size)."""
    taps = conv.kernel_size[0] * conv.kernel_size[1]
    each = torch.eye(taps, dtype=g.dtype, device=g.device).view(1, taps, *conv.kernel_size)
    rest = []                                             # input rows and columns that the last stride left over
    for n, wanted, s, p, d, k in zip(
        g.shape[2:], size, conv.stride, conv.padding, conv.dilation, conv.kernel_size, strict=True
    ):
        rest.append(wanted - ((n - 1) * s - 2 * p + d * (k - 1) + 1))
    return F.conv_transpose2d(g, each, None, conv.stride, conv.padding, rest, 1, conv.dilation)


@contextmanager
def one_channel(network: nn.Module) -> Iterator[None]:
    """Inside the block, plain convolutions of `network` that take part in a gradient have the cheaper backward pass."""
    inputs: dict[nn.Module, Tensor] = {}

    def before(conv, args):
        if args[0].requires_grad and torch.is_grad_enabled():
            inputs[conv] = args[0]
            return (args[0].detach(),)
        return None

    def after(conv, args, y):
        return _Convolution.apply(inputs.pop(conv), y, conv) if conv in inputs else None

    convs = [module for module in network.modules() if _is_plain(module)]
    handles = [conv.register_forward_pre_hook(before) for conv in convs]
    handles += [conv.register_forward_hook(after) for conv in convs]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _is_plain(module: nn.Module) -> bool:
    """A convolution that does what its attributes say; a subclass may standardise weights or pad in its own way."""
    return (
        type(module) is nn.Conv2d
        and module.groups == 1
        and module.padding_mode == "zeros"
        and not isinstance(module.padding, str)
    )
