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
list of one. Columns come in the order in which the file names them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from unitscope.errors import UnitscopeError, unknown
from unitscope.publish import parameters
from unitscope.publish.content_key import digest
from unitscope.publish.run import DEFAULT_PRESET, Plan, plan
from unitscope.publish.sources import chapter_path, read_notebook

KEYS = ("chapter", "title", "about", "preset", "parameters", "grid", "seeds", "axes", "gpu")
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
    file = Path(path) if Path(path).is_file() else root / "book" / "sweeps" / f"{Path(path).stem}.yaml"
    if not file.is_file():
        raise unknown("sweep", str(path), sweeps(root), f"A sweep is a file in {root / 'book' / 'sweeps'}.")
    try:
        asked = yaml.safe_load(file.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise UnitscopeError(f"sweep {file} is not YAML: {' '.join(str(error).split())}") from error
    check_shape(file, asked)
    chapter = chapter_path(root, asked["chapter"]).stem
    return Sweep(
        name=file.stem, chapter=chapter, title=asked.get("title", file.stem), about=asked.get("about", ""),
        preset=asked.get("preset", DEFAULT_PRESET), gpu=bool(asked.get("gpu", False)),
        axes={**AXES, **asked.get("axes", {})}, cells=cells(root, chapter, asked),
    )  # fmt: skip


def check_shape(file: Path, asked: object) -> None:
    """Whether a file's content has the form of a sweep."""
    if not isinstance(asked, dict) or "chapter" not in asked or not isinstance(asked.get("grid"), dict):
        raise UnitscopeError(f"sweep {file} must name a `chapter` and a `grid` that maps models to lists of layers.")
    for key in asked:
        if key not in KEYS:
            raise unknown("key", key, KEYS, f"These are the keys of a sweep's file ({file}).")
    for axis in asked.get("axes", {}):
        if axis not in AXES:
            raise unknown("axis", axis, AXES, f"In {file}.")
    wrong = [model for model, layers in asked["grid"].items() if not isinstance(layers, list) or not layers]
    if wrong or not asked["grid"]:
        raise UnitscopeError(f"sweep {file}: each model needs a list of layers; without one: {', '.join(wrong)}.")


def cells(root: Path, chapter: str, asked: dict) -> list[Cell]:
    """Every cell of a grid, model by model, layer by layer, seed by seed."""
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
                found.append(Cell(str(model), name, seed, values))
    ids = [cell.id for cell in found]
    if twice := sorted({id for id in ids if ids.count(id) > 1}):
        raise UnitscopeError(f"the grid of chapter {chapter!r} holds these cells twice: {', '.join(twice)}.")
    return found


def listed(value: object, default: object) -> object:
    """The value, or a list of it alone where the chapter takes a list."""
    return [value] if isinstance(default, list) and not isinstance(value, list) else value
