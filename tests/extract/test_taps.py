"""Taps read what the network computes, and leave nothing behind."""

from __future__ import annotations

import pytest
import torch
from tiny import hooks
from torch import nn
from unitscope.errors import UnitscopeError
from unitscope.extract import Taps


def by_hand(network, images):
    """The stages of a timm ResNet, one after the other."""
    x = network.maxpool(network.act1(network.bn1(network.conv1(images))))
    maps = {}
    for name in ("layer1", "layer2", "layer3", "layer4"):
        x = maps[name] = getattr(network, name)(x)
    return maps


def test_maps_are_the_outputs_of_the_stages(model, noise):
    with Taps(model, ["layer1", "layer3"]) as taps, torch.no_grad():
        maps = taps(noise.images)
    expected = by_hand(model.module, noise.images)
    assert list(maps) == ["layer1", "layer3"]
    for name, values in maps.items():
        torch.testing.assert_close(values, expected[name], rtol=1e-4, atol=1e-5)


def test_tokens_come_as_maps_without_the_class_token(vit):
    images = torch.rand(2, 3, 16, 16)
    layer = "blocks.1.mlp.act"
    kept = []
    handle = vit.module.blocks[1].mlp.act.register_forward_hook(lambda m, i, o: kept.append(o))
    vit(images)
    handle.remove()
    with Taps(vit, [layer]) as taps:
        maps = taps(images)[layer]
    assert maps.shape == (2, 48, 4, 4)
    torch.testing.assert_close(maps[1, 5, 2, 3], kept[0][1, 1 + 2 * 4 + 3, 5])


@pytest.mark.parametrize("stop, runs", [(True, 0), (False, 1)])
def test_the_pass_ends_at_the_deepest_layer(model, noise, stop, runs):
    seen = []
    model.module.layer4.register_forward_hook(lambda *_: seen.append(1))
    with Taps(model, ["layer3", "layer1"], stop=stop) as taps:
        taps(noise.images)
    assert len(seen) == runs


def test_hooks_are_gone_after_the_block_and_after_an_error(model, noise):
    with Taps(model, ["layer2"]) as taps:
        assert hooks(model) == 1
        taps(noise.images)
    assert hooks(model) == 0

    class Breaks(nn.Module):
        def forward(self, x):
            raise RuntimeError("out of order")

    model.module.layer3 = Breaks()
    with pytest.raises(RuntimeError, match="out of order"), Taps(model, ["layer4"]) as taps:
        taps(noise.images)
    assert hooks(model) == 0


def test_a_cut_keeps_values_and_gives_the_gradient_of_the_upper_part(model, noise):
    with Taps(model, ["layer2", "layer4"], cut="layer2") as taps:
        maps = taps(noise.images)
        (ours,) = torch.autograd.grad(maps["layer4"][:, 3].sum(), taps.leaf)
    expected = by_hand(model.module, noise.images.clone().requires_grad_())
    (theirs,) = torch.autograd.grad(expected["layer4"][:, 3].sum(), expected["layer2"])
    torch.testing.assert_close(maps["layer4"], expected["layer4"], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_errors_say_what_to_do(model, noise):
    with pytest.raises(UnitscopeError, match="did you mean 'layer4'"):
        Taps(model, ["layr4"])
    with pytest.raises(UnitscopeError, match="at least one layer"):
        Taps(model, [])
    with pytest.raises(UnitscopeError, match="outside their `with` block"):
        Taps(model, ["layer4"])(noise.images)
