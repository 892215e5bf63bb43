"""The library as HTML, read from the source without importing it: the front door in full, the rest in one line each.

Nothing is set in a way that the docstrings do not have: sections become lists, examples stay as they stand.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path

FLOORS = ("data", "models", "extract", "metrics", "papers", "training", "evidence", "plots", "publish")
TOOLS = ("data", "models", "extract", "metrics")  # floors whose functions are told of; above them names are enough
ENTRY = """<details open id="api-{name}"><summary><code>unitscope.{name}{signature}</code></summary>
{doc}</details>"""
STABLE = """<h2>The front door</h2><p>Stable: these names, their arguments and their results stay, or change with a word
in the list of changes a version before. Each is loaded when it is first asked for.</p>{entries}"""
CHANGING = """<h2>Below the front door</h2><p>Changing: what the chapters are written with, floor by floor. Import it by
its module, as <code>from unitscope.metrics.clusters import assign</code>; <code>help(assign)</code> says shapes,
ranges and errors. Names may move between two versions.</p>{floors}"""
MODULE = "<details><summary><code>{name}</code> {about}</summary><ul>{entries}</ul></details>"


ENTRY_LINE = re.compile(r"([\w, ()]+?) : (.+)", re.DOTALL)


def public(body: list[ast.stmt]) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Functions and classes with a docstring and without a leading underscore."""
    for node in body:
        named = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
        if named and ast.get_docstring(node):
            yield node


def prose(text: str) -> str:
    """The first paragraph of a docstring in one line, with `names` as code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(" ".join(text.split("\n\n")[0].split())))


def sections(doc: str) -> str:
    """A docstring of the front door as HTML: paragraphs and examples, then its sections."""
    before, *named = re.split(r"^(\w[\w ]+)\n-{3,}\n", doc, flags=re.MULTILINE)
    shown = "".join(
        f"<pre>{escape(part)}</pre>" if part.startswith(">>>") else f"<p>{prose(part)}</p>"
        for part in before.strip().split("\n\n")
    )
    for title, body in zip(named[::2], named[1::2]):
        entries = re.sub(r"\n +", " ", body.strip()).split("\n")
        listed = title in ("Parameters", "Raises")
        told = "".join(map(described, entries)) if listed else f"<p>{prose(' '.join(entries))}</p>"
        shown += f"<h4>{title}</h4>" + (f"<dl>{told}</dl>" if listed else told)
    return shown


def described(entry: str) -> str:
    """One line "name : what it is" of a section."""
    found = ENTRY_LINE.match(entry)
    if found:
        return f"<dt><code>{escape(found[1])}</code></dt><dd>{prose(found[2])}</dd>"
    name, _, rest = entry.partition(" ")
    return f"<dt><code>{escape(name)}</code></dt><dd>{prose(rest)}</dd>"


def first_sentence(text: str) -> str:
    """The first sentence of a docstring's first paragraph."""
    return re.split(r"(?<=[.?])\s", prose(text), maxsplit=1)[0]


def call(node: ast.FunctionDef | ast.ClassDef) -> str:
    """A function with the names of its arguments; of a class the name."""
    if isinstance(node, ast.ClassDef):
        return node.name
    given = node.args
    return f"{node.name}({', '.join(one.arg for one in [*given.posonlyargs, *given.args, *given.kwonlyargs])})"


def signature(node: ast.FunctionDef | ast.ClassDef) -> str:
    """What a function takes and gives, with types and defaults; nothing for a class."""
    if isinstance(node, ast.ClassDef):
        return ""
    return f"({ast.unparse(node.args)})" + (f" -> {ast.unparse(node.returns)}" if node.returns else "")


def front_door(package: Path) -> str:
    """The names of the front door with their whole docstrings, in the order of `PLACES`; empty without any."""
    tree = ast.parse((package / "__init__.py").read_text(encoding="utf-8"))
    places = [node.value for node in tree.body if isinstance(node, ast.Assign) and node.targets[0].id == "PLACES"]
    shown = ""
    for name, place in ast.literal_eval(places[0]).items() if places else ():
        node = defined(name, package / place.replace(".", "/"))
        shown += ENTRY.format(name=name, signature=escape(signature(node)), doc=sections(ast.get_docstring(node)))
    return STABLE.format(entries=shown) if shown else ""


def defined(name: str, place: Path) -> ast.FunctionDef | ast.ClassDef:
    """Where a name is defined: in a module, or in one of a package's."""
    for path in sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]:
        for node in public(ast.parse(path.read_text(encoding="utf-8")).body):
            if node.name == name:
                return node
    raise KeyError(f"{name} is defined nowhere in {place}")


def module(path: Path, package: Path) -> str:
    """One module: the first sentence of its header, and its public names, those of `TOOLS` with a sentence each."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found, floor = list(public(tree.body)), path.relative_to(package).parts[0]
    if not found:
        return ""
    if floor in TOOLS:
        entries = "".join(
            f"<li><code>{call(node)}</code> {first_sentence(ast.get_docstring(node))}</li>" for node in found
        )
    else:
        entries = "<li>" + ", ".join(f"<code>{node.name}</code>" for node in found) + "</li>"
    name = ".".join(("unitscope", *path.relative_to(package).with_suffix("").parts)).removesuffix(".__init__")
    return MODULE.format(name=name, about=first_sentence(ast.get_docstring(tree) or ""), entries=entries)


def listing(root: Path, preset: str) -> str:
    """The front door, then every module of the library, floor by floor from the bottom."""
    package = root / "lib" / "unitscope"
    parts = [(floor, sorted((package / floor).rglob("*.py"))) for floor in FLOORS if (package / floor).is_dir()]
    floors = [f"<h3>{floor}</h3>" + "".join(module(path, package) for path in paths) for floor, paths in parts]
    door = front_door(package) if (package / "__init__.py").is_file() else ""
    return f'<div class="unitscope-api">{door}{CHANGING.format(floors="".join(floors))}</div>'
