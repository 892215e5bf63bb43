"""Unit layers of fifteen families: found in order, and read as the maps that other libraries give."""

import open_clip
import pytest
import timm
import torch
import torchvision
from torch import nn
from torchvision.models.feature_extraction import create_feature_extractor
from unitscope.errors import UnitscopeError
from unitscope.models import Layer, load_model
from unitscope.models.layers import trace

STAGES = ["layer1", "layer2", "layer3", "layer4"]
make, vision = timm.create_model, torchvision.models


def open_clip_tower(layers, **vision_options) -> nn.Module:
    """The image tower of a small CLIP."""
    from open_clip.model import CLIPVisionCfg

    tower = CLIPVisionCfg(layers=layers, image_size=64, **vision_options)
    return open_clip.model.CLIP(16, tower, open_clip.model.CLIPTextCfg(8, 20, width=16, heads=2, layers=1)).visual


# family: network, side of its images, names of its layers or their number, then (kind, channels, grid) of first and
# last
FAMILIES = {
    "timm resnet18": (lambda: make("resnet18"), 64, STAGES, ("map", 64, (16, 16)), ("map", 512, (2, 2))),
    "timm resnet50": (
        lambda: make("resnet50", channels=(8, 16, 24, 32)),
        64,
        STAGES,
        ("map", 32, (16, 16)),
        ("map", 128, (2, 2)),
    ),
    "timm vit": (
        lambda: make("vit_tiny_patch16_224", depth=2, img_size=64),
        64,
        ["blocks.0.mlp.act", "blocks.1.mlp.act"],
        ("tokens", 768, (4, 4)),
        ("tokens", 768, (4, 4)),
    ),
    "timm deit with two class tokens": (
        lambda: make("deit_tiny_distilled_patch16_224", depth=1, img_size=64),
        64,
        ["blocks.0.mlp.act"],
        ("tokens", 768, (4, 4)),
        ("tokens", 768, (4, 4)),
    ),
    "timm dinov2 with registers": (
        lambda: make("vit_small_patch14_reg4_dinov2", depth=1, img_size=56),
        56,
        ["blocks.0.mlp.act"],
        ("tokens", 1536, (4, 4)),
        ("tokens", 1536, (4, 4)),
    ),
    "timm convnext": (
        lambda: make("convnext_atto", depths=(1, 1, 1, 1)),
        64,
        [name for i in range(4) for name in (f"stages.{i}.blocks.0.mlp.act", f"stages.{i}")],
        ("map", 160, (16, 16)),
        ("map", 320, (2, 2)),
    ),
    "timm convnext with linear layers": (
        lambda: make("convnext_tiny", depths=(1, 1, 1, 1), dims=(16, 32, 64, 96)),
        64,
        8,
        ("channels_last", 64, (16, 16)),
        ("map", 96, (2, 2)),
    ),
    "timm swin": (
        lambda: make("swin_tiny_patch4_window7_224", embed_dim=24, depths=(1, 1, 1, 1)),
        224,
        4,
        ("tokens", 96, (56, 56)),
        ("tokens", 768, (7, 7)),
    ),
    "timm mobilenet": (lambda: make("mobilenetv3_small_050"), 96, 23, ("map", 16, (48, 48)), ("map", 288, (3, 3))),
    "torchvision vgg11": (lambda: vision.vgg11().features, 64, 8, ("map", 64, (64, 64)), ("map", 512, (4, 4))),
    "torchvision alexnet": (
        lambda: vision.alexnet(),
        96,
        [f"features.{i}" for i in (1, 4, 7, 9, 11)],
        ("map", 64, (23, 23)),
        ("map", 256, (5, 5)),
    ),
    "torchvision squeezenet": (
        lambda: vision.squeezenet1_0(),
        96,
        [f"features.{i}" for i in (1, 3, 4, 5, 7, 8, 9, 10, 12)] + ["classifier.2"],
        ("map", 96, (45, 45)),
        ("map", 1000, (5, 5)),
    ),
    "torchvision mobilenet": (lambda: vision.mobilenet_v2(), 64, 35, ("map", 32, (32, 32)), ("map", 1280, (2, 2))),
    "torchvision vit": (
        lambda: vision.VisionTransformer(32, 16, num_layers=1, num_heads=2, hidden_dim=16, mlp_dim=24),
        32,
        ["encoder.layers.encoder_layer_0.mlp.1"],
        ("tokens", 24, (2, 2)),
        ("tokens", 24, (2, 2)),
    ),
    "no activation modules": (
        lambda: vision.googlenet(init_weights=False),
        64,
        16,
        ("map", 64, (32, 32)),
        ("map", 1024, (2, 2)),
    ),
    "open_clip resnet": (
        lambda: open_clip_tower((1, 1, 1, 1), width=8, head_width=8),
        64,
        STAGES,
        ("map", 32, (16, 16)),
        ("map", 256, (2, 2)),
    ),
    "open_clip vit": (
        lambda: open_clip_tower(2, width=32, head_width=16, patch_size=16),
        64,
        ["transformer.resblocks.0.mlp.gelu", "transformer.resblocks.1.mlp.gelu"],
        ("tokens", 128, (4, 4)),
        ("tokens", 128, (4, 4)),
    ),
}


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


