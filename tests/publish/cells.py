"""A chapter's cells, executed in this process: the same code as a kernel runs, without the seconds that one takes."""

import contextlib
import io
import re
import warnings
from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import myst_nb
import yaml
from unitscope.publish import claims
from unitscope.publish.parameters import check, declared
from unitscope.publish.sources import read_notebook

BOOK = Path(__file__).parents[2] / "book"


@dataclass
class Ran:
    """What a chapter said: verdicts by claim, glued values, printed text, warnings, and its prose as it would read."""

    verdicts: dict
    glued: dict
    printed: str
    warned: list
    prose: str


def run_cells(chapter: str, given: dict, monkeypatch, until: str = "") -> Ran:
    """Execute the cells of a chapter with the preset `smoke` and parameters of one's own.

    until : stop behind the first cell that holds this text.
    """
    notebook = read_notebook(BOOK / f"{chapter}.ipynb")
    smoke = yaml.safe_load((BOOK / "presets" / "smoke.yaml").read_text()).get(chapter, {})
    defaults = declared(notebook, chapter)
    names = {**defaults, **check(chapter, {**smoke, **given}, defaults)}
    verdicts, glued, printed = {}, {}, io.StringIO()
    monkeypatch.setattr(claims, "show", lambda record: verdicts.setdefault(record["id"], record))
    monkeypatch.setattr(myst_nb, "glue", lambda name, value, display=True: glued.__setitem__(name, value))
    monkeypatch.setattr(plt, "show", lambda *_: None)
    monkeypatch.chdir(BOOK)
    with warnings.catch_warnings(record=True) as warned, contextlib.redirect_stdout(printed):
        warnings.simplefilter("always")
        for number, cell in enumerate(notebook.cells):
            if cell.cell_type == "code" and "parameters" not in cell.metadata.get("tags", []):
                exec(compile(cell.source, f"{chapter}, cell {number}", "exec"), names)
                plt.close("all")
                if until and until in cell.source:
                    break
    return Ran(verdicts, glued, printed.getvalue(), [str(one.message) for one in warned], read(notebook, glued))


def read(notebook, glued: dict) -> str:
    """The text cells with what was glued in the place of each role."""

    def filled(found: re.Match) -> str:
        name, _, form = found[1].partition(":")
        return format(glued[name], form) if name in glued else found[0]

    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.sub(r"\{glue:text\}`([^`]+)`", filled, text)
