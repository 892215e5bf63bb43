"""Script in names, dates, parameters and recorded runs is shown as text on every page, or refused with the file's
name.
"""

import copy
import json

import nbformat
import pytest
from bs4 import BeautifulSoup
from unitscope.errors import UnitscopeError
from unitscope.publish import gallery, header, machine, recorded, status_page
from unitscope.publish.executed import write_executed
from unitscope.publish.sweep.page import sweep_page

from ..publish.conftest import make_toy, sweep_results

EVIL = "x\"'><script>hostile()</script><img src=y onerror=hostile()>"
DEEP = f"\n\n{EVIL}\n\n"


def inert(html: str) -> bool:
    """Whether a page holds neither a script of ours nor a picture that would run one; what it says is there as text."""
    page = BeautifulSoup(str(html), "html.parser")
    scripts = [script for script in page.find_all("script") if "hostile" in script.text]
    return not scripts and not [tag for tag in page.find_all(True) if any(name.startswith("on") for name in tag.attrs)]


def test_the_payload_would_be_seen():
    assert (
        not inert(f"<p>{EVIL}</p>") and not inert(f'<a href="{EVIL}">') and not inert(f"<p>{EVIL.partition('<img')[0]}")
    )


def executed(text: str, where: tuple[str, ...]) -> nbformat.NotebookNode:
    """An executed chapter with `text` at one place of what is known of its run."""
    about = {
        "peak_memory_mb": 1,
        "device": "cpu",
        "seed": 0,
        "python": "3",
        "system": "L",
        "versions": {"torch": "2"},
        "fingerprints": {},
    }
    stamp = {
        "chapter": "first",
        "preset": "embedded",
        "key": "k",
        "commit": "0" * 40,
        "parameters": {"images": "a", "generator": "g"},
    }
    all_of = {"machine": about, "unitscope": stamp, "papermill": {"start_time": "2026-11-21T10:00", "duration": 1.0}}
    spot = all_of
    for name in where[:-1]:
        spot = spot[name]
    spot[where[-1]] = text
    cell = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", data={machine.MIME: about})])
    title = nbformat.v4.new_markdown_cell("# First: a\n\n**Why?**")
    return nbformat.v4.new_notebook(
        cells=[title, cell], metadata={name: all_of[name] for name in ("unitscope", "papermill")}
    )


RUN = [
    ("machine", "device"),
    ("machine", "python"),
    ("machine", "system"),
    ("machine", "versions", "torch"),
    ("machine", "versions", EVIL),
    ("unitscope", "chapter"),
    ("unitscope", "preset"),
    ("unitscope", "key"),
    ("unitscope", "commit"),
    ("unitscope", "parameters", "images"),
    ("unitscope", "parameters", "generator"),
    ("unitscope", "parameters", EVIL),
    ("papermill", "start_time"),
]


@pytest.mark.parametrize("where", RUN, ids=lambda where: ".".join(where)[:30])
@pytest.mark.parametrize("text", [EVIL, DEEP], ids=["line", "block"])
def test_what_a_run_says_of_itself(tmp_path, monkeypatch, where, text):
    monkeypatch.setenv("UNITSCOPE_REPOSITORY", "https://github.com/a/b")
    root = make_toy(tmp_path / "toy")
    notebook = executed(text, where)
    write_executed(notebook, root / "_build" / "embedded" / "chapters" / "first.ipynb")
    head = header.header(root, notebook, "first")
    assert inert(head) and "\n\n" not in head
    assert inert(status_page.table(root, "embedded")) and inert(status_page.colophon(notebook))


@pytest.mark.parametrize("text", [EVIL, '"onclick="hostile()', "a b\n\n<script>hostile()</script>"])
def test_the_name_of_a_branch(tmp_path, monkeypatch, text):
    monkeypatch.setenv("UNITSCOPE_REPOSITORY", "https://github.com/a/b")
    monkeypatch.setenv("GITHUB_REF_NAME", text)
    assert inert(header.buttons("first", "a/b")) and "\n\n" not in header.buttons("first", "a/b")


def test_the_name_of_a_figure_on_the_cover(tmp_path):
    assert inert(gallery.CARD.format(chapter="a", anchor="", picture="", title="", question=""))
    root = make_toy(tmp_path / "toy")
    assert inert(gallery.card(root, "first", executed("x", ("unitscope", "key")), EVIL, tmp_path))


@pytest.mark.parametrize("name", ["date", "commit", "device", "parameters", "fingerprints", "versions"])
def test_where_a_recorded_run_comes_from(name):
    about = {
        "date": "d",
        "commit": "c",
        "seconds": 1.0,
        "device": "cpu",
        "parameters": {},
        "fingerprints": {},
        "versions": {},
    }
    about[name] = {EVIL: EVIL} if isinstance(about[name], dict) else EVIL
    assert inert(recorded.origin("run", about)) and inert(recorded.origin(EVIL, {**about, "commit": 3, "date": None}))


def test_the_folder_of_a_recorded_run(tmp_path):
    folder = tmp_path / "book" / "recorded" / "first" / "<img src=y onerror=hostile()>"
    folder.mkdir(parents=True)
    (folder / "provenance.json").write_text("{}")
    with pytest.raises(UnitscopeError, match="one plain word"):
        recorded.recorded_runs("first", tmp_path)


def test_a_caption_begins_no_html():
    assert recorded.no_tags(f"a < b, {EVIL}").count("<") == 1


CELL = ["model", "layer", "seed", "state", "reason", "commit", "date", "key"]
SWEEP = ["title", "about", "preset", "date", "commit"]


@pytest.mark.parametrize(
    "name", [*(("cell", name) for name in CELL), *(("sweep", name) for name in SWEEP)], ids="-".join
)
def test_the_results_of_a_sweep(tmp_path, name):
    root, results = make_toy(tmp_path / "toy"), copy.deepcopy(sweep_results())
    spot = results["cells"][0] if name[0] == "cell" else results
    spot |= {"date": "2026-11-21", "commit": "c"} if name[0] == "cell" else {}
    spot[name[1]] = EVIL
    (root / "book" / "sweeps" / "toy.results.json").write_text(json.dumps(results))
    html = sweep_page(root, "toy", root / "static").partition("<script")[0]
    assert inert(html)
    assert all(inert(path.read_text()) for path in (root / "static" / "sweeps" / "toy").glob("*.html"))


@pytest.mark.parametrize("id", ["../../../outside", "a/b", EVIL, "", ".hidden"])
def test_a_cell_that_names_no_file_of_its_own(tmp_path, id):
    root, results = make_toy(tmp_path / "toy"), sweep_results()
    results["cells"][0]["cell"] = id
    (root / "book" / "sweeps" / "toy.results.json").write_text(json.dumps(results))
    before = sorted(tmp_path.rglob("*.html"))
    with pytest.raises(UnitscopeError, match="toy.results.json is not the results of a sweep"):
        sweep_page(root, "toy", root / "static")
    assert sorted(tmp_path.rglob("*.html")) == before
