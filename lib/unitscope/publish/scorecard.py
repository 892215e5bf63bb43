"""Every claim of the four papers beside what the chapters found: one list for the page and for machines.

book/claims.yaml               the list of claims (`unitscope.publish.claims`)
_build/PRESET/scorecard.json   one entry a claim: the list's line, this preset's verdict, and every recorded run's

entry  {paper, chapter, id, own, panel, statement, paper_value, recorded} and the fields of a Verdict
state  one of the four, `WAITING` where no finished chapter makes the claim, or `OLD` for an older record
own    true for a claim that is ours and not the paper's
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from unitscope.files import read_json, write_json
from unitscope.metrics.verdict import STATES as TESTED
from unitscope.publish.claims import BEYOND, OLD, Claim, Paper, read_claims, state_of
from unitscope.publish.recorded import recorded_runs
from unitscope.publish.run import build_folder, claims_of, finished_chapters

WAITING = "not run yet"
STATES = (*TESTED, WAITING)
FOUND = ("ours", "interval", "detectable", "samples", "reason", "parts")


def read_index(root: Path) -> list[Paper]:
    """Every claim of a book, paper by paper."""
    return read_claims(root / "book" / "claims.yaml")


def entries(root: Path, preset: str) -> list[dict]:
    """Every claim: paper by paper in the list's order, what a chapter claims beside the list after it."""
    made = {name: claims_of(notebook, name) for name, notebook in finished_chapters(root, preset).items()}
    found = []
    for paper in read_index(root):
        records = [record for chapter in paper.chapters for record in made.pop(chapter, [])]
        for line in paper.claims.values():
            tested = [record for record in records if record["id"] == line.id]
            found += [entry(root, paper.name, record, line) for record in tested] or [waiting(root, paper, line)]
        found += [entry(root, paper.name, record) for record in records if record["id"] not in paper.claims]
    return found + [entry(root, BEYOND, record) for records in made.values() for record in records]


def entry(root: Path, paper: str, record: dict, line: Claim | None = None) -> dict:
    """One claim that a chapter makes; what its record does not say is taken from the list."""
    about = {
        "paper": paper, "chapter": record["chapter"], "id": record["id"], "own": line is None or line.own,
        "panel": record["panel"] or (line.panel if line else None), "statement": record["statement"],
        "paper_value": line.paper if line and record["paper"] is None else record["paper"],
    }  # fmt: skip
    return about | found_in(record) | {"recorded": recorded(root, record["chapter"], record["id"])}


def waiting(root: Path, paper: Paper, line: Claim) -> dict:
    """One claim of the list that no finished chapter makes; a recorded run may have tested it all the same."""
    found = [(chapter, recorded(root, chapter, line.id)) for chapter in paper.chapters]
    chapter, runs = next((pair for pair in found if pair[1]), (None, []))
    about = {
        "paper": paper.name, "chapter": chapter, "id": line.id, "own": line.own, "panel": line.panel,
        "statement": line.statement, "paper_value": line.paper,
    }  # fmt: skip
    return about | dict.fromkeys(FOUND) | {"state": WAITING, "recorded": runs}


def found_in(record: dict) -> dict:
    """The verdict's fields of a record; one that is older than the four states says what it said then."""
    found = {key: record.get(key) for key in FOUND} | {"state": state_of(record)}
    if found["state"] == OLD:
        said = {True: "held", False: "did not hold"}.get(record.get("holds"), "not tested")
        found["reason"] = f"{said} under an older rule" + (f"; {record['reason']}" if record.get("reason") else "")
    return found


def recorded(root: Path, chapter: str, id: str) -> list[dict]:
    """What every recorded run of a chapter found for one claim."""
    runs = ((run, root / "book" / "recorded" / chapter / run) for run in recorded_runs(chapter, root))
    return [{"run": run} | found_in(record) for run, path in runs for record in claims_in(path) if record["id"] == id]


def claims_in(folder: Path) -> list[dict]:
    """The claims of a recorded run."""
    path = folder / "claims.json"
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _read(path: Path, date: int) -> list[dict]:
    return read_json(path)


def count(found: list[dict]) -> dict[str, int]:
    """How many entries are in each of `STATES`."""
    return {state: sum(entry["state"] == state for entry in found) for state in STATES}


def write_scorecard(root: Path, preset: str) -> Path:
    """The list as JSON, with its counts."""
    found = entries(root, preset)
    target = build_folder(root, preset) / "scorecard.json"
    write_json(target, {"preset": preset, "counts": count([one for one in found if not one["own"]]), "claims": found})
    return target
