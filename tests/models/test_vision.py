"""A vision model: preprocessing as its source does it, embeddings, towers, heads, and nothing left behind."""

from functools import partial

import numpy as np
import open_clip
import pytest
import timm
import torch
import torchvision
from PIL import Image
from torch import nn
from unitscope.data.critters import NAMES
from unitscope.errors import UnitscopeError
from unitscope.models import load_model
from unitscope.models.vision import Preprocess

ROUNDING = 1.01 / 255 / 0.2  # the sources resize bytes: half a grey level before and after, over the smallest deviation


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.fixture
def picture(rng) -> Image.Image:
    """A smooth coloured square of 300 x 300."""
    return Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8)).resize((300, 300), Image.Resampling.BICUBIC)


def as_images(picture: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.asarray(picture).copy()).permute(2, 0, 1)[None].float() / 255


def timm_transform(model):
    about = timm.data.resolve_model_data_config(model.module)
    return timm.data.create_transform(**{**about, "crop_pct": 1.0}, is_training=False)


def torchvision_transform(model):
    return partial(torchvision.models.MobileNet_V2_Weights.IMAGENET1K_V2.transforms, resize_size=224)()


def open_clip_transform(model):
    return open_clip.transform.image_transform_v2(open_clip.transform.PreprocessCfg(), is_train=False)


@pytest.mark.parametrize(
    ("spec", "transform"),
    [
        ("timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k", timm_transform),
        ("timm/resnet18.tv_in1k", timm_transform),
        ("torchvision/mobilenet_v2", torchvision_transform),
        ("open_clip/RN50-quickgelu/openai", open_clip_transform),
    ],
)
def test_preprocessing_is_the_sources_own(spec, transform, picture):
    model = load_model(spec, pretrained=False, device="cpu")
    theirs = transform(model)(picture)[None]
    ours = model.preprocess(as_images(picture))
    assert ours.shape == theirs.shape
    assert (ours - theirs).abs().max() < ROUNDING


def test_images_of_the_right_size_are_only_normalised():
    preprocess = Preprocess(8, (0.1, 0.2, 0.3), (0.5, 1.0, 2.0), "bicubic")
    images = torch.rand(2, 3, 8, 8)
    for channel, (mean, std) in enumerate([(0.1, 0.5), (0.2, 1.0), (0.3, 2.0)]):
        torch.testing.assert_close(preprocess(images)[:, channel], (images[:, channel] - mean) / std)


def test_bicubic_overshoot_is_clamped():
    images = (torch.rand(1, 3, 9, 9) > 0.5).float()
    found = Preprocess(20, (0, 0, 0), (1, 1, 1), "bicubic")(images)
    assert found.min() == 0 and found.max() == 1


@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_preprocessing_is_differentiable(interpolation):
    preprocess = Preprocess(4, interpolation=interpolation)
    images = (0.3 + 0.4 * torch.rand(1, 3, 6, 7, dtype=torch.float64)).requires_grad_()
    assert torch.autograd.gradcheck(preprocess, images, eps=1e-4, atol=1e-3)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), "divide bytes by 255"),
        (torch.zeros(3, 8, 8), "batch axis"),
        (torch.zeros(1, 1, 8, 8), r"\(B, 3, H, W\)"),
        (torch.full((1, 3, 8, 8), 200.0), r"\[0, 1\]"),
        (torch.full((1, 3, 8, 8), -2.0), "normalised"),
    ],
)
def test_wrong_images_are_refused(images, message):
    with pytest.raises(UnitscopeError, match=message):
        Preprocess(8)(images)


def test_a_model_is_frozen_and_its_relus_leave_their_input_alone():
    network = torchvision.models.squeezenet1_0()
    assert any(getattr(part, "inplace", False) for part in network.modules())
    model = load_model(network, input_size=64, device="cpu")
    assert not model.module.training and not any(weight.requires_grad for weight in model.module.parameters())
    kept = []
    model.module.features[0].register_forward_hook(lambda module, args, output: kept.append((output, output.clone())))
    model(torch.rand(1, 3, 64, 64))
    assert torch.equal(*kept[0]) and kept[0][0].min() < 0


@pytest.mark.parametrize("name", ["resnet", "dino_vit", "alexnet"])
def test_embedding_is_the_mean_over_positions_or_all_tokens(name):
    model = load_model(f"critters/{name}", pretrained=False, device="cpu")
    images = torch.rand(2, 3, 64, 64)
    network, x = model.module, model.preprocess(images)
    hidden = network.features(x) if name == "alexnet" else network.forward_features(x)
    theirs = hidden.mean(1) if name == "dino_vit" else hidden.mean((2, 3))  # 65 tokens with the class token
    torch.testing.assert_close(model.embed(images), theirs)


def test_clip_is_read_before_its_closing_norm():
    arch = "vit_base_patch32_clip_quickgelu_224"
    model = load_model(f"timm/{arch}.openai", pretrained=False, device="cpu", input_size=64)
    images = torch.rand(1, 3, 64, 64)
    (last,), prefix = zip(
        *model.module.forward_intermediates(
            model.preprocess(images),
            indices=1,
            norm=False,
            return_prefix_tokens=True,
            intermediates_only=True,
            output_fmt="NLC",
        ),
        strict=True,
    )
    torch.testing.assert_close(model.embed(images), torch.cat([prefix[0], last], 1).mean(1))


