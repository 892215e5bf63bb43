"""The chapters of a book side by side: all run, whatever becomes of one, and the command tells what happens."""

import os
import subprocess
import sys

import nbformat
import pytest
from unitscope.publish import processes
from unitscope.publish.execute import execute_all, in_order
from unitscope.publish.processes import default_jobs, free_memory
from unitscope.publish.run import ChapterFailed, build_folder
from unitscope.publish.sources import read_notebook


def edit(root, chapter, cell, source):
    """Put another text into one cell of a chapter."""
    path = root / "book" / f"{chapter}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[cell].source = source
    nbformat.write(notebook, path)


def test_chapters_run_side_by_side_with_a_share_of_the_threads(toy, monkeypatch):
    """Each waits for a file that the other writes: neither could end alone."""
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(processes, "processors", lambda: 6)
    for own, other in (("first", "second"), ("second", "first")):
        edit(
            toy,
            own,
            2,
            (
                f"import os, time\nfrom pathlib import Path\nPath('{own}.here').touch()\n"
                f"while not Path('{other}.here').exists():\n    time.sleep(0.05)\n"
                "print('threads', os.environ['OMP_NUM_THREADS'])"
            ),
        )
    edit(toy, "first", 3, "")
    edit(toy, "first", 4, "")
    edit(toy, "first", 5, "")
    told = []
    runs = execute_all(toy, "embedded", told.append, jobs=2)
    assert [run.chapter for run in runs] == ["first", "second"] and all(run.executed for run in runs)
    assert {"first: started", "second: started"} < set(told) and told[-1].startswith("2 chapters in ")
    assert sum("executed in" in line for line in told) == 2
    assert all("threads 3\n" in run.notebook.read_text().replace("\\n", "\n") for run in runs)

    told.clear()
    assert not any(run.executed for run in execute_all(toy, "embedded", told.append))
    assert told == ["first: unchanged, 0 claims", "second: unchanged, 0 claims"]


def test_a_chapter_whose_kernel_dies_stops_no_other_and_is_told_at_the_end(toy):
    edit(toy, "first", 2, "import os\nos.kill(os.getpid(), 9)")
    told = []
    with pytest.raises(
        ChapterFailed, match="chapter 'first' failed in 3 attempts, the last time without an answer from its kernel"
    ):
        execute_all(toy, "embedded", told.append, jobs=1)
    assert told.count("first: its kernel died, it is run again (3 of 3)") == 1
    assert any(line.startswith("first: failed after") for line in told) and any(
        line.startswith("second: executed") for line in told
    )
    assert read_notebook(build_folder(toy, "embedded") / "chapters" / "second.ipynb")


def test_chapters_whose_kernels_cannot_start_are_one_message(toy, tmp_path):
    """Kernels for which there is no Python: the book's command ends with words, not with a traceback."""
    spec = tmp_path / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text('{"argv": ["/no/such/python"], "display_name": "x", "language": "python"}')
    environment = {**os.environ, "JUPYTER_PATH": str(tmp_path), "JUPYTER_PREFER_ENV_PATH": "0"}
    done = subprocess.run(
        [sys.executable, "-m", "unitscope.publish.cli", "book", "-j", "2"],
        cwd=toy,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert all(
        f"chapter '{name}' failed" in done.stderr and f"{name}: failed after" in done.stdout
        for name in ("first", "second")
    )
    assert "3 starts of a kernel failed: FileNotFoundError" in done.stderr


def test_long_chapters_come_first():
    assert list(in_order(dict.fromkeys(["zoo", "pure", "of a reader", "linking"]))) == [
        "of a reader",
        "linking",
        "pure",
        "zoo",
    ]


@pytest.mark.parametrize("cores, free, jobs", [(2, 12, 2), (16, 12, 4), (16, 2, 1), (1, 64, 1)])
def test_as_many_as_cores_and_memory_allow(monkeypatch, cores, free, jobs):
    monkeypatch.setattr(processes, "processors", lambda: cores)
    monkeypatch.setattr(processes, "free_memory", lambda: free * 2**30)
    assert default_jobs() == jobs


def test_free_memory_is_part_of_the_machine():
    assert 2**20 < free_memory() <= processes.psutil.virtual_memory().total
