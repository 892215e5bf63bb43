"""A chapter's sentences with their numbers in them, for readers without the book's pages.

In a chapter's text a number stands as {glue:text}`name:format` and a citation as {cite:t}`key`. The book's pages fill
both in; JupyterLab does not know them. So an executed notebook of a reader's own gets plain text (`fill_in`), and a
chapter that is run by hand in JupyterLab shows each paragraph again, filled in, below the cell that computed its last
number (`follow`).

    values   {name: text as Python prints it} of everything glued so far
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from unitscope.progress import VARIABLE, in_notebook

GLUED = re.compile(r"\{glue:text\}`([^`:]+)(?::([^`]+))?`")
CITED = re.compile(r"\{cite:([tp])\}`([^`]+)`")
REFERENCE = re.compile(r"\{(?:ref|numref|eq|doc)\}`([^`<]+?)(?:\s*<[^`]*>)?`")
LABEL = re.compile(r"^(.*\$\$)[ \t]*\([\w-]+\)[ \t]*$", re.MULTILINE)  # behind an equation
LIST = re.compile(r"^```\{bibliography\}.*?^```\n?", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#{1,6}\s+(.+)$", re.MULTILINE)
SOURCE = "unitscope_source"  # metadata of a filled cell: what it was made of
RECORD = "application/papermill.record/text/plain"


def glued(output: Mapping) -> dict[str, str]:
    """{name: text} of one output, if it is a glued value."""
    name = output.get("metadata", {}).get("scrapbook", {}).get("name")
    text = output.get("data", {}).get(RECORD)
    return {} if name is None or text is None else {name: text}


def filled(text: str, values: Mapping[str, str], bibliography: Path) -> str:
    """A paragraph in plain Markdown; a number that is not known shows as an ellipsis."""
    text = GLUED.sub(lambda found: shown(values.get(found[1]), found[2]), text)
    text = CITED.sub(lambda found: cited(found[2], found[1] == "p", bibliography), text)
    return LIST.sub("", LABEL.sub(r"\1", REFERENCE.sub(r"\1", text)))


def shown(text: str | None, form: str | None) -> str:
    """A glued value as its place asks for it."""
    if text is None:
        return "…"
    try:
        value = ast.literal_eval(text)
        return format(value, form or "")
    except (ValueError, SyntaxError, TypeError):  # the text of an object that is no plain value
        return text


def cited(keys: str, in_parentheses: bool, bibliography: Path) -> str:
    """ "Dreyer et al. (2024)" for keys of a bibliography, or the same in parentheses."""
    known = references(bibliography)
    names = [known.get(key.strip(), (key.strip(), "")) for key in keys.split(",")]
    if in_parentheses:
        return "(" + "; ".join(f"{who}, {year}".removesuffix(", ") for who, year in names) + ")"
    return ", ".join(f"{who} ({year})" if year else who for who, year in names)


@cache
def references(bibliography: Path) -> dict[str, tuple[str, str]]:
    """{key: (authors, year)} of a BibTeX file; empty where there is none."""
    if not bibliography.is_file():
        return {}
    from pybtex.database import parse_file  # on demand: every chapter's kernel imports this module

    found = {}
    for key, entry in parse_file(str(bibliography), bib_format="bibtex").entries.items():
        last = [" ".join(person.last_names) for person in entry.persons.get("author", [])] or [key]
        who = f"{last[0]} et al." if len(last) > 2 else " and ".join(last)
        found[key] = who.replace("{", "").replace("}", ""), entry.fields.get("year", "")
    return found


def fill_in(notebook: NotebookNode, bibliography: Path) -> NotebookNode:
    """Put plain text into every Markdown cell of an executed notebook; what stood there stays in the metadata."""
    values: dict[str, str] = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            values |= glued(output)
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and (text := filled(cell.source, values, bibliography)) != cell.source:
            cell.metadata[SOURCE], cell.source = cell.source, text
    return notebook


def restore(notebook: NotebookNode) -> NotebookNode:
    """Undo `fill_in`: the book's pages fill in themselves."""
    for cell in notebook.cells:
        cell.source = cell.metadata.pop(SOURCE, cell.source)
    return notebook


class Follower:
    """Shows each paragraph of a chapter once all its numbers are known, below the cell that glued the last of them."""

    def __init__(self, cells: list[NotebookNode], bibliography: Path):
        texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
        self.waiting = [(text, {name for name, _ in GLUED.findall(text)}) for text in texts if GLUED.search(text)]
        self.bibliography, self.values = bibliography, {}

    def hear(self, message: dict) -> dict:
        """Take a glued value from what the kernel is about to send; the message goes on as it is."""
        self.values |= glued(message.get("content", {}))
        return message

    def tell(self, *_) -> None:
        """Show the paragraphs that are complete now."""
        from IPython.display import Markdown, display

        ready = [text for text, names in self.waiting if names <= set(self.values)]
        self.waiting = [(text, names) for text, names in self.waiting if not names <= set(self.values)]
        for text in ready:
            plain = filled(text, self.values, self.bibliography)
            display(Markdown(HEADING.sub(r"**\1**", plain)))  # a second heading would stand in the table of contents


def follow(chapter: Path) -> Follower | None:
    """In a chapter that is run by hand in JupyterLab, show its paragraphs filled in; elsewhere do nothing."""
    if os.environ.get(VARIABLE) or not in_notebook() or not chapter.is_file():
        return None
    from IPython import get_ipython

    shell = get_ipython()
    for old in getattr(shell, "unitscope_follower", ()):
        old()
    follower = Follower(nbformat.read(chapter, as_version=4).cells, chapter.parent / "references.bib")
    shell.display_pub.register_hook(follower.hear)
    shell.events.register("post_run_cell", follower.tell)
    shell.unitscope_follower = (
        lambda: shell.display_pub.unregister_hook(follower.hear),
        lambda: shell.events.unregister("post_run_cell", follower.tell),
    )
    return follower
