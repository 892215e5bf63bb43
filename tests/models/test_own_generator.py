"""Generators from a reader's own Python file: found, described, filled, made random; and every mistake in words."""

import re
from pathlib import Path

import pytest
import torch
from unitscope.errors import UnitscopeError
from unitscope.models import load_generator
from unitscope.models.generators.official_catalogue import CATALOGUE

FILE = """
import torch
from torch import nn

class Tiny(nn.Module):
    def __init__(self, classes=0):
        super().__init__()
        self.z_dim = 6
        self.embed = nn.Embedding(classes, 2) if classes else None
        self.up = nn.ConvTranspose2d(6 + (2 if classes else 0), 10, 4)
        self.conv = nn.Conv2d(10, 12, 3, padding=1)
        self.rgb = nn.Conv2d(12, 3, 1)

    def mapping(self, z, labels):
        return z if self.embed is None else torch.cat([z, self.embed(labels)], 1)

    def forward(self, w):
        x = self.up(w[:, :, None, None]).relu()
        return self.rgb(nn.functional.interpolate(self.conv(x).relu(), scale_factor=4)).tanh()

def build():
    return Tiny(), {"range": (-1, 1)}

def classes():
    return Tiny(3), {"range": (-1, 1), "classes": ["a", "b", "c"], "layers": ["conv"]}

def bright():
    return Tiny()

def silent():
    network = Tiny()
    del network.z_dim
    return network, {"range": (-1, 1)}

def misspelt():
    return Tiny(), {"clases": []}

def lost():
    return Tiny(), {"range": (-1, 1), "layers": ["cnov"]}

def wrong():
    return "no network"
"""


@pytest.fixture
def file(tmp_path):
    (tmp_path / "mine.py").write_text(FILE)
    return tmp_path / "mine.py"


def test_a_function_builds_the_generator(file):
    torch.manual_seed(0)
    gan = load_generator(f"python:{file}:build", device="cpu")
    assert (gan.z_dim, gan.w_dim, gan.image_size, gan.classes) == (6, 6, 16, ("0",))
    assert {name: (layer.channels, layer.grid) for name, layer in gan.layers.items()} == {
        "network.up": (10, (4, 4)),
        "network.conv": (12, (4, 4)),
    }
    w = gan.sample(3).requires_grad_()
    images, maps = gan.synthesize_with_features(w)
    assert images.shape == (3, 3, 16, 16) and images.min() >= 0 and images.max() <= 1 and list(maps) == list(gan.layers)
    torch.testing.assert_close(images, (gan.module.network(w) + 1) / 2)
    assert torch.autograd.grad(images.sum(), w)[0].abs().sum() > 0


def test_classes_and_means(file):
    torch.manual_seed(0)
    gan = load_generator(f"python:{file}:classes", device="cpu")
    assert gan.classes == ("a", "b", "c") and list(gan.layers) == ["network.conv"] and gan.w_mean.shape == (3, 8)
    torch.testing.assert_close(gan.w_mean[:, 6:], gan.module.network.embed.weight)
    torch.testing.assert_close(gan.sample(2, "c", truncation=0), gan.w_mean[[2, 2]])


def test_weights_from_a_file_and_random_ones(file, tmp_path):
    one = load_generator(f"python:{file}:build", device="cpu")
    torch.save(one.module.network.state_dict(), tmp_path / "mine.pt")
    again = load_generator(f"python:{file}:build", device="cpu", weights=tmp_path / "mine.pt")
    w = one.sample(2)
    assert torch.equal(one.synthesize(w), again.synthesize(w)) and one.fingerprint() == again.fingerprint()
    twins = [load_generator(f"python:{file}:build", device="cpu", pretrained=False, seed=seed) for seed in (0, 0, 1)]
    assert torch.equal(twins[0].synthesize(w), twins[1].synthesize(w)) and not torch.equal(
        twins[0].synthesize(w), twins[2].synthesize(w)
    )


def test_mistakes_in_words(file):
    for function, words in {
        "bright": "say 'range'",
        "silent": "must say z_dim",
        "misspelt": "did you mean 'classes'",
        "lost": "did you mean 'conv'",
        "wrong": "must return an nn.Module",
        "biuld": "did you mean 'build'",
    }.items():
        torch.manual_seed(0)
        with pytest.raises(UnitscopeError, match=words):
            load_generator(f"python:{file}:{function}", device="cpu")


def test_the_generator_of_the_page_runs_as_it_stands(tmp_path):
    page = (Path(__file__).parents[2] / "book" / "own_model.md").read_text(encoding="utf-8")
    (tmp_path / "my_gan.py").write_text(re.search(r":name: own-generator\n\n(.*?)```", page, re.DOTALL)[1])
    gan = load_generator(f"python:{tmp_path / 'my_gan.py'}:build", device="cpu")
    w = gan.sample(4)
    layer = list(gan.layers)[-1]
    assert (
        gan.classes == ("picture",)
        and gan.synthesize(w).shape == (4, 3, 32, 32)
        and gan.features(w)[layer].shape == (4, 24, 32, 32)
    )
    assert not torch.equal(gan.edit(w, {layer: lambda m: m * 0}), gan.synthesize(w))
    for name in re.findall(r"`((?:stylegan|projected)[\w-]*/[\w-]+)`", page):
        assert name in CATALOGUE
