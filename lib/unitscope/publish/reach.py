"""Which Python files a piece of code reaches by its imports, read from the sources without running anything.

Imports count wherever they stand, inside functions too, but not those for type checkers alone; importing a module runs
the packages above it. A package that loads its names on first use (`__getattr__`) is asked name by name: a table in it
that maps the name to a module leads on; where there is no such entry, or the package is handed around as a whole,
everything below it counts. Module names that code puts together while it runs are not seen.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path


@dataclass
class Code:
    """What one piece of code names: modules and their attributes as dotted texts, each with the dots of a relative
    import.
    """

    named: set[tuple[int, str]] = field(default_factory=set)
    whole: set[tuple[int, str]] = field(default_factory=set)  # modules that are used other than by a plain attribute
    lazy: dict[str, str] | None = None  # names that `__getattr__` loads, with their modules; None without `__getattr__`


def reached(starts: Iterable[str | Path], folders: Iterable[Path]) -> set[Path]:
    """Every file below `folders` that the code reaches; files among the starts are included.

    Parameters
    ----------
    starts : code as text, or files with code.
    folders : where modules are looked for, in this order.
    """
    folders, found = tuple(folders), set()
    for memory in (module_file, is_package):
        memory.cache_clear()  # files may have come or gone since the last call
    waiting = list(starts)
    while waiting:
        start = waiting.pop()
        if isinstance(start, str):
            waiting += targets(start, parse(start), folders)
        elif start not in found:
            found.add(start)
            about = start.stat()
            waiting += _targets(start, about.st_size, about.st_mtime_ns, folders)
    return found


@lru_cache(maxsize=4096)
def _targets(path: Path, size: int, date: int, folders: tuple[Path, ...]) -> list[Path]:
    return targets(path, _parsed(path, size, date), folders)


def read(path: Path) -> Code:
    """What a file names; parsed again only where it changed."""
    about = path.stat()
    return _parsed(path, about.st_size, about.st_mtime_ns)


@lru_cache(maxsize=4096)
def _parsed(path: Path, size: int, date: int) -> Code:
    return parse(path.read_text(encoding="utf-8"))


def parse(text: str) -> Code:
    """The imports of a code, and what it asks of the modules that it imports; a text that is no Python names
    nothing.
    """
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return Code()
    code, bound = Code(lazy=lazy_names(tree)), {}
    for node in that_run(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                code.named.add((0, alias.name))
                bound[alias.asname or alias.name.partition(".")[0]] = (
                    0,
                    alias.name if alias.asname else alias.name.partition(".")[0],
                )
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                stem = node.module or ""
                if alias.name == "*":
                    code.whole.add((node.level, stem))
                    continue
                code.named.add((node.level, f"{stem}.{alias.name}" if stem else alias.name))
                bound[alias.asname or alias.name] = (node.level, f"{stem}.{alias.name}" if stem else alias.name)
        elif isinstance(node, ast.Call) and called(node) in ("import_module", "__import__") and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                code.named.add((0, name.value))
    for chain in chains(tree):
        if chain[0] in bound:
            level, module = bound[chain[0]]
            (code.named if chain[1:] else code.whole).add((level, ".".join((module, *chain[1:]))))
    return code


def that_run(tree: ast.AST) -> Iterator[ast.AST]:
    """Every node of a tree but those below `if TYPE_CHECKING:`, which only type checkers read."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop(0)
        yield node
        unread = isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        waiting += node.orelse if unread else ast.iter_child_nodes(node)


def called(node: ast.Call) -> str:
    """The last name of what is called."""
    return getattr(node.func, "attr", None) or getattr(node.func, "id", "")


def chains(tree: ast.AST) -> Iterator[tuple[str, ...]]:
    """Every name that is used, with the attributes that follow it: `a.b.c` is ("a", "b", "c")."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        parts: list[str] = []
        inner = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if isinstance(inner, ast.Name):
            yield (inner.id, *reversed(parts))
        else:
            waiting.extend(ast.iter_child_nodes(node))


def lazy_names(tree: ast.Module) -> dict[str, str] | None:
    """What a module's `__getattr__` can load: every entry "name": "module" of its tables; None without
    `__getattr__`.
    """
    if not any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in tree.body):
        return None
    found = {}
    for node in tree.body:
        value = getattr(node, "value", None)
        for key, entry in zip(value.keys, value.values) if isinstance(value, ast.Dict) else ():
            first = entry.elts[0] if isinstance(entry, ast.Tuple) and entry.elts else entry
            if all(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in (key, first)):
                found[key.value] = first.value.partition(":")[0]
    return found


def targets(start: str | Path, code: Code, folders: tuple[Path, ...]) -> list[Path]:
    """The files that one code leads to directly."""
    known = {path.stem for folder in folders if folder.is_dir() for path in folder.iterdir()}
    found: set[Path] = set()
    for level, name in code.named | code.whole:
        parts = absolute(level, name, start, folders)
        if parts and parts[0] not in known:
            continue
        found |= set(follow(parts, folders))
        face = module_file(parts, folders) if (level, name) in code.whole else None
        if face and read(face).lazy is not None:
            found |= set(face.parent.rglob("*.py"))
    return sorted(found)


def absolute(level: int, name: str, start: str | Path, folders: tuple[Path, ...]) -> tuple[str, ...]:
    """A dotted name in parts, counted from the folder in which modules are looked for."""
    parts = tuple(part for part in name.split(".") if part)
    if not level or not isinstance(start, Path):
        return parts
    folder = next((folder for folder in folders if start.is_relative_to(folder)), start.parent)
    package = start.relative_to(folder).parts[:-level]
    return (*package, *parts)


def follow(parts: tuple[str, ...], folders: tuple[Path, ...]) -> Iterator[Path]:
    """The files of a dotted name: the packages on the way, the module, and what a lazy package loads for the next
    part.
    """
    for depth in range(1, len(parts) + 1):
        file = module_file(parts[:depth], folders)
        if file:
            yield file
        elif not is_package(parts[:depth], folders):
            face = module_file(parts[: depth - 1], folders)
            lazy = read(face).lazy if face else None
            if lazy is None or parts[depth - 1].startswith("__"):
                return
            if parts[depth - 1] not in lazy:
                yield from face.parent.rglob("*.py")
                return
            target = tuple(lazy[parts[depth - 1]].lstrip(".").split("."))
            inside = (*parts[: depth - 1], *target)
            yield from follow(target if module_file(target, folders) else inside, folders)
            return


@cache
def module_file(parts: tuple[str, ...], folders: tuple[Path, ...]) -> Path | None:
    """The file of a module or the face of a package; None where there is none."""
    for folder in folders if parts else ():
        stem = folder.joinpath(*parts)
        for file in (stem.with_name(f"{parts[-1]}.py"), stem / "__init__.py"):
            if file.is_file():
                return file
    return None


@cache
def is_package(parts: tuple[str, ...], folders: tuple[Path, ...]) -> bool:
    """Whether a dotted name is a folder, with or without a face."""
    return any(folder.joinpath(*parts).is_dir() for folder in folders)