def test_open_clip_vit_is_read_before_its_closing_norm(tmp_path):
    (tmp_path / "tiny-test.json").write_text(
        '{"embed_dim": 16, "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size":'
        ' 8}, "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1}}'
    )
    open_clip.add_model_config(tmp_path / "tiny-test.json")
    model = load_model("open_clip/tiny-test", pretrained=False, device="cpu")
    images = torch.rand(2, 3, 32, 32)
    found = model.module.forward_intermediates(
        model.preprocess(images), indices=1, output_fmt="NLC", output_extra_tokens=True, intermediates_only=True
    )
    tokens = torch.cat([found["image_intermediates_prefix"][0], found["image_intermediates"][0]], 1)
    torch.testing.assert_close(model.embed(images), tokens.mean(1))
    theirs = model.clip.encode_text(open_clip.get_tokenizer("tiny-test")(["a pig", "a hare"]), normalize=True)
    torch.testing.assert_close(model.encode_text(["a pig", "a hare"]), theirs)


def test_two_towers_of_the_zoo():
    model = load_model("critters/clip_resnet", pretrained=False, device="cpu")
    images = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(
        model.encode_image(images), model.clip.encode_image(model.preprocess(images), normalize=True)
    )
    assert torch.allclose(model.encode_text(["a photo of a pig"]).norm(dim=1), torch.ones(1))
    assert model.embed(images).shape == (2, model.layers["layer4"].channels)


def test_heads_and_towers_that_are_not_there():
    dino = load_model("critters/dino_vit", pretrained=False, device="cpu")
    assert not dino.has_head and dino.classes is None
    with pytest.raises(UnitscopeError, match="no classifier"):
        dino.logits(torch.rand(1, 3, 64, 64))
    with pytest.raises(UnitscopeError, match="clip_resnet"):
        dino.encode_text(["a pig"])
    with pytest.raises(UnitscopeError, match="clip_resnet"):
        dino.encode_image(torch.rand(1, 3, 64, 64))


def test_heads_that_are_there():
    model = load_model("critters/resnet_s", pretrained=False, device="cpu")
    assert model.has_head and model.classes == NAMES
    images = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(model.logits(images), model.module(model.preprocess(images)))
    own = load_model(
        nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        input_size=8,
        classes="abcd",
        device="cpu",
    )
    assert own.classes == ("a", "b", "c", "d") and own.logits(torch.rand(1, 3, 8, 8)).shape == (1, 4)
    with pytest.raises(UnitscopeError, match="3 class names"):
        load_model(own.module, input_size=8, classes="abc", device="cpu")


def test_the_embedding_hook_is_gone_after_an_error():
    model = load_model("critters/resnet_s", pretrained=False, device="cpu")
    with pytest.raises(UnitscopeError):
        model.embed(torch.zeros(1, 1, 8, 8))
    assert not model.module.layer4._forward_hooks


def test_fingerprint_is_of_the_weights():
    one, same = (load_model("critters/resnet_s", pretrained=False, device="cpu") for _ in range(2))
    assert one.fingerprint() == same.fingerprint() and len(one.fingerprint()) == 16
    same.module.fc.bias[0] += 1e-6
    assert one.fingerprint() != same.fingerprint()
    clip, other = (load_model("critters/clip_resnet", pretrained=False, device="cpu") for _ in range(2))
    other.clip.token_embedding.weight[0, 0] += 1  # the text tower counts
    assert clip.fingerprint() != other.fingerprint()


def test_a_network_that_does_not_fit_its_input_says_so():
    with pytest.raises(UnitscopeError, match="input_size="):
        load_model(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), input_size=64, device="cpu")
    with pytest.raises(UnitscopeError, match="no map and no tokens"):
        load_model(nn.Sequential(nn.Flatten(), nn.Linear(12, 2)), input_size=2, device="cpu")


def test_a_preprocessing_of_ones_own():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
    model = load_model(network, input_size=8, preprocess=lambda images: images * 2 - 1, device="cpu")
    images = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(model(images), network(images * 2 - 1))


@pytest.mark.parametrize("bad", [200.0, -3.0, float("nan"), float("inf"), float("-inf")])
def test_a_loaded_model_refuses_images_out_of_range_in_any_batch(bad):
    """The dry run of `load_model` once took the place of the one batch that was looked at, and NaN passed."""
    model = load_model("critters/resnet_s", pretrained=False, device="cpu")
    images = torch.rand(2, 3, 64, 64)
    spoilt = images.clone()
    spoilt[1, 2, 5, 5] = bad
    for _ in range(2):
        with pytest.raises(UnitscopeError, match=r"must lie in \[0, 1\]"):
            model(spoilt)
        assert model(images).isfinite().all()


def test_mean_and_deviation_are_three_plausible_numbers():
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU())
    given = {"mean": np.array([0.1, 0.2, 0.3]), "std": torch.tensor([1.0, 2.0, 3.0])}
    model = load_model(network, input_size=8, device="cpu", **given)
    assert model.preprocess.mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])
    wrong = {"mean": (0.5,), "std": (1, 0, 1), "input_size": 0}
    for name, value in wrong.items():
        with pytest.raises(UnitscopeError, match=f"{name} must"):
            load_model(network, device="cpu", **{"input_size": 8, name: value})
    with pytest.raises(UnitscopeError, match="std must be three finite numbers"):
        Preprocess(8, std=(1, float("nan"), 1))
