"""Tables of claims: for each a check and arguments that bring it into every state.

A table is {claim: (check, *arguments)} with arguments for "holds", "contradicted", "undecided" and "untested" in this
order; a claim that cannot be in the last ones leaves them out.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

STATES = ("holds", "contradicted", "undecided", "untested")
BOOK = Path(__file__).parents[2] / "book"


def cells(table: dict) -> list[tuple[str, str]]:
    """Every claim with every state that the table has arguments for."""
    return [(name, state) for name, (_, *made) in table.items() for state in STATES[: len(made)]]


def reaches(table: dict, name: str, state: str) -> None:
    """Assert that a claim comes out in this state, as a verdict that can be recorded."""
    check, *made = table[name]
    found = check(*made[STATES.index(state)])
    assert found.state == state, found
    json.dumps(found.record())


def claims_of(chapter: str) -> list[str]:
    """The claims that a chapter's code makes, in order."""
    cells = json.loads((BOOK / f"{chapter}.ipynb").read_text(encoding="utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    return re.findall(r'claim\("(\w+)"', code)
