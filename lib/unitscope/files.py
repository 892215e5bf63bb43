"""Files that are either whole or absent: written to a temporary name, then renamed."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unitscope.errors import UnitscopeError

BLOCK = 1 << 20


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def cache_folder() -> Path:
    """Where downloads and long computations are kept: UNITSCOPE_CACHE, or .cache/unitscope in the home folder."""
    return Path(os.environ.get("UNITSCOPE_CACHE") or Path.home() / ".cache" / "unitscope")


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder; rename it to `path` if the block succeeds.

    If the block raises, the temporary file is removed and what stood at `path` stays as it was. A system's error names
    the file: one of a write never does by itself.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    except OSError as error:
        if error.errno is not None and error.filename in (
            None,
            str(part),
        ):  # without a number, a name would hide its words
            error.filename = path
        raise
    finally:
        part.unlink(missing_ok=True)


def write_json(path: str | Path, value: object) -> None:
    """Write `value` as indented JSON, whole or not at all."""
    with atomic(path) as part:
        part.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def read_json(path: str | Path) -> object:
    """Read a JSON file; one that is damaged is an error that names it."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:  # ValueError: no JSON, or no text in UTF-8
        raise UnitscopeError(f"{path} is damaged, it is not JSON: {error}") from error
