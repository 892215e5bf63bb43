"""Where the book's sources lie: the repository's root, its chapters, its presets.

A root is a folder with `_toc.yml` and `book/`. A chapter is a notebook `book/NAME.ipynb`. A preset is a file
`book/presets/NAME.yaml` that maps a chapter to papermill parameters; a chapter that it does not name runs with its
own defaults.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import nbformat
import yaml

from unitscope.errors import UnitscopeError, unknown


def find_root(start: str | Path | None = None) -> Path:
    """The book's root: the nearest one at or above `start` (the working folder), else this library's own.

    Raises
    ------
    UnitscopeError
        If neither place holds a book, with what was looked for.
    """
    start = Path(start or Path.cwd()).resolve()
    for folder in (start, *start.parents, Path(__file__).resolve().parents[3]):
        if (folder / "_toc.yml").is_file() and (folder / "book").is_dir():
            return folder
    raise UnitscopeError(
        f"no book at or above {start}: a book's root holds _toc.yml and book/. "
        "Chapters do not travel in the installed package: clone the repository and run this inside it."
    )


def listed(node: object) -> list[str]:
    """Every page that a table of contents names, in order."""
    if isinstance(node, dict):
        own = [node[key] for key in ("root", "file") if key in node]
        return own + [page for value in node.values() for page in listed(value)]
    return [page for item in node for page in listed(item)] if isinstance(node, list) else []


def chapters(root: Path) -> list[str]:
    """Names of all chapters in the order of the table of contents; those that it does not list come last."""
    names = sorted(path.stem for path in (root / "book").glob("*.ipynb"))
    order = listed(yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8")))
    return sorted(names, key=lambda name: order.index(f"book/{name}") if f"book/{name}" in order else len(order))


def chapter_path(root: Path, chapter: str) -> Path:
    """The source notebook of a chapter, by its name ("pure"); "book/pure.ipynb" is understood too."""
    name = Path(chapter).name.removesuffix(".ipynb")
    if name not in (names := chapters(root)):
        raise unknown("chapter", chapter, names, f"A chapter is a notebook in {root / 'book'}.")
    return root / "book" / f"{name}.ipynb"


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """A notebook in format 4, or an error that names the file if it is not one."""
    wrong: dict[str, Exception] = {}
    try:
        notebook = nbformat.read(path, as_version=4, capture_validation_error=wrong)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, nbformat.ValidationError) as error:
        wrong["form"] = error
    for error in wrong.values():
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UnitscopeError(f"{path} is not a notebook that can be read: {reason}") from error
    return notebook


def presets(root: Path) -> list[str]:
    """Names of all presets."""
    return sorted(path.stem for path in (root / "book" / "presets").glob("*.yaml"))


def load_preset(root: Path, name: str) -> dict[str, dict]:
    """A preset as {chapter: {parameter: value}}; values are checked against the chapter by `parameters.check`.

    Raises
    ------
    UnitscopeError
        If there is no such preset, it is not such a mapping, or it names a chapter that does not exist.
    """
    if name not in (names := presets(root)):
        raise unknown("preset", name, names, f"A preset is a file in {root / 'book' / 'presets'}.")
    path = root / "book" / "presets" / f"{name}.yaml"
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except yaml.YAMLError as error:
        raise UnitscopeError(f"preset {path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or not all(isinstance(given or {}, dict) for given in content.values()):
        raise UnitscopeError(f"preset {path} must map chapters to parameters ('pure: {{n_images: 1000}}').")
    for chapter in content:
        chapter_path(root, str(chapter))
    return {chapter: given or {} for chapter, given in content.items()}


def commit(root: Path) -> str:
    """The commit that is checked out, with "+" if files under version control differ from it; "unknown" without git."""
    try:
        git = ["git", "-C", str(root)]
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        changed = subprocess.run([*git, "status", "--porcelain", "-uno"], capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head + ("+" if changed else "")
