"""What a chapter claims, shown where it is computed and gathered over all chapters.

    book/claims.yaml   every claim once: id, panel, the paper's figure, what is drawn again, statement
    record             {id, chapter, panel, statement, paper, own} and the fields of its Verdict

A record travels in the executed notebook as a MIME bundle (`MIME`), so a chapter writes no file: whoever ran the
notebook gathers its claims from the outputs.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml
from IPython.display import display
from myst_nb import glue

from unitscope.errors import UnitscopeError, unknown
from unitscope.metrics.verdict import STATES, Verdict
from unitscope.publish.prose import follow

MIME = "application/vnd.unitscope.claim+json"
BEYOND = "Beyond the papers"
OLD = "old rule"  # recorded before there were four states, and not judged again
FIELDS = ("panel", "paper", "over", "statement")

GLYPHS = {"holds": "✓", "contradicted": "✗", "undecided": "?", "untested": "–", OLD: "○"}
BADGES = {  # shapes differ too, for readers without colours and for print
    "holds": "background:#1a7f4b;border:2px solid #1a7f4b;color:#fff;border-radius:1em",
    "contradicted": "background:#b42318;border:2px solid #b42318;color:#fff;border-radius:0",
    "undecided": "border:2px solid #9a6700;border-radius:.4em",
    "untested": "border:2px dashed #6b7280;border-radius:.4em",
    OLD: "border:2px dotted #6b7280;border-radius:.4em",
}
COLOURS = {"holds": "#1a7f4b", "contradicted": "#b42318", "undecided": "#9a6700", "untested": "#6b7280", OLD: "#6b7280"}
EDGES = {"holds": "solid", "contradicted": "double", "undecided": "dashed", "untested": "dotted", OLD: "dotted"}

CARD = """<div class="unitscope-claim" id="claim-{id}" style="border-left:6px {edge} {colour};\
padding:.35em .8em;margin:.5em 0;background:rgba(128,128,128,.09);border-radius:0 6px 6px 0;line-height:1.45">
{badge} <strong>{id}</strong>{panel} {statement}
<div style="font-size:.9em;opacity:.9">{facts}</div>{parts}</div>"""
PARTS = """<details style="font-size:.9em"><summary>{count}</summary><table>{rows}</table></details>"""


@dataclass(frozen=True)
class Claim:
    """One line of the list of claims; `own` marks those that are ours and not the paper's."""

    id: str
    statement: str
    panel: str | None = None
    paper: float | str | None = None
    over: str | None = None
    own: bool = False


@dataclass(frozen=True)
class Paper:
    """One paper's claims by id, and the chapters that test them; a group without `cite` belongs to no paper."""

    name: str
    cite: str | None
    chapters: tuple[str, ...]
    claims: dict[str, Claim]


def read_claims(path: Path) -> list[Paper]:
    """Every claim of a book, paper by paper; none where there is no such file.

    Raises
    ------
    UnitscopeError
        If the file is not as its head describes: a field is missing or unknown, or an id is given twice.
    """
    if not path.is_file():
        return []
    try:
        groups = yaml.safe_load(path.read_text(encoding="utf-8")) or []
        return [_paper(path, group) for group in groups]
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError) as error:
        raise UnitscopeError(f"{path}: a paper has `paper`, `chapters`, and `claims` or `own`; {error!r}.") from error


def _paper(path: Path, group: dict) -> Paper:
    found: dict[str, Claim] = {}
    for key, own in (("claims", False), ("own", True)):
        for id, line in (group.get(key) or {}).items():
            if id in found or set(line) - set(FIELDS) or not line.get("statement"):
                raise UnitscopeError(f"{path}: claim {id} stands there once and has {', '.join(FIELDS)}; got {line!r}.")
            found[id] = Claim(id, **line, own=own)
    return Paper(group["paper"], group.get("cite"), tuple(group["chapters"]), found)


def claims_file(start: Path | None = None) -> Path:
    """The claims.yaml of the book that a folder (default: the working folder) belongs to."""
    start = Path.cwd() if start is None else start
    for folder in (start, *start.parents):
        for path in (folder / "claims.yaml", folder / "book" / "claims.yaml"):
            if path.is_file():
                return path
    raise UnitscopeError(f"no claims.yaml in {start} or above it: a chapter runs inside its book's folder.")