def load(family: str):
    build, size = FAMILIES[family][:2]
    return load_model(build(), input_size=size, device="cpu")


def tapped(model, path: str, images: torch.Tensor) -> torch.Tensor:
    """A layer's map, by a hook of the test's own."""
    kept = []
    handle = model.module.get_submodule(path).register_forward_hook(lambda module, args, output: kept.append(output))
    with torch.no_grad():
        model(images)
    handle.remove()
    return model.layer(path).to_map(kept[0])


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_its_unit_layers_in_order(family):
    _, size, names, first, last = FAMILIES[family]
    model = load(family)
    layers = list(model.layers.values())
    assert (list(model.layers) == names) if isinstance(names, list) else (len(layers) == names)
    assert (layers[0].kind, layers[0].channels, layers[0].grid) == first
    assert (layers[-1].kind, layers[-1].channels, layers[-1].grid) == last
    for layer in (layers[0], layers[-1]):
        assert tapped(model, layer.path, torch.rand(2, 3, size, size)).shape == (2, layer.channels, *layer.grid)


@pytest.mark.parametrize("family", ["timm resnet18", "timm resnet50", "timm convnext"])
def test_stages_are_those_of_timm(family):
    model = load(family)
    images = torch.rand(2, 3, model.input_size, model.input_size)
    with torch.no_grad():
        features = model.module.forward_intermediates(model.preprocess(images), intermediates_only=True)
    for theirs, name in zip(features[-4:], [name for name in model.layers if name[-1] in "01234"][-4:], strict=True):
        torch.testing.assert_close(tapped(model, name, images), theirs)
        assert "resnet" not in family or theirs.min() == 0  # stages end in their ReLU


@pytest.mark.parametrize("family", ["torchvision squeezenet", "torchvision vgg11", "torchvision alexnet"])
def test_layers_are_those_of_torchvisions_feature_extractor(family):
    model = load(family)
    images = torch.rand(2, 3, model.input_size, model.input_size)
    with torch.no_grad():
        theirs = create_feature_extractor(model.module, list(model.layers))(model.preprocess(images))
    for name in model.layers:
        torch.testing.assert_close(tapped(model, name, images), theirs[name])
        assert theirs[name].min() == 0


VITS = ["timm vit", "timm deit with two class tokens", "timm dinov2 with registers", "torchvision vit", "open_clip vit"]


@pytest.mark.parametrize("family", VITS)
def test_tokens_lie_where_their_patch_lies(family):
    """Without attention, a changed patch changes its own token and no other; rows and columns are not confused."""
    model = load(family)
    for name, weight in model.module.named_parameters():
        if "attn" in name or "attention" in name:
            weight.zero_()
    name = list(model.layers)[-1]
    rows = model.layers[name].grid[0]
    patch = model.input_size // rows
    images = torch.rand(1, 3, model.input_size, model.input_size)
    before = tapped(model, name, images)
    for row, column in [(0, 1), (rows - 1, 0)]:
        changed = images.clone()
        changed[..., row * patch : (row + 1) * patch, column * patch : (column + 1) * patch] = torch.rand(
            1, 3, patch, patch
        )
        moved = (tapped(model, name, changed) - before).abs().amax((0, 1)) > 1e-6
        assert moved.nonzero().tolist() == [[row, column]]


