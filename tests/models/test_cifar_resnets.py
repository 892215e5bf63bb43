"""The CIFAR-10 ResNets against their definition in plain operations, and the depth that their names promise."""

import pytest
import torch
import torch.nn.functional as F
from unitscope.errors import MissingWeights, UnitscopeError
from unitscope.models import load_model
from unitscope.models.cifar_resnets import DEPTHS, CifarResNet


def slow(state, x, blocks):
    """He et al. 2016, section 4.2, operation by operation."""

    def norm(x, name):
        mean, var, weight, bias = (
            state[f"{name}.{key}"][:, None, None] for key in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * weight + bias

    x = norm(F.conv2d(x, state["conv1.weight"], padding=1), "bn1").clamp(min=0)
    for stage in (1, 2, 3):
        for block in range(blocks):
            name, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            y = norm(F.conv2d(x, state[f"{name}.conv1.weight"], stride=stride, padding=1), f"{name}.bn1").clamp(min=0)
            y = norm(F.conv2d(y, state[f"{name}.conv2.weight"], padding=1), f"{name}.bn2")
            if stride == 2:
                short = torch.zeros_like(y)
                quarter = x.shape[1] // 2
                short[:, quarter : quarter + x.shape[1]] = x[:, :, ::2, ::2]
                x = short
            x = (x + y).clamp(min=0)
    return x.mean((2, 3)) @ state["linear.weight"].T + state["linear.bias"]


@pytest.mark.parametrize("depth", [20, 32])
def test_the_network_is_its_definition(depth):
    torch.manual_seed(depth)
    network = CifarResNet(depth).eval()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for values, low in ((module.weight.data, 0.5), (module.running_var, 0.5), (module.bias.data, -0.2)):
                values.uniform_(low, low + 0.7)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        expected = slow(network.state_dict(), images, (depth - 2) // 6)
        torch.testing.assert_close(network(images), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("depth", DEPTHS)
def test_depth_counts_layers_of_weights(depth):
    network = CifarResNet(depth)
    layers = [module for module in network.modules() if isinstance(module, (torch.nn.Conv2d, torch.nn.Linear))]
    assert len(layers) == depth


def test_names_weights_and_classes(tmp_path):
    torch.manual_seed(0)
    network = CifarResNet(20)
    state = {f"module.{key}": value for key, value in network.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "a.th")
    model = load_model("cifar10/resnet20", weights=tmp_path / "a.th", device="cpu")
    images = torch.rand(2, 3, 32, 32)
    torch.testing.assert_close(model(images), network.eval()(model.preprocess(images)))
    assert model.classes[3] == "cat" and model.layer("layer3").channels == 64 and "layer1" in model.layers
    with pytest.raises(MissingWeights, match="weights='FILE'"):
        load_model("cifar10/resnet20", device="cpu")
    with pytest.raises(UnitscopeError, match="did you mean 'cifar10/resnet32'"):
        load_model("cifar10/resnet33", device="cpu")
