"""The cover takes each chapter's question from its text and its picture from its executed notebook."""

import base64
import io

import nbformat
import numpy as np
import pytest
from PIL import Image
from unitscope.publish.executed import write_executed
from unitscope.publish.gallery import gallery, striking, words


def picture(width, rng):
    buffer = io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (40, width, 3), dtype=np.uint8)).save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.fixture
def notebook(rng):
    """Three cells with a picture each: a small one, a middle one without a name, a large one."""
    cells = []
    for name, width in (("fig-small", 20), ("", 900), ("fig-large", 400)):
        cell = nbformat.v4.new_code_cell(
            outputs=[nbformat.v4.new_output("display_data", data={"image/png": picture(width, rng)})]
        )
        cell.metadata["mystnb"] = {"figure": {"name": name}} if name else {}
        cells.append(cell)
    return nbformat.v4.new_notebook(cells=cells)


@pytest.mark.parametrize("wanted, expected", [("", "fig-large"), ("fig-small", "fig-small"), ("fig-none", "fig-large")])
def test_the_wanted_figure_is_taken_else_the_largest_with_a_name(notebook, wanted, expected):
    assert striking(notebook, wanted)[0] == expected


def test_a_chapter_that_draws_nothing_has_no_picture():
    assert striking(nbformat.v4.new_notebook()) == ("", None)


def test_title_and_question_are_the_chapters_own():
    cell = nbformat.v4.new_markdown_cell("# PURE: which circuits?\n\n**Is it one\nthing?** Perhaps.")
    assert words(nbformat.v4.new_notebook(cells=[cell])) == ("PURE", "Is it one thing?")


def test_a_card_for_each_chapter_with_a_small_picture_that_leads_into_it(toy, notebook):
    path = toy / "_build" / "embedded" / "chapters" / "first.ipynb"
    path.parent.mkdir(parents=True)
    write_executed(notebook, path)
    (toy / "book" / "gallery.yaml").write_text("first: fig-small\n")
    html = gallery(toy, "embedded", toy / "static")
    assert 'href="first.html#fig-small"' in html and 'href="second.html"' in html and html.count("<img") == 1
    assert (toy / "static" / "gallery" / "first.png").stat().st_size < 120_000
