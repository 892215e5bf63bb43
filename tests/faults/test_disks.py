"""Disks that are full, too small, read-only or forbidden: one message, status 1, and older results stay."""

import errno
import os
import resource
import subprocess
import sys

import pytest
from unitscope.publish.faults import in_words
from unitscope.publish.sources import read_notebook

from .injection import count, environment, slow_book, start

CODES = {"full": errno.ENOSPC, "too large": errno.EFBIG, "no rights": errno.EACCES, "read-only": errno.EROFS}


def hurt(root, code, first, place, *words) -> subprocess.Popen:
    """A command whose writes below a folder fail from the n-th on."""
    process = start(root, *words, env=environment(root, code, first, place))
    process.told, process.errors = process.communicate(timeout=300)
    return process


def checked(root, process, before) -> dict:
    """Whether older results were lost, and whether the command said more or less than one message."""
    notebook = root / "_build" / "embedded" / "chapters" / "slow.ipynb"
    lost = notebook.read_bytes() != before or len(read_notebook(notebook).cells) < 3
    raw = (
        "Traceback" in process.errors
        or process.returncode not in (0, 1)
        or process.returncode == 1
        and "unitscope:" not in process.errors
    )
    return {"lost": lost, "raw": raw, "said": process.errors}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A book whose chapter was run once; its result must outlive everything here."""
    root = slow_book(tmp_path_factory.mktemp("disks"), seconds=0)
    assert start(root, "run", "slow").wait(timeout=300) == 0
    return root, (root / "_build" / "embedded" / "chapters" / "slow.ipynb").read_bytes()


@pytest.mark.long
@pytest.mark.parametrize("kind, first", [("full", 1), ("too large", 3), ("no rights", 2), ("read-only", 1)])
def test_a_run_that_cannot_write_says_so_once(finished, kind, first):
    root, before = finished
    process = hurt(root, CODES[kind], first, "_build", "run", "slow", "--force")
    assert (
        process.returncode == 1
        and os.strerror(CODES[kind]) in process.errors
        and str(root / "_build") in process.errors
    )
    with count("disk", kind) as tally:
        tally(**checked(root, process, before))


@pytest.mark.long
def test_a_file_size_limit_is_one_message(finished):
    root, before = finished

    def limit():
        return resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600))

    process = subprocess.run(
        [sys.executable, "-m", "unitscope.publish.cli", "run", "slow", "--force"], cwd=root, env=environment(root),
        preexec_fn=limit, capture_output=True, text=True,
    )  # fmt: skip
    assert process.returncode == 1 and "File too large" in process.stderr and "Traceback" not in process.stderr
    assert (root / "_build" / "embedded" / "chapters" / "slow.ipynb").read_bytes() == before


@pytest.mark.parametrize(
    "error, message",
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "/a/b"),
            "/a/b: No space left on device (the disk is full: free some space). Older results stay",
        ),
        (MemoryError(), "not enough memory: end other programs, or ask for less"),
        (
            PermissionError(errno.EACCES, "Permission denied", "/a"),
            "/a: Permission denied (this user has no right to it",
        ),
        (OSError("odd"), "odd. Older results"),
    ],
)
def test_each_fault_has_its_words(error, message):
    assert in_words(error).startswith(message)


@pytest.mark.long
@pytest.mark.parametrize("words", [("run", "slow", "--force"), ("sweep", "grid")], ids=["run", "sweep"])
@pytest.mark.parametrize("place", ["_build", "tmp"])
@pytest.mark.parametrize("kind", CODES)
def test_every_write_may_fail(finished, kind, place, words):
    root, before = finished
    real = os.path.realpath(root / place)
    with count("disk", kind, place, words[0]) as tally:
        for first in (1, 2, 3, 4, 6, 9):
            process = start(
                root,
                *words,
                env={**environment(root, CODES[kind], first, place), "FAULT": f"{CODES[kind]},{first},{real}"},
            )
            process.told, process.errors = process.communicate(timeout=300)
            if words[0] == "sweep" and process.returncode == 1 and "failed" in process.told:
                process.errors += "unitscope: a failed cell is told on the terminal"
            if words[0] == "run" and process.returncode == 0:
                before = (root / "_build" / "embedded" / "chapters" / "slow.ipynb").read_bytes()
            tally(**checked(root, process, before))
    again = start(root, *words)
    assert again.communicate(timeout=300) and again.returncode == 0
