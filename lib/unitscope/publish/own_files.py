"""Files and folders that a parameter names, by their full paths: a chapter runs elsewhere than the command.

    "folder:PATH"   "readable:PATH"   "python:FILE.py:FUNCTION"   "stylegan:FILE"
    "NAME@FILE"     {"name": ..., "weights": FILE}
    and a plain path in a parameter whose name says so (`weights`, `judge_weights`, `data_root`, ...)

Lists are looked through. On a command line a path is seen from the working folder, in a sweep's file from the folder of
that file. One that is not there, but lies in the book's own folder, is left to be seen from there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from unitscope.errors import UnitscopeError
from unitscope.network_names import split_name

PATHS = re.compile(r"(.*_)?(weights|root|folder)|imi|imagenet")  # names of parameters that are paths
OWN_CODE = re.compile(r"((?:\w+:)?python:)(.+)(:\w+)", re.DOTALL)
FILES = re.compile(r"((?:\w+:)?(?:folder|readable|stylegan):)(.+)()", re.DOTALL)


@dataclass(frozen=True)
class Place:
    """Where paths are seen from: the folder of whoever wrote them, and the book's own as a second choice."""

    here: Path
    book: Path

    def full(self, name: str, value: object) -> object:
        """A parameter's value with full paths in it."""
        if isinstance(value, list):
            return [self.full(name, one) for one in value]
        if isinstance(value, Mapping):
            return {key: self.full(key, one) for key, one in value.items()}
        if not isinstance(value, str) or not value.strip():
            return value
        return self.path(value) if PATHS.fullmatch(name) else self.text(value)

    def text(self, text: str) -> str:
        """A name of a network, a generator or a set of images."""
        try:
            name, file = split_name(text)
        except UnitscopeError:
            return text
        if file is not None and not self.is_file(text):
            return f"{self.text(name)}@{self.path(file)}"
        if found := OWN_CODE.fullmatch(text) or FILES.fullmatch(text):
            return f"{found[1]}{self.path(found[2])}{found[3]}"
        return self.path(text) if self.is_file(text) else text

    def path(self, text: str) -> str:
        """A path as a full one."""
        path = os.path.abspath(self.here / os.path.expanduser(text))
        elsewhere = os.path.exists(self.book / os.path.expanduser(text))
        return text if elsewhere and not os.path.exists(path) else path

    def is_file(self, text: str) -> bool:
        """Whether the working folder has such a file; no name is too long or too odd to ask."""
        try:
            return os.path.isfile(self.here / os.path.expanduser(text))
        except (OSError, ValueError):
            return False


def full_paths(values: Mapping[str, object], here: Path, book: Path) -> dict[str, object]:
    """Parameters with full paths in them."""
    place = Place(here, book)
    return {name: place.full(name, value) for name, value in values.items()}
