"""Random networks whose residual branches take part."""

import pytest
import torch
from torch import nn
from unitscope.models import load_model
from unitscope.models.architectures import build
from unitscope.models.untrained import open_branches


def test_only_norms_of_zeros_are_opened():
    network = nn.Sequential(
        nn.BatchNorm2d(3), nn.BatchNorm2d(3), nn.GroupNorm(1, 3), nn.BatchNorm2d(3, affine=False), nn.Conv2d(3, 3, 1)
    )
    nn.init.zeros_(network[0].weight)
    nn.init.zeros_(network[4].weight)
    network[1].weight.data = torch.tensor([0.0, 2.0, 0.0])
    assert open_branches(network) == 1 and open_branches(network) == 0
    assert network[0].weight.tolist() == [1, 1, 1] and network[1].weight.tolist() == [0, 2, 0]
    assert not network[4].weight.any()


@pytest.mark.parametrize("name", ["critters/resnet_s", "critters/clip_resnet"])
def test_a_random_unit_looks_beyond_one_patch(name):
    """As torch leaves it, a last-stage unit is moved by a handful of pixels; opened, by much of the image."""
    model = load_model(name, pretrained=False, device="cpu")
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    (gradient,) = torch.autograd.grad(model.embed(image).sum(), image)
    assert float((gradient != 0).float().mean()) > 0.5


def test_trained_weights_are_left_alone():
    state = build("critters/resnet_s").state_dict()
    loaded = load_model("critters/resnet_s", device="cpu").module.state_dict()
    assert state.keys() == loaded.keys()
    assert open_branches(load_model("critters/resnet_s", device="cpu").module) == 0
