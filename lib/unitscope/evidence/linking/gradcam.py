"""Grad-CAM, the paper's rival at the decision boundary (Selvaraju et al. 2017; Wehrheim et al. 2024, Fig. 7B).

maps (n, C, h, w) of one layer    score: logit of a class    alpha (n, C) mean gradient of each channel

heat = relu(sum over channels of alpha_C maps_C), resized to the picture
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from unitscope.errors import UnitscopeError
from unitscope.models import VisionModel


def grad_cam(model: VisionModel, images: Tensor, target: int, layer: str | None = None) -> Tensor:
    """What speaks for class `target` in every picture: (n, H, W), never negative.

    layer : default the last unit layer.

    Raises
    ------
    UnitscopeError
        If the network has no classes.
    """
    if not model.has_head:
        raise UnitscopeError(f"{model.name} has no classifier head, so no class has a map; take critters/resnet.")
    name = layer or list(model.layers)[-1]
    kept: list[Tensor] = []

    def keep(_module, _inputs, output):
        kept.append(output.detach().requires_grad_())
        return kept[-1]

    handle = model.module.get_submodule(model.layer(name).path).register_forward_hook(keep)
    try:
        with torch.enable_grad():
            score = model(images.to(model.device))[:, target].sum()
            (slope,) = torch.autograd.grad(score, kept[0])
    finally:
        handle.remove()
    maps, slope = (model.layer(name).to_map(one) for one in (kept[0].detach(), slope))
    heat = (slope.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True).relu()
    return F.interpolate(heat, images.shape[2:], mode="bilinear", align_corners=False)[:, 0].cpu()


def share_on(heat: Tensor, mask: Tensor) -> float:
    """The part of a map (H, W) that lies on a mask (H, W); 0 for an empty map."""
    total = float(heat.sum())
    return float((heat * mask).sum()) / total if total > 0 else 0.0
