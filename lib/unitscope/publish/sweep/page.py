"""A sweep as a page of the book: a heat map to click, the best and the worst cells, failures, every cell.

_static/sweeps/NAME/CELL.html          one cell: parameters, claims, figures of merit, how to make it again, and its
                                       figures and executed notebook where the sweep was run on this machine
_static/sweeps/NAME/results.{csv,json} the tidy table and the records
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from pathlib import Path

import plotly.graph_objects as go

from unitscope.errors import UnitscopeError
from unitscope.files import read_json, write_json
from unitscope.plots.interactive import show
from unitscope.publish import claims
from unitscope.publish.claims import number
from unitscope.publish.sweep import cell_page
from unitscope.publish.sweep.results import results_path, table

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
SHARE = "share of claims that hold"
HEAD_PIXELS, ROW_PIXELS = 120, 46  # of the heat map
EXTREMES = 3  # best and worst cells that are named
NONE = """<p>This sweep has not been run. <code>unitscope sweep {name}</code> runs it, and <code>--record</code> keeps
its results for a book that is built elsewhere.</p>"""
PAGE = """<div class="unitscope-sweep"><p>{about} <small>Date: {date}; commit: <code>{commit}</code>; starting from the
preset <code>{preset}</code>; <a href="{base}/results.csv">table (CSV)</a>, <a href="{base}/results.json">records
(JSON)</a>.</small></p>{figure}{best}{failures}{cells}</div>"""
TABLE = (
    """<h3>{title}</h3><div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"""
)


def sweep_page(root: Path, name: str, static: Path) -> str:
    """The page of one sweep as HTML; the files that it links to are written below `static`.

    Parameters
    ----------
    static : the pages' folder of static files.
    """
    path = results_path(root, name)
    if path is None:
        return NONE.format(name=escape(name))
    results = checked(path, name)
    folder, base = static / "sweeps" / name, f"../../_static/sweeps/{name}"
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "results.json", results)
    table(results["cells"]).to_csv(folder / "results.csv", index=False)
    notebooks = root / "_build" / "sweeps" / name / "cells"
    for cell in results["cells"]:
        cell_page.write(folder, results, cell, notebooks, since=path.stat().st_mtime)
    link = {cell["cell"]: f"{base}/{cell['cell']}.html" for cell in results["cells"]}
    done = [cell for cell in results["cells"] if cell["state"] == "finished"]
    height = HEAD_PIXELS + ROW_PIXELS * len(axis(results["cells"], "model"))
    figure = show(heat_map(results, done, link), height=height).html() if done else ""
    return PAGE.format(
        about=escape(results["about"]),
        date=escape(str(results["date"])),
        commit=escape(str(results["commit"])[:12]),
        base=base,
        preset=escape(results["preset"]),
        figure=figure,
        best=extremes(done, link),
        failures=failures(results["cells"], link),
        cells=rows_of("Every cell", results["cells"], link),
    )


def checked(path: Path, name: str) -> dict:
    """The results of a sweep, if each of its cells can name a file below the pages' folder.

    Raises
    ------
    UnitscopeError
        If the file is damaged or is not of this form, with its name.
    """
    results = read_json(path)
    cells = results.get("cells") if isinstance(results, dict) else None
    if not isinstance(cells, list) or not all(
        isinstance(cell, dict) and ID.fullmatch(str(cell.get("cell"))) for cell in cells
    ):
        raise UnitscopeError(
            f"{path} is not the results of a sweep: its `cells` are named by letters, digits, '.', '_' and '-'."
        )
    if results.get("name") != name or not ID.fullmatch(name):
        raise UnitscopeError(f"{path} must be the results of the sweep {name!r}, it says {results.get('name')!r}.")
    return results


def axis(cells: list[dict], name: str) -> list[str]:
    """The values of one axis in the order of the grid."""
    return list(dict.fromkeys(cell[name] for cell in cells))


def held(cell: dict) -> float | None:
    """Share of the tested claims that hold in a cell."""
    verdicts = [claims.held(claim) for claim in cell["claims"].values()]
    tested = [one for one in verdicts if one is not None]
    return sum(tested) / len(tested) if tested else None


def measures(cells: list[dict]) -> dict[str, Callable[[dict], float | None]]:
    """What the heat map can show, by name: the share of claims, each claim's figure, each glued number, the cost."""
    known = dict.fromkeys(id for cell in cells for id in cell["claims"])
    figures = dict.fromkeys(name for cell in cells for name in cell["figures"])
    found = {SHARE: held}
    found |= {f"claim {id}": lambda cell, id=id: plain(cell["claims"].get(id, {}).get("ours")) for id in known}
    found |= {name: lambda cell, name=name: cell["figures"].get(name) for name in figures}
    found |= {"seconds": lambda cell: cell["seconds"], "peak memory [MB]": lambda cell: cell["peak_memory_mb"]}
    return {name: of for name, of in found.items() if any(of(cell) is not None for cell in cells)}


