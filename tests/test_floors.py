"""The architecture that the folder names promise: a module imports from lower floors only."""

import ast
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "lib" / "unitscope"
GROUND = ("allocator", "checking", "errors", "files", "identity", "device", "network_names", "progress")
FLOORS = {
    "data": 1,
    "models": 2,
    "extract": 3,
    "metrics": 4,
    "papers": 5,
    "training": 5,
    "evidence": 6,
    "atlas": 6,
    "plots": 7,
    "publish": 8,
}
BESIDE = ({"papers", "training"}, {"evidence", "atlas"})  # on one height, and none knows the other
TRY_ALL = ("ground_truth", "zoo")  # evidence that tries the methods of all papers
LONGEST_MODULE = 400
MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(path: Path) -> str:
    """Dotted name inside the package: "extract.stream"; a package is named by its folder."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> set[str]:
    """Dotted names inside the package that a module imports anywhere, lazily too."""
    found, here = set(), name_of(path).split(".")
    folder = here if path.name == "__init__.py" else here[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            base = [] if not node.level else ["unitscope", *folder[: len(folder) - node.level + 1]]
            stem = ".".join([*base, *([node.module] if node.module else [])])
            found |= {f"{stem}.{alias.name}" for alias in node.names}
    return {name.removeprefix("unitscope.") for name in found if name.startswith("unitscope.")}


def breach(here: str, there: str) -> bool:
    """Whether module `here` may not import `there`."""
    mine, theirs = here.split("."), there.split(".")
    if theirs[0] in GROUND or theirs[0] == "__version__":
        return False
    if mine[0] in GROUND:
        return True
    if mine[0] == theirs[0] and mine[0] in ("papers", "evidence"):
        apart = len(theirs) > 1 and len(mine) > 1 and mine[1] != theirs[1]
        return apart and not (mine[0] == "evidence" and mine[1] in TRY_ALL)
    if {mine[0], theirs[0]} in BESIDE:
        return True
    return FLOORS.get(theirs[0], 0) > FLOORS.get(mine[0], len(FLOORS) + 1)


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_imports_from_lower_floors_only(path):
    assert not [there for there in imported(path) if breach(name_of(path), there)]


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_holds_one_idea(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_MODULE


def test_every_folder_is_a_known_floor():
    folders = {path.parent.relative_to(PACKAGE).parts[0] for path in MODULES if path.parent != PACKAGE}
    assert folders <= set(FLOORS)


@pytest.mark.parametrize(
    "here, there, wrong",
    [
        ("extract.stream", "data.images.Batch", False),
        ("data.images", "extract.stream", True),
        ("papers.pure", "papers.rosetta.mine", True),
        ("papers.pure.figures", "papers.pure.method", False),
        ("evidence.pure.checks", "papers.pure.scores", False),
        ("evidence.pure.checks", "evidence.linking.checks", True),
        ("evidence.pure.checks", "evidence.ground_truth.curves", True),
        ("evidence.ground_truth.channels", "evidence.pure.planted", False),
        ("papers.pure.scores", "training.trainer", True),
        ("training.trainer", "papers.pure.scores", True),
        ("training.generators", "metrics.lpips", False),
        ("evidence.linking.shots", "training.generators", False),
        ("metrics.lpips", "training.generators", True),
        ("evidence.zoo", "atlas.record", True),
        ("plots.pure", "atlas.record", False),
        ("papers.pure.scores", "evidence.pure.checks", True),
        ("errors", "data.images", True),
        ("plots.pure", "publish.claims", True),
        ("publish.run", "files.atomic", False),
    ],
)
def test_the_rule_itself(here, there, wrong):
    assert breach(here, there) is wrong


def test_relative_and_lazy_imports_are_seen(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "PACKAGE", tmp_path)
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / "images.py"
    path.write_text(
        "from ..extract import stream\ndef f():\n    from unitscope.publish import chapter_claims\nimport"
        " unitscope.plots\n"
    )
    assert imported(path) == {"extract.stream", "publish.chapter_claims", "plots"}


ONE_BATCH = "pictures that have just been drawn, in one batch"
GRADIENTS = "one batch whose gradients are wanted"
TOGETHER = "a generator and several networks read the same drawing"
BY_HAND = {
    "metrics.lpips": GRADIENTS,  # `from_model` serves optimisers too
    "papers.directions.interpolation": GRADIENTS,
    "papers.linking.segmentation": ONE_BATCH,
    "papers.rosetta.anchor": TOGETHER,
    "papers.rosetta.dictionary": ONE_BATCH,
    "papers.rosetta.losses": ONE_BATCH,
    "papers.rosetta.mining": TOGETHER,
    "evidence.linking.gradcam": GRADIENTS,
    "evidence.pure.planted": "a layer that is changed on the way, under `stream`",
    "evidence.rosetta.across": TOGETHER,
    "evidence.rosetta.effects": ONE_BATCH,
    "evidence.rosetta.literal": "the published procedure, to be compared with",
    "models.layers": "finds a network's layers, in one trace",
    "models.vision": "the last hidden layer as an embedding",
    "models.generators.neural": "a generator's own layers",
}


def reads_by_hand(path: Path) -> bool:
    """Whether a module makes Taps or registers hooks itself."""
    called = (node.func for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
    names = {getattr(function, "attr", getattr(function, "id", "")) for function in called}
    return "Taps" in names or any(
        re.fullmatch("register_(full_)?(forward|backward)_(pre_)?hook", name) for name in names
    )


def test_stream_is_the_only_pass_over_images():
    found = {name_of(path) for path in MODULES if reads_by_hand(path)}
    assert {name for name in found if not name.startswith("extract.")} == set(BY_HAND)


FACES = [path for path in MODULES if path.name == "__init__.py"]


@pytest.mark.parametrize("path", FACES, ids=name_of)
def test_no_name_hides_a_module(path):
    """`papers.linking.study` is the function or the module, never one that hides the other."""
    inside = {below.stem for below in path.parent.iterdir() if below.suffix == ".py" or below.is_dir()}
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    bound = {
        alias.asname or alias.name
        for node in nodes
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("unitscope.")
        for alias in node.names
        if node.module != f"unitscope.{name_of(path)}"
    }
    assert not bound & inside
