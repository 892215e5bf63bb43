"""When a chapter has to be executed again: exactly when one of the things that it is made of changed.

    source       the code and text of its cells
    parameters   the values it runs with
    library      the Python files that its cells reach by imports (`reach`), and those that networks of a reader's own
                 reach
    weights      the embedded weights that it names, and every file that a parameter names, inside lists too, with the
                 modules that a "python:FILE.py:FUNCTION" imports from beside it
    data         what the data sets answer for `fingerprint`, folders that a parameter names, its claims, recorded runs

Files that a reader's own Python file opens while it runs are not seen: `--force` executes all the same.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import yaml
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from unitscope.files import sha256
from unitscope.publish import machine
from unitscope.publish.reach import reached

SHORT = 16
PYTHON = "python:"
INDEX = {"list_zoo", "list_generators", "card", "verify", "verify_generators"}  # who asks these asks the whole zoo
AT = re.compile("@")
MOST_ATS = 4  # in a parameter that names a network and its file
MOST_COLONS = 4  # in a parameter that names a file: "embed:python:FILE.py:FUNCTION"


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
    """Names, sizes and dates of every file below a folder: a data set is too large to read for a key."""
    files = [(path, path.stat()) for path in sorted(folder.rglob("*")) if path.is_file()]
    return digest([[path.relative_to(folder).as_posix(), about.st_size, about.st_mtime_ns] for path, about in files])


def code_of(notebook: NotebookNode) -> str:
    """A chapter's code as plain Python, without its parameters: their values are known. Magics become calls."""
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    plain = TransformerManager().transform_cell
    return "\n".join(plain(cell.source) for cell in cells if "parameters" not in cell.metadata.get("tags", []))


def modules(root: Path, code: str, parameters: Mapping[str, object]) -> set[Path]:
    """Files of the library, and beside the chapters, that the kernel of a chapter reaches by imports."""
    library, book = root / "lib", root / "book"
    found = reached([code, machine.CELL], [book, library])
    for file in own_code(root, parameters):
        found |= {path for path in reached([file], [file.parent, library]) if path.is_relative_to(library)}
    return found


def own_code(root: Path, parameters: Mapping[str, object]) -> list[Path]:
    """The files of "python:FILE.py:FUNCTION" among the parameters."""
    return [
        path for text, path in paths(root, parameters) if path.suffix == ".py" and path.is_file() and PYTHON in text
    ]


def of_weights(root: Path, code: str, parameters: Mapping[str, object], library: Iterable[Path]) -> str:
    """The embedded weights that are used, and every file that a parameter names."""
    named = [[text, of_file(path)] for text, path in paths(root, parameters) if path.is_file()]
    beside = {path for file in own_code(root, parameters) for path in reached([file], [file.parent])}
    own = sorted([path.name, of_file(path)] for path in beside)
    zoo = root / "lib" / "unitscope" / "models" / "zoo"
    return digest([of_files(zoo, used_weights(zoo, code, parameters, [*library, *beside])), named, own])


def used_weights(zoo: Path, code: str, parameters: Mapping[str, object], files: Iterable[Path]) -> list[Path]:
    """The zoo's files whose network is named in a parameter, in a cell, or as a default value of a function in `files`.

    All of them, with their cards, where the cells ask for the list of the zoo or put names together.
    """
    weights = {name_in_zoo(path, zoo): path for path in sorted(zoo.rglob("*.safetensors"))}
    tree = parsed(code)
    said = [*texts(list(parameters.values())), *constants(tree)]
    if INDEX & imported_names(tree) or any(
        text.endswith(f"{name.partition('/')[0]}/") for text in said for name in weights
    ):
        return sorted([*weights.values(), *zoo.rglob("*.json")])
    said += [text for file in files for text in _defaults(file, file.stat().st_mtime_ns)]
    spoken = "\n".join(said)
    return [path for name, path in weights.items() if re.search(rf"(?<![\w/-]){re.escape(name)}(?![\w/-])", spoken)]


def name_in_zoo(path: Path, zoo: Path) -> str:
    """How a chapter calls a weight file: "critters/resnet" for resnet.safetensors, "cifar10/resnet" for the nested
    one.
    """
    name = path.relative_to(zoo).with_suffix("").as_posix()
    return name if "/" in name else f"critters/{name}"


def parsed(code: str) -> ast.Module:
    """The syntax tree of a code; an empty one where it is no Python, which its execution will say."""
    try:
        return ast.parse(code)
    except (SyntaxError, ValueError):
        return ast.parse("")


