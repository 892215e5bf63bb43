"""The front door: names that load when they are asked for, docstrings that run, shapes and errors that they promise."""

import ast
import doctest
import inspect
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
import unitscope
from torch import nn
from unitscope.errors import UnitscopeError

SOURCE = Path(unitscope.__file__)
TOP = unitscope.TopK("layer1", 3)
SECTIONS = ("Parameters", "Returns", "Raises", "See also")


def test_import_takes_no_time_and_no_torch():
    code = "import sys, unitscope; dir(unitscope); sys.exit(any(m in sys.modules for m in ('torch', 'numpy')))"
    started = time.perf_counter()
    assert subprocess.run([sys.executable, "-c", code], cwd=SOURCE.parents[1]).returncode == 0
    bare = time.perf_counter()
    subprocess.run([sys.executable, "-c", "pass"], cwd=SOURCE.parents[1])
    assert 2 * bare - started - time.perf_counter() < 0.3  # (with unitscope) - (bare interpreter)


def test_every_name_is_listed_loaded_on_demand_and_seen_by_type_checkers():
    assert set(unitscope.__all__) < set(dir(unitscope)) and set(unitscope.PLACES) == set(unitscope.__all__)
    assert all(getattr(unitscope, name).__name__ == name for name in unitscope.__all__)
    checked = next(node for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.If))
    seen = {alias.name for node in checked.body for alias in node.names}
    assert ast.unparse(checked.test) == "TYPE_CHECKING" and seen == set(unitscope.__all__)


def test_a_name_that_does_not_exist_is_an_attribute_error_with_the_names():
    with pytest.raises(AttributeError, match="no attribute 'load_modle'; its names: .*load_model"):
        unitscope.load_modle  # noqa: B018
    assert not hasattr(unitscope, "__wrapped__")


@pytest.mark.parametrize("name", sorted(unitscope.__all__))
def test_a_docstring_opens_with_an_example_that_runs(name):
    text = inspect.getdoc(getattr(unitscope, name))
    first, second = text.split("\n\n")[:2]
    assert first.count("\n") < 2 and second.startswith(">>> import ")
    missing = [word for word in SECTIONS if f"\n{word}\n---" not in text]
    assert not missing or name == "UnitscopeError"
    example = doctest.DocTestParser().get_doctest(text, {}, name, None, None)
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    told: list[str] = []
    assert runner.run(example, out=told.append).failed == 0, "".join(told)


@pytest.fixture(scope="module")
def network():
    return unitscope.load_model("critters/resnet_s", device="cpu")


@pytest.fixture(scope="module")
def images():
    return unitscope.load_dataset("critters/test", limit=40)


def test_crops_are_the_ranking_s_images_cut_at_their_boxes(network, images):
    found = unitscope.unit_crops(network, images, "layer3", 5, n=2, size=16, crop="receptive field")
    (top,) = unitscope.stream(network, images, ["layer3"], [unitscope.TopK("layer3", 2)])
    assert found.references.tolist() == top.indices[[5]].tolist() and found.values.equal(top.values[[5]])
    top_, left, bottom, right = found.boxes[0, 1].tolist()
    picture = images[int(found.references[0, 1])].image[:, top_:bottom, left:right]
    by_hand = nn.functional.interpolate(picture[None], (16, 16), mode="bilinear", antialias=True)[0]
    torch.testing.assert_close(found.crops[0, 1], by_hand, atol=1e-5, rtol=0)
    again = unitscope.unit_crops(network, images, "layer3", 5, n=2, size=16, crop="receptive field", ranking=top)
    assert again.crops.equal(found.crops)


def test_virtual_neurons_share_out_the_references_of_a_unit(network, images):
    found = unitscope.virtual_neurons(network, images, "layer4", [7, 9], n_ref=12, clusters=3)
    assert found.lower == "layer3" and found.sizes.sum(1).tolist() == [12, 12]
    parts = [found.of(9, neuron) for neuron in range(3)]
    assert torch.cat(parts).sort().values.equal(found.references[1].sort().values)
    mean = found.vectors[1, found.labels[1] == 0].double().mean(0)
    torch.testing.assert_close(found.centroids[1, 0].double(), mean)
    assert "7: " in repr(found) and len(repr(found)) < 200
    with pytest.raises(UnitscopeError, match="those that were split"):
        found.crops(8, 0)


@pytest.mark.parametrize(
    "given, message",
    [
        ({"n_ref": 41}, "n_ref=41 references of each unit are asked for, but there are 40 images"),
        ({"layer": "layer1"}, "no layer is listed before 'layer1'.*lower="),
        ({"units": 999}, "`units` must lie in 0..255, got 999"),
        ({"layer": "layr4"}, "did you mean 'layer4'"),
    ],
)
def test_what_cannot_be_split_is_said_with_its_argument(network, images, given, message):
    asked = {"layer": "layer4", "units": 3, "n_ref": 4, **given}
    with pytest.raises(UnitscopeError, match=message):
        unitscope.virtual_neurons(network, images, **asked)


def test_a_unit_that_few_images_drive_is_not_split(images):
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 2, 3), nn.ReLU())
    with torch.no_grad():
        body[2].bias.copy_(torch.tensor([10.0, -1e3]))
    small = unitscope.load_model(body, input_size=16, device="cpu")
    with pytest.raises(UnitscopeError, match="unit 1 of '3' responds to 0 of 40 images.*n_ref=8.*1 units do: 0"):
        unitscope.virtual_neurons(small, images, "3", 1, lower="1", n_ref=8)


def test_a_unit_of_one_channel_has_no_circuits(images):
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3, groups=4), nn.ReLU())
    nn.init.constant_(body[2].bias, 1.0)
    small = unitscope.load_model(body, input_size=16, device="cpu")
    with pytest.raises(UnitscopeError, match="driven by 1 channel of '1'.*earlier lower="):
        unitscope.virtual_neurons(small, images, "3", 2, n_ref=8)


