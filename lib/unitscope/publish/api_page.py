"""The library's public functions and classes as HTML, read from the source without importing it.

Docstrings hold shapes and small tables in plain text, so they are shown as they stand.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path

FLOORS = ("data", "models", "extract", "metrics", "papers", "training", "evidence", "plots", "publish")
ENTRY = "<details><summary><code>{name}{signature}</code><br>{first}</summary><pre>{doc}</pre></details>"


def public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Functions and classes with a docstring and without a leading underscore."""
    for node in body:
        named = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
        if named and ast.get_docstring(node):
            yield node


def prose(text: str) -> str:
    """The first paragraph of a docstring in one line, with `names` as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(" ".join(text.split("\n\n")[0].split())))


def entry(node: ast.FunctionDef | ast.ClassDef, prefix: str = "") -> str:
    """One function or class; the public methods of a class follow it."""
    doc = ast.get_docstring(node)
    signature = f"({ast.unparse(node.args)})" if isinstance(node, ast.FunctionDef) else ""
    shown = ENTRY.format(name=prefix + node.name, signature=escape(signature), first=prose(doc), doc=escape(doc))
    methods = public(node.body) if isinstance(node, ast.ClassDef) else ()
    return shown + "".join(entry(method, f"{node.name}.") for method in methods)


def module(path: Path, package: Path) -> str:
    """One module: what its header says in its first paragraph, then its public names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    entries = "".join(map(entry, public(tree.body)))
    if not entries:
        return ""
    name = ".".join(("unitscope", *path.relative_to(package).with_suffix("").parts)).removesuffix(".__init__")
    return f"<h3><code>{name}</code></h3><p>{prose(ast.get_docstring(tree) or '')}</p>{entries}"


def listing(root: Path, preset: str) -> str:
    """Every module of the library, floor by floor from the bottom."""
    package = root / "lib" / "unitscope"
    parts = [(floor, sorted((package / floor).rglob("*.py"))) for floor in FLOORS if (package / floor).is_dir()]
    shown = [f"<h2>{floor}</h2>" + "".join(module(path, package) for path in paths) for floor, paths in parts]
    return f'<div class="unitscope-api">{"".join(shown)}</div>'