def test_batch_on_the_second_axis_is_understood():
    raw = torch.rand(5, 2, 7)  # (L, B, C), one class token
    layer = Layer("x", "x", "tokens", 7, (2, 2), prefix=1, batch_axis=1)
    found = layer.to_map(raw)
    for b, row, column in [(0, 0, 1), (1, 1, 0)]:
        torch.testing.assert_close(found[b, :, row, column], raw[1 + 2 * row + column, b])


def test_channels_last_come_first():
    raw = torch.rand(2, 3, 4, 5)
    assert torch.equal(Layer("x", "x", "channels_last", 5, (3, 4)).to_map(raw)[1, 4, 2, 3], raw[1, 2, 3, 4])


class TokensFirst(nn.Module):
    """A transformer of the old kind, (L, B, C) inside."""

    def __init__(self):
        super().__init__()
        self.patches, self.act = nn.Conv2d(3, 6, 8, 8), nn.GELU()

    def forward(self, x):
        tokens = self.patches(x).flatten(2).permute(2, 0, 1)
        return self.act(torch.cat([tokens.mean(0, keepdim=True), tokens])).mean(0)


def test_the_batch_axis_is_found_in_the_dry_pass():
    model = load_model(TokensFirst(), input_size=32, device="cpu")
    layer = model.layers["act"]
    assert (layer.kind, layer.prefix, layer.batch_axis, layer.grid) == ("tokens", 1, 1, (4, 4))
    assert tapped(model, "act", torch.rand(3, 3, 32, 32)).shape == (3, 6, 4, 4)
    assert model.embed(torch.rand(3, 3, 32, 32)).shape == (3, 6)


def test_tokens_of_another_image_size_are_refused():
    with pytest.raises(UnitscopeError, match="preprocess"):
        Layer("x", "x", "tokens", 7, (2, 2), prefix=1).to_map(torch.rand(1, 10, 7))


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("layr4", "did you mean 'layer4'"),
        ("layer1.0.bn2", "overwrites"),
        ("layer1.0.relu", "runs 2 times"),
        ("fc", r"shape \(1, 1000\) for one image, not a map"),
        ("spare", "does not run"),
        ("", "unknown layer"),
    ],
)
def test_a_module_that_is_no_layer_says_why(name, message):
    network = vision.resnet18()
    network.spare = nn.ReLU()
    model = load_model(network, input_size=64, device="cpu")
    with pytest.raises(UnitscopeError, match=message):
        model.layer(name)


def test_any_module_path_can_be_named():
    network = make("resnet18")
    assert load_model(network, input_size=64, device="cpu").layer("layer3.1").channels == 256
    assert list(load_model(network, input_size=64, device="cpu", layers=["layer3.1", "layer2"]).layers) == [
        "layer3.1",
        "layer2",
    ]
    with pytest.raises(UnitscopeError, match="layer3"):
        load_model(network, input_size=64, device="cpu", layers=["layer33"])


def test_stages_are_found_below_a_wrapper():
    wrapped = load_model(nn.Sequential(make("resnet18")), input_size=64, device="cpu")
    assert list(wrapped.layers) == [f"0.{name}" for name in STAGES]


def test_square_maps_with_as_many_channels_as_columns_are_maps():
    network = nn.Sequential(nn.Conv2d(3, 16, 1), nn.ReLU())
    layer = load_model(network, input_size=16, device="cpu").layers["1"]
    assert (layer.kind, layer.channels, layer.grid) == ("map", 16, (16, 16))


@pytest.mark.parametrize("fails", [False, True])
def test_the_dry_pass_leaves_no_hook(fails):
    network = make("resnet18")
    if fails:
        network.fc = nn.Linear(3, 3)
        with pytest.raises(RuntimeError):
            trace(network, torch.rand(1, 3, 64, 64))
    else:
        trace(network, torch.rand(1, 3, 64, 64))
    assert not [path for path, module in network.named_modules() if module._forward_hooks]
