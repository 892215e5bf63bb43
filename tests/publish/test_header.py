"""The head of a chapter: badges from its run, buttons that lead somewhere or say why they do not."""

import subprocess

import nbformat
import pytest
from unitscope.publish import claims, header, machine

NAMES = ("UNITSCOPE_REPOSITORY", "GITHUB_REPOSITORY", "GITHUB_REF_NAME")


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    """No word of a public repository in the environment."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def notebook():
    """An executed chapter with claims in three states."""
    about = {
        "peak_memory_mb": 10,
        "device": "cpu",
        "seed": 0,
        "python": "3",
        "system": "L",
        "versions": {},
        "fingerprints": {},
    }
    shown = [{machine.MIME: about}] + [
        {claims.MIME: {"id": f"C{i}", "state": state}} for i, state in enumerate(("holds", "undecided", "untested"))
    ]
    cell = nbformat.v4.new_code_cell(outputs=[nbformat.v4.new_output("display_data", data=data) for data in shown])
    stamp = {
        "chapter": "first",
        "preset": "embedded",
        "commit": "0123456789abcdef+",
        "parameters": {"images": "a<b/test", "n_images": 4000},
    }
    metadata = {"papermill": {"start_time": "2026-11-21T10:00", "duration": 41.6}, "unitscope": stamp}
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# Title\n\nText."), cell], metadata=metadata)


def test_badges_say_what_was_run(tmp_path, notebook):
    html = header.header(tmp_path, notebook, "first")
    for text in (
        "<b>run time</b> 42 s",
        "<b>data</b> a&lt;b/test, 4,000 images",
        "<b>commit</b> 0123456789+",
        "<b>claims</b> ✓ 1 holds, ? 1 undecided, – 1 untested",
    ):
        assert text in html
    assert "\n\n" not in html  # a blank line would end the block of HTML in the page's markdown


def test_without_a_repository_the_launch_buttons_are_off_and_say_why(tmp_path, notebook):
    html = header.header(tmp_path, notebook, "first")
    assert html.count('class="off"') == 2 and "UNITSCOPE_REPOSITORY" in html and "mybinder" not in html
    assert 'href="../_static/notebooks/first.ipynb" download' in html and "first.source.ipynb" in html


def test_with_one_they_lead_to_the_chapter(tmp_path, notebook, monkeypatch):
    monkeypatch.setenv("UNITSCOPE_REPOSITORY", "https://github.com/some-one/the.book")
    html = header.header(tmp_path, notebook, "first")
    assert "https://mybinder.org/v2/gh/some-one/the.book/main?urlpath=lab/tree/book/first.ipynb" in html
    assert "https://colab.research.google.com/github/some-one/the.book/blob/main/book/first.ipynb" in html
    assert "https://github.com/some-one/the.book/commit/0123456789abcdef" in html and 'class="off"' not in html


@pytest.mark.parametrize(
    "told, origin, expected",
    [
        ({"GITHUB_REPOSITORY": "a/b"}, "", "a/b"),
        ({}, "git@github.com:c/d.git", "c/d"),
        ({}, "https://github.com/c/d", "c/d"),
        ({}, "/some/folder", ""),
        ({"UNITSCOPE_REPOSITORY": "https://elsewhere.org/e/f"}, "", ""),
    ],
)
def test_where_the_public_repository_is_known_from(tmp_path, monkeypatch, told, origin, expected):
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    if origin:
        subprocess.run(["git", "init", "-q", tmp_path], check=True)
        subprocess.run(["git", "-C", tmp_path, "remote", "add", "origin", origin], check=True)
    assert header.repository(tmp_path) == expected


def test_the_head_stands_below_the_title(notebook):
    header.put_below_title(notebook, "<div>head</div>")
    assert notebook.cells[0].source == "# Title\n\n<div>head</div>\n\nText."
