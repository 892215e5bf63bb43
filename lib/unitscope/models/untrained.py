"""Random weights that compute something: the negative control of every chapter.

timm and open_clip start the last norm of each residual branch with weights of zero, which helps training. Left so, a
random network is its shortcuts alone: every unit of the last stage sees one patch of 3 x 3 pixels, and a comparison
with it says nothing about training. So these branches are opened.
"""

from __future__ import annotations

import torch
from torch import nn

NORMS = (nn.modules.batchnorm._BatchNorm, nn.GroupNorm, nn.LayerNorm)


@torch.no_grad()
def open_branches(network: nn.Module) -> int:
    """Set norm weights that are zero throughout to one, in place; returns how many layers that were."""
    shut = [
        module
        for module in network.modules()
        if isinstance(module, NORMS) and module.weight is not None and not module.weight.any()
    ]
    for module in shut:
        module.weight.fill_(1)
    return len(shut)
