"""How a network is named wherever one is asked for: in `load_model`, in a chapter's parameters, in lists of either.

"critters/resnet"                                    a name (what it can be: `models.load_model`)
"python:net.py:build@last.pt"                        the same with weights from a file, NAME@FILE
{"name": "python:net.py:build", "weights": "last.pt"}    the same, spelled out
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from unitscope.errors import UnitscopeError, shortened, unknown

PYTHON = "python:"
KEYS = ("name", "weights")
OWN = re.compile(r"python:.+:\w+", re.DOTALL)


def split_name(spec: str | Mapping[str, str]) -> tuple[str, str | None]:
    """The name and the weight file (None: none is named) of a network.

    A folder may have an "@" in its name: of "python:FILE.py:FUNCTION" the name ends with the function.

    Raises
    ------
    UnitscopeError
        For anything but a text or a mapping with `name` and, if need be, `weights`.

    Examples
    --------
    >>> split_name("timm/resnet34.a1_in1k@last.pt")
    ('timm/resnet34.a1_in1k', 'last.pt')
    """
    if isinstance(spec, Mapping):
        for key in spec:
            if key not in KEYS:
                raise unknown("key of a network", key, KEYS)
        name, file = spec.get("name"), spec.get("weights") or None
        if not isinstance(name, str) or not (file is None or isinstance(file, str)):
            raise UnitscopeError(f"a network is {{name: ..., weights: ...}}, both texts, got {shortened(dict(spec))}.")
        return name, file
    if not isinstance(spec, str):
        raise UnitscopeError(f"a network is named by a text or {{name: ..., weights: ...}}, got {shortened(spec)}.")
    for place in (place for place, letter in enumerate(spec) if letter == "@"):
        name, file = spec[:place], spec[place + 1 :]
        if name and file and (OWN.fullmatch(name) or not name.startswith(PYTHON)):
            return name, file
    return spec, None


def label(spec: str | Mapping[str, str]) -> str:
    """What to call a network on a page: its name, and behind an "@" the name of its weight file."""
    name, file = split_name(spec)
    return name if file is None else f"{name}@{Path(file).name}"


def labels(specs: Iterable[str | Mapping[str, str]]) -> dict[str, str | Mapping[str, str]]:
    """{label: spec} of several networks; of the same name and file twice, the first."""
    found: dict[str, str | Mapping[str, str]] = {}
    for spec in specs:
        short = label(spec)
        if short in found and split_name(found[short]) != split_name(spec):
            short = "@".join(filter(None, split_name(spec)))  # two folders hold files of one name
        found.setdefault(short, spec)
    return found
