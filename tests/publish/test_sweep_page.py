"""The page of a sweep: a heat map whose cells open pages, extremes, failures; the page of each cell."""

import os

import pytest
from unitscope.publish.sweep import page
from unitscope.publish.sweep.page import extremes, heat_map, measures, sweep_page

from .conftest import sweep_cell, sweep_results


@pytest.fixture
def made(toy):
    """The toy sweep's page and the folder of its files."""
    return sweep_page(toy, "toy", toy / "static"), toy / "static" / "sweeps" / "toy"


def test_the_page_names_failures_costs_and_files(made):
    html, folder = made
    assert (
        "KeyError: &lt;no such unit&gt;" in html
        and "Two models &amp; two layers." in html
        and "0123456789ab</code>" in html
    )
    assert sorted(path.name for path in folder.iterdir()) == [
        "a-one-x-0.abc.html", "a-one-y-0.abc.html", "b-x-0.abc.html", "b-y-0.abc.html", "results.csv", "results.json",
    ]  # fmt: skip
    assert html.count("_static/sweeps/toy/a-one-x-0.abc.html") >= 2 and "1 of 1" in html and "0 of 1" in html


def test_a_cells_page_says_how_to_make_it_again(made):
    text = (made[1] / "a-one-y-0.abc.html").read_text()
    assert (
        "unitscope run first --preset embedded -p count=3" in text
        and "✗ 1 contradicted" in text
        and "values grow" in text
    )
    assert "Failed: <code>KeyError: &lt;no such unit&gt;</code>" in (made[1] / "b-y-0.abc.html").read_text()


def test_the_heat_map_holds_means_over_seeds_and_links_to_the_first(toy):
    results = sweep_results()
    results["cells"].append(sweep_cell("a/one", "x", 3.0, seed=1, cell="second-seed"))
    done = [cell for cell in results["cells"] if cell["state"] == "finished"]
    figure = heat_map(results, done, {cell["cell"]: cell["cell"] for cell in results["cells"]})
    trace, buttons = figure.data[0], figure.layout.updatemenus[0].buttons
    assert list(trace.y) == ["a/one", "b"] and list(trace.x) == ["x", "y"] and trace.z[1][1] is None
    assert trace.customdata[0][0] == "link:a-one-x-0.abc" and trace.customdata[1][1] == ""
    assert [button.label for button in buttons] == [page.SHARE, "claim C1", "score", "seconds", "peak memory [MB]"]
    assert buttons[1].args[0]["z"][0] == [[2.0, -1.0], [0.5, None]]  # (1 + 3) / 2
    assert figure.layout.yaxis.title.text == "network"


def test_extremes_are_the_cells_where_most_and_fewest_claims_hold():
    cells = sweep_results()["cells"][:3]
    html = extremes(cells, {cell["cell"]: cell["cell"] for cell in cells})
    most, fewest = html.split("Where fewest hold")
    assert "a-one-y" in fewest and "a-one-y" not in most and "a-one-x" in most


def test_what_nobody_measured_is_no_measure():
    assert "claim C1" not in measures([sweep_cell("a", "x", 1.0, claims={"C1": {"ours": "text", "state": "untested"}})])


def test_a_sweep_that_was_not_run_says_how(toy):
    assert "unitscope sweep other</code>" in sweep_page(toy, "other", toy / "static")


def test_a_cells_page_is_written_again_only_where_its_results_are_newer(toy, made):
    path = made[1] / "b-x-0.abc.html"
    path.write_text("as it was")
    sweep_page(toy, "toy", toy / "static")
    assert path.read_text() == "as it was"
    results = toy / "book" / "sweeps" / "toy.results.json"
    os.utime(results, (path.stat().st_atime, path.stat().st_mtime + 5))
    sweep_page(toy, "toy", toy / "static")
    assert "unitscope run first" in path.read_text()
