"""Judging generated photographs: figures of sets whose verdict is known beforehand, and the judges' own form."""

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import squeezenet1_0
from unitscope import training
from unitscope.data.datasets import Pixels
from unitscope.errors import UnitscopeError
from unitscope.files import read_json, write_json
from unitscope.models.generators.contract import Generator
from unitscope.models.generators.photographs import IMAGENETTE
from unitscope.training import photographs_judge

COLOURS = np.random.default_rng(7).integers(40, 216, (10, 1, 1, 3))


def coloured(name, count, seed):
    """Pictures of 16 px whose mean colour tells the class, with a texture of their own."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    pixels = COLOURS[labels] + rng.integers(-4, 5, (count, 1, 1, 3)) + rng.normal(0, 30, (count, 16, 16, 3))
    return Pixels(name, pixels.clip(0, 255).astype(np.uint8), labels, IMAGENETTE)


class Album(Generator):
    """A generator that shows the pictures of a set: w is a row's number; at 0.7 it shows one picture a class."""

    name, classes, image_size, w_dim, z_dim = "album", IMAGENETTE, 16, 1, 1

    def __init__(self, images):
        super().__init__("cpu")
        self.images = images

    def sample(self, n, label=None, seed=0, truncation=1.0):
        return (torch.arange(n) % 10 if truncation < 1 else torch.arange(n))[:, None].float()

    def synthesize(self, w):
        return self.images.load(w[:, 0].long()).images


class Eye(torch.nn.Module):
    def __call__(self, images):
        return 100 * images.mean((2, 3)), 100 * images.flatten(2).std(2)


@pytest.fixture
def toys(monkeypatch):
    """Judges of six numbers: mean and deviation of each colour."""
    monkeypatch.setattr(photographs_judge, "alex", lambda: lambda images: torch.cat(Eye()(images), 1))
    monkeypatch.setattr(photographs_judge, "vgg", lambda: lambda images: torch.cat(Eye()(images), 1))
    monkeypatch.setattr(photographs_judge, "eye", lambda: lambda images: images.flatten(1))
    photographs_judge.real_side.cache_clear()
    yield
    photographs_judge.real_side.cache_clear()


def test_sets_whose_verdict_is_known(toys):
    train, test, fresh = coloured("train", 200, 0), coloured("test", 100, 1), coloured("fresh", 100, 2)
    found = photographs_judge.photograph_figures(Album(fresh), train, test, samples=100)
    assert found["named_real"] > 0.95 and found["named_at_1"] > 0.95 and found["named_at_0.7"] > 0.9
    assert all(
        found[f"frechet_{eye}_at_1"]
        < 4 * found[f"frechet_{eye}_real"]
        < found[f"frechet_{eye}_blur_1"]
        < found[f"frechet_{eye}_blur_2"]
        for eye in ("alex", "vgg")
    )
    assert found["precision_at_1"] > 0.5 and found["recall_at_1"] > 0.5 and found["recall_real"] > 0.5
    assert found["recall_at_0.7"] < 0.3 and found["diversity_at_0.7"] < 1e-6  # one picture a class
    assert (
        found["diversity_at_1"] == pytest.approx(1, abs=0.1)
        and found["nearest_at_1"] == pytest.approx(1, abs=0.4)
        and found["copies_at_1"] < 0.1
    )


def test_a_copier_is_found(toys):
    train, test = coloured("train", 200, 0), coloured("test", 100, 1)
    found = photographs_judge.photograph_figures(Album(train), train, test, samples=100)
    assert found["copies_at_1"] == 1 and found["nearest_at_1"] == pytest.approx(0, abs=1e-4)


def test_swapped_labels_are_named_wrongly(toys):
    train, test = coloured("train", 200, 0), coloured("test", 100, 1)
    turned = Pixels("turned", np.roll(test.pixels, 1, axis=0), test.labels, IMAGENETTE)
    assert photographs_judge.photograph_figures(Album(turned), train, test, samples=100)["named_at_1"] < 0.1


def test_other_classes_are_refused(toys):
    images = coloured("test", 20, 1)
    images.classes = IMAGENETTE[::-1]
    with pytest.raises(UnitscopeError, match="classes of album"):
        photographs_judge.photograph_figures(Album(images), images, images, samples=10)


def test_squeezenet_gives_features_and_the_logits_of_ten_classes(tmp_path):
    torch.manual_seed(0)
    network = squeezenet1_0(weights=None).eval()
    save_file(network.state_dict(), tmp_path / "squeeze.safetensors")
    images = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0))
    found = photographs_judge.squeezed(tmp_path / "squeeze.safetensors")(images)
    assert found.shape == (2, 522)
    normal = (images - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / torch.tensor([0.229, 0.224, 0.225])[
        :, None, None
    ]
    torch.testing.assert_close(
        found[:, 512:], network(normal)[:, [0, 217, 482, 491, 497, 566, 569, 571, 574, 701]], atol=1e-4, rtol=1e-4
    )
    torch.testing.assert_close(found[:, :512], network.features(normal).mean((2, 3)), atol=1e-4, rtol=1e-4)


def test_the_ten_rows_are_the_ten_classes():
    from torchvision.models import SqueezeNet1_0_Weights

    names = SqueezeNet1_0_Weights.DEFAULT.meta["categories"]
    assert tuple(names[row] for row in photographs_judge.IMAGENET_ROWS) == IMAGENETTE


def test_the_card_keeps_what_a_longer_judging_found(monkeypatch, tmp_path):
    monkeypatch.setattr(training, "data_of", lambda recipe, root: ("train", "test"))
    monkeypatch.setattr("unitscope.models.generators.load.load_generator", lambda name, **options: name)
    monkeypatch.setattr(
        photographs_judge,
        "photograph_figures",
        lambda gan, train, test, samples, squeezenet, deep: {"samples": samples, "named_real": 0.9},
    )
    (tmp_path / "imagenette").mkdir()
    write_json(tmp_path / "imagenette" / "stylegan.json", {"name": "imagenette/stylegan", "metrics": {}})
    training.judge_photographs("imagenette/stylegan", "somewhere", 30, folder=tmp_path)
    assert read_json(tmp_path / "imagenette" / "stylegan.json") == {
        "name": "imagenette/stylegan",
        "metrics": {},
        "judged": {"samples": 30, "named_real": 0.9},
    }
    with pytest.raises(UnitscopeError, match="did you mean 'imagenette/stylegan'"):
        training.judge_photographs("imagenet/stylegan", "somewhere", 30, folder=tmp_path)