def plain(value: object) -> float | None:
    """A number, or None for what is none."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def grid_of(cells: list[dict], models: list[str], layers: list[str], of: Callable[[dict], object]) -> list[list]:
    """Rows of models, columns of layers: the mean over seeds, None where there is nothing."""
    rows = []
    for model in models:
        values = [[of(cell) for cell in cells if (cell["model"], cell["layer"]) == (model, layer)] for layer in layers]
        known = [[value for value in seeds if value is not None] for seeds in values]
        rows.append([sum(seeds) / len(seeds) if seeds else None for seeds in known])
    return rows


def heat_map(results: dict, done: list[dict], link: dict[str, str]) -> go.Figure:
    """Models by layers, coloured by a measure that a menu changes; a click opens the cell's page."""
    models, layers = axis(results["cells"], "model"), axis(results["cells"], "layer")
    first = {(cell["model"], cell["layer"]): link[cell["cell"]] for cell in reversed(done)}
    links = [[f"link:{first[model, layer]}" if (model, layer) in first else "" for layer in layers] for model in models]
    shown = {name: grid_of(done, models, layers, of) for name, of in measures(done).items()}
    words = {
        name: [["" if value is None else number(value) for value in row] for row in grid]
        for name, grid in shown.items()
    }
    start = SHARE if SHARE in shown else next(iter(shown))
    figure = go.Figure(
        go.Heatmap(
            z=shown[start],
            x=layers,
            y=models,
            customdata=links,
            text=words[start],
            texttemplate="%{text}",
            colorscale="Blues",
            hovertemplate="%{y}, %{x}<br>%{text}<extra>click to open</extra>",
            xgap=2,
            ygap=2,
            showscale=False,
        )
    )
    buttons = [
        {"label": name, "method": "restyle", "args": [{"z": [grid], "text": [words[name]]}]}
        for name, grid in shown.items()
    ]
    menu = {"buttons": buttons, "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom", "bgcolor": "#ffffff"}
    return figure.update_layout(
        updatemenus=[menu], margin={"t": 48},
        xaxis={"title": results["axes"]["layer"], "type": "category", "showgrid": False},
        yaxis={
            "title": {"text": results["axes"]["model"], "standoff": 16}, "type": "category", "autorange": "reversed",
            "showgrid": False,
        },
    )  # fmt: skip


def extremes(done: list[dict], link: dict[str, str]) -> str:
    """The cells in which most and fewest claims hold."""
    ranked = sorted((cell for cell in done if held(cell) is not None), key=held, reverse=True)
    if len(ranked) < 2:
        return ""
    most = min(EXTREMES, len(ranked) // 2)
    fewest = ranked[: -most - 1 : -1]
    return rows_of("Where most claims hold", ranked[:most], link) + rows_of("Where fewest hold", fewest, link)


def failures(cells: list[dict], link: dict[str, str]) -> str:
    """The cells that failed, each with its reason."""
    broken = [cell for cell in cells if cell["state"] == "failed"]
    if not broken:
        return "<p>No cell failed.</p>"
    reasons = [(name_of(cell, link), escape(cell["reason"])) for cell in broken]
    rows = "".join(f"<tr><td>{name}</td><td><code>{reason}</code></td></tr>" for name, reason in reasons)
    return TABLE.format(title="Failures", head="<th>cell</th><th>reason</th>", rows=rows)


def name_of(cell: dict, link: dict[str, str]) -> str:
    """A cell's place in the grid, linked to its page."""
    return (
        f'<a href="{link[cell["cell"]]}">{escape(cell["model"])}, {escape(cell["layer"])}</a>, seed'
        f" {escape(str(cell['seed']))}"
    )


def rows_of(title: str, cells: list[dict], link: dict[str, str]) -> str:
    """A table of cells: how many claims hold, what it cost."""
    rows = ""
    for cell in cells:
        verdicts = [claims.held(claim) for claim in cell["claims"].values()]
        state = (
            f"{verdicts.count(True)} of {len(verdicts) - verdicts.count(None)}"
            if verdicts
            else escape(str(cell["state"]))
        )
        cost = f"{cell['seconds']:.0f}&nbsp;s" if cell.get("seconds") is not None else ""
        memory = f"{cell['peak_memory_mb']:,} MB" if cell.get("peak_memory_mb") else ""
        rows += f"<tr><td>{name_of(cell, link)}</td><td>{state}</td><td>{cost}</td><td>{memory}</td></tr>"
    head = "<th>cell</th><th>claims that hold, of those tested</th><th>time</th><th>peak memory</th>"
    return TABLE.format(title=title, head=head, rows=rows)
