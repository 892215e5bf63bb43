"""The five chapters on photographs and networks that the project has never seen, in every place that takes a network.

Networks: an EfficientNet-Lite in small (ReLU6, TensorFlow's padding) and a ResNet, with a linear head, a head of 1 x 1
or none. Photographs: a flat folder, whose images have no classes. The cells run in this process (`cells`); the long
test runs them as `unitscope run` does.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from unitscope.errors import UnitscopeError
from unitscope.models import load_model
from unitscope.publish.run import records
from unitscope.publish.sources import read_notebook

from .cells import run_cells

NETWORKS = Path(__file__).with_name("own_networks.py")
SMALL = {
    "pure": {"n_images": 48, "n_ref": 10, "n_units": 4, "n_units_each": 2, "n_pairs": 2, "n_looked": 1},
    "directions": {"n_images": 60, "judges": ["colour", "label"], "trials": 2, "sae_steps": 5, "sae_ratios": [1.0],
                   "n_pairs": 4, "steps": 5, "n_embedded": 40},
    "linking": {"trained": True, "n_pairs": 12, "n_oracle": 12, "n_tuned": 2},
    "rosetta": {"n_images": 40, "n_few": 20, "units_each": 16},
    "rosetta_editing": {"n_mined": 24, "n_edited": 2, "n_inverted": 3},
}  # fmt: skip


def net(function: str) -> str:
    return f"python:{NETWORKS}:{function}"


def roles(chapter: str, model: str) -> dict:
    """Own networks in every place of a chapter that takes one."""
    layer = {"lite": "blocks.1.5", "res": "layer3"}[model]
    lower = {"lite": "blocks.1.2", "res": "layer2"}[model]
    other = {"lite": "res", "res": "lite"}[model]
    return {
        "pure": {"model": net(model), "layer": layer, "lower": lower, "judge": net(other), "rival": net("res_headless"),
                 "networks": [net(model), net("res_headless" if model == "res" else "lite_headless"), net(other)]},
        "directions": {"model": net(model), "layer": layer, "similarity": f"lpips:{net(other)}",
                       "judges": ["colour", "label", f"embed:{net('lite_headless')}"], "others": [net("res_headless")]},
        "linking": {"classifier": net("stranger"), "generator": net("painter"), "perceptual": net(model),
                    "species": ["teapot", "tractor", "trombone"], "ways": ["teapot>tractor", "tractor>trombone"],
                    "judge": net("lite_headless"), "oracle": net("res"), "others": [net("squeezed"), net("lite")]},
        "rosetta": {"networks": [net(model), net(other), net("res_headless")],
                    "controls": [net(other), net("squeezed")]},
        "rosetta_editing": {"networks": [net(model), net(other)], "dino": net("res_headless"), "clip": net("squeezed"),
                            "generator": net("painter"), "perceptual": net("res"), "judge": net("lite"),
                            "encoder": net("lite_headless")},
    }[chapter]  # fmt: skip


@pytest.fixture(scope="module")
def flat(tmp_path_factory) -> Path:
    """Sixty small photographs (patches on grounds) without class folders, and one file that nobody reads."""
    folder, rng = tmp_path_factory.mktemp("flat"), np.random.default_rng(0)
    for index in range(60):
        image = np.tile(rng.integers(0, 256, 3).astype(float), (40 + index % 7, 44, 1))
        top, left = rng.integers(0, 24, 2)
        image[top : top + 14, left : left + 16] = rng.integers(0, 256, 3)
        Image.fromarray((0.8 * image + rng.integers(0, 50, image.shape)).astype(np.uint8)).save(folder / f"{index}.png")
    (folder / "raw.nef").write_bytes(b"raw")
    return folder


def parameters(chapter: str, model: str, flat: Path) -> dict:
    images = {} if chapter == "linking" else {"images": f"folder:{flat}"}
    return {**SMALL[chapter], **images, **roles(chapter, model)}


def untested(ran, *claims: str) -> None:
    for claim in claims:
        assert ran.verdicts[claim]["state"] == "untested" and ran.verdicts[claim]["reason"], claim


@pytest.mark.filterwarnings("ignore")
def test_directions_on_photographs_without_classes(flat, monkeypatch):
    ran = run_cells("directions", parameters("directions", "lite", flat), monkeypatch)
    untested(ran, "C10", "C11", "C14", "C15", "B1", "B3", "B4", "B5", "B6", "B12")
    assert "Nothing is known of these images, not even a class" in ran.prose
    assert "true factors of every image" not in ran.prose.partition("## Beyond the paper")[0].partition("(Fig. 2)")[2]
    assert "Left out: 1 files of no kind that is read (.nef 1)" in ran.prose
    assert "{glue:" not in ran.prose


@pytest.mark.filterwarnings("ignore")
def test_rosetta_on_photographs_without_a_generator(flat, monkeypatch):
    ran = run_cells("rosetta", parameters("rosetta", "lite", flat), monkeypatch)
    untested(ran, "B1", "B3")
    assert "No generator takes part" in ran.prose and "{glue:" not in ran.prose
    assert not {ran.verdicts[claim]["state"] for claim in ("C1", "C2", "C3")} & {"untested"}  # controls were run


@pytest.mark.filterwarnings("ignore")
def test_pure_says_what_it_did(flat, monkeypatch):
    ran = run_cells("pure", parameters("pure", "lite", flat), monkeypatch, until='"high": checks.HIGH')
    assert ran.glued["crop_way"] == "receptive field" and "No relevance is followed here" in ran.prose
    assert "Relevance (LRP) is followed" not in ran.prose and "are computed from known factors" not in ran.prose
    assert "Nothing is known of these images, not even a class" in ran.prose
    assert "The layer's activation ends at 6" in ran.prose


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("model", ["lite", "res"])
@pytest.mark.parametrize("chapter", SMALL)
def test_a_chapter_ends_without_an_error(flat, book, chapter, model):
    words = [f"{name}={value}" for name, value in parameters(chapter, model, flat).items()]
    command = [sys.executable, "-m", "unitscope.publish.cli", "run", chapter, "--preset", "smoke"]
    done = subprocess.run(
        [*command, *(part for word in words for part in ("-p", word))], cwd=book, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    notebook = read_notebook(next(line for line in done.stdout.splitlines() if line.endswith(".ipynb")))
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error"]
    assert len(records(notebook, "application/vnd.unitscope.claim+json")) >= 15


LATE = "linking.study("  # the cell that draws


@pytest.mark.parametrize(
    "given, message",
    [
        ({"classifier": net("stranger")}, "`classifier`.*knows 3 classes, not pika, hare, cat, lynx, leopard"),
        ({"species": ["pika", "hair"], "ways": ["pika>hair"]}, "`generator`.*not hair .near to that: hare"),
        ({"species": ["pika", "hare"]}, "`ways` 'cat>leopard': cat is not among `species`"),
        ({"species": ["pika"], "ways": ["pika>hare"]}, "`species` must name 2 classes at least"),
        ({"ways": []}, "`ways` must name one way at least"),
    ],
)
def test_linking_says_what_must_be_shared_before_it_draws(monkeypatch, given, message):
    from unitscope.papers import linking

    monkeypatch.setattr(linking, "study", lambda *_, **__: pytest.fail("pictures were drawn"))
    given = {"classifier": net("res"), "trained": False, **given}
    with pytest.raises(UnitscopeError, match=message) as caught:
        run_cells("linking", given, monkeypatch, until=LATE)
    said = str(caught.value)
    assert "`species`" in said and "`head`" in said and len(said) < 900


def test_a_head_of_1_by_1_counts_as_a_head():
    from unitscope.extract.penultimate import Reader

    model = load_model(net("squeezed"), device="cpu")
    images = torch.rand(5, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    reader = Reader(model)
    r, _ = reader.read(images)
    kept = []
    handle = model.module.head[1].register_forward_hook(lambda _m, given, _out: kept.append(given[0].mean((2, 3))))
    with torch.no_grad():
        model(images)
    handle.remove()
    torch.testing.assert_close(r, kept[0])
    conv = model.module.head[1]
    torch.testing.assert_close(reader.logits(r), r @ conv.weight[:, :, 0, 0].T + conv.bias)
    assert not reader.exact and Reader(load_model(net("res"), device="cpu")).exact
    assert not Reader(model, head=False).has_head


def test_strangeness_takes_as_many_neighbours_as_there_are():
    from types import SimpleNamespace

    from unitscope.evidence.rosetta.effects import strangeness

    eye = SimpleNamespace(embed=lambda images: images.flatten(1))
    known = torch.tensor([[0.0], [1.0], [3.0]])[:, :, None, None]
    found = strangeness(eye, torch.tensor([[5.0]])[:, :, None, None], known)
    # two neighbours: the known ones lie (1 + 3 + 1 + 2 + 2 + 3) / 6 = 2 apart, the picture (2 + 4) / 2 = 3 from its two
    torch.testing.assert_close(found, torch.tensor([1.5]))
