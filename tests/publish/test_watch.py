"""What a run tells while it works: one rewritten line on a terminal, one line a minute elsewhere."""

import os
import pty
import re
import subprocess
import sys
import threading

from nbformat.v4 import new_code_cell, new_markdown_cell
from unitscope.progress import VARIABLE
from unitscope.publish import watch
from unitscope.publish.watch import Watch, headings

from .test_run import edit


def test_cells_are_counted_and_called_by_the_heading_above():
    prose = new_markdown_cell("# Title\n\ntext\n\n## Part")
    cells = [new_code_cell("a"), prose, new_code_cell("b"), new_code_cell("c")]
    assert headings(cells) == ["cell 1 of 3", "cell 1 of 3, Part", "cell 2 of 3, Part", "cell 3 of 3, Part"]


def test_without_a_terminal_one_line_a_minute_is_told(monkeypatch):
    monkeypatch.setattr(watch, "MINUTE", 0.01)
    told, twice = [], threading.Event()
    monkeypatch.delenv(VARIABLE, raising=False)
    with Watch("toy", False, lambda line: (told.append(line), len(told) > 1 and twice.set())) as one:
        one.cells = ["cell 1 of 2, Part"]
        one.cell(0)
        with open(os.environ[VARIABLE], "w") as line:
            line.write("images 3/8 [00:01<00:02]")
        told.clear()
        twice.clear()
        assert twice.wait(10)
        folder = one.folder
    assert told[-1] == "toy: cell 1 of 2, Part, 0:00, images 3/8 [00:01<00:02]"
    assert VARIABLE not in os.environ and not folder.exists()


def test_a_run_on_a_terminal_shows_cell_heading_time_and_progress(toy):
    loop = "for _ in progress(range(3), label='toys'):\n    time.sleep(1)"
    edit(toy, "second", 2, f"import time\nfrom unitscope.progress import progress\n{loop}")
    there, here = pty.openpty()
    command = [sys.executable, "-m", "unitscope.publish.cli", "run", "second"]
    process = subprocess.Popen(command, cwd=toy, stdout=subprocess.PIPE, stderr=here, text=True)
    os.close(here)
    shown = b""
    while True:
        try:
            part = os.read(there, 1 << 12)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        shown += part
    stdout, _ = process.communicate()
    assert process.returncode == 0, shown
    lines = [line for line in shown.decode().split("\r\x1b[K") if line]
    assert any(re.fullmatch(r"second: cell 2 of 3, Second, \d:\d\d, toys \d/3 .*", line) for line in lines), lines
    assert shown.decode().endswith("\r\x1b[K") and "Executing" not in shown.decode()
    assert stdout.splitlines()[0] == "second: started"
