"""Runs on real data that not every machine can repeat: kept small in the repository, shown with where they come from.

    book/recorded/CHAPTER/RUN/provenance.json   commit, parameters, fingerprints, device, seed, seconds, date, versions
    book/recorded/CHAPTER/RUN/claims.json       the run's claims
    book/recorded/CHAPTER/RUN/figure-NN.png     its still figures, at most 200 KB each
    book/recorded/CHAPTER/RUN/figure-NN.json    its plotly figures, if they are not larger than 400 KB
"""

from __future__ import annotations

import base64
import json
import re
import shutil
from html import escape
from pathlib import Path

import plotly.graph_objects as go
from IPython.display import HTML, Markdown, display
from IPython.display import Image as Picture
from nbformat import NotebookNode

from unitscope.errors import UnitscopeError, unknown
from unitscope.files import read_json, write_json
from unitscope.plots.interactive import show
from unitscope.publish import status_page
from unitscope.publish.claims import Card
from unitscope.publish.pictures import small_png
from unitscope.publish.run import Run
from unitscope.publish.sources import commit, find_root, read_notebook

PLOTLY = "application/vnd.plotly.v1+json"
LARGEST_PLOT = 400_000  # bytes
NAME = r"[^/\s:'\",]+"
PATHS = re.compile(rf"data:[\w./+-]+;base64,[\w+/=]+|(?<![\w~.…/])/(?:{NAME}/)*({NAME}/{NAME})")  # data URIs are passed over


def record(root: Path, finished: Run, name: str) -> Path:
    """Save a finished run's claims, figures and provenance under `book/recorded/CHAPTER/NAME`.

    An older record of that name is replaced once the new one is complete.
    """
    check_name(name)
    target = root / "book" / "recorded" / finished.chapter / name
    part = target.with_name(f".{name}.part")
    shutil.rmtree(part, ignore_errors=True)
    notebook = read_notebook(finished.notebook)
    figures = save_figures(notebook, part)
    write_json(part / "claims.json", portable(finished.claims))
    write_json(part / "provenance.json", portable({**provenance(root, notebook), "figures": figures}))
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)
    return target


def check_name(name: str) -> None:
    """Whether a recorded run can have that name: letters, digits, "_", "-" and "."; UnitscopeError if not."""
    if len(name) > 100 or not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name):
        raise UnitscopeError(f"a recorded run is named by one plain word of at most 100 letters, digits, _, - and ., got {name[:200]!r}.")


def portable(value):
    """The same without this machine's folders: of an absolute path in any text only the last two names are kept.

    "folder:/home/me/data/tiny_imagenet/val" becomes "folder:…/tiny_imagenet/val"; dicts and lists are walked through.
    Base64 has slashes of its own and stays: data URIs, and the numbers that plotly keeps under `bdata`.
    """
    if isinstance(value, str):
        return PATHS.sub(lambda found: f"…/{found[1]}" if found[1] else found[0], value)
    if isinstance(value, dict):
        return {key: one if key == "bdata" else portable(one) for key, one in value.items()}
    return [portable(one) for one in value] if isinstance(value, list | tuple) else value


def provenance(root: Path, notebook: NotebookNode) -> dict:
    """Everything needed to judge or repeat a run."""
    run = status_page.facts(notebook)
    kept = ("chapter", "preset", "parameters", "key", "parts", "device", "seed")
    return {
        "date": run["start_time"][:10], "commit": commit(root), "seconds": round(run["duration"], 1),
        **{name: run[name] for name in kept}, "fingerprints": run["fingerprints"],
        "peak_memory_mb": run["peak_memory_mb"], "python": run["python"], "system": run["system"],
        "versions": run["versions"],
    }  # fmt: skip


def save_figures(notebook: NotebookNode, folder: Path) -> list[dict]:
    """Write every figure of a notebook as a small file; returns [{file, caption}] in order.

    A caption is the cell's own (`mystnb.figure.caption`), else the last heading above it. A plotly figure that is too
    large is left out, and so is what a cell shows of older records.
    """
    folder.mkdir(parents=True)
    saved, heading = [], ""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            headings = [line.lstrip("# ") for line in cell.source.splitlines() if line.startswith("#")]
            heading = headings[-1] if headings else heading
        caption = cell.metadata.get("mystnb", {}).get("figure", {}).get("caption", heading)
        for output in cell.get("outputs", []) if "show_recorded(" not in cell.source else ():
            file = save_figure(output.get("data", {}), folder / f"figure-{len(saved) + 1:02d}")
            if file:
                saved.append({"file": file.name, "caption": " ".join(caption.split())})
    return saved


def save_figure(data: dict, stem: Path) -> Path | None:
    """One output as `stem`.png or `stem`.json; None if it is no figure or too large."""
    if "image/png" in data:
        path = stem.with_suffix(".png")
        path.write_bytes(small_png(base64.b64decode(data["image/png"])))
        return path
    if PLOTLY in data:
        text = json.dumps(portable({key: data[PLOTLY][key] for key in ("data", "layout")}))
        if len(text) <= LARGEST_PLOT:
            path = stem.with_suffix(".json")
            path.write_text(text + "\n", encoding="utf-8")
            return path
    return None


def recorded_runs(chapter: str, root: Path | None = None) -> list[str]:
    """Names of a chapter's recorded runs."""
    folder = (root or find_root()) / "book" / "recorded" / chapter
    return sorted(path.parent.name for path in folder.glob("*/provenance.json"))


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
    display(Markdown(f"*{caption}*"))


def origin(run: str, about: dict) -> str:
    """A box that says what was run, where and when."""
    values = ", ".join(f"{name}={value!r}" for name, value in about["parameters"].items())
    prints = ", ".join(f"{name} {value}" for name, value in about["fingerprints"].items())
    versions = ", ".join(f"{name} {version}" for name, version in about["versions"].items())
    return (
        '<div class="unitscope-recorded" style="border:1px solid #8888;border-radius:6px;padding:.4em .8em;font-size:.9em">'
        f"<b>Recorded run “{escape(run)}”</b>, {about['date']}, {about['seconds']:.0f} s on {escape(about['device'])}, "
        f"commit <code>{about['commit'][:12]}</code>.<details><summary>Parameters, fingerprints, versions</summary>"
        f"<p><code>{escape(values)}</code></p><p>{escape(prints)}</p><p>{escape(versions)}</p></details></div>"
    )
