"""One cell of a sweep as a small page of its own, which needs nothing but the book's style."""

from __future__ import annotations

import base64
import shutil
from html import escape
from pathlib import Path

from unitscope.publish.claims import GLYPHS, OLD, Card, number, state_of
from unitscope.publish.pictures import small_png
from unitscope.publish.sources import read_notebook

LARGEST_FIGURE = 80_000  # bytes; a sweep has hundreds
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><link rel="stylesheet" href="../../unitscope.css"></head><body class="unitscope-cell"><main>
<p><a href="../../../book/sweeps/{sweep}.html">{sweep_title}</a></p><h1>{title}</h1>
<p>{state}{notebook}</p><pre>{command}</pre>
<details><summary>Parameters</summary><pre>{parameters}</pre></details>{claims}{figures}{pictures}</main></body></html>"""


def write(folder: Path, results: dict, cell: dict, notebooks: Path, since: float = 0.0) -> Path:
    """Write `folder/CELL.html`, and beside it the executed notebook if it lies in `notebooks`.

    Parameters
    ----------
    since : when the results were written; a page that is newer than these, its notebook and this module stays.
    """
    target = folder / f"{cell['cell']}.html"
    candidates = [notebooks / f"{cell['cell']}{end}.ipynb" for end in ("", ".failed")]
    executed = next((path for path in candidates if path.is_file()), None)
    sources = [since, Path(__file__).stat().st_mtime, executed.stat().st_mtime if executed else 0.0]
    if target.is_file() and target.stat().st_mtime > max(sources):
        return target
    if executed:
        shutil.copyfile(executed, folder / executed.name)
    target.write_text(
        PAGE.format(
            title=escape(f"{cell['model']}, {cell['layer']}, seed {cell['seed']}"), sweep=escape(results["name"]),
            sweep_title=escape(results["title"]), state=state(cell), command=escape(command(results, cell)),
            notebook=f' <a href="{executed.name}" download>The executed notebook</a>.' if executed else "",
            parameters=escape("\n".join(f"{name} = {value!r}" for name, value in cell["parameters"].items())),
            claims=claims(results, cell), figures=figures(cell), pictures=pictures(executed) if executed else "",
        ),
        encoding="utf-8",
    )  # fmt: skip
    return target


def state(cell: dict) -> str:
    """One sentence: what became of the cell, and what it cost."""
    if cell["state"] == "failed":
        return f"Failed: <code>{escape(cell['reason'])}</code>."
    if cell["state"] == "waiting":
        return "Not run yet."
    memory = f", peak memory {cell['peak_memory_mb']:,} MB" if cell["peak_memory_mb"] else ""
    where = escape(f" on {cell['date']} at commit {str(cell['commit'])[:12]}") if "date" in cell else ""
    return f"Finished in {cell['seconds']:.0f} s{where}{memory}."


def command(results: dict, cell: dict) -> str:
    """The command that makes this cell again."""
    given = " ".join(f"-p {name}={quoted(value)}" for name, value in cell["parameters"].items())
    return f"unitscope run {results['chapter']} --preset {results['preset']} {given}"


def quoted(value: object) -> str:
    """A value as a shell takes it."""
    text = str(value)
    return text if all(c.isalnum() or c in "/._:-" for c in text) and text else f'"{text}"'


def claims(results: dict, cell: dict) -> str:
    """The cell's claims as cards, those that are contradicted first."""
    order = {state: place for place, state in enumerate(("contradicted", "holds", "undecided", "untested", OLD))}
    found = sorted(cell["claims"].items(), key=lambda item: order[state_of(item[1])])
    states = [state_of(one) for _, one in found]
    counts = ", ".join(f"{sign} {states.count(state)} {state}" for state, sign in GLYPHS.items() if state in states)
    blank = {"panel": None, "paper": None}
    cards = [Card({**blank, **one, "id": id, "statement": results["statements"][id]}) for id, one in found]
    return f"<h2>Claims</h2><p>{counts}</p>" + "".join(card._repr_html_() for card in cards) if found else ""


def figures(cell: dict) -> str:
    """The numbers that the chapter glued."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(number(value))}</td></tr>" for name, value in cell["figures"].items()
    )
    return f"<details><summary>Figures of merit</summary><table>{rows}</table></details>" if rows else ""


def pictures(executed: Path) -> str:
    """The notebook's still figures, small, each with its caption."""
    shown = ""
    for cell in read_notebook(executed).cells:
        caption = cell.metadata.get("mystnb", {}).get("figure", {}).get("caption", "")
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                png = small_png(base64.b64decode(output["data"]["image/png"]), LARGEST_FIGURE)
                source = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
                shown += f'<figure><img src="{source}" alt=""><figcaption>{escape(caption)}</figcaption></figure>'
    return f"<h2>Figures</h2>{shown}" if shown else ""
