"""LRP heat against zennit, and relevance that neither appears nor vanishes."""

from __future__ import annotations

import pytest
import timm
import torch
import torchvision
from timm.layers import BatchNormAct2d, Conv2dSame
from tiny import Noise, hooks, small_vit, stir, without_biases, wrap
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck
from unitscope.errors import UnitscopeError
from unitscope.extract import crop_boxes, lrp_boxes, lrp_heatmaps
from zennit.canonizers import SequentialMergeBatchNorm
from zennit.composites import EpsilonPlusFlat
from zennit.torchvision import ResNetCanonizer

BLOCKS = {"basic": BasicBlock, "bottleneck": Bottleneck}
SIZE = 33


def torchvision_resnet(block) -> nn.Module:
    torch.manual_seed(2)
    return stir(torchvision.models.ResNet(BLOCKS[block], [2, 1, 1, 1], num_classes=3))


def timm_twin(network, block) -> nn.Module:
    """The same weights in timm's classes; zennit's canonizers do not know these, so torchvision's are the reference."""
    kinds = {"basic": timm.models.resnet.BasicBlock, "bottleneck": timm.models.resnet.Bottleneck}
    twin = timm.models.resnet.ResNet(kinds[block], (2, 1, 1, 1), num_classes=3)
    twin.load_state_dict(network.state_dict())
    return twin.eval()


def zennit_heat(trunk, images, units, positions, canonizer):
    """Input relevance of one channel at one position an image; relevance starts as the response itself."""
    x = images.clone().requires_grad_()
    with EpsilonPlusFlat(canonizers=[canonizer]).context(trunk) as modified:
        maps = modified(x)
        start = torch.zeros_like(maps)
        rows = torch.arange(len(x))
        start.flatten(2)[rows, units, positions] = maps.detach().flatten(2)[rows, units, positions]
        (relevance,) = torch.autograd.grad(maps, x, start)
    return relevance.sum(1)


def strongest(trunk, images):
    """For each image its strongest channel and position: (n,), (n,), and the responses there."""
    maps = trunk(images).flatten(2)
    values, units = maps.amax(dim=2).max(dim=1)
    return units, maps[torch.arange(len(images)), units].argmax(dim=1), values


def stages(network, last):
    names = ["conv1", "bn1", "relu", "maxpool", "layer1", "layer2", "layer3", "layer4"]
    return nn.Sequential(*(getattr(network, name) for name in names[: names.index(last) + 1]))