def chapter_claims(chapter: str) -> Callable[..., None]:
    """How a chapter shows its claims: `claim = chapter_claims("pure")`, then `claim("C1", verdict)`.

    In JupyterLab the chapter's paragraphs are shown with their numbers from then on, see `prose.follow`.

    Raises
    ------
    UnitscopeError
        If the book has no such chapter in its claims.yaml; `claim` raises it for an unknown id or what is no verdict.
    """
    path = claims_file()
    papers = {name: paper for paper in read_claims(path) for name in paper.chapters}
    if chapter not in papers:
        raise unknown("chapter", chapter, papers)
    known = papers[chapter].claims
    follow(path.parent / f"{chapter}.ipynb")

    def claim(id: str, verdict: Verdict, **words) -> None:
        """Show a claim's card, glue it as `claim-ID`, and leave its record in the notebook's output.

        `words` fill the {places} of its statement, as {layer} in "In {layer} clusters are tighter".
        """
        if id not in known:
            raise unknown(f"claim of {chapter}", id, known)
        show(record(chapter, known[id], verdict, words))

    return claim


def record(chapter: str, line: Claim, verdict: Verdict, words: dict | None = None) -> dict:
    """What is kept of one claim: its line of the list and the verdict, with plain values."""
    if not isinstance(verdict, Verdict):
        raise UnitscopeError(f"claim {line.id} needs a Verdict of unitscope.metrics.verdicts, got {verdict!r}.")
    try:
        statement = line.statement.format(**(words or {}))
    except (KeyError, IndexError) as error:
        raise UnitscopeError(f"claim {line.id}: its statement {line.statement!r} has a place for {error}.") from error
    about = {"id": line.id, "chapter": chapter, "panel": line.panel, "statement": " ".join(statement.split())}
    return about | {"paper": line.paper, "own": line.own} | verdict.record()


def show(record: dict) -> None:
    """Display and glue the card of a record."""
    card = Card(record)
    display({MIME: record, "text/html": card._repr_html_(), "text/plain": f"{record['id']}: {card!r}"}, raw=True)
    glue(f"claim-{record['id']}", card, display=False)


class Card:
    """One claim as a notebook shows it: HTML, one line of text, and the record itself."""

    def __init__(self, record: dict):
        self.record = record

    def __repr__(self) -> str:
        told = facts(self.record)
        return f"{state_of(self.record)} ({told})" if told else state_of(self.record)

    def _repr_html_(self) -> str:
        record, state = self.record, state_of(self.record)
        panel = f" <span style='opacity:.75'>({html.escape(str(record['panel']))})</span>" if record["panel"] else ""
        return CARD.format(
            id=html.escape(str(record["id"])), badge=badge(state), colour=COLOURS[state], edge=EDGES[state],
            panel=panel, statement=html.escape(str(record["statement"])), facts=html.escape(facts(record)),
            parts=parts_table(record.get("parts") or {}),
        )  # fmt: skip


def state_of(record: dict) -> str:
    """The state of a record; `OLD` for one that was kept before there were four states."""
    state = record.get("state")
    return state if state in STATES else OLD


def held(record: dict) -> bool | None:
    """Did the claim hold? None where it was not tested. Older records say so themselves."""
    state = state_of(record)
    return record.get("holds") if state == OLD else None if state == "untested" else state == "holds"


def badge(state: str) -> str:
    """A state as a small label: word, sign, colour and shape."""
    style = f"{BADGES[state]};padding:0 .5em;font-size:.85em;font-weight:600;white-space:nowrap"
    return f'<span class="verdict" style="{style}"><span aria-hidden="true">{GLYPHS[state]}</span> {state}</span>'


def parts_table(parts: dict) -> str:
    """The parts of a compound claim, folded; nothing where there are none."""
    rows = "".join(
        f"<tr><td>{badge(state_of(part))}</td><td>{html.escape(name)}</td><td>{html.escape(facts(part))}</td></tr>"
        for name, part in parts.items()
    )
    count = f"{len(parts)} parts" if len(parts) > 1 else "1 part"
    return PARTS.format(count=count, rows=rows) if rows else ""


def number(value) -> str:
    """A value as a reader wants it: four significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def facts(record: dict) -> str:
    """One line: the paper's figure, ours with its interval and sample, what would have been seen, and the reason."""
    parts = [f"paper: {number(record['paper'])}"] if record.get("paper") is not None else []
    if record["ours"] is not None:
        parts.append(f"ours: {number(record['ours'])}")
        if record["interval"]:
            parts[-1] += " [{}, {}]".format(*map(number, record["interval"]))
    parts += [record["samples"]] if record.get("samples") else []
    if state_of(record) == "undecided" and record.get("detectable"):
        parts.append(f"a sample like this shows effects from {number(record['detectable'])} on")
    return " · ".join(parts + [record["reason"]] if record["reason"] else parts)
