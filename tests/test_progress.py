"""Progress inside a loop: a bar on a terminal, a line in a file for the command, a widget or text in a notebook."""

import os
import pty
import subprocess
import sys
import termios

import pytest
from unitscope import progress as module
from unitscope.progress import VARIABLE, LatestLine, notebook_bar, progress

LOOP = "import unitscope.progress as p; p.SECONDS_BEFORE_BAR = 0\nfor _ in p.progress(range(3), label='crops'): pass"


@pytest.fixture(autouse=True)
def alone(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)


def test_the_command_s_file_holds_one_line_and_nothing_after_the_loop(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path / "line"))
    bar = progress(total=8, label="images")
    bar.mininterval = 0
    bar.update(2)
    line = (tmp_path / "line").read_text()
    assert line.startswith("images 2/8 [00:0") and "\n" not in line
    bar.close()
    assert (tmp_path / "line").read_text() == ""


def test_a_file_that_cannot_be_written_stops_no_loop(tmp_path):
    LatestLine(str(tmp_path / "none" / "line")).write("images 2/8")


def test_without_a_terminal_nothing_is_drawn():
    done = subprocess.run([sys.executable, "-c", LOOP], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_on_a_terminal_a_bar_is_drawn():
    there, here = pty.openpty()
    termios.tcsetwinsize(here, (24, 80))  # a new one has no width, and a bar without width is empty
    assert subprocess.run([sys.executable, "-c", LOOP], stderr=here).returncode == 0
    os.close(here)
    assert b"crops:   0%" in os.read(there, 1 << 16)
    os.close(there)


@pytest.mark.parametrize("there, name", [(True, "tqdm.notebook"), (False, "tqdm.std")])
def test_a_notebook_gets_a_widget_only_where_widgets_are(monkeypatch, there, name):
    monkeypatch.setattr(module, "find_spec", lambda package: object() if there else None)
    assert notebook_bar().__module__ == name
