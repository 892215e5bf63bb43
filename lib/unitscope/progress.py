"""How far a long loop is, where somebody can see it.

a terminal                 a bar that appears after two seconds and vanishes at the end
JupyterLab                 a widget where ipywidgets is installed (the `lab` extra), else the same bar as text
a kernel of `unitscope`    one line in the file that UNITSCOPE_PROGRESS names; the command shows it
anywhere else              nothing
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from tqdm import tqdm

VARIABLE = "UNITSCOPE_PROGRESS"
SECONDS_BEFORE_BAR = 2
SHORT = "{desc} {n_fmt}/{total_fmt} [{elapsed}<{remaining}]"


class LatestLine:
    """A stream that keeps what was written last, as one line in a file; an emptied bar empties it."""

    encoding = "utf-8"

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def write(self, text: str) -> None:
        try:
            self.path.write_text(text.replace("\r", "").strip(), encoding=self.encoding)
        except OSError:  # whoever shows it is gone
            pass

    def flush(self) -> None:
        """Every write is whole."""


def progress(iterable: Iterable | None = None, total: int | None = None, label: str = "") -> tqdm:
    """Wrap `iterable` in a tqdm bar that is drawn where it can be seen, see above."""
    how = {"total": total, "desc": label, "leave": False}
    if path := os.environ.get(VARIABLE):
        return tqdm(iterable, **how, file=LatestLine(path), bar_format=SHORT, mininterval=0.5)
    if in_notebook():
        return notebook_bar()(iterable, **how, delay=SECONDS_BEFORE_BAR)
    return tqdm(iterable, **how, delay=SECONDS_BEFORE_BAR, disable=not sys.stderr.isatty())


def in_notebook() -> bool:
    """Whether a Jupyter kernel runs this."""
    ipython = sys.modules.get("IPython")
    return hasattr(ipython.get_ipython(), "kernel") if ipython else False


def notebook_bar() -> type[tqdm]:
    """The bar for a notebook: a widget, or text where ipywidgets is missing, of which tqdm would warn in red."""
    if find_spec("ipywidgets") is None:
        return tqdm
    from tqdm.notebook import tqdm as widget

    return widget
