"""The key changes with each of the five things that a chapter is made of, and with nothing else."""

import nbformat
import pytest

from unitscope.publish.content_key import digest, parts
from unitscope.publish.sources import read_notebook


def key(root, **parameters):
    return parts(root, "first", read_notebook(root / "book" / "first.ipynb"), parameters)


def changed(before, after):
    return {name for name in before if before[name] != after[name]}


def test_nothing_changed_nothing_changes(toy):
    assert key(toy, count=3) == key(toy, count=3)


@pytest.mark.parametrize("kind", ["source", "markdown", "library", "weights", "data"])
def test_each_part_answers_to_its_own_change(toy, kind):
    before = key(toy)
    if kind in ("source", "markdown"):
        path = toy / "book" / "first.ipynb"
        notebook = nbformat.read(path, as_version=4)
        notebook.cells[0 if kind == "markdown" else 2].source += "\n"
        nbformat.write(notebook, path)
    file = {
        "library": toy / "lib" / "unitscope" / "data" / "toy.py",
        "weights": toy / "lib" / "unitscope" / "models" / "zoo" / "net.safetensors",
        "data": toy / "book" / "recorded" / "first" / "run" / "claims.json",
    }.get(kind)
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("changed")
    assert changed(before, key(toy)) == {"source" if kind == "markdown" else kind}


def test_parameters_change_the_key():
    assert digest({"a": 1}) != digest({"a": 2})


def test_a_local_weight_file_counts_by_its_bytes(toy, tmp_path):
    weights = tmp_path / "own.safetensors"
    weights.write_bytes(b"one")
    before = key(toy, weights=str(weights))
    weights.write_bytes(b"two")
    assert changed(before, key(toy, weights=str(weights))) == {"weights"}


def test_a_folder_of_images_counts_by_names_and_sizes(toy, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    before = key(toy, images=f"folder:{folder}")
    (folder / "a.png").write_bytes(b"x")
    assert changed(before, key(toy, images=f"folder:{folder}")) == {"data"}


def test_outputs_and_execution_counts_do_not_count(toy):
    before = key(toy)
    path = toy / "book" / "first.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].execution_count = 7
    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="old")]
    nbformat.write(notebook, path)
    assert key(toy) == before
