"""A toy book from notebooks to pages, and the pages in a browser that has no network."""

import json
import os
import shutil
import subprocess
import sys

import nbformat
import pytest
from unitscope.errors import UnitscopeError
from unitscope.publish import book, run
from unitscope.publish.book import build_book, execute_all, render
from unitscope.publish.run import ChapterFailed

from .conftest import broken_links, make_toy

POINT = """(async function () {
  const box = document.querySelector(".js-plotly-plot path.point").getBoundingClientRect();
  const place = {clientX: box.x + box.width / 2, clientY: box.y + box.height / 2, bubbles: true};
  const image = document.querySelector(".unitscope-plot > img");
  while (image.style.display !== "block") {
    document.querySelector(".js-plotly-plot .nsewdrag").dispatchEvent(new MouseEvent("mousemove", place));
    await new Promise(done => setTimeout(done, 100));
  }
})()"""


CLICK = """(async function () {
  navigation.addEventListener("navigate", function (event) {
    event.preventDefault();
    document.body.dataset.opened = event.destination.url;
  });
  const plot = document.querySelector(".js-plotly-plot");
  plot.emit("plotly_click", {points: [{customdata: plot.data[0].customdata[0][1]}]});
})()"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A toy book that was built once, and the lines that it told."""
    root, told = make_toy(tmp_path_factory.mktemp("built") / "toy"), []
    page = build_book(root, "large", told.append)
    return root, page, told


@pytest.fixture
def copy(built, tmp_path):
    """A copy of the built book that a test may spoil."""
    return shutil.copytree(built[0], tmp_path / "toy")


def page_of(built, name):
    return built[1].parent / "book" / f"{name}.html"


def test_the_page_to_open_exists_and_claims_are_gathered(built):
    root, page, told = built
    assert page == root / "_build" / "large" / "html" / "index.html" and page.is_file()
    claims = json.loads((root / "_build" / "large" / "claims.json").read_text())
    assert [(claim["chapter"], claim["id"], claim["state"]) for claim in claims] == [
        ("first", "C1", "holds"), ("first", "C2", "untested"), ("second", "C1", "contradicted"),
    ]  # fmt: skip
    assert claims[0]["ours"] == 16  # 4 * 2 * 2: the preset's scale and count, not the notebook's
    assert (
        told[-1] == "rendering the pages"
        and "first: started" in told
        and any(line.startswith("first: executed in ") for line in told)
    )


def test_plots_and_maths_are_drawn_without_a_network(built, read_page):
    page = read_page(page_of(built, "first"))
    assert not page.errors and not page.trips
    assert page.count('class="main-svg"') >= 1
    assert page.count("<mjx-container") == 2
    assert page.count('class="trace scatter') == 1 and page.count('class="point[ "]') == 5


def test_a_point_shows_its_crop_beside_the_pointer(built, read_page):
    page = page_of(built, "first")
    assert read_page(page).count('<img[^>]*src="data:image/jpeg') == 0
    assert read_page(page, POINT).count('<img[^>]*display: ?block[^>]*src="data:image/jpeg') == 1


def test_a_click_on_a_sweeps_heat_map_opens_the_cell(built, read_page):
    opened = read_page(page_of(built, "sweeps/toy"), CLICK)
    assert opened.count(r'data-opened="file://[^"]*/html/_static/sweeps/toy/a-one-y-0.abc.html"') == 1


def test_results_are_in_the_page_and_the_plumbing_is_not(built):
    html = page_of(built, "first").read_text()
    assert 'id="claim-C1"' in html and "holds (paper: 2 · ours: 16 [0, 99] · 3 toys)" in html and "5 a" in html
    assert "Parameters of this chapter" in html and "Other parameters of this run" in html
    assert "machine import report" not in html
    assert '--preset</span> <span class="pre">large' in html


def test_a_page_without_plots_does_not_load_plotly(built, read_page):
    assert "plotly.min.js" in page_of(built, "first").read_text()
    assert "plotly.min.js" not in page_of(built, "second").read_text()
    assert not read_page(page_of(built, "second")).errors


