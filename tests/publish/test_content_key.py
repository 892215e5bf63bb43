"""The key changes with each of the five things that a chapter is made of, and with nothing else."""

import json
import os
import re
import shutil
from pathlib import Path

import nbformat
import pytest
from PIL import Image
from unitscope.publish import content_key
from unitscope.publish.content_key import digest, parts, used_weights
from unitscope.publish.parameters import declared
from unitscope.publish.sources import chapter_path, chapters, read_notebook

REPOSITORY = Path(__file__).parents[2]


def key(root, **parameters):
    return parts(root, "first", read_notebook(root / "book" / "first.ipynb"), parameters)


def changed(before, after):
    return {name for name in before if before[name] != after[name]}


def add(root, source):
    """Put a cell at the end of a toy's chapter."""
    path = root / "book" / "first.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell(source))
    nbformat.write(notebook, path)


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_nothing_changed_nothing_changes(toy):
    assert key(toy, count=3) == key(toy, count=3)


@pytest.mark.parametrize("kind", ["source", "markdown", "library", "weights", "data", "claims"])
def test_each_part_answers_to_its_own_change(toy, kind):
    add(toy, 'import unitscope.data.toy\nnetwork = "critters/net"')
    write(toy / "lib" / "unitscope" / "models" / "zoo" / "net.safetensors", "older")
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
        "claims": toy / "book" / "claims.yaml",
    }.get(kind)
    if file:
        write(file, "- {paper: Toys, chapters: [first], claims: {}}" if kind == "claims" else "changed = 1")
    assert changed(before, key(toy)) == {{"markdown": "source", "claims": "data"}.get(kind, kind)}


def test_claims_of_other_chapters_do_not_count(toy):
    before = key(toy)
    path = toy / "book" / "claims.yaml"
    path.write_text(path.read_text() + "- {paper: Others, chapters: [second], claims: {}}\n")
    assert key(toy) == before


def test_a_module_that_no_cell_reaches_does_not_count(toy):
    before = key(toy)
    (toy / "lib" / "unitscope" / "data" / "toy.py").write_text("changed = 1")
    assert key(toy) == before
    (toy / "book" / "toylib.py").write_text("FACTOR = 2  # changed\n")  # beside the chapter, imported by its third cell
    assert changed(before, key(toy)) == {"library"}


def test_parameters_change_the_key():
    assert digest({"a": 1}) != digest({"a": 2})


@pytest.mark.parametrize(
    "wrapped", [lambda text: text, lambda text: ["x", text], lambda text: [["y"], [f"embed:{text}"]]]
)
def test_a_local_weight_file_counts_by_its_bytes_inside_lists_too(toy, tmp_path, wrapped):
    weights = tmp_path / "own.safetensors"
    weights.write_bytes(b"one")
    before = key(toy, weights=wrapped(str(weights)))
    weights.write_bytes(b"two")
    assert changed(before, key(toy, weights=wrapped(str(weights)))) == {"weights"}