def test_the_index_is_the_mean_similarity_of_the_strongest_images(network, images):
    found = unitscope.interpretability_index(network, images, "layer4", [3, 8], similarity="colour", m=4)
    means = torch.stack([images[i].image.mean((1, 2)) for i in range(40)]).double()
    for row in range(2):
        chosen = means[found.references[row]]
        by_hand = -torch.cdist(chosen, chosen).mean()  # all 16 pairs, the diagonal too
        assert float(found.index[row]) == pytest.approx(float(by_hand), abs=1e-5)
    assert "2 units by 'colour' over 4 images each" in repr(found)


def test_a_dead_unit_has_no_index(images):
    body = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU())
    with torch.no_grad():
        body[0].bias.copy_(torch.tensor([-1e3, 1.0]))
    small = unitscope.load_model(body, input_size=16, device="cpu")
    found = unitscope.interpretability_index(small, images, "1", similarity="colour")
    assert found.index.isnan().tolist() == [True, False]


def test_lpips_of_a_tensor_is_lpips_of_the_set(images):
    pictures = images.load(range(3)).images
    ours = unitscope.lpips_distances(pictures, network="critters/alexnet", device="cpu")
    whole = unitscope.lpips_distances(images.subset([0, 1, 2]), network="critters/alexnet", device="cpu")
    torch.testing.assert_close(ours, whole)
    model = unitscope.load_model("critters/alexnet", device="cpu")
    total = torch.zeros(3, 3)
    from unitscope.extract import Taps

    with torch.no_grad(), Taps(model, list(model.layers)) as taps:
        for raw in taps(pictures).values():
            unit = nn.functional.normalize(raw, dim=1)
            total += (unit[:, None] - unit[None]).square().sum(2).mean((2, 3))
    torch.testing.assert_close(ours, total, atol=1e-4, rtol=1e-3)


def test_a_link_draws_what_it_predicts_and_says_how_well(network):
    gan = unitscope.load_generator("critters/stylegan", device="cpu")
    found = unitscope.link(network, gan, ["cat"], n=8, n_test=4)
    r = found.read(gan.synthesize(gan.sample(2, "cat")))
    expected = gan.synthesize(r @ found.A.T + found.a)
    torch.testing.assert_close(found.draw(r), expected, atol=1e-4, rtol=0)
    assert found.explained <= 1 and "1 classes" in repr(found)


def test_a_link_without_a_shared_class_says_so():
    class Other(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), nn.Linear(4, 2)

        def forward(self, x):
            return self.head(self.body(x).mean((2, 3)))

    model = unitscope.load_model(Other(), input_size=16, device="cpu", classes=["chair", "table"])
    with pytest.raises(UnitscopeError, match="share no class"):
        unitscope.link(model, unitscope.load_generator("critters/procedural", device="cpu"))


CARELESS = {
    "`name` must be a name, a folder or a tensor": lambda net, images: unitscope.load_dataset(3),
    "For the folder .*lib write folder:lib": lambda net, images: unitscope.load_dataset("lib"),
    "RGB in .0, 1., got .*to 9": lambda net, images: unitscope.load_dataset(torch.full((1, 3, 4, 4), 9.0)),
    "`reducers` must be a list": lambda net, images: unitscope.stream(net, images, ["layer1"], TOP),
    "`layers` must be a list": lambda net, images: unitscope.stream(net, images, "layer1", [TOP]),
    "compiled.*pass the nn.Module": lambda net, images: unitscope.load_model(torch.jit.script(nn.ReLU())),
    "`limit` must be a whole number of at least 1": lambda net, images: unitscope.load_dataset(
        "critters/val", limit="9"
    ),
    "`size` must be a whole number of at least 1": lambda *_: unitscope.load_dataset("critters/val", size=0),
    "`clusters` must be a whole number from 1 to 4": lambda net, images: unitscope.virtual_neurons(
        net, images, "layer2", 0, n_ref=4, clusters=9
    ),
    "`model` must be of type VisionModel": lambda net, images: unitscope.link(images, net),
    "weights= does not go with": lambda net, images: unitscope.lpips_distances(images, weights="x.pt"),
}


@pytest.mark.parametrize("message", CARELESS)
def test_careless_calls_end_in_one_error(message, network, images, monkeypatch):
    monkeypatch.chdir(SOURCE.parents[2])
    with pytest.raises(UnitscopeError, match=message):
        CARELESS[message](network, images)


def test_a_path_is_a_folder_of_pictures(tmp_path):
    from PIL import Image

    Image.new("RGB", (16, 16), "red").save(tmp_path / "one.png")
    found = unitscope.load_dataset(tmp_path)
    assert len(found) == 1 and found.name == f"folder:{tmp_path.name}"
    assert torch.allclose(found[0].image[0], torch.ones(16, 16))


def test_layers_print_as_a_table_and_functional_networks_say_what_they_are():
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 5, 3)

        def forward(self, x):
            return torch.relu(self.second(torch.relu(self.first(x))))

    printed = str(unitscope.load_model(Functional(), input_size=16, device="cpu").layers)
    lines = printed.splitlines()
    assert lines[0].split() == ["name", "units", "grid", "activation"]
    assert lines[2].split() == ["second", "5", "12x12", "-"]
    assert lines[3].startswith("first, second: values before any activation")
    plain = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, 3), nn.SiLU())
    lines = str(unitscope.load_model(plain, input_size=16, device="cpu").layers).splitlines()
    assert [line.split() for line in lines[1:]] == [["1", "4", "14x14", "ReLU"], ["3", "4", "12x12", "SiLU"]]
