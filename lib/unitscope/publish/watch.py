"""What a run is doing now: chapter, cell k of n with its heading, elapsed time, and the progress inside the cell.

On a terminal one line is rewritten every second; elsewhere one line is told every minute.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from nbformat import NotebookNode
from papermill.engines import NBClientEngine, papermill_engines

from unitscope.progress import VARIABLE, LatestLine

ENGINE = "unitscope"
SECONDS, MINUTE = 1.0, 60.0  # between two lines: on a terminal, elsewhere
HEADING = re.compile(r"^#{1,6}\s+(.+)$", re.MULTILINE)
LONGEST_HEADING = 60


class Watched(NBClientEngine):
    """Papermill's way to execute a notebook, which tells a `Watch` of each cell that starts."""

    @classmethod
    def execute_managed_notebook(cls, nb_man, kernel_name, watch: Watch, **options):
        start = nb_man.cell_start

        def cell_start(cell, cell_index=None, **given):
            watch.cell(cell_index)
            return start(cell, cell_index, **given)

        nb_man.cell_start = cell_start
        watch.cells = headings(nb_man.nb.cells)
        return super().execute_managed_notebook(nb_man, kernel_name, **options)


papermill_engines.register(ENGINE, Watched)


def headings(cells: Sequence[NotebookNode]) -> list[str]:
    """For every cell "cell k of n, HEADING": k counts the code cells, the heading is the last one above."""
    n, k, heading, found = sum(cell.cell_type == "code" for cell in cells), 0, "", []
    for cell in cells:
        if cell.cell_type == "code":
            k += 1
        elif above := HEADING.findall(cell.source):
            heading = above[-1].strip()
        found.append(f"cell {k} of {n}" + (f", {heading[:LONGEST_HEADING]}" if heading else ""))
    return found


class Watch:
    """Tells what a run is doing until its `with` block ends.

    Parameters
    ----------
    chapter : what the line begins with.
    on_terminal : rewrite one line of standard error every second; otherwise `tell` takes a line a minute.
    """

    def __init__(self, chapter: str, on_terminal: bool, tell: Callable[[str], None]):
        self.chapter, self.on_terminal, self.tell = chapter, on_terminal, tell
        self.cells: list[str] = []
        self.folder: Path | None = None
        self.now, self.started = "starting a kernel", time.monotonic()
        self.done = threading.Event()
        self.ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Watch:
        self.before = os.environ.get(VARIABLE)
        with suppress(OSError):  # of a full disk others tell, who cannot do without
            self.folder = Path(tempfile.mkdtemp(prefix="unitscope-progress-"))
            os.environ[VARIABLE] = str(self.folder / "line")  # the kernel inherits it
        self.ticker.start()
        return self

    def __exit__(self, *_) -> None:
        self.done.set()
        self.ticker.join()
        if self.before is None:
            os.environ.pop(VARIABLE, None)
        else:
            os.environ[VARIABLE] = self.before
        if self.folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        if self.on_terminal:
            self._rewrite("")

    def cell(self, index: int) -> None:
        """The cell at this place starts."""
        self.now = self.cells[index]
        if self.folder:
            LatestLine(self.folder / "line").write("")  # of the cell before

    def line(self) -> str:
        """What is done now, in one line."""
        seconds = int(time.monotonic() - self.started)
        inside = ""
        with suppress(OSError, UnicodeDecodeError):  # not written yet, or just now
            inside = (self.folder / "line").read_text(encoding="utf-8").strip() if self.folder else ""
        parts = [f"{self.chapter}: {self.now}", f"{seconds // 60}:{seconds % 60:02d}", *([inside] if inside else [])]
        return ", ".join(parts)

    def _tick(self) -> None:
        while not self.done.wait(SECONDS if self.on_terminal else MINUTE):
            if self.on_terminal:
                self._rewrite(self.line())
            else:
                self.tell(self.line())

    def _rewrite(self, text: str) -> None:
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r\x1b[K{text[:width]}")
        sys.stderr.flush()
