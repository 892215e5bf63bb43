"""The root is found from anywhere, and unknown chapters and presets get the nearest name."""

import pytest
from unitscope.errors import UnitscopeError
from unitscope.publish import sources
from unitscope.publish.sources import chapter_path, chapters, find_root, load_preset, read_notebook


def test_the_root_is_found_from_inside(toy):
    assert find_root(toy / "book" / "presets") == toy


def test_outside_of_any_book_the_librarys_own_is_taken(tmp_path):
    assert (find_root(tmp_path) / "lib" / "unitscope").is_dir()


def test_an_installed_package_without_a_book_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "__file__", str(tmp_path / "a" / "b" / "c" / "sources.py"))
    with pytest.raises(UnitscopeError, match="_toc.yml.*clone the repository"):
        find_root(tmp_path)


def test_chapters_come_in_the_books_order(toy):
    (toy / "_toc.yml").write_text("root: book/index\nchapters:\n- file: book/second\n- file: book/first")
    (toy / "book" / "a_draft.ipynb").write_text((toy / "book" / "first.ipynb").read_text())
    assert chapters(toy) == ["second", "first", "a_draft"]


@pytest.mark.parametrize("name", ["first", "first.ipynb", "book/first.ipynb"])
def test_a_chapter_has_a_name_and_a_path(toy, name):
    assert chapter_path(toy, name) == toy / "book" / "first.ipynb"


def test_an_unknown_chapter_gets_the_nearest(toy):
    with pytest.raises(UnitscopeError, match="unknown chapter 'frist'; did you mean 'first'.*second"):
        chapter_path(toy, "frist")


def test_an_unknown_preset_gets_the_nearest(toy):
    with pytest.raises(UnitscopeError, match="unknown preset 'embeded'; did you mean 'embedded'"):
        load_preset(toy, "embeded")


@pytest.mark.parametrize(
    "text, message",
    [
        ("- first", "must map"),
        ("first: 3", "must map"),
        ("first: {a: [}", "not YAML"),
        ("frist: {count: 1}", "unknown chapter"),
    ],
)
def test_a_preset_that_cannot_be_meant_is_refused(toy, text, message):
    (toy / "book" / "presets" / "bad.yaml").write_text(text)
    with pytest.raises(UnitscopeError, match=message):
        load_preset(toy, "bad")


def test_a_broken_notebook_is_named(toy):
    path = toy / "book" / "first.ipynb"
    path.write_text(path.read_text()[:200])
    with pytest.raises(UnitscopeError, match="first.ipynb is not a notebook"):
        read_notebook(path)
