"""When a chapter has to be executed again: exactly when one of the things that it is made of changed.

    source       the code and text of its cells
    parameters   the values it runs with
    library      every Python file under lib/
    weights      the embedded weights, and weight files that a parameter names
    data         what the data sets answer for `fingerprint`, folders that a parameter names, recorded runs it shows
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from nbformat import NotebookNode

from unitscope.files import sha256

SHORT = 16


def digest(value: object) -> str:
    """A short hash of anything that JSON can hold."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:SHORT]


def of_source(notebook: NotebookNode) -> str:
    """The cells' kinds, tags and texts; outputs, counts and other metadata do not matter."""
    return digest([[cell.cell_type, cell.metadata.get("tags", []), cell.source] for cell in notebook.cells])


def of_file(path: Path) -> str:
    """SHA-256 of a file, read again only where its size or date changed: a sweep plans hundreds of runs at once."""
    about = path.stat()
    return _hash(path, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=4096)
def _hash(path: Path, size: int, date: int) -> str:
    return sha256(path)


def of_files(base: Path, files: Iterable[Path]) -> str:
    """Names relative to `base`, and bytes."""
    return digest([[path.relative_to(base).as_posix(), of_file(path)] for path in sorted(files)])


def of_folder(folder: Path) -> str:
    """Names and sizes of every file below a folder: a data set is too large to read for a key."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return digest([[path.relative_to(folder).as_posix(), path.stat().st_size] for path in files])


def of_weights(root: Path, parameters: Mapping[str, object]) -> str:
    """The embedded zoo and every file that a parameter names."""
    zoo = root / "lib" / "unitscope" / "models" / "zoo"
    named = [[name, of_file(path)] for name, path in paths(root, parameters) if path.is_file()]
    return digest([of_files(zoo, zoo.glob("*.safetensors")), named])


def of_data(root: Path, chapter: str, parameters: Mapping[str, object]) -> str:
    """Data sets that a parameter `images` (or one that ends in it) names, folders, and recorded runs.

    Files of a data set are looked for where the parameter `data_root` says, if there is one.
    A data set that is not there raises here, in the library's own words, before any kernel starts.
    """
    recorded = root / "book" / "recorded" / chapter
    seen = [[name, of_folder(path)] for name, path in paths(root, parameters) if path.is_dir()]
    for name, value in parameters.items():
        if name.endswith("images") and isinstance(value, str) and not value.startswith("folder:"):
            from unitscope.data import load_dataset  # torch is slow to import: only where a chapter has images

            files = parameters.get("data_root") or None
            seen.append([name, load_dataset(value, root=files).fingerprint()])
    return digest([seen, of_files(recorded, (path for path in recorded.rglob("*") if path.is_file()))])


def paths(root: Path, parameters: Mapping[str, object]) -> list[tuple[str, Path]]:
    """Parameters whose text is a file or folder, as a chapter would find it from its own folder."""
    texts = [(name, file_in(value)) for name, value in parameters.items() if isinstance(value, str)]
    found = [(name, root / "book" / Path(text).expanduser()) for name, text in texts if text]
    return [(name, path) for name, path in found if path.exists()]


def file_in(text: str) -> str:
    """The path in "folder:PATH" and in "python:FILE.py:FUNCTION"; any other text as it stands."""
    return text.removeprefix("python:").rpartition(":")[0] if text.startswith("python:") else text.removeprefix("folder:")


def parts(root: Path, chapter: str, notebook: NotebookNode, parameters: Mapping[str, object]) -> dict[str, str]:
    """A hash of each thing that a chapter is made of; `digest` of them all is its content key."""
    return {
        "source": of_source(notebook),
        "parameters": digest(dict(parameters)),
        "library": of_files(root / "lib", (root / "lib").rglob("*.py")),
        "weights": of_weights(root, parameters),
        "data": of_data(root, chapter, parameters),
    }
