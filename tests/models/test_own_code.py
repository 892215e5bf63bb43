"""Networks from a reader's own Python file: found, described, filled, made random; and every mistake in words."""

import pytest
import torch
from unitscope.errors import UnitscopeError
from unitscope.models import load_model

FILE = """
import torch
from torch import nn
from neighbour import CHANNELS

def build():
    return nn.Sequential(nn.Conv2d(3, CHANNELS, 3), nn.ReLU(), nn.Conv2d(CHANNELS, 5, 3), nn.ReLU())

def described():
    about = {"input_size": 20, "mean": [0.1, 0.2, 0.3], "classes": ["a", "b", "c", "d", "e"]}
    return nn.Sequential(*build(), nn.AdaptiveAvgPool2d(1), nn.Flatten()), about

def trained():
    network = build()
    nn.init.constant_(network[0].weight, 7.0)
    return network

def wrong():
    return "no network"

def misspelt():
    return build(), {"input_siez": 20}

def parameterless():
    return nn.Sequential(nn.ReLU())
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "neighbour.py").write_text("CHANNELS = 4\n")
    (tmp_path / "mine.py").write_text(FILE)
    return tmp_path / "mine.py"


def test_a_function_builds_the_network(file):
    model = load_model(f"python:{file}:described", device="cpu")
    assert model.input_size == 20 and model.classes == ("a", "b", "c", "d", "e")
    assert [layer.channels for layer in model.layers.values()] == [4, 5]
    grey = model.preprocess(torch.full((1, 3, 20, 20), 0.5))[0, :, 0, 0]
    torch.testing.assert_close(grey, (0.5 - torch.tensor([0.1, 0.2, 0.3])) / torch.tensor([0.229, 0.224, 0.225]))


def test_weights_come_from_a_checkpoint(file, tmp_path):
    module = load_model(f"python:{file}:build", device="cpu").module
    state = {f"module.{key}": torch.full_like(value, 0.25) for key, value in module.state_dict().items()}
    torch.save({"epoch": 3, "state_dict": state}, tmp_path / "last.pt")
    model = load_model(f"python:{file}:build", device="cpu", weights=tmp_path / "last.pt")
    assert all((value == 0.25).all() for value in model.module.state_dict().values())


def test_the_random_twin_of_a_trained_network_is_random(file):
    assert (load_model(f"python:{file}:trained", device="cpu").module[0].weight == 7).all()
    twin = load_model(f"python:{file}:trained", device="cpu", pretrained=False).module[0].weight
    assert twin.abs().max() < 1 and twin.std() > 0


@pytest.mark.parametrize(
    "name, pretrained, message",
    [
        ("nowhere.py:build", True, "no file .*nowhere.py"),
        ("{file}:bulid", True, "unknown function 'bulid'; did you mean 'build'"),
        ("{file}:wrong", True, "must return an nn.Module.*got str"),
        ("{file}:misspelt", True, "unknown key 'input_siez'; did you mean 'input_size'"),
        ("{file}:parameterless", False, "no random twin"),
    ],
)
def test_mistakes_are_named(file, name, pretrained, message):
    with pytest.raises(UnitscopeError, match=message):
        load_model(f"python:{name.format(file=file)}", device="cpu", pretrained=pretrained)


def test_a_file_that_raises_is_named(tmp_path):
    (tmp_path / "broken.py").write_text("1 / 0")
    with pytest.raises(UnitscopeError, match="broken.py cannot be run: ZeroDivisionError"):
        load_model(f"python:{tmp_path / 'broken.py'}:build", device="cpu")
