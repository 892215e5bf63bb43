"""Faults on order: a small book to hurt, a way to make the n-th write of every process fail, and a count of losses."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path

from ..publish.conftest import make_toy, write_chapter

LIBRARY = Path(__file__).parents[2] / "lib"
SLOW = """import time
from pathlib import Path
Path("a.here").touch()
if seconds and not Path("quick").exists():
    time.sleep(seconds)"""
END = """from unitscope.metrics.verdicts import counted
from unitscope.publish import chapter_claims
chapter_claims("slow")("C1", counted(seed, True))"""
# Loaded by every Python that starts with it on its path. `FAULT` is "kind,n,folder": from the n-th write below the
# folder on, a write fails with the error of that number, or the process is killed at that write.
HOOK = """import os, signal, sys

if "FAULT" in os.environ:
    kind, first, place = os.environ["FAULT"].split(",", 2)
    seen = 0

    def hook(event, given):
        global seen
        if event == "open":
            writes = isinstance(given[2], int) and given[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        else:
            writes = event in ("os.rename", "os.mkdir", "tempfile.mkdtemp")
        if not writes or isinstance(given[0], int) or given[0] is None or not os.fsdecode(given[0]).startswith(place):
            return
        seen += 1
        if kind == "kill" and seen == int(first):
            os.kill(os.getpid(), signal.SIGKILL)
        if kind != "kill" and seen >= int(first):
            raise OSError(int(kind), os.strerror(int(kind)), os.fsdecode(given[0]))

    sys.addaudithook(hook)
"""
TOTALS = {"faults": 0, "losses": 0, "raw tracebacks": 0}


def slow_book(place: Path, seconds: float = 120) -> Path:
    """A book with one chapter `slow`, whose cell waits so long, and a sweep `grid` of two cells over it."""
    root = make_toy(place / "toy")
    shutil.rmtree(root / "book" / "sweeps")
    for name in ("first", "second"):
        (root / "book" / f"{name}.ipynb").unlink()
    (root / "book" / "sweeps").mkdir()
    (root / "book" / "presets" / "large.yaml").unlink()
    (root / "tmp").symlink_to(tempfile.mkdtemp(prefix="us-", dir="/tmp"))  # short, as sockets need it
    (root / "book" / "claims.yaml").write_text("- {paper: Slow, chapters: [slow], own: {C1: {statement: a < b}}}\n")
    cells = [
        ("parameters", f'model = "a"\nlayer = "x"\nseconds = {float(seconds)}\nseed = 0'),
        ("code", SLOW),
        ("code", END),
    ]
    write_chapter(root / "book" / "slow.ipynb", cells)
    (root / "book" / "sweeps" / "grid.yaml").write_text("chapter: slow\ngrid: {a: [x, y]}\n")
    return root


def environment(root: Path, kind: object = None, first: int = 1, place: str = "_build") -> dict[str, str]:
    """What a command starts with: a folder of its own for temporary files, and a fault if there is one."""
    hooks = root / "hooks"
    hooks.mkdir(exist_ok=True)
    (hooks / "sitecustomize.py").write_text(HOOK)
    values = {
        **os.environ,
        "TMPDIR": os.path.realpath(root / "tmp"),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": f"{hooks}{os.pathsep}{LIBRARY}",
    }
    return values if kind is None else {**values, "FAULT": f"{kind},{first},{root / place}"}


def start(root: Path, *words: str, env: dict[str, str] | None = None, fresh: bool = False) -> subprocess.Popen:
    """Start the command line in a book; `fresh` forgets one finished cell of a sweep before."""
    if fresh and words[0] == "sweep":
        for path in sorted((root / "_build" / "sweeps" / "grid" / "cells").glob("a-x-0.*.ipynb")):
            path.unlink()
    command = [sys.executable, "-m", "unitscope.publish.cli", *words]
    return subprocess.Popen(
        command, cwd=root, env=env or environment(root), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def results_of(root: Path, command: str = "sweep") -> list:
    """What a command's results say that must not change: claims, and of a sweep every cell's state."""
    if command == "run":
        return json.loads((root / "_build" / "embedded" / "claims.json").read_text())
    cells = json.loads((root / "_build" / "sweeps" / "grid" / "results.json").read_text())["cells"]
    return [{name: cell[name] for name in ("cell", "state", "key", "claims")} for cell in cells]


@contextmanager
def count(*fault: str):
    """Count faults of one kind, losses and raw tracebacks; both must stay 0, and the totals so far are printed."""
    said = []

    def tally(lost: bool, raw: bool, said: str = "", kept=said) -> None:
        TOTALS["faults"] += 1
        TOTALS["losses"] += lost
        TOTALS["raw tracebacks"] += raw
        if lost or raw:
            kept.append(said)

    yield tally
    print(f"\n{', '.join(fault)}: {TOTALS}")
    assert not said, said[0]
