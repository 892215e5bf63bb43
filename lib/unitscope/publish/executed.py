"""Executed notebooks on disk: written whole, sealed by a hash, and read back only as they were written.

    metadata.unitscope.seal   SHA-256 over all the rest of the notebook

A disk fault, a cut copy or an edit by hand breaks the seal. Such a notebook is named and never shown or counted.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from papermill.iorw import LocalHandler, papermill_io

from unitscope.errors import UnitscopeError
from unitscope.files import atomic

WHOLE = "whole:"  # before a path: papermill writes that file under another name, then renames it


class Damaged(UnitscopeError):
    """An executed notebook that is not what was written."""


class WholeFiles(LocalHandler):
    """Papermill's way to files, with `WHOLE` before the path: a kill leaves the file of the last finished cell."""

    def write(self, buf: str, path: str) -> None:
        with atomic(path.removeprefix(WHOLE)) as part:
            part.write_text(buf, encoding="utf-8")


papermill_io.register(WHOLE, WholeFiles())


def write_executed(notebook: NotebookNode, path: Path) -> None:
    """Seal a notebook and write it, whole or not at all."""
    content = json.loads(nbformat.writes(notebook))
    stamp = content["metadata"].setdefault("unitscope", {})
    stamp["seal"] = seal_of(content)
    with atomic(path) as part:
        part.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


def read_executed(path: Path) -> NotebookNode:
    """An executed notebook, exactly as it was written.

    Raises
    ------
    Damaged
        If it is no JSON, carries no seal, or anything in it changed.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        intact = content["metadata"]["unitscope"]["seal"] == seal_of(content)
    except (ValueError, KeyError, TypeError, RecursionError):  # undecodable, no JSON, or not the form of a notebook
        intact = False
    if not intact:
        raise Damaged(f"{path} is damaged, or was changed after it was executed.")
    return nbformat.v4.to_notebook(content)


def seal_of(content: dict) -> str:
    """SHA-256 over a notebook's content as plain JSON, apart from the seal itself."""
    stamp = {name: value for name, value in content["metadata"]["unitscope"].items() if name != "seal"}
    rest = {**content, "metadata": {**content["metadata"], "unitscope": stamp}}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()
