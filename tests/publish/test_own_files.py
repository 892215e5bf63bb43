"""Paths on a command line are those of the working folder, in a sweep's file those of its own folder."""

import pytest
from unitscope.publish.own_files import full_paths
from unitscope.publish.run import plan
from unitscope.publish.sweep.grid import read_sweep

from .test_run import edit


@pytest.fixture
def here(tmp_path):
    """A folder with a reader's files, and a book beside it with one of its own."""
    for name in ("work/my_net.py", "work/last.th", "work/a@b.ckpt", "work/critters/resnet", "book/own.pt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    return tmp_path / "work"


@pytest.mark.parametrize(
    "name, value, expected",
    [
        ("weights", "last.th", "{here}/last.th"),
        ("weights", "none.xyz", "{here}/none.xyz"),  # the error then names the place
        ("weights", "own.pt", "own.pt"),  # lies in the book's folder
        ("weights", "", ""),
        ("data_root", "pictures", "{here}/pictures"),
        ("images", "folder:photos", "folder:{here}/photos"),
        ("images", "critters/test", "critters/test"),
        ("images", "folder:/abs/photos", "folder:/abs/photos"),
        ("model", "python:my_net.py:build", "python:{here}/my_net.py:build"),
        ("model", "python:my_net.py:build@last.th", "python:{here}/my_net.py:build@{here}/last.th"),
        ("judge", "embed:python:my_net.py:build", "embed:python:{here}/my_net.py:build"),
        ("judge", "timm/resnet34.a1_in1k@last.th", "timm/resnet34.a1_in1k@{here}/last.th"),
        ("generator", "stylegan:net.pkl", "stylegan:{here}/net.pkl"),
        ("networks", ["critters/vit", "python:my_net.py:build"], ["critters/vit", "python:{here}/my_net.py:build"]),
        ("networks", [{"name": "timm/x", "weights": "last.th"}], [{"name": "timm/x", "weights": "{here}/last.th"}]),
        ("layer", "layer4", "layer4"),
        ("n_ref", 4, 4),
    ],
)
def test_paths_become_full_ones(here, name, value, expected):
    def put(one):
        if isinstance(one, list):
            return [put(part) for part in one]
        if isinstance(one, dict):
            return {key: put(part) for key, part in one.items()}
        return one.format(here=here) if isinstance(one, str) else one

    assert full_paths({name: value}, here, here.parent / "book") == {name: put(expected)}


def test_a_command_line_is_seen_from_the_working_folder(toy, here, monkeypatch):
    edit(toy, "second", 1, 'weights = ""\nnetworks = ["a"]')
    monkeypatch.chdir(here)
    planned = plan(toy, "second", assignments=["weights=last.th", "networks=['python:my_net.py:build']"])
    assert planned.given == {"weights": str(here / "last.th"), "networks": [f"python:{here}/my_net.py:build"]}


def test_a_sweep_is_seen_from_the_folder_of_its_file(toy, here, monkeypatch):
    edit(toy, "second", 1, 'model = "a"\nlayer = "b"\nseed = 0\nweights = ""')
    (here / "mine.yaml").write_text(
        "chapter: second\nparameters: {weights: last.th}\ngrid: {'python:my_net.py:build': [layer4]}\n"
    )
    monkeypatch.chdir(toy)
    (cell,) = read_sweep(toy, here / "mine.yaml").cells
    assert cell.values["model"] == f"python:{here}/my_net.py:build" and cell.values["weights"] == str(here / "last.th")
    assert cell.model == "python:my_net.py:build"
