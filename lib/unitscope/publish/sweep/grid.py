"""A sweep as its file asks for it: `book/sweeps/NAME.yaml`.

    chapter: pure                         which notebook
    title: ...                            the page's title and, in `about`, what it asks
    preset: smoke                         where parameters start from (default: embedded)
    parameters: {n_images: 1000}          for every cell; they win over the preset's
    grid:                                 models, and for each of them its layers
      critters/resnet: [layer3, {name: stage 4, layer: layer4, lower: layer3}]
    seeds: [0, 1]                         (default: [0])
    axes: {model: model, layer: layer, seed: seed}    the chapter's parameters behind the three axes
    gpu: true                             every cell claims a GPU on a cluster

A layer is a text, or parameters of the cell with a `name` for its column. An axis whose parameter is a list gets a
list of one. Columns come in the order in which the file names them. Files and folders are seen from the sweep's own
folder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from unitscope.errors import UnitscopeError, unknown
from unitscope.publish import parameters
from unitscope.publish.content_key import digest
from unitscope.publish.own_files import full_paths
from unitscope.publish.run import DEFAULT_PRESET, Plan, plan
from unitscope.publish.sources import chapter_path, read_notebook

KEYS = ("chapter", "title", "about", "preset", "parameters", "grid", "seeds", "axes", "gpu")
FORMS = {
    "chapter": (str, "the name of a chapter"),
    "title": (str, "a text"),
    "about": (str, "a text"),
    "preset": (str, "the name of a preset"),
    "parameters": (dict, "values by the names of parameters"),
    "grid": (dict, "for each model a list of layers: texts, or parameters of the cell"),
    "seeds": (list, "a list of whole numbers, as in [0, 1]"),
    "axes": (dict, "names of parameters for model, layer and seed"),
    "gpu": (bool, "true or false"),
}
MOST_TOLD = 200  # characters of a value in a message
AXES = {"model": "model", "layer": "layer", "seed": "seed"}


@dataclass(frozen=True)
class Cell:
    """One run of a sweep: where it stands in the grid, and the parameters that put it there."""

    model: str
    layer: str
    seed: int
    values: dict[str, object]

    @property
    def id(self) -> str:
        """A file name that a reader understands and that no other cell has."""
        words = re.sub(r"[^A-Za-z0-9.]+", "-", f"{self.model}-{self.layer}-{self.seed}").strip("-")
        return f"{words}.{digest(self.values)[:6]}"


@dataclass(frozen=True)
class Sweep:
    """A grid over one chapter."""

    name: str
    chapter: str
    title: str
    about: str
    preset: str
    gpu: bool
    axes: dict[str, str]
    cells: list[Cell] = field(repr=False)

    def folder(self, root: Path) -> Path:
        """Where the sweep's notebooks and results lie."""
        return root / "_build" / "sweeps" / self.name

    def plans(self, root: Path) -> list[Plan]:
        """What every cell will run; every mistake in the file is found here, before any kernel starts."""
        cells = self.folder(root) / "cells"
        return [
            plan(root, self.chapter, self.preset, beside=cell.values, target=cells / f"{cell.id}.ipynb")
            for cell in self.cells
        ]


def sweeps(root: Path) -> list[str]:
    """Names of the sweeps that the book brings."""
    return sorted(path.stem for path in (root / "book" / "sweeps").glob("*.yaml"))


def read_sweep(root: Path, path: str | Path) -> Sweep:
    """Read a sweep's file.

    Parameters
    ----------
    path : a file, or the name of one in `book/sweeps`.

    Raises
    ------
    UnitscopeError
        If there is no such file, it does not say what a sweep needs, or a name in it does not exist.
    """
    file = Path(path) if is_file(Path(path)) else root / "book" / "sweeps" / f"{Path(path).stem}.yaml"
    if not is_file(file):
        raise unknown("sweep", str(path), sweeps(root), f"A sweep is a file in {root / 'book' / 'sweeps'}.")
    try:
        asked = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (
        yaml.YAMLError,
        ValueError,
        RecursionError,
    ) as error:  # ValueError: not in UTF-8, or an impossible date or number
        raise UnitscopeError(
            f"sweep {file} is not YAML in UTF-8: {' '.join(str(error).split())[:MOST_TOLD]}"
        ) from error
    check_shape(file, asked)
    chapter = chapter_path(root, asked["chapter"]).stem
    return Sweep(
        name=file.stem, chapter=chapter, title=asked.get("title", file.stem), about=asked.get("about", ""),
        preset=asked.get("preset", DEFAULT_PRESET), gpu=bool(asked.get("gpu", False)),
        axes={**AXES, **asked.get("axes", {})}, cells=cells(root, chapter, asked, file.resolve().parent),
    )  # fmt: skip


