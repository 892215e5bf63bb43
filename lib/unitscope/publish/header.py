"""The head of a chapter's page: badges that say what the page shows, buttons that open it elsewhere.

Binder and Colab fetch a chapter from a public repository. Which one that is, is known from UNITSCOPE_REPOSITORY
(https://github.com/OWNER/NAME), from what GitHub Actions says, or from the clone's own origin; where none is known the
two buttons stand there switched off, and say so.
"""

from __future__ import annotations

import os
import re
import subprocess
from html import escape
from pathlib import Path
from urllib.parse import quote

from nbformat import NotebookNode

from unitscope.publish import status_page
from unitscope.publish.claims import GLYPHS, state_of
from unitscope.publish.run import claims_of

PUBLIC = re.compile(r"(?:https://|git@)github\.com[/:]([\w.-]+/[\w.-]+?)(?:\.git)?/?")
ADDRESSES = {
    "Binder": "https://mybinder.org/v2/gh/{name}/{branch}?urlpath=lab/tree/book/{chapter}.ipynb",
    "Colab": "https://colab.research.google.com/github/{name}/blob/{branch}/book/{chapter}.ipynb",
}
OFF = (
    "This copy of the book was built without a public repository (UNITSCOPE_REPOSITORY), so there is nothing to fetch."
)
HEADER = """<div class="unitscope-header">
<div class="badges">{badges}</div>
<div class="buttons">{buttons}</div>
<details class="lab"><summary>JupyterLab</summary><pre>pip install -e '.[lab]'
jupyter lab book/{chapter}.ipynb</pre></details>
</div>"""


def repository(root: Path) -> str:
    """OWNER/NAME of the public repository, or an empty text."""
    told = os.environ.get("UNITSCOPE_REPOSITORY") or f"https://github.com/{os.environ.get('GITHUB_REPOSITORY', '')}"
    try:
        command = ["git", "-C", str(root), "remote", "get-url", "origin"]
        origin = subprocess.run(command, capture_output=True, text=True).stdout.strip()
    except OSError:  # no git
        origin = ""
    found = (PUBLIC.fullmatch(address) for address in (told, origin))
    return next((match[1] for match in found if match), "")


def badge(word: str, value: str, page: str = "") -> str:
    """One badge: a word and a value, linked to a page if there is one."""
    inside = f"<b>{word}</b> {line(value)}"
    return f'<a class="badge" href="{line(page)}">{inside}</a>' if page else f'<span class="badge">{inside}</span>'


def line(value: object) -> str:
    """A value as HTML in one line: a blank line would end the block of HTML in the page's markdown."""
    return escape(" ".join(str(value).split()))


def badges(notebook: NotebookNode, name: str, alone: bool = False) -> str:
    """Run time, data, commit and held claims of an executed chapter; `alone`: without links to other pages."""
    run = status_page.facts(notebook)
    found = claims_of(notebook, run["chapter"])
    given = run["parameters"]
    data = ", ".join(str(given[key]) for key in ("images", "generator") if given.get(key))
    data += f", {given['n_images']:,} images" if isinstance(given.get("n_images"), int) else ""
    commit = run.get("commit", "unknown")
    address = f"https://github.com/{name}/commit/{commit.rstrip('+')}" if name and commit != "unknown" else ""
    shown = badge("run time", f"{run['duration']:.0f} s", "" if alone else "status.html")
    shown += badge("data", data) if data else ""
    shown += badge("commit", commit[:10] + ("+" if commit.endswith("+") else ""), address)
    return shown + (badge("claims", tally(found), "" if alone else "scorecard.html") if found else "")


def tally(found: list[dict]) -> str:
    """How many claims are in which state, with the states' signs: "✓ 12 holds, ? 9 undecided"."""
    states = [state_of(claim) for claim in found]
    return ", ".join(f"{sign} {states.count(state)} {state}" for state, sign in GLYPHS.items() if state in states)


def buttons(chapter: str, name: str) -> str:
    """Download, source, Binder and Colab."""
    branch, chapter = quote(os.environ.get("GITHUB_REF_NAME", "main")), quote(chapter)
    here = f"../_static/notebooks/{chapter}"
    source = f"https://github.com/{name}/blob/{branch}/book/{chapter}.ipynb" if name else f"{here}.source.ipynb"
    shown = f'<a href="{here}.ipynb" download>Download with results</a><a href="{source}">Source</a>'
    for word, address in ADDRESSES.items():
        if name:
            shown += f'<a href="{address.format(name=name, branch=branch, chapter=chapter)}">{word}</a>'
        else:
            shown += f'<span class="off" title="{OFF}">{word}</span>'
    return shown


def header(root: Path, notebook: NotebookNode, chapter: str, alone: bool = False) -> str:
    """The whole head as one block of HTML; of a page that stands `alone`, without links to others."""
    name = repository(root)
    return HEADER.format(badges=badges(notebook, name, alone), buttons=buttons(chapter, name), chapter=line(chapter))


def put_below_title(notebook: NotebookNode, html: str) -> None:
    """Insert a block of HTML between a chapter's title and what follows it."""
    first = notebook.cells[0]
    title, _, rest = first.source.partition("\n")
    first.source = f"{title}\n\n{html}\n\n{rest.lstrip()}"
