"""Parameters of a chapter, checked before a kernel starts.

papermill takes a misspelt or wrongly typed parameter without an error; here the cell tagged `parameters` says which
names exist and, by its default values, of which type they are.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from nbformat import NotebookNode

from unitscope.errors import UnitscopeError, unknown
from unitscope.network_names import split_name

LONGEST = 4096  # characters of a text: a path has no more
PLAIN = (str, int, float, bool, list, type(None))


def declared(notebook: NotebookNode, chapter: str) -> dict[str, object]:
    """Names and default values of a notebook's parameters, in order.

    Raises
    ------
    UnitscopeError
        If there is not exactly one cell tagged `parameters`, or it holds anything but `name = plain literal`.
    """
    cells = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    if len(cells) != 1:
        raise UnitscopeError(f"chapter {chapter!r} needs exactly one cell tagged 'parameters', it has {len(cells)}.")
    found = {}
    for statement in ast.parse(cells[0].source).body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        try:
            found[targets[0].id] = ast.literal_eval(statement.value)
        except (AttributeError, ValueError) as error:
            raise UnitscopeError(
                f"chapter {chapter!r}: the parameters cell takes lines 'name = plain value', "
                f"got {ast.unparse(statement)!r}."
            ) from error
    return found


def check(chapter: str, given: Mapping[str, object], defaults: Mapping[str, object]) -> dict[str, object]:
    """`given` with every value in the type of its default; an int is taken where a float is declared.

    Raises
    ------
    UnitscopeError
        If a name is not declared (with the nearest one) or a value has another type than the default.
    """
    checked = {}
    for name, value in given.items():
        if name not in defaults:
            raise unknown("parameter", name, defaults, f"These are the parameters of chapter {chapter!r}.")
        wanted = type(defaults[name])
        if wanted is float and type(value) is int:
            value = float(value)
        if not isinstance(value, PLAIN) or (defaults[name] is not None and type(value) is not wanted):
            raise UnitscopeError(
                f"parameter {name!r} of chapter {chapter!r} takes {wanted.__name__} "
                f"(its default is {defaults[name]!r}), got {type(value).__name__} {brief(value)}."
            )
        refuse_odd(chapter, name, value)
        checked[name] = value
    return checked


def refuse_odd(chapter: str, name: str, value: object) -> None:
    """An error for what no kernel, file name or JSON can hold: texts without end, NULs, half characters, huge
    numbers.
    """
    for one in flat(chapter, name, value):
        wrong = None
        if isinstance(one, str):
            half = any("\ud800" <= letter <= "\udfff" for letter in one)
            wrong = f"a text of {len(one)} characters, at most {LONGEST} are taken" if len(one) > LONGEST else wrong
            wrong = f"{one!r}, which holds a byte that is not UTF-8 or a NUL" if half or "\0" in one else wrong
        elif isinstance(one, int) and one.bit_length() > 64:
            wrong = f"a whole number of {one.bit_length()} bits, at most 64 are taken"
        elif not isinstance(one, PLAIN):
            wrong = f"a {type(one).__name__} in it"
        if wrong:
            raise UnitscopeError(f"parameter {name!r} of chapter {chapter!r} got {wrong}.")


def flat(chapter: str, name: str, value: object) -> list:
    """The plain values in a parameter; the one mapping that a list may hold is a network with its weights."""
    found = []
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, Mapping):
            try:
                split_name(one)
            except UnitscopeError as error:
                raise UnitscopeError(f"parameter {name!r} of chapter {chapter!r}: {error}") from error
        found += one.values() if isinstance(one, Mapping) else [one]
    return found


def brief(value: object) -> str:
    """A value as a message shows it, its end cut off where it is long."""
    text = repr(value) if not isinstance(value, int) or value.bit_length() <= 64 else f"of {value.bit_length()} bits"
    return text if len(text) <= 200 else f"{text[:200]}…"


def parse(chapter: str, assignments: Iterable[str], defaults: Mapping[str, object]) -> dict[str, object]:
    """Texts "name=value" from a command line, each read in the type that its default has, and checked.

    A text stays as it is where a text is declared; elsewhere Python's own notation holds (3, 0.5, True, ["a", "b"]),
    and true, false and null are understood too.
    """
    given = {}
    for text in assignments:
        name, equals, value = text.partition("=")
        if not equals:
            raise UnitscopeError(f"a parameter is given as name=value, got {brief(text)}.")
        given[name.strip()] = value if isinstance(defaults.get(name.strip()), str) else literal(value)
    return check(chapter, given, defaults)


def literal(text: str) -> object:
    """A plain value in Python's notation; what is not one is a text."""
    words = {"true": True, "false": False, "null": None, "none": None}
    if text.strip().lower() in words:
        return words[text.strip().lower()]
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
