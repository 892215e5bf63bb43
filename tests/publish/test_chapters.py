"""Every chapter of the book, executed small, and the whole book rendered from it and read without a network."""

import re
from pathlib import Path

import pytest
from unitscope.publish.book import render
from unitscope.publish.run import gather_claims, plan, run
from unitscope.publish.sources import chapters, read_notebook

from .conftest import broken_links

ROOT = Path(__file__).parents[2]
PRESET = "smoke"


@pytest.mark.parametrize("chapter", chapters(ROOT))
def test_a_chapter_runs_and_checks_its_claims(book, chapter):
    done = run(plan(book, chapter, PRESET))
    outputs = [output for cell in read_notebook(done.notebook).cells for output in cell.get("outputs", [])]
    assert done.executed and not [output for output in outputs if output.output_type == "error"]
    warned = [output.text for output in outputs if output.get("name") == "stderr"]
    assert not warned, f"chapter {chapter} writes to its page's error stream"
    assert {record["chapter"] for record in done.claims} <= {chapter}


def test_the_book_is_rendered_from_them(book, read_page):
    gather_claims(book, PRESET)
    pages = render(book, PRESET).parent / "book"
    assert broken_links(pages.parent) == []
    for path in sorted(pages.rglob("*.html")):
        source, page = path.read_text(), read_page(path)
        assert not page.errors and not page.trips, f"{path.name}: {page.errors + page.trips}"
        assert page.count('class="js-plotly-plot"') == source.count('class="unitscope-plot"'), path.name
        assert page.count("<mjx-container") >= len(re.findall(r'class="math notranslate', source)), path.name
