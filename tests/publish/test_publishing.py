"""Pages are there whatever two builds at once, or a kill at either rename, do."""

import subprocess
import sys
from pathlib import Path

import pytest
from unitscope.publish import book
from unitscope.publish.book import older, publish, restore

DIES = """
import os, sys
from pathlib import Path
from unitscope.publish import book
count = 0
rename = Path.rename
def dying(self, target):
    global count
    count += 1
    if count == {at}:
        {first}
        os._exit(9)
    return rename(self, target)
Path.rename = dying
book.publish(Path(sys.argv[1]), Path(sys.argv[2]))
"""


def pages(folder: Path, text: str, amount: int = 1) -> Path:
    """Rendered pages, each with the same text."""
    folder.mkdir()
    for number in range(amount):
        (folder / f"{number}.html").write_text(text)
    return folder


@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.parametrize("first", ["pass", "rename(self, target)"])
def test_a_kill_at_a_rename_loses_no_pages(tmp_path, at, first):
    target = tmp_path / "html"
    publish(pages(tmp_path / "one", "one"), target)
    command = [sys.executable, "-c", DIES.format(at=at, first=first), str(pages(tmp_path / "two", "two")), str(target)]
    assert subprocess.run(command).returncode == 9
    restore(target)  # what the next build does first
    assert (target / "0.html").read_text() == ("two" if (at, first) == (2, "rename(self, target)") else "one")
    assert sorted(path.name for path in tmp_path.iterdir() if "html" in path.name) == ["html"]
    publish(tmp_path / "two", target)
    assert (target / "0.html").read_text() == "two"


def test_a_failing_render_brings_older_pages_back(toy):
    folder = toy / "_build" / "embedded"
    folder.mkdir(parents=True)
    pages(older(folder / "html"), "one")
    (toy / "_config.yml").write_text("sphinx: {extra_extensions: [no_such_extension]}")
    with pytest.raises(book.UnitscopeError):
        book.render(toy, "embedded")
    assert (folder / "html" / "0.html").read_text() == "one"


def test_two_publishers_at_once_leave_the_whole_pages_of_one(tmp_path):
    script = (
        "import sys; from pathlib import Path; from unitscope.publish.book import publish\nfor _ in range(6):"
        " publish(*map(Path, sys.argv[1:]))"
    )
    target = tmp_path / "html"
    given = [pages(tmp_path / text, text, 40) for text in ("one", "two")]
    both = [subprocess.Popen([sys.executable, "-c", script, str(one), str(target)]) for one in given]
    assert [process.wait() for process in both] == [0, 0]
    assert len(list(target.iterdir())) == 40 and len({path.read_text() for path in target.iterdir()}) == 1
    assert not list(tmp_path.glob(".html*"))


def test_a_copy_that_fails_leaves_the_older_pages(tmp_path):
    publish(pages(tmp_path / "one", "one"), tmp_path / "html")
    with pytest.raises(OSError):
        publish(tmp_path / "nothing", tmp_path / "html")
    assert (tmp_path / "html" / "0.html").read_text() == "one" and not list(tmp_path.glob(".html*"))
