"""How networks are named: a text, NAME@FILE, or a mapping; and what the loader makes of each."""

import pytest
import torch
from unitscope.errors import UnitscopeError
from unitscope.models import load_model
from unitscope.models.load import load_models
from unitscope.network_names import label, labels, split_name

FILE = """
from torch import nn

def build():
    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.Conv2d(2, 2, 3), nn.ReLU()), {"input_size": 12}
"""


@pytest.mark.parametrize(
    ("spec", "name", "file"),
    [
        ("critters/resnet", "critters/resnet", None),
        ("timm/resnet34.a1_in1k@last.pt", "timm/resnet34.a1_in1k", "last.pt"),
        ("timm/x@/home/a@b/w.pt", "timm/x", "/home/a@b/w.pt"),
        ("python:net.py:build", "python:net.py:build", None),
        ("python:net.py:build@last.pt", "python:net.py:build", "last.pt"),
        ("python:/home/a@b/net.py:build", "python:/home/a@b/net.py:build", None),
        ("python:/home/a@b/net.py:build@/c@d/last.pt", "python:/home/a@b/net.py:build", "/c@d/last.pt"),
        ({"name": "a/b", "weights": "c@d.pt"}, "a/b", "c@d.pt"),
        ({"name": "a/b"}, "a/b", None),
        ({"name": "a/b", "weights": ""}, "a/b", None),
        ("trailing@", "trailing@", None),
    ],
)
def test_a_name_and_its_file_are_told_apart(spec, name, file):
    assert split_name(spec) == (name, file)


@pytest.mark.parametrize("spec", [3, None, ["a"], {"weights": "b"}, {"name": 3}, {"name": "a", "weight": "b"}])
def test_anything_else_is_refused(spec):
    with pytest.raises(UnitscopeError, match="network"):
        split_name(spec)


def test_a_label_tells_weights_of_one_architecture_apart():
    assert label("a/b") == "a/b" and label("a/b@/folder/c.pt") == "a/b@c.pt"
    assert list(labels(["a", "a@x/c.pt", {"name": "a", "weights": "x/c.pt"}, "a@y/c.pt"])) == [
        "a", "a@c.pt", "a@y/c.pt",
    ]  # fmt: skip


@pytest.fixture
def saved(tmp_path):
    """A network of one's own with a checkpoint full of quarters."""
    (tmp_path / "net.py").write_text(FILE)
    name = f"python:{tmp_path / 'net.py'}:build"
    state = load_model(name, device="cpu").module.state_dict()
    torch.save({key: torch.full_like(value, 0.25) for key, value in state.items()}, tmp_path / "last.pt")
    return name, str(tmp_path / "last.pt")


def quarters(model) -> bool:
    return all((value == 0.25).all() for value in model.module.state_dict().values())


def test_each_spelling_loads_the_weights_that_it_names(saved):
    name, file = saved
    for spec in (f"{name}@{file}", {"name": name, "weights": file}):
        assert quarters(load_model(spec, device="cpu"))
        assert not quarters(load_model(spec, device="cpu", pretrained=False)), "a random twin has no file"
    assert not quarters(load_model(name, device="cpu"))


def test_two_files_for_one_network_are_refused(saved):
    name, file = saved
    with pytest.raises(UnitscopeError, match="names a weight file and weights='other.pt' another"):
        load_model(f"{name}@{file}", weights="other.pt", device="cpu")


def test_several_networks_are_loaded_under_names_that_differ(saved):
    name, file = saved
    found = load_models([name, f"{name}@{file}", name], device="cpu")
    assert list(found) == [name, f"{name}@last.pt"] == [model.name for model in found.values()]
    assert [quarters(model) for model in found.values()] == [False, True]
