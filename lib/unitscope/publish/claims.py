"""What a chapter claims, shown where it is computed and gathered over all chapters.

    claim      {id, panel, statement, paper, ours, interval, holds, reason}
    holds      true, false, or null where it cannot be tested here (then `reason` says why)

A claim travels in the executed notebook as a MIME bundle (`MIME`), so a chapter writes no file: whoever ran the
notebook gathers its claims from the outputs.
"""

from __future__ import annotations

import html
import math
import re

from IPython.display import display
from myst_nb import glue

from unitscope.errors import UnitscopeError

MIME = "application/vnd.unitscope.claim+json"
ID = re.compile(r"[A-Za-z][A-Za-z0-9._-]*")
VERDICTS = {True: ("holds", "#1a7f4b"), False: ("does not hold", "#c0392b"), None: ("not tested here", "#6b7280")}

CARD = """<div class="unitscope-claim" id="claim-{id}" style="border-left:5px solid {colour};padding:.35em .8em;margin:.5em 0;\
background:rgba(128,128,128,.09);border-radius:0 6px 6px 0;line-height:1.45">
<span style="background:{colour};color:#fff;border-radius:4px;padding:.05em .5em;font-size:.85em;\
font-weight:600;white-space:nowrap">{verdict}</span> <strong>{id}</strong>{panel} {statement}
<div style="font-size:.9em;opacity:.9">{facts}</div></div>"""


class Card:
    """One claim as a notebook shows it: HTML, one line of text, and the record itself."""

    def __init__(self, record: dict):
        self.record = record

    def __repr__(self) -> str:
        record = self.record
        return f"{VERDICTS[record['holds']][0]} ({facts(record)})" if facts(record) else VERDICTS[record["holds"]][0]

    def _repr_html_(self) -> str:
        record = self.record
        verdict, colour = VERDICTS[record["holds"]]
        panel = f" <span style='opacity:.75'>({html.escape(record['panel'])})</span>" if record["panel"] else ""
        return CARD.format(
            id=record["id"], verdict=verdict, colour=colour, panel=panel,
            statement=html.escape(record["statement"]), facts=html.escape(facts(record)),
        )  # fmt: skip


def claim(
    id: str, statement: str, paper=None, ours=None, interval=None, holds: bool | None = None,
    reason: str | None = None, panel: str | None = None,
) -> None:  # fmt: skip
    """Show a claim, glue it as `claim-ID`, and leave its record in the notebook's output.

    Parameters
    ----------
    id : unique in its chapter, as in the chapter's list of claims ("C1").
    statement : one sentence that is true or false.
    paper, ours : the paper's figure and ours; a number, a short text, or nothing.
    interval : (low, high) around ours.
    holds : True, False, or None where it cannot be tested here.
    reason : why it cannot be tested (then required), or a remark.
    panel : the paper's panel ("Fig. 4").

    Raises
    ------
    UnitscopeError
        If the id or the statement is not usable, a number is not finite, the interval is not low <= high, or a claim
        without verdict has no reason.
    """
    record = check(id, statement, paper, ours, interval, holds, reason, panel)
    card = Card(record)
    display({MIME: record, "text/html": card._repr_html_(), "text/plain": f"{id}: {card!r}"}, raw=True)
    glue(f"claim-{id}", card, display=False)


def check(id, statement, paper, ours, interval, holds, reason, panel) -> dict:
    """The record of a claim with plain values, or the error that says what is wrong with it."""
    if not isinstance(id, str) or not ID.fullmatch(id):
        raise UnitscopeError(f"a claim's id is a letter, then letters, digits, '.', '_' or '-' ('C1'), got {id!r}.")
    if not isinstance(statement, str) or not statement.strip():
        raise UnitscopeError(f"claim {id} needs a statement, one sentence that is true or false, got {statement!r}.")
    verdict = plain(id, "holds", holds)
    if verdict is not None and not isinstance(verdict, bool):
        raise UnitscopeError(f"claim {id}: holds must be True, False or None, got {holds!r}.")
    if verdict is None and not reason:
        raise UnitscopeError(f"claim {id} has no verdict: say in `reason` why it cannot be tested here.")
    return {
        "id": id, "panel": panel, "statement": " ".join(statement.split()), "paper": plain(id, "paper", paper),
        "ours": plain(id, "ours", ours), "interval": check_interval(id, interval), "holds": verdict, "reason": reason,
    }  # fmt: skip


def check_interval(id: str, interval) -> list[float] | None:
    """(low, high) as a list of two finite numbers in order."""
    if interval is None:
        return None
    ends = [plain(id, "interval", end) for end in interval]
    numbers = all(isinstance(end, (int, float)) for end in ends)
    if len(ends) != 2 or not numbers or ends[0] > ends[1]:
        raise UnitscopeError(f"claim {id}: the interval must be two numbers, low <= high, got {interval!r}.")
    return ends


def plain(id: str, field: str, value):
    """A value that JSON can hold: scalars of numpy and torch become Python's own; NaN and infinity are refused."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        raise UnitscopeError(f"claim {id}: {field} is {value}; give None and a reason where nothing was measured.")
    if value is not None and not isinstance(value, (bool, int, float, str)):
        raise UnitscopeError(f"claim {id}: {field} must be a number or a short text, got {type(value).__name__}.")
    return value


def number(value) -> str:
    """A value as a reader wants it: four significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def facts(record: dict) -> str:
    """One line: the paper's figure, ours with its interval, and the reason, as far as there are any."""
    parts = [f"paper: {number(record['paper'])}"] if record["paper"] is not None else []
    if record["ours"] is not None:
        parts.append(f"ours: {number(record['ours'])}")
        if record["interval"]:
            parts[-1] += " [{}, {}]".format(*map(number, record["interval"]))
    return " · ".join(parts + [record["reason"]] if record["reason"] else parts)
