"""A chapter is executed when it changed; what was finished outlives whatever comes after it."""

import json
import subprocess
import sys
import time

import nbformat
import pytest
from unitscope.errors import UnitscopeError
from unitscope.publish import run as module
from unitscope.publish.run import ChapterFailed, claims_of, gather_claims, plan, run
from unitscope.publish.sources import read_notebook


def edit(root, chapter, cell, source):
    """Put another text into one cell of a chapter."""
    path = root / "book" / f"{chapter}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[cell].source = source
    nbformat.write(notebook, path)


@pytest.fixture
def no_kernel(monkeypatch):
    """Make a kernel's start an error."""

    def refuse(*given, **named):
        raise AssertionError("a kernel was started")

    monkeypatch.setattr(module.papermill, "execute_notebook", refuse)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (("thrid",), "unknown chapter"),
        (("second", "huge"), "unknown preset"),
        (("second", "embedded", ["sed=1"]), "did you mean 'seed'"),
        (("second", "embedded", ["seed=one"]), "takes int"),
    ],
)
def test_mistakes_are_found_before_a_kernel_starts(toy, no_kernel, arguments, message):
    with pytest.raises(UnitscopeError, match=message):
        run(plan(toy, *arguments))


def test_a_preset_with_a_wrong_parameter_is_found_before_a_kernel_starts(toy, no_kernel):
    (toy / "book" / "presets" / "bad.yaml").write_text("second: {sead: 1}")
    with pytest.raises(UnitscopeError, match="did you mean 'seed'"):
        plan(toy, "second", "bad")


def test_missing_data_is_found_before_a_kernel_starts(toy, no_kernel):
    edit(toy, "second", 1, 'images = "no_such_set/test"')
    with pytest.raises(UnitscopeError, match="no_such_set"):
        plan(toy, "second")


def test_a_run_its_claims_its_stamp_and_its_second_time(toy, monkeypatch):
    done = run(plan(toy, "second"))
    notebook = read_notebook(done.notebook)
    assert done.executed and done.notebook == toy / "_build" / "embedded" / "chapters" / "second.ipynb"
    assert [(claim["id"], claim["chapter"], claim["state"]) for claim in done.claims] == [
        ("C1", "second", "contradicted")
    ]
    assert json.loads(gather_claims(toy, "embedded").read_text()) == done.claims
    assert notebook.metadata["unitscope"]["parameters"] == {"seed": 0}
    assert "hide-input" in notebook.cells[1].metadata.tags
    assert list(done.notebook.parent.iterdir()) == [done.notebook]

    monkeypatch.setattr(module.papermill, "execute_notebook", None)
    again = run(plan(toy, "second"))
    assert not again.executed and again.claims == done.claims


def test_parameters_beside_the_preset_leave_the_books_chapter_alone(toy):
    done = run(plan(toy, "second", "embedded", ["seed=5"]))
    assert done.notebook.parent.name == "runs"
    printed = [
        output.text
        for cell in read_notebook(done.notebook).cells
        for output in cell.get("outputs", [])
        if "text" in output
    ]
    assert printed == ["5\n"]
    assert json.loads(gather_claims(toy, "embedded").read_text()) == []


def test_a_failing_chapter_names_its_cell_and_keeps_the_older_result(toy):
    older = run(plan(toy, "second")).notebook.read_bytes()
    edit(toy, "second", 2, "print('so far')\nraise KeyError('no such unit')")
    with pytest.raises(
        ChapterFailed,
        match=r"chapter 'second' failed in cell 2 \(\"raise KeyError.*KeyError.*no such unit.*second.failed.ipynb",
    ):
        run(plan(toy, "second"))
    folder = toy / "_build" / "embedded" / "chapters"
    assert (folder / "second.ipynb").read_bytes() == older
    assert "so far" in (folder / "second.failed.ipynb").read_text()

    edit(toy, "second", 2, "print(seed)")
    run(plan(toy, "second"))
    assert sorted(path.name for path in folder.iterdir()) == ["second.ipynb"]


def test_a_killed_kernel_is_a_failure_in_words(toy):
    older = run(plan(toy, "second")).notebook.read_bytes()
    edit(toy, "second", 2, "import os\nos.kill(os.getpid(), 9)")
    with pytest.raises(ChapterFailed, match="kernel.*out of memory"):
        run(plan(toy, "second"))
    assert (toy / "_build" / "embedded" / "chapters" / "second.ipynb").read_bytes() == older


def test_a_killed_run_leaves_older_results_and_what_it_finished(toy):
    older = run(plan(toy, "second")).notebook
    bytes_before, running = older.read_bytes(), older.with_suffix(".running.ipynb")
    edit(toy, "second", 2, "print('so far')")
    edit(toy, "second", 0, "# Second, edited")
    notebook = read_notebook(toy / "book" / "second.ipynb")
    notebook.cells.append(nbformat.v4.new_code_cell("import time\ntime.sleep(600)"))
    nbformat.write(notebook, toy / "book" / "second.ipynb")
    process = subprocess.Popen([sys.executable, "-m", "unitscope.publish.cli", "run", "second"], cwd=toy)
    while not (running.exists() and "so far\\n" in running.read_text()):
        assert process.poll() is None, "the run ended before it was killed"
        time.sleep(0.1)
    process.kill()
    process.wait()
    assert "so far\\n" in running.read_text()
    assert older.read_bytes() == bytes_before


def test_one_id_for_two_claims_is_refused():
    output = nbformat.v4.new_output("display_data", data={module.claims.MIME: {"id": "C1", "state": "holds"}})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=[output, output])])
    with pytest.raises(ChapterFailed, match="twice: C1"):
        claims_of(notebook, "x")
