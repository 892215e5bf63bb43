"""Networks by name: every source, with random weights, local files and cached downloads; names that do not exist."""

import os
from pathlib import Path

import open_clip
import pytest
import timm
import torch
import torchvision
from huggingface_hub import constants
from safetensors.torch import save_file
from unitscope.data import load_dataset
from unitscope.errors import UnitscopeError
from unitscope.models import VisionModel, load_model


@pytest.fixture(autouse=True)
def seed():
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("critters/resnett", "did you mean 'critters/resnet'"),
        ("resnet50", "did you mean 'timm/resnet50'"),
        ("dino_vit", "did you mean 'critters/dino_vit'"),
        ("my_net.py:build", "did you mean 'python:my_net.py:build'"),
        ("nothing-like-it", "timm/ARCH.TAG"),
        ("timm/resnet5o.a1_in1k", "did you mean 'resnet50'"),
        ("timm/resnet50.a1_in1", "did you mean 'a1_in1k'"),
        ("torchvision/squeezenet1_2", "did you mean 'squeezenet1_[01]'"),
        ("torchvision/resnet50/IMAGENET1K_V3", "IMAGENET1K_V"),
        ("open_clip/RN51/openai", "did you mean 'RN50'"),
        ("open_clip/RN50-quickgelu/opeani", "did you mean 'openai'"),
        ("hub/dino_resnet5", "did you mean 'dino_resnet50'"),
    ],
)
def test_unknown_names_propose_the_nearest(spec, message):
    with pytest.raises(UnitscopeError, match=message):
        load_model(spec, device="cpu")


def test_something_else_than_a_name_is_refused():
    with pytest.raises(UnitscopeError, match="an nn.Module, got int"):
        load_model(50)


@pytest.mark.parametrize(
    ("spec", "right"),
    [
        ("open_clip/RN50/openai", "open_clip/RN50-quickgelu/openai"),
        ("open_clip/ViT-B-32/openai", "open_clip/ViT-B-32-quickgelu/openai"),
        ("timm/vit_base_patch32_clip_224.openai", "timm/vit_base_patch32_clip_quickgelu_224.openai"),
    ],
)
def test_weights_of_the_other_gelu_are_refused(spec, right):
    with pytest.raises(UnitscopeError, match=f"QuickGELU.*take {right}"):
        load_model(spec, pretrained=False, device="cpu")


def same_state(network: torch.nn.Module, state: dict) -> bool:
    return all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize(
    ("spec", "build"),
    [
        ("torchvision/squeezenet1_0", torchvision.models.squeezenet1_0),
        ("timm/resnet18.a1_in1k", lambda: timm.create_model("resnet18")),
        ("hub/dino_vits16", lambda: timm.create_model("vit_small_patch16_224", num_classes=0)),
        ("hub/dino_resnet50", torchvision.models.resnet50),  # with a head, which DINO drops
    ],
)
def test_local_files_are_loaded(spec, build, tmp_path):
    state = build().state_dict()
    torch.save(state, tmp_path / "w.pth")
    model = load_model(spec, weights=tmp_path / "w.pth", device="cpu")
    assert same_state(model.module, state)
    assert model.has_head == (not spec.startswith("hub"))


def test_both_towers_come_from_one_file(tmp_path):
    state = load_model("critters/clip_resnet", pretrained=False, device="cpu").clip.state_dict()
    state = {key: value + 1 for key, value in state.items()}
    save_file(state, tmp_path / "w.safetensors")
    assert same_state(load_model("critters/clip_resnet", weights=tmp_path / "w.safetensors", device="cpu").clip, state)


def test_a_local_file_that_does_not_fit(tmp_path):
    save_file(timm.create_model("resnet18", num_classes=10).state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(UnitscopeError, match=r"fc.weight \(10, 512\) instead of \(1000, 512\)"):
        load_model("timm/resnet18.a1_in1k", weights=tmp_path / "w.safetensors", device="cpu")


def test_position_embeddings_are_resampled_for_another_size(tmp_path):
    spec = "timm/vit_small_patch14_dinov2.lvd142m"
    state = load_model(spec, pretrained=False, input_size=56, device="cpu").module.state_dict()
    save_file(state, tmp_path / "w.safetensors")
    model = load_model(spec, weights=tmp_path / "w.safetensors", input_size=84, device="cpu")
    assert model.layers["blocks.0.mlp.act"].grid == (6, 6)
    assert model.module.pos_embed.shape[1] == 1 + 36
    torch.testing.assert_close(model.module.blocks[3].mlp.fc1.weight, state["blocks.3.mlp.fc1.weight"])


def test_published_weights_come_from_the_hub_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    place = tmp_path / "models--timm--resnet18.a1_in1k"
    (place / "snapshots" / "abc").mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")
    state = timm.create_model("resnet18").state_dict()
    save_file(state, place / "snapshots" / "abc" / "model.safetensors")
    assert same_state(load_model("timm/resnet18.a1_in1k", device="cpu").module, state)


@pytest.mark.parametrize(
    "spec", ["timm/resnet18.a1_in1k", "torchvision/squeezenet1_0", "hub/dino_vits16", "open_clip/RN50-quickgelu/openai"]
)
def test_published_weights_out_of_reach(spec, tmp_path, monkeypatch):
    monkeypatch.setenv("UNITSCOPE_CACHE", str(tmp_path))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UnitscopeError, match=f"weights of {spec} are missing.*weights='FILE'.*embedded"):
        load_model(spec, device="cpu")


def test_options_replace_the_sources_own():
    model = load_model(
        "torchvision/squeezenet1_0", pretrained=False, input_size=227, mean=(0, 0, 0), std=(1, 1, 1), device="cpu"
    )
    images = torch.rand(1, 3, 227, 227)
    assert model.input_size == 227 and torch.equal(model.preprocess(images), images)


def test_a_module_of_timms_brings_its_preprocessing():
    about = timm.create_model("vit_tiny_patch16_224.augreg_in21k_ft_in1k")
    model = load_model(about, device="cpu")
    assert isinstance(model, VisionModel) and model.preprocess.mean.flatten().tolist() == [0.5, 0.5, 0.5]
    assert model.preprocess.interpolation == "bicubic"


def test_open_clip_warns_of_nothing(caplog):
    load_model("open_clip/RN50-quickgelu/openai", pretrained=False, device="cpu")
    assert not caplog.records
    assert "RN50" in open_clip.list_models()


@pytest.fixture
def real() -> Path:
    folder = os.environ.get("UNITSCOPE_DATA")
    if not folder or not (Path(folder) / "squeezenet1_0_imagenet.safetensors").is_file():
        pytest.skip("UNITSCOPE_DATA names no folder with squeezenet1_0_imagenet.safetensors and imagenet_samples")
    return Path(folder)


def test_a_real_network_names_real_images(real):
    """The published Deep-Compression SqueezeNet is right on 62 % of these; 80 images tell it from chance."""
    weights = real / "squeezenet1_0_imagenet.safetensors"
    model = load_model("torchvision/squeezenet1_0", weights=weights, input_size=227, device="cpu")
    images = load_dataset(f"folder:{real / 'imagenet_samples'}", size=227)
    assert images.classes == model.classes
    rows = torch.arange(0, 1000, 1000 // 80)
    hits = [(model.logits(batch.images).argmax(1) == batch.labels).float() for batch in images.batches(40, rows)]
    assert torch.cat(hits).mean() > 0.5
