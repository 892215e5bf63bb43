"""What came out of a sweep: one record and one row for each cell.

_build/sweeps/NAME/cells/CELL.ipynb      the executed notebooks; CELL.failed.ipynb up to the cell that raised
_build/sweeps/NAME/results.json          the records, as the page reads them
_build/sweeps/NAME/results.parquet|csv   the same as one tidy table, one row per cell
book/sweeps/NAME.results.json            a record that is kept in the repository (`--record`)
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pandas as pd
from nbformat import NotebookNode
from tqdm import tqdm

from unitscope.errors import UnitscopeError
from unitscope.files import atomic, read_json, write_json
from unitscope.publish import machine
from unitscope.publish.claims import state_of
from unitscope.publish.locks import locked
from unitscope.publish.outcome import is_done
from unitscope.publish.processes import default_jobs, on_this_machine
from unitscope.publish.run import Plan, claims_of, records
from unitscope.publish.sources import read_notebook
from unitscope.publish.sweep.grid import Cell, Sweep
from unitscope.publish.sweep.workers import on_cluster

GLUED = "application/papermill.record/text/plain"
NUMBER = re.compile(r"(?:np\.\w+\()?(-?\d+\.?\d*(?:e[+-]?\d+)?)\)?")
CLAIM = ("state", "ours", "interval", "detectable", "samples", "reason")
MOST_JOBS = 4  # by default: each cell holds a network and its images in memory


def run_sweep(
    root: Path, sweep: Sweep, scheduler: str = "", jobs: int | None = None, shard: tuple[int, int] = (0, 1),
    tell: Callable[[str], None] = lambda line: None,
) -> list[dict]:  # fmt: skip
    """Run every cell that is not finished yet, and write the results.

    Parameters
    ----------
    scheduler : address of a dask scheduler; processes of this machine otherwise.
    jobs : how many cells run side by side on this machine.
    shard : (i, n), take every n-th cell from the i-th on; the results then hold what is finished of all cells.
    tell : takes one line for each cell, and one for the whole.

    Returns
    -------
    The records of all cells, in the order of the grid.

    Raises
    ------
    UnitscopeError
        If another process runs these cells, or the cluster is lost; finished cells are kept.
    """
    with locked(root, f"sweep {sweep.name}" + (f" {shard[0] + 1} of {shard[1]}" if shard[1] > 1 else "")):
        return run_alone(root, sweep, scheduler, jobs, shard, tell)


def run_alone(
    root: Path, sweep: Sweep, scheduler: str, jobs: int | None, shard: tuple[int, int], tell: Callable[[str], None]
) -> list[dict]:
    """`run_sweep`, by the one process that may run these cells now; what is finished is written however it ends."""
    plans = {cell.id: planned for cell, planned in zip(sweep.cells, sweep.plans(root))}
    mine = dict(list(plans.items())[shard[0] :: shard[1]])
    outcomes = {id: {"state": "skipped", "reason": ""} for id, planned in mine.items() if is_done(planned)}
    left = {id: planned for id, planned in mine.items() if id not in outcomes}
    tell(f"{sweep.name}: {len(mine)} cells, {len(outcomes)} finished before")
    try:
        with (
            closing(spread(left, scheduler, sweep.gpu, jobs, tell)) as coming,
            bar(len(mine), len(outcomes)) as counted,
        ):
            for id, outcome in coming:
                outcomes[id] = outcome
                counted.update()
                tell(f"{id}: {outcome['reason'] or 'finished'} ({outcome['seconds']:.0f} s)")
    finally:
        found = [record(cell, plans[cell.id], outcomes.get(cell.id)) for cell in sweep.cells]
        write(root, sweep, found)
        tell(summary(sweep, found))
    return found


def spread(
    left: dict[str, Plan], scheduler: str, gpu: bool, jobs: int | None, tell: Callable[[str], None]
) -> Iterator[tuple[str, dict]]:
    """Outcomes of cells as they come, from a cluster or from processes of this machine."""
    if left and scheduler:
        yield from on_cluster(left, scheduler, gpu, tell)
    elif left:
        yield from on_this_machine(left, jobs or min(MOST_JOBS, default_jobs()), tell=again_only(tell))


def again_only(tell: Callable[[str], None]) -> Callable[[str], None]:
    """Pass on what is unusual: that a cell starts is none of it where hundreds do."""
    return lambda line: None if line.endswith(": started") else tell(line)


def bar(total: int, done: int) -> tqdm:
    """Counts cells where there is a terminal, and something to wait for."""
    return tqdm(total=total, initial=done, unit="cell", disable=True if done == total else None)


def summary(sweep: Sweep, found: list[dict]) -> str:
    """How many cells are in which state, in one line."""
    states = [cell["state"] for cell in found]
    amounts = {word: states.count(word) for word in ("finished", "failed", "waiting")}
    return f"{sweep.name}: " + ", ".join(f"{amount} {word}" for word, amount in amounts.items() if amount)


def record(cell: Cell, planned: Plan, outcome: dict | None) -> dict:
    """Everything that is known of one cell: where it stands, what it claims and measures, what it cost, why it
    failed.
    """
    where = {"cell": cell.id, "model": cell.model, "layer": cell.layer, "seed": cell.seed, "key": planned.key}
    about = {**where, "parameters": planned.given, "state": "waiting", "reason": "", "claims": {}, "figures": {}}
    if outcome and outcome["state"] == "failed":
        return {**about, "state": "failed", "reason": outcome["reason"]}
    if not is_done(planned):
        return about
    notebook = read_notebook(planned.target)
    claims = {claim["id"]: claim for claim in claims_of(notebook, planned.chapter)}
    return {
        **about,
        "state": "finished",
        "date": notebook.metadata.papermill["start_time"][:10],
        "commit": notebook.metadata["unitscope"].get("commit", "unknown"),
        "seconds": round(notebook.metadata.papermill["duration"], 2),
        "overhead": round(outcome["overhead"], 2) if outcome and "overhead" in outcome else None,
        "peak_memory_mb": memory(notebook),
        "claims": claims,
        "figures": figures_of_merit(notebook),
    }


def memory(notebook: NotebookNode) -> int | None:
    """Peak memory of the notebook's kernel in MB."""
    found = records(notebook, machine.MIME)
    return found[-1]["peak_memory_mb"] if found else None