def test_a_folder_of_images_counts_by_names_sizes_and_dates(toy, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    before = key(toy, images=f"folder:{folder}")
    for colour in ("red", "blue"):  # two pictures of one size in bytes
        Image.new("RGB", (8, 8), colour).save(folder / "a.bmp")
        os.utime(folder / "a.bmp", ns=(1, len(colour)))
        after = key(toy, images=f"folder:{folder}")
        assert changed(before, after) == {"data"}
        before = after


def test_outputs_and_execution_counts_do_not_count(toy):
    before = key(toy)
    path = toy / "book" / "first.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].execution_count = 7
    notebook.cells[2].outputs = [nbformat.v4.new_output("stream", text="old")]
    nbformat.write(notebook, path)
    assert key(toy) == before


@pytest.mark.parametrize(
    "given",
    [
        "a/b@{}",
        ["x", "python:net.py:build@{}"],
        [{"name": "a/b", "weights": "{}"}],
        "lpips:a/b@{}",
        ["embed:python:net.py:build@{}"],
    ],
)
def test_a_weight_file_named_beside_a_network_counts(toy, tmp_path, given):
    file = write(tmp_path / "at@home" / "last.pt", "1")
    given = json.loads(json.dumps(given).replace("{}", str(file)))
    before = key(toy, networks=given)
    file.write_text("2")
    assert changed(before, key(toy, networks=given)) == {"weights"}


@pytest.mark.parametrize("given", ["python:{}:build", ["other", "embed:python:{}:build"]])
def test_what_a_file_of_ones_own_imports_counts(toy, tmp_path, given):
    (toy / "lib" / "unitscope" / "extra.py").write_text("")
    file = write(tmp_path / "net" / "own.py", "import helper\ndef build():\n    from unitscope import extra\n")
    helper = write(tmp_path / "net" / "helper.py", "from parts.head import x\n")
    head = write(tmp_path / "net" / "parts" / "head.py", "x = 1\n")
    stranger = write(tmp_path / "net" / "stranger.py", "")
    (toy / "lib" / "unitscope" / "__init__.py").write_text("")
    given = [text.format(file) for text in given] if isinstance(given, list) else given.format(file)
    for path, expected in (
        (stranger, set()), (file, {"weights"}), (helper, {"weights"}), (head, {"weights"}),
        (toy / "lib" / "unitscope" / "extra.py", {"library"}),
    ):  # fmt: skip
        before = key(toy, model=given)
        path.write_text(path.read_text() + "# changed\n")
        assert changed(before, key(toy, model=given)) == expected, path


@pytest.mark.parametrize(
    "value", ["x" * 100_000, "a\0b", ":::::::", "", [], ["", [None, 3]], "folder:", "python::f", "~nobody/x"]
)
def test_odd_values_are_no_files(toy, value):
    key(toy, odd=value)


# --- the book itself -------------------------------------------------------------------------------------------------

ZOO = REPOSITORY / "lib" / "unitscope" / "models" / "zoo"


@pytest.fixture(scope="module")
def edited(tmp_path_factory):
    """A function from a file of the library to the chapters that its edit executes, in a copy of the book."""
    root = tmp_path_factory.mktemp("edited")
    shutil.copytree(REPOSITORY / "book", root / "book")
    shutil.copytree(
        REPOSITORY / "lib" / "unitscope", root / "lib" / "unitscope", ignore=shutil.ignore_patterns("__pycache__")
    )
    shutil.copyfile(REPOSITORY / "_toc.yml", root / "_toc.yml")
    notebooks = {name: read_notebook(chapter_path(root, name)) for name in chapters(root)}
    monkey = pytest.MonkeyPatch()
    monkey.setattr(
        content_key, "of_data", lambda *given: "the same"
    )  # data sets are slow to open, and no edit here meets them

    def keys():
        return {name: parts(root, name, notebook, declared(notebook, name)) for name, notebook in notebooks.items()}

    before = keys()

    def edit(file):
        path = root / "lib" / "unitscope" / file
        whole = path.read_bytes()
        path.write_bytes(whole + b"\n# edited\n")
        after = keys()
        path.write_bytes(whole)
        return {name for name in before if before[name] != after[name]}

    edit.chapters = set(before)
    yield edit
    monkey.undo()


@pytest.mark.parametrize(
    "file", ["gallery", "pages", "book", "cli", "scorecard_page", "recording", "status_page", "run", "sweep/page"]
)
def test_an_edit_of_the_pages_executes_nothing(edited, file):
    assert edited(f"publish/{file}.py") == set()


def test_an_edit_of_lpips_executes_the_chapters_that_reach_it_and_no_other(edited):
    """Who reaches it is asked of the text: modules that name it, then modules that name these, and so on."""
    package = REPOSITORY / "lib" / "unitscope"
    checkers = re.compile(r"^if TYPE_CHECKING:\n(?:(?: +.*)?\n)*", re.MULTILINE)  # read by no run
    files = {path: checkers.sub("", path.read_text()) for path in package.rglob("*.py")}
    files |= {path: "\n".join(cell.source for cell in read_notebook(path).cells if cell.cell_type == "code")
              for path in (REPOSITORY / "book").glob("*.ipynb")}  # fmt: skip
    names = {path: ".".join(("unitscope", *path.relative_to(package).with_suffix("").parts)).removesuffix(".__init__")
             for path in files if path.suffix == ".py"}  # fmt: skip
    touched = {package / "metrics" / "lpips.py"}
    while True:
        wanted = [names[path] for path in touched if path in names]
        pattern = "|".join(
            rf"(?:from|import) {re.escape(name)}\b|from {re.escape(name.rpartition('.')[0])} import"
            rf" [^\n]*\b{name.rpartition('.')[2]}\b"
            rf"|from {re.escape(name.rpartition('.')[0])} import \([^)]*\b{name.rpartition('.')[2]}\b"
            for name in wanted
        )
        more = {path for path, text in files.items() if re.search(pattern, text)} | touched
        if more == touched:
            break
        touched = more
    expected = {path.stem for path in touched if path.suffix == ".ipynb"}
    found = edited("metrics/lpips.py")
    assert found == expected and "directions" in found and "pure" not in found and found < edited.chapters


def test_an_edit_of_weights_executes_the_chapters_that_use_them(edited):
    assert edited("models/zoo/cifar10/resnet.safetensors") == {"linking", "zoo"}
    assert edited("models/zoo/mae_vit.safetensors") == {"rosetta", "rosetta_editing", "zoo"}
    assert edited("models/zoo/mae_vit.json") == {"zoo"}  # which prints the cards


@pytest.mark.parametrize(
    "code, parameters, expected",
    [
        ("", {"model": "critters/resnet"}, ["resnet"]),
        ("", {"judges": ["colour", "embed:critters/dino_vit"]}, ["dino_vit"]),
        ("", {"model": "cifar10/resnet"}, ["cifar10/resnet"]),
        ("", {"model": "timm/resnet50.a1_in1k", "images": "cifar10/test"}, []),
        ("load_model('critters/resnet_s')", {}, ["resnet_s"]),
        ('"""About critters/resnet."""  # and critters/alexnet', {}, []),
        ("load_model(f'critters/{name}')", {}, "all"),
        ("from unitscope.models import list_zoo", {}, "all"),
        ("from unitscope import models\nmodels.zoo.card(name)", {}, "all"),
    ],
)
def test_the_weights_that_are_used(code, parameters, expected):
    found = [path.relative_to(ZOO).as_posix() for path in used_weights(ZOO, code, parameters, [])]
    everything = sorted(path.relative_to(ZOO).as_posix() for path in ZOO.rglob("*") if path.is_file())
    assert sorted(found) == (everything if expected == "all" else [f"{name}.safetensors" for name in expected])


def test_defaults_of_the_library_count_where_it_is_reached(tmp_path):
    file = write(
        tmp_path / "a.py",
        'EYE = "critters/alexnet"\nOTHER = "critters/biggan"\ndef f(x, eye=EYE, *, by="lpips:critters/resnet_l"):\n   '
        ' """critters/resnet"""\n',
    )
    assert [path.stem for path in used_weights(ZOO, "", {}, [file])] == ["alexnet", "resnet_l"]


def test_hashes_are_not_computed_twice(toy, monkeypatch):
    key(toy)
    monkeypatch.setattr(content_key, "sha256", None)
    key(toy)