@pytest.mark.parametrize("name", ["index", "scorecard", "status", "api", "sweeps/toy"])
def test_generated_pages_are_whole(built, read_page, name):
    page = read_page(page_of(built, name))
    assert not page.errors and not page.trips
    expected = {
        "index": "check 3 claims here (✓ holds: 1, ✗ contradicted: 1, – untested: 1). 3 claims wait for their chapter",
        "scorecard": 'href="first.html#claim-C1"', "status": "peak memory", "api": "Doc of f.",
        "sweeps/toy": "KeyError: &lt;no such unit&gt;",
    }  # fmt: skip
    assert expected[name] in page.html
    assert page.count("<tr data-verdict=") == (6 if name == "scorecard" else 0)


def test_every_internal_link_of_the_book_resolves(built):
    assert broken_links(built[1].parent) == []


def test_a_broken_link_is_seen(tmp_path):
    (tmp_path / "a.html").write_text(
        '<p id="x"><a href="#x">1</a><a href="#y">2</a><a href="b.html">3</a><a href="http://c">4</a>'
    )
    assert broken_links(tmp_path) == ["a.html: #y", "a.html: b.html"]


def test_a_second_build_starts_no_kernel(copy, monkeypatch):
    monkeypatch.setattr(run.papermill, "execute_notebook", None)
    told = []
    build_book(copy, "large", told.append)
    assert told[:2] == ["first: unchanged, 2 claims", "second: unchanged, 1 claims"]


def break_second(root):
    path = root / "book" / "second.ipynb"
    notebook = nbformat.read(path, as_version=4)
    notebook.cells[2].source = "1 / 0"
    nbformat.write(notebook, path)


def test_a_failing_chapter_fails_the_build_after_the_others_ran(toy):
    path = toy / "book" / "first.ipynb"
    path.write_text((toy / "book" / "second.ipynb").read_text())
    break_second(toy)
    (toy / "book" / "third.ipynb").write_text(path.read_text())
    with pytest.raises(ChapterFailed, match=r"chapter 'second' failed in cell 2 \('1 / 0'\): ZeroDivisionError"):
        execute_all(toy, "embedded", lambda line: None)
    finished = sorted(path.name for path in (toy / "_build" / "embedded" / "chapters").iterdir())
    assert finished == ["first.ipynb", "second.failed.ipynb", "third.ipynb"]


def test_the_command_fails_with_status_1_and_the_old_pages_stay(copy):
    break_second(copy)
    command = [sys.executable, "-m", "unitscope.publish.cli", "book", "--preset", "large"]
    done = subprocess.run(command, cwd=copy / "book", capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("unitscope: chapter 'second' failed") and "Traceback" not in done.stderr
    assert (copy / "_build" / "large" / "html" / "index.html").is_file()


def test_a_broken_reference_fails_the_rendering_every_time(copy):
    (copy / "book" / "index.md").write_text("# Toy\n\n[nowhere](no_such_page.md)\n")
    for _ in range(2):
        with pytest.raises(UnitscopeError, match="no_such_page"):
            render(copy, "large")
    assert (copy / "_build" / "large" / "html" / "index.html").is_file()


def test_what_breaks_before_the_first_page_is_told_too(toy):
    (toy / "_config.yml").write_text("sphinx: {extra_extensions: [no_such_extension]}")
    with pytest.raises(UnitscopeError, match="no_such_extension"):
        render(toy, "embedded")


def test_jupyter_book_alone_shows_what_was_executed_and_says_what_was_not(copy):
    drawn, absent = "unitscope-plot", "not been executed"
    for preset, expected, missing in (("large", drawn, absent), ("embedded", absent, drawn)):
        command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", "."]
        environment = {**os.environ, "UNITSCOPE_PRESET": preset}
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        html = (copy / "_build" / "html" / "book" / "first.html").read_text()
        assert expected in html and missing not in html


def test_a_result_older_than_its_code_is_marked(copy):
    (copy / "book" / "toylib.py").write_text("FACTOR = 3\n")
    render(copy, "large")
    assert "are older than the code" in (copy / "_build" / "large" / "html" / "book" / "first.html").read_text()


def test_pages_replace_older_ones_in_one_step(tmp_path):
    for version in ("one", "two"):
        shutil.rmtree(tmp_path / "new", ignore_errors=True)
        (tmp_path / "new").mkdir()
        (tmp_path / "new" / f"{version}.html").write_text(version)
        book.publish(tmp_path / "new", tmp_path / "html")
    assert [path.name for path in (tmp_path / "html").iterdir()] == ["two.html"]
