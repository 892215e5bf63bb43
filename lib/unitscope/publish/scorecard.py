"""Every claim of the four papers beside what the chapters found: one list for the page and for machines.

    book/claims.yaml               the papers' claims: id, panel, the paper's figure, statement, and who should test them
    _build/PRESET/scorecard.json   one entry a claim: the index, this preset's verdict, and every recorded run's

    entry  {paper, chapter, id, own, panel, statement, paper_value, ours, interval, holds, reason, state, recorded}
    state  "holds", "does not hold", "not tested here" (with a reason), or "not yet tested": no finished chapter makes it
    own    true for a claim that is ours and not the paper's
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from unitscope.errors import UnitscopeError
from unitscope.files import read_json, write_json
from unitscope.publish.claims import VERDICTS
from unitscope.publish.recorded import recorded_runs
from unitscope.publish.run import build_folder, claims_of, finished_chapters

WAITING = "not yet tested"
STATES = (*(word for word, _ in VERDICTS.values()), WAITING)
BEYOND = "Beyond the papers"


@dataclass(frozen=True)
class Paper:
    """One paper's claims by id, each (panel, the paper's figure, statement), and the chapters that test them."""

    name: str
    cite: str
    chapters: tuple[str, ...]
    claims: dict[str, tuple[str, object, str]]


def read_index(root: Path) -> list[Paper]:
    """The papers' claims as `book/claims.yaml` lists them; none where a book has no such file.

    Raises
    ------
    UnitscopeError
        If a paper lacks a field, or a claim is not [panel, figure, statement].
    """
    path = root / "book" / "claims.yaml"
    papers = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else []
    found = []
    for paper in papers:
        try:
            claims = {id: tuple(line) for id, line in paper["claims"].items()}
            found.append(Paper(paper["paper"], paper["cite"], tuple(paper["chapters"]), claims))
        except (KeyError, TypeError) as error:
            raise UnitscopeError(f"{path}: a paper names `paper`, `cite`, `chapters` and `claims`; {error!r}.") from error
        if wrong := [id for id, line in claims.items() if len(line) != 3]:
            raise UnitscopeError(f"{path}: a claim is [panel, the paper's figure, statement], not so: {', '.join(wrong)}.")
    return found


def entries(root: Path, preset: str) -> list[dict]:
    """Every claim: paper by paper in the index's order, each paper's own additions after its claims, the rest last."""
    made = {name: claims_of(notebook, name) for name, notebook in finished_chapters(root, preset).items()}
    found = []
    for paper in read_index(root):
        records = [record for chapter in paper.chapters for record in made.pop(chapter, [])]
        for id, line in paper.claims.items():
            tested = [record for record in records if base(record["id"]) == id]
            found += [entry(root, paper.name, record, line) for record in tested] or [waiting(root, paper, id, line)]
        found += [entry(root, paper.name, record) for record in records if base(record["id"]) not in paper.claims]
    return found + [entry(root, BEYOND, record) for records in made.values() for record in records]


def base(id: str) -> str:
    """The claim of the index that an id belongs to: a chapter may test C15 in parts, as C15-a and C15-b."""
    return id.partition("-")[0]


def entry(root: Path, paper: str, record: dict, line: tuple | None = None) -> dict:
    """One claim that a chapter makes; what the chapter does not say is taken from the index."""
    panel, value, _ = line or (None, None, None)
    return {
        "paper": paper, "chapter": record["chapter"], "id": record["id"], "own": line is None,
        "panel": panel or record["panel"], "statement": record["statement"],
        "paper_value": record["paper"] if record["paper"] is not None else value, "ours": record["ours"],
        "interval": record["interval"], "holds": record["holds"], "reason": record["reason"],
        "state": VERDICTS[record["holds"]][0], "recorded": recorded(root, record["chapter"], record["id"]),
    }  # fmt: skip


def waiting(root: Path, paper: Paper, id: str, line: tuple) -> dict:
    """One claim of the index that no finished chapter makes; a recorded run may have tested it all the same."""
    found = [(chapter, recorded(root, chapter, id)) for chapter in paper.chapters]
    chapter, runs = next((pair for pair in found if pair[1]), (None, []))
    return {
        "paper": paper.name, "chapter": chapter, "id": id, "own": False, "panel": line[0], "statement": line[2],
        "paper_value": line[1], "ours": None, "interval": None, "holds": None, "reason": None, "state": WAITING,
        "recorded": runs,
    }  # fmt: skip


def recorded(root: Path, chapter: str, id: str) -> list[dict]:
    """What every recorded run of a chapter found for one claim."""
    kept = ("ours", "interval", "holds", "reason")
    found = []
    for run in recorded_runs(chapter, root):
        for record in claims_in(root / "book" / "recorded" / chapter / run):
            if record["id"] == id:
                found.append({"run": run, **{key: record[key] for key in kept}, "state": VERDICTS[record["holds"]][0]})
    return found


def claims_in(folder: Path) -> list[dict]:
    """The claims of a recorded run."""
    path = folder / "claims.json"
    return _read(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=256)
def _read(path: Path, date: int) -> list[dict]:
    return read_json(path)


def count(found: list[dict]) -> dict[str, int]:
    """How many entries are in each state."""
    return {state: sum(entry["state"] == state for entry in found) for state in STATES}


def unknown_ids(root: Path, made: dict[str, list[str]]) -> list[str]:
    """Ids that look like the index's and are not in it, as "chapter id".

    Parameters
    ----------
    made : chapter -> ids of its claims. Ids of our own start with letters that the paper's index does not use.
    """
    papers = {chapter: paper for paper in read_index(root) for chapter in paper.chapters}
    letters = {chapter: {id[0] for id in paper.claims} for chapter, paper in papers.items()}
    return [
        f"{chapter} {id}" for chapter, ids in made.items() if chapter in papers
        for id in ids if id[0] in letters[chapter] and base(id) not in papers[chapter].claims
    ]  # fmt: skip


def write_scorecard(root: Path, preset: str) -> Path:
    """The list as JSON, with its counts."""
    found = entries(root, preset)
    target = build_folder(root, preset) / "scorecard.json"
    write_json(target, {"preset": preset, "counts": count([one for one in found if not one["own"]]), "claims": found})
    return target