def constants(tree: ast.AST) -> Iterator[str]:
    """Every text in a code, docstrings apart."""
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.value


def imported_names(tree: ast.AST) -> set[str]:
    """Names that a code imports from `unitscope.models`, or asks of a module as an attribute."""
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    taken = {alias.name for node in froms if (node.module or "").startswith("unitscope") for alias in node.names}
    return taken | {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


@lru_cache(maxsize=4096)
def _defaults(file: Path, date: int) -> tuple[str, ...]:
    """Texts that stand as default values of a file's functions, directly or by the name of a constant of that file."""
    tree = parsed(file.read_text(encoding="utf-8"))
    named = {}
    for node in tree.body:
        if isinstance(node, ast.Assign):
            named |= {target.id: list(constants(node.value)) for target in node.targets if isinstance(target, ast.Name)}
    found: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.Lambda)):
            for value in filter(None, [*node.args.defaults, *node.args.kw_defaults]):
                found += named.get(value.id, []) if isinstance(value, ast.Name) else constants(value)
    return tuple(found)


def of_data(root: Path, chapter: str, parameters: Mapping[str, object]) -> str:
    """Data sets that a parameter `images` (or one that ends in it) names, folders, claims, and recorded runs.

    Files of a data set are looked for where the parameter `data_root` says, if there is one.
    A data set that is not there raises here, in the library's own words, before any kernel starts.
    """
    recorded = root / "book" / "recorded" / chapter
    seen = [[text, of_folder(path)] for text, path in paths(root, parameters) if path.is_dir()]
    for name, value in parameters.items():
        if (
            name.endswith("images")
            and isinstance(value, str)
            and value
            and not value.startswith(("folder:", "readable:"))
        ):
            from unitscope.data import load_dataset  # torch is slow to import: only where a chapter has images

            files = parameters.get("data_root") or None
            seen.append([name, load_dataset(value, root=files).fingerprint()])
    shown = of_files(recorded, (path for path in recorded.rglob("*") if path.is_file()))
    return digest([seen, of_claims(root / "book" / "claims.yaml", chapter), shown])


def of_claims(path: Path, chapter: str) -> str:
    """What the list of claims says of one chapter."""
    return _claims(path, path.stat().st_mtime_ns, chapter) if path.is_file() else ""


@lru_cache(maxsize=256)
def _claims(path: Path, date: int, chapter: str) -> str:
    try:
        papers = yaml.load(path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return digest([json.dumps(paper, default=str) for paper in papers if chapter in paper["chapters"]])
    except (yaml.YAMLError, TypeError, KeyError):  # not such a list: whoever reads it says so
        return of_file(path)


def texts(value: object) -> Iterator[str]:
    """Every text in a value, inside lists and mappings too."""
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ():
        yield from texts(one)


def paths(root: Path, parameters: Mapping[str, object]) -> list[tuple[str, Path]]:
    """(text, path) for every file or folder that a parameter names, as a chapter would find it from its own folder."""
    found = {}
    for text in texts(list(parameters.values())):
        for name in possible_paths(text):
            path = root / "book" / os.path.expanduser(name)
            if os.path.exists(path):
                found[text, path] = None
    return list(found)


def possible_paths(text: str) -> Iterator[str]:
    """What can be a path in "FILE", "folder:PATH", "python:FILE.py:FUNCTION", "embed:python:FILE.py:FUNCTION" or any
    of these with "@FILE" behind it.
    """
    whole = [text, *(part for place in AT.finditer(text) for part in (text[: place.start()], text[place.end() :]))]
    for part in whole[: 1 + 2 * MOST_ATS]:
        pieces = part.split(":", MOST_COLONS)
        for first in range(len(pieces)):
            for last in range(len(pieces), first, -1):
                if name := ":".join(pieces[first:last]).strip():
                    yield name


def parts(root: Path, chapter: str, notebook: NotebookNode, parameters: Mapping[str, object]) -> dict[str, str]:
    """A hash of each thing that a chapter is made of; `digest` of them all is its content key."""
    code = code_of(notebook)
    library = modules(root, code, parameters)
    return {
        "source": of_source(notebook),
        "parameters": digest(dict(parameters)),
        "library": of_files(root, library),
        "weights": of_weights(root, code, parameters, library),
        "data": of_data(root, chapter, parameters),
    }
