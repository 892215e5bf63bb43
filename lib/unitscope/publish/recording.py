"""A finished run kept in the repository, for readers who cannot repeat it: `unitscope run CHAPTER --record NAME`.

`recorded` says what lies where and shows it. This stands apart, so that a chapter does not reach what runs chapters.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path

from nbformat import NotebookNode

from unitscope.files import write_json
from unitscope.publish import status_page
from unitscope.publish.pictures import small_png
from unitscope.publish.recorded import check_name
from unitscope.publish.run import Run
from unitscope.publish.sources import commit, read_notebook

PLOTLY = "application/vnd.plotly.v1+json"
LARGEST_PLOT = 400_000  # bytes
NAME = r"[^/\s:'\",]+"
PATHS = re.compile(
    rf"data:[\w./+-]+;base64,[\w+/=]+|(?<![\w~.…/])/(?:{NAME}/)*({NAME}/{NAME})"
)  # data URIs are passed over


def record(root: Path, finished: Run, name: str) -> Path:
    """Save a finished run's claims, figures and provenance under `book/recorded/CHAPTER/NAME`.

    An older record of that name is replaced once the new one is complete.
    """
    target = root / "book" / "recorded" / finished.chapter / check_name(name)
    part = target.with_name(f".{name}.part")
    shutil.rmtree(part, ignore_errors=True)
    notebook = read_notebook(finished.notebook)
    figures = save_figures(notebook, part)
    write_json(part / "claims.json", portable(finished.claims))
    write_json(part / "provenance.json", portable({**provenance(root, notebook), "figures": figures}))
    shutil.rmtree(target, ignore_errors=True)
    part.rename(target)
    return target


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
