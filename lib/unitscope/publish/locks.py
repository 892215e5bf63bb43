"""One process at a time: a lock that a process loses when it ends, however it ends."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from unitscope.errors import UnitscopeError

FOLDER = ".locks"


@contextmanager
def locked(root: Path, name: str, busy: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold the lock of that name below `_build/.locks` during the block.

    Parameters
    ----------
    root : of the book.
    name : of what is done alone, as plain words.
    busy : takes one line where another process holds the lock, which is then waited for; None refuses to wait.

    Raises
    ------
    UnitscopeError
        If another process holds the lock and `busy` is None.
    """
    file = root / "_build" / FOLDER / f"{name.replace('/', '.')}.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    owner = file.with_suffix(".owner")
    lock = FileLock(file, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        holder = f"process {owner.read_text()}" if owner.is_file() else "another process"
        if busy is None:
            raise UnitscopeError(
                f"{name} is already under way in {holder}: wait for its end, or end it first."
            ) from None
        busy(f"{name} is under way in {holder}: waiting for its end")
        lock.acquire()
    except NotImplementedError:  # a network disk without locks: two commands at once then only repeat work
        yield
        return
    try:
        owner.write_text(f"{os.getpid()} on {os.uname().nodename}" if hasattr(os, "uname") else str(os.getpid()))
        yield
    finally:
        lock.release()