def figures_of_merit(notebook: NotebookNode) -> dict[str, float]:
    """Every number that the chapter glued, by name."""
    found = {}
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        about = output.get("metadata", {}).get("scrapbook")
        match = NUMBER.fullmatch(output.data.get(GLUED, "").strip()) if about else None
        if match:
            found[about["name"]] = float(match[1])
    return found


def write(root: Path, sweep: Sweep, found: list[dict]) -> None:
    """The results as JSON for the page, and as one table in Parquet and CSV."""
    statements = {id: claim["statement"] for cell in found for id, claim in cell["claims"].items()}
    slim = [{**cell, "claims": {id: short(claim) for id, claim in cell["claims"].items()}} for cell in found]
    about = {
        "name": sweep.name,
        "chapter": sweep.chapter,
        "title": sweep.title,
        "about": sweep.about,
        "preset": sweep.preset,
        "axes": sweep.axes,
        "date": one_of(found, "date"),
        "commit": one_of(found, "commit"),
        "statements": statements,
        "cells": slim,
    }
    folder = sweep.folder(root)
    write_json(folder / "results.json", about)
    rows = table(found)
    with atomic(folder / "results.parquet") as part:
        rows.to_parquet(part, index=False)
    with atomic(folder / "results.csv") as part:
        rows.to_csv(part, index=False)


def one_of(found: list[dict], name: str) -> str:
    """What all finished cells say, or "several" where they differ: cells of one sweep can be weeks apart."""
    said = {cell[name] for cell in found if name in cell}
    return said.pop() if len(said) == 1 else "several" if said else "never"


def short(claim: dict) -> dict:
    """What differs between cells of a claim."""
    return {key: claim[key] for key in CLAIM}


def table(found: list[dict]) -> pd.DataFrame:
    """One row a cell: its place, its parameters (`p.NAME`), its claims (`ID.state`, `ID.ours`), what it glued."""
    kept = ("cell", "model", "layer", "seed", "state", "reason", "seconds", "overhead", "peak_memory_mb", "key")
    rows = []
    for cell in found:
        row = {name: cell.get(name) for name in kept}
        row |= {f"p.{name}": flat(value) for name, value in cell["parameters"].items()}
        for id, claim in cell["claims"].items():
            row |= {f"{id}.state": state_of(claim), f"{id}.ours": claim["ours"]}
        rows.append(row | {f"glue.{name}": value for name, value in cell["figures"].items()})
    frame = pd.DataFrame(rows)
    for name in frame.columns:
        if name.endswith(".ours") or name.startswith("p."):
            frame[name] = one_type(frame[name])
    return frame


def flat(value: object) -> object:
    """A parameter as one entry of a table: a list becomes its JSON."""
    return value if isinstance(value, (int, float, str)) else json.dumps(value)


def one_type(column: pd.Series) -> pd.Series:
    """A column as numbers where all of it are numbers, else as texts: Parquet keeps one type a column."""
    kinds = {type(value) for value in column.dropna()}
    if kinds <= {int, float} or kinds <= {bool}:
        return pd.to_numeric(column) if kinds != {bool} else column.astype("boolean")
    return column.map(lambda value: None if pd.isna(value) else str(value)).astype("string")


def keep(root: Path, sweep: Sweep) -> Path:
    """Put the results of a sweep into the repository, for a book that is built where it was not run.

    Raises
    ------
    UnitscopeError
        If a cell has not run yet.
    """
    results = read_json(sweep.folder(root) / "results.json")
    waiting = [cell["cell"] for cell in results["cells"] if cell["state"] == "waiting"]
    if waiting:
        raise UnitscopeError(
            f"sweep {sweep.name!r} is not complete, nothing is recorded; waiting: {', '.join(waiting)}."
        )
    target = root / "book" / "sweeps" / f"{sweep.name}.results.json"
    with atomic(target) as part:
        part.write_text(one_line_a_cell(results), encoding="utf-8")
    return target


def one_line_a_cell(results: dict) -> str:
    """JSON that a reader of a diff can follow: one line for each cell."""
    cells = ",\n".join(json.dumps(cell, ensure_ascii=False) for cell in results["cells"])
    head = json.dumps({**results, "cells": []}, indent=1, ensure_ascii=False)
    return head.replace('"cells": []', f'"cells": [\n{cells}\n ]') + "\n"


def results_path(root: Path, name: str) -> Path | None:
    """The results of a sweep: those of this machine, else those that the repository keeps; None where it never ran."""
    own, kept = root / "_build" / "sweeps" / name / "results.json", root / "book" / "sweeps" / f"{name}.results.json"
    return next((path for path in (own, kept) if path.is_file()), None)
