"""Runs on real data that not every machine can repeat: kept small in the repository, shown with where they come from.

book/recorded/CHAPTER/RUN/provenance.json   commit, parameters, fingerprints, device, seed, seconds, date, versions
book/recorded/CHAPTER/RUN/claims.json       the run's claims
book/recorded/CHAPTER/RUN/figure-NN.png     its still figures, at most 200 KB each
book/recorded/CHAPTER/RUN/figure-NN.json    its plotly figures, if they are not larger than 400 KB
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path

import plotly.graph_objects as go
from IPython.display import HTML, Markdown, display
from IPython.display import Image as Picture

from unitscope.errors import UnitscopeError, unknown
from unitscope.files import read_json
from unitscope.plots.interactive import show
from unitscope.publish.claims import Card
from unitscope.publish.sources import find_root


def check_name(name: str) -> str:
    """The name of a recorded run, which becomes a folder and part of addresses: letters, digits, "_", "-" and "."."""
    if len(name) > 100 or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise UnitscopeError(
            f"a recorded run is named by one plain word of at most 100 letters, digits, _, - and ., got {name[:200]!r}."
        )
    return name


def recorded_runs(chapter: str, root: Path | None = None) -> list[str]:
    """Names of a chapter's recorded runs."""
    folder = (root or find_root()) / "book" / "recorded" / chapter
    return sorted(check_name(path.parent.name) for path in folder.glob("*/provenance.json"))


def show_recorded(chapter: str, run: str, figures: bool = True) -> None:
    """Show a recorded run in a chapter: where it comes from, its figures with captions, its claims.

    These are marked as recorded and are not gathered into the claims of this execution.

    Raises
    ------
    UnitscopeError
        If the chapter has no recorded run of that name.
    """
    root = find_root()
    if run not in (names := recorded_runs(chapter, root)):
        raise unknown("recorded run", run, names, "`unitscope run CHAPTER --record NAME` records one.")
    folder = root / "book" / "recorded" / chapter / run
    about = read_json(folder / "provenance.json")
    display(HTML(origin(run, about)))
    for figure in about["figures"] if figures else ():
        display_figure(folder / figure["file"], figure["caption"])
    cards = [Card({**claim, "id": f"{run}-{claim['id']}"}) for claim in read_json(folder / "claims.json")]
    display(HTML("".join(card._repr_html_() for card in cards)))


def display_figure(path: Path, caption: str) -> None:
    """One recorded figure and its caption."""
    if path.suffix == ".png":
        display(Picture(data=path.read_bytes(), format="png"))
    else:
        display(show(go.Figure(read_json(path))))
    display(Markdown(f"*{no_tags(caption)}*"))


def no_tags(text: str) -> str:
    """Markdown in one line whose "<" begins no HTML."""
    return re.sub(r"<(?=[A-Za-z/!?])", "&lt;", " ".join(text.split()))


def origin(run: str, about: dict) -> str:
    """A box that says what was run, where and when."""
    values = ", ".join(f"{name}={value!r}" for name, value in about["parameters"].items())
    prints = ", ".join(f"{name} {value}" for name, value in about["fingerprints"].items())
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return (
        '<div class="unitscope-recorded" style="border:1px solid #8888;border-radius:6px;padding:.4em'
        ' .8em;font-size:.9em">'
        f"<b>Recorded run “{escape(run)}”</b>, {escape(str(about['date']))}, {about['seconds']:.0f} s on"
        f" {escape(str(about['device']))}, "
        f"commit <code>{escape(str(about['commit'])[:12])}</code>.<details><summary>Parameters, fingerprints,"
        " versions</summary>"
        f"<p><code>{escape(values)}</code></p><p>{escape(prints)}</p><p>{escape(versions)}</p></details></div>"
    )