def is_file(path: Path) -> bool:
    """Whether there is such a file; no name is too long or too odd to ask."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def check_shape(file: Path, asked: object) -> None:
    """Whether a file's content has the form of a sweep; the first key that has not is named with what it takes."""
    if not isinstance(asked, dict) or "chapter" not in asked or not isinstance(asked.get("grid"), dict):
        raise UnitscopeError(f"sweep {file} must name a `chapter` and a `grid` that maps models to lists of layers.")
    for key in asked:
        if key not in KEYS:
            raise unknown("key", key, KEYS, f"These are the keys of a sweep's file ({file}).")
    for key, (kind, words) in FORMS.items():
        if key in asked and not isinstance(asked[key], kind):
            raise UnitscopeError(f"sweep {file}: `{key}` takes {words}, got {shown(asked[key])}.")
    for axis in asked.get("axes", {}):
        if axis not in AXES:
            raise unknown("axis", axis, AXES, f"In {file}.")
    wrong = {
        "seeds": [seed for seed in asked.get("seeds", []) if not isinstance(seed, int) or isinstance(seed, bool)],
        "axes": [name for name in asked.get("axes", {}).values() if not isinstance(name, str)],
        "parameters": [name for name in asked.get("parameters", {}) if not isinstance(name, str)],
        "grid": [
            layer
            for layers in asked["grid"].values()
            for layer in (layers if isinstance(layers, list) else [])
            if not is_layer(layer)
        ],
    }
    for key, values in wrong.items():
        if values:
            raise UnitscopeError(f"sweep {file}: `{key}` takes {FORMS[key][1]}, got {shown(values[0])} in it.")
    if asked.get("seeds") == []:
        raise UnitscopeError(f"sweep {file}: `seeds` takes {FORMS['seeds'][1]}, got none.")
    without = [str(model) for model, layers in asked["grid"].items() if not isinstance(layers, list) or not layers]
    if without or not asked["grid"]:
        raise UnitscopeError(
            f"sweep {file}: each model needs a list of layers; without one: {shown(', '.join(without))}."
        )


def is_layer(value: object) -> bool:
    """A text, or parameters by name."""
    return (
        isinstance(value, str)
        or isinstance(value, dict)
        and bool(value)
        and all(isinstance(name, str) for name in value)
    )


def shown(value: object) -> str:
    """A value as a message shows it, its end cut off where it is long."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= MOST_TOLD else f"{text[:MOST_TOLD]}… ({len(text)} characters)"


def cells(root: Path, chapter: str, asked: dict, here: Path) -> list[Cell]:
    """Every cell of a grid, model by model, layer by layer, seed by seed; paths are seen from the folder `here`."""
    axes = {**AXES, **asked.get("axes", {})}
    defaults = parameters.declared(read_notebook(chapter_path(root, chapter)), chapter)
    found = []
    for model, layers in asked["grid"].items():
        for layer in layers:
            given = dict(layer) if isinstance(layer, dict) else {axes["layer"]: layer}
            name = str(given.pop("name", None) or given.get(axes["layer"], ""))
            for seed in asked.get("seeds", [0]):
                own = {axes["model"]: model, **given, axes["seed"]: seed}
                own = {key: listed(value, defaults.get(key)) for key, value in own.items()}
                values = parameters.check(chapter, {**asked.get("parameters", {}), **own}, defaults)
                found.append(Cell(str(model), name, seed, full_paths(values, here, root / "book")))
    ids = [cell.id for cell in found]
    if twice := sorted({id for id in ids if ids.count(id) > 1}):
        raise UnitscopeError(f"the grid of chapter {chapter!r} holds these cells twice: {', '.join(twice)}.")
    return found


def listed(value: object, default: object) -> object:
    """The value, or a list of it alone where the chapter takes a list."""
    return [value] if isinstance(default, list) and not isinstance(value, list) else value
