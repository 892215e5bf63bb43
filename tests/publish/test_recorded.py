"""A recorded run is small, says where it comes from, and is shown as what it is."""

import base64
import io
import json

import nbformat
import numpy as np
import pytest
from PIL import Image
from unitscope.errors import UnitscopeError
from unitscope.publish import machine, recorded, recording
from unitscope.publish.pictures import LARGEST_BYTES, small_png
from unitscope.publish.recorded import recorded_runs, show_recorded
from unitscope.publish.recording import record
from unitscope.publish.run import Run

CLAIM = {"id": "C1", "chapter": "first", "panel": None, "statement": "a < b", "paper": 1, "ours": 2.5,
         "interval": [2, 3], "holds": True, "reason": None}  # fmt: skip


def png(height, width, rng):
    """A PNG of noise, which no compression makes small."""
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def finished(toy, rng):
    """A finished run with a large still figure, a small and a large plotly figure."""
    plotly = {recording.PLOTLY: {"data": [{"type": "scatter", "y": [1, 2]}], "layout": {}, "config": {}}}
    large = {recording.PLOTLY: {"data": [{"type": "scatter", "text": ["x" * recording.LARGEST_PLOT]}], "layout": {}}}
    about = {
        "peak_memory_mb": 10,
        "device": "cpu",
        "seed": 0,
        "python": "3.11",
        "system": "Linux",
        "versions": {"torch": "2"},
        "fingerprints": {"model": "abc"},
    }
    shown = [{"image/png": base64.b64encode(png(400, 1500, rng)).decode()}, plotly, large, {machine.MIME: about}]
    cells = [nbformat.v4.new_markdown_cell("# First\n## Panel one\ntext")]
    for data in shown:
        output = nbformat.v4.new_output("display_data", data=data)
        cells.append(nbformat.v4.new_code_cell(outputs=[output]))
    cells.append(nbformat.v4.new_code_cell('show_recorded("first", "old")', outputs=cells[1].outputs))
    cells[2].metadata["mystnb"] = {"figure": {"caption": "Two\npoints"}}
    metadata = {
        "papermill": {"start_time": "2026-11-20T10:00:00", "duration": 12.34},
        "unitscope": {"chapter": "first", "preset": "cifar10", "parameters": {"seed": 0}, "key": "k", "parts": {}},
    }
    path = toy / "_build" / "first.ipynb"
    path.parent.mkdir()
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=metadata), path)
    return Run("first", path, [CLAIM], 12.34, True)


@pytest.fixture
def shown(monkeypatch, toy):
    """What a chapter of the toy book displays."""
    seen = []
    monkeypatch.setattr(recorded, "display", seen.append)
    monkeypatch.chdir(toy / "book")
    return seen


def test_a_record_holds_claims_small_figures_and_provenance(toy, finished):
    folder = record(toy, finished, "one")
    assert sorted(path.name for path in folder.iterdir()) == [
        "claims.json", "figure-01.png", "figure-02.json", "provenance.json",
    ]  # fmt: skip
    assert (folder / "figure-01.png").stat().st_size <= LARGEST_BYTES
    about = json.loads((folder / "provenance.json").read_text())
    assert about["figures"] == [
        {"file": "figure-01.png", "caption": "Panel one"}, {"file": "figure-02.json", "caption": "Two points"},
    ]  # fmt: skip
    assert (about["date"], about["seconds"], about["device"], about["seed"]) == ("2026-11-20", 12.3, "cpu", 0)
    assert about["fingerprints"] == {"model": "abc"} and about["commit"] == "unknown"


def test_a_record_names_no_folder_of_this_machine(toy, finished):
    notebook = nbformat.read(finished.notebook, as_version=4)
    notebook.metadata["unitscope"]["parameters"] = {
        "images": "folder:/home/me/data/tiny/val",
        "weights": "/srv/net.safetensors",
    }
    nbformat.write(notebook, finished.notebook)
    odd = {**CLAIM, "reason": "seen in /home/me/deep/er/file.png"}
    folder = record(toy, Run("first", finished.notebook, [odd], 1.0, True), "one")
    text = (folder / "provenance.json").read_text() + (folder / "claims.json").read_text()
    assert "/home" not in text and "…/er/file.png" in json.loads((folder / "claims.json").read_text())[0]["reason"]
    about = json.loads((folder / "provenance.json").read_text())
    assert about["parameters"] == {"images": "folder:…/tiny/val", "weights": "…/srv/net.safetensors"}


@pytest.mark.parametrize(
    "given, kept",
    [
        ("folder:/home/me/data/tiny/val", "folder:…/tiny/val"),
        ("/tmp/a/net.safetensors and 'python:/x/y/z.py:make'", "…/a/net.safetensors and 'python:…/y/z.py:make'"),
        ("critters/test", "critters/test"),
        ("~/data/val", "~/data/val"),
        ("data/val", "data/val"),
        ("", ""),
        ("https://host.org/a/b 1/2 and / or", "https://host.org/a/b 1/2 and / or"),
        ("data:image/jpeg;base64,/9j/4AAQ/abc", "data:image/jpeg;base64,/9j/4AAQ/abc"),
        (
            "<img src='data:image/png;base64,iVB/w0K/Ggo='> of /a/b/c.png",
            "<img src='data:image/png;base64,iVB/w0K/Ggo='> of …/b/c.png",
        ),
        ({"y": {"dtype": "f8", "bdata": "m+/tmp/ab/yGE="}}, {"y": {"dtype": "f8", "bdata": "m+/tmp/ab/yGE="}}),
        (["/a/b/c", {"x": ("/a/b/d", 3, None)}], ["…/b/c", {"x": ["…/b/d", 3, None]}]),
    ],
)
def test_absolute_paths_keep_their_last_two_names(given, kept):
    assert recording.portable(given) == kept


def test_a_new_record_replaces_the_old_one(toy, finished):
    folder = record(toy, finished, "one")
    (folder / "left_over.png").write_bytes(b"")
    record(toy, finished, "one")
    assert not (folder / "left_over.png").exists() and recorded_runs("first", toy) == ["one"]


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a b", "a\n", '"><script>', "ä"])
def test_a_record_has_one_plain_name(toy, finished, name):
    with pytest.raises(UnitscopeError, match="one plain word"):
        record(toy, finished, name)


def test_showing_marks_the_origin_and_gathers_no_claim(toy, finished, shown):
    record(toy, finished, "one")
    show_recorded("first", "one")
    texts = [getattr(item, "data", "") for item in shown]
    assert "Recorded run “one”" in texts[0] and "2026-11-20" in texts[0]
    assert "*Panel one*" in texts and 'id="claim-one-C1"' in texts[-1] and "paper: 1" in texts[-1]
    assert not any(isinstance(item, dict) for item in shown)


def test_an_unknown_record_gets_the_nearest(toy, finished, shown):
    record(toy, finished, "squeezenet")
    with pytest.raises(UnitscopeError, match="unknown recorded run 'squeeznet'; did you mean 'squeezenet'"):
        show_recorded("first", "squeeznet")


def test_a_small_picture_keeps_its_size(rng):
    smooth = np.tile(np.linspace(0, 255, 600).astype(np.uint8)[None, :, None], (400, 1, 3))
    buffer = io.BytesIO()
    Image.fromarray(smooth).save(buffer, "PNG")
    assert Image.open(io.BytesIO(small_png(buffer.getvalue()))).size == (600, 400)


def test_the_commit_is_named_where_there_is_git():
    assert len(recording.commit(recording.Path(__file__).parent).rstrip("+")) in (40, len("unknown"))
