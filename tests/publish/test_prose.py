"""Sentences with their numbers: plain text in a run of one's own, and below the cells of a chapter in JupyterLab."""

import IPython.display
import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from unitscope.progress import VARIABLE
from unitscope.publish.prose import RECORD, Follower, cited, fill_in, filled, follow, glued, restore

BIB = """@article{one2024, author = {First, Ann and Second, Bo and Third, Cy}, title = {T}, year = {2024}}
@article{two2020, author = {Lone, Dee and {de la} Pair, Ed}, title = {T}, year = {2020}}
"""


@pytest.fixture
def bibliography(tmp_path):
    (tmp_path / "references.bib").write_text(BIB)
    return tmp_path / "references.bib"


def record(name, value):
    metadata = {"scrapbook": {"name": name, "mime_prefix": "application/papermill.record/"}}
    return new_output("display_data", data={RECORD: repr(value)}, metadata=metadata)


@pytest.mark.parametrize(
    "role, text",
    [
        ("{glue:text}`n`", "12"),
        ("{glue:text}`share:+.1%`", "+25.0%"),
        ("{glue:text}`name`", "critters/resnet"),
        ("{glue:text}`card`", "holds (<5>)"),
        ("{glue:text}`unknown:.2f`", "…"),
        ("{glue:text}`name:.2f`", "'critters/resnet'"),
        ("{cite:t}`one2024`", "First et al. (2024)"),
        ("{cite:p}`one2024,two2020`", "(First et al., 2024; Lone and de la Pair, 2020)"),
        ("{cite:t}`gone`", "gone"),
        ("{ref}`the page <there>`", "the page"),
        ("`{not} a role`", "`{not} a role`"),
        ("$$ a = b $$ (eq-one)", "$$ a = b $$"),
        ("see\n```{bibliography}\n:filter: x\n```\nend", "see\nend"),
    ],
)
def test_a_role_becomes_plain_text(bibliography, role, text):
    values = {"n": "12", "share": "0.25", "name": "'critters/resnet'", "card": "holds (<5>)"}
    assert filled(role, values, bibliography) == text


def test_without_a_bibliography_the_key_stands(tmp_path):
    assert cited("one2024", False, tmp_path / "none.bib") == "one2024"


def test_a_notebook_is_filled_in_and_restored(bibliography):
    cells = [new_markdown_cell("{glue:text}`n` units"), new_code_cell("x", outputs=[record("n", 3)])]
    notebook = new_notebook(cells=[*cells, new_markdown_cell("plain")])
    assert [cell.source for cell in fill_in(notebook, bibliography).cells] == ["3 units", "x", "plain"]
    assert restore(notebook).cells[0].source == "{glue:text}`n` units" and not notebook.cells[0].metadata


def test_a_paragraph_is_shown_once_when_its_last_number_is_known(bibliography, monkeypatch):
    shown, whole = [], ["**Part**\n3 of 8"]
    monkeypatch.setattr(IPython.display, "display", lambda one: shown.append(one.data))
    cells = [new_markdown_cell("# Part\n{glue:text}`n` of {glue:text}`all`"), new_markdown_cell("none")]
    follower = Follower(cells, bibliography)
    for name, value, after in (("n", 3, []), ("other", 1, []), ("all", 8, whole), ("all", 9, whole)):
        message = {"content": dict(record(name, value))}
        assert follower.hear(message) is message
        follower.tell()
        assert shown == after


def test_outside_of_a_notebook_nothing_follows(tmp_path):
    assert follow(tmp_path / "first.ipynb") is None and glued({"data": {RECORD: "1"}}) == {}


def test_a_chapter_run_by_hand_shows_its_sentences(toy, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    notebook = nbformat.read(toy / "book" / "first.ipynb", as_version=4)
    done = NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": toy / "book"}}).execute()
    shown = [output.data["text/markdown"] for cell in done.cells for output in cell.get("outputs", []) if md(output)]
    assert len(shown) == 1 and shown[0].startswith("It holds (paper: 2 · ours: 6")


def md(output) -> bool:
    return output.output_type == "display_data" and "text/markdown" in output.data