@pytest.mark.parametrize("block", BLOCKS)
@pytest.mark.parametrize("layer", ["layer2", "layer4"])
def test_residual_networks_of_both_libraries_are_zennits(block, layer):
    network, images = torchvision_resnet(block).eval().requires_grad_(False), Noise(5, SIZE).images
    trunk = stages(network, layer)
    units, positions, _ = strongest(trunk, images)
    expected = zennit_heat(trunk, images, units, positions, ResNetCanonizer())
    for model in (wrap(timm_twin(network, block), SIZE), wrap(network, SIZE)):
        heat = lrp_heatmaps(model, images, layer, units, positions, batch_size=2)
        torch.testing.assert_close(heat, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


def test_convolutions_with_biases_and_branches_are_zennits():
    torch.manual_seed(2)
    network, images = (
        torchvision.models.SqueezeNet("1_1", num_classes=3).eval().requires_grad_(False),
        Noise(4, 65).images,
    )
    for name, bias in network.named_parameters():  # torchvision's are 0; its weights keep the signal above the biases
        if name.endswith("bias"):
            nn.init.normal_(bias, 0, 0.05)
    units, positions, _ = strongest(network.features, images)
    expected = zennit_heat(network.features, images, units, positions, SequentialMergeBatchNorm())
    model = wrap(network, 65, layers=["features.12"])
    heat = lrp_heatmaps(model, images, "features.12", units, positions)
    torch.testing.assert_close(heat, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


def test_negative_inputs_average_pools_and_lone_batch_norms_are_zennits():
    torch.manual_seed(0)
    trunk = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.Conv2d(6, 8, 3, padding=1), nn.ReLU(),
        nn.AvgPool2d(2), nn.BatchNorm2d(8), nn.Conv2d(8, 5, 3), nn.ReLU(),
    )  # fmt: skip
    images = Noise(4).images
    trunk = stir(trunk).eval().requires_grad_(False)
    units, positions, _ = strongest(trunk, images)
    expected = zennit_heat(trunk, images, units, positions, SequentialMergeBatchNorm())
    heat = lrp_heatmaps(wrap(trunk, layers=["7"]), images, "7", units, positions)
    torch.testing.assert_close(heat, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


def clipped(joined: bool) -> nn.Module:
    """TensorFlow's padding and saturated ReLU6, with norm and activation in two modules or in timm's one."""
    torch.manual_seed(3)
    norms = [[nn.BatchNorm2d(n), nn.ReLU6()] for n in (8, 8, 6)]
    convs = [Conv2dSame(3, 8, 3, 2, bias=False), Conv2dSame(8, 8, 5, 2, groups=8, bias=False), Conv2dSame(8, 6, 1)]
    trunk = stir(nn.Sequential(*(part for conv, norm in zip(convs, norms, strict=True) for part in (conv, *norm))))
    for norm, _ in norms:
        norm.weight.data *= 4
    if not joined:
        return trunk.eval().requires_grad_(False)
    twins = [BatchNormAct2d(len(norm.weight), act_layer=nn.ReLU6) for norm, _ in norms]
    for twin, (norm, _) in zip(twins, norms, strict=True):
        twin.load_state_dict(norm.state_dict())
    parts = [part for pair in zip(convs, twins, strict=True) for part in pair]
    return nn.Sequential(*parts).eval().requires_grad_(False)


@pytest.mark.parametrize("joined, layer", [(False, "8"), (True, "5"), (True, "5.act")])
def test_saturated_units_of_same_padded_convolutions_are_zennits(joined, layer):
    trunk, images = clipped(joined=False), Noise(5, 20).images
    units, positions, values = strongest(trunk, images)
    assert (trunk(images) == 6).any() and (values == 6).any()  # clipped, so the plain gradient is zero there
    expected = zennit_heat(trunk, images, units, positions, SequentialMergeBatchNorm())
    assert expected.flatten(1).any(1).all()
    heat = lrp_heatmaps(wrap(clipped(joined), 20, layers=[layer]), images, layer, units, positions)
    torch.testing.assert_close(heat, expected, rtol=1e-3, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("library", ["timm", "torchvision"])
@pytest.mark.parametrize("block", BLOCKS)
def test_relevance_is_conserved_without_biases(block, library):
    """A shortcut whose sum has no rule would hand its relevance on twice: the sum would grow block by block."""
    network, images = without_biases(torchvision_resnet(block)).eval(), Noise(6, SIZE).images
    units, positions, responses = strongest(stages(network, "layer4"), images)
    model = wrap(timm_twin(network, block) if library == "timm" else network, SIZE)
    heat = lrp_heatmaps(model, images, "layer4", units, positions)
    torch.testing.assert_close(heat.sum(dim=(1, 2)), responses, rtol=1e-3, atol=1e-5)


def test_one_unit_for_all_images_and_no_heat_where_it_is_silent(model, noise):
    with torch.no_grad():
        model.module.layer4[0].bn2.bias[5] = -1000
    heat = lrp_heatmaps(model, noise.images, "layer4", 5, torch.zeros(20, dtype=torch.int64))
    assert heat.shape == (20, 17, 17) and not heat.any()


def test_boxes_of_many_units_are_those_of_their_heat_maps(model, noise):
    units = torch.tensor([4, 8, 14])
    references = torch.tensor([[4, 1, 2, 9], [1, 4, 0, 3], [4, 8, 1, 4]])
    positions = torch.arange(12).view(3, 4) % 4
    boxes = lrp_boxes(model, noise, "layer4", units, references, positions, batch_size=3)
    for row, unit in enumerate(units.tolist()):
        heat = lrp_heatmaps(model, noise.images[references[row]], "layer4", unit, positions[row])
        assert torch.equal(boxes[row], crop_boxes(heat))


def test_the_network_is_left_as_found(model, noise):
    before = {name: value.clone() for name, value in model.module.state_dict().items()}
    lrp_heatmaps(model, noise.images, "layer4", 4, torch.zeros(20, dtype=torch.int64))
    assert all(torch.equal(value, before[name]) for name, value in model.module.state_dict().items())
    assert hooks(model) == 0


def test_images_of_another_size_get_heat_of_theirs():
    network = torchvision_resnet("basic")
    model = wrap(network, SIZE)
    model.preprocess = lambda images: nn.functional.interpolate(images, (SIZE, SIZE), mode="bilinear", antialias=True)
    assert lrp_heatmaps(model, torch.rand(2, 3, 50, 50), "layer2", 1, [0, 1]).shape == (2, 50, 50)


def test_networks_beyond_the_rules_are_told_what_to_take(model, noise):
    transformer = wrap(small_vit(), 16)
    with pytest.raises(UnitscopeError, match="GELU.*LayerNorm.*receptive_field_boxes"):
        lrp_heatmaps(transformer, torch.rand(1, 3, 16, 16), "blocks.1.mlp.act", 0, [0])
    assert hooks(transformer) == 0
    for message, layer, units, positions in [
        ("did you mean 'layer4'", "layr4", 0, torch.zeros(20).long()),
        (r"units of layer 'layer4' must lie in 0\.\.15", "layer4", 16, torch.zeros(20)),
        (r"positions of layer 'layer4' must lie in 0\.\.3", "layer4", 0, torch.full((20,), 4)),
        ("one position for each image, got 3 for 20", "layer4", 0, torch.zeros(3).long()),
    ]:
        with pytest.raises(UnitscopeError, match=message):
            lrp_heatmaps(model, noise.images, layer, units, positions.long())


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_gives_the_cpus_heat(model, noise):
    places = torch.arange(20) % 4
    expected = lrp_heatmaps(model, noise.images, "layer4", 4, places)
    found = lrp_heatmaps(model.to("cuda"), noise.images, "layer4", 4, places)
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-4 * float(expected.abs().max()))
