"""The table of all claims as HTML: filtered by verdict and by word, each row linked to the cell that computed it."""

from __future__ import annotations

from html import escape
from pathlib import Path

from unitscope.publish.claims import VERDICTS, number
from unitscope.publish.run import claims_of, finished_chapters

NONE = "<p>No chapter of this preset has been executed yet.</p>"
BUTTON = '<button type="button" data-verdict="{verdict}" style="--verdict:{colour}">{label} <b>{count}</b></button>'
ROW = """<tr data-verdict="{verdict}"><td><a href="{chapter}.html#claim-{id}">{chapter} {id}</a> <small>{panel}</small><br>
<span class="verdict" style="--verdict:{colour}">{verdict}</span></td>
<td>{statement}{reason}</td><td data-name="paper">{paper}</td><td data-name="ours">{ours}</td></tr>"""
TABLE = """<div class="unitscope-claims"><div class="filters">{buttons}
<input type="search" placeholder="filter by word" aria-label="filter by word"></div>
<table><thead><tr><th>claim</th><th>statement</th><th>paper</th><th>ours</th></tr></thead>
<tbody>{rows}</tbody></table></div>
<script>document.querySelectorAll(".unitscope-claims").forEach(function (box) {{
  const word = box.querySelector("input"); let verdict = "";
  function filter() {{
    box.querySelectorAll("tbody tr").forEach(function (row) {{
      const found = row.textContent.toLowerCase().includes(word.value.toLowerCase());
      row.hidden = !found || (verdict && row.dataset.verdict !== verdict);
    }});
  }}
  word.addEventListener("input", filter);
  box.querySelectorAll("button").forEach(button => button.addEventListener("click", function () {{
    verdict = button.dataset.verdict;
    box.querySelectorAll("button").forEach(other => other.setAttribute("aria-pressed", other === button));
    filter();
  }}));
}});</script>"""


def all_claims(root: Path, preset: str) -> list[dict]:
    """The claims of every finished chapter, in the book's order."""
    finished = finished_chapters(root, preset).items()
    return [record for name, notebook in finished for record in claims_of(notebook, name)]


def count(records: list[dict]) -> dict[str, int]:
    """How many claims have each verdict, in words."""
    return {word: sum(record["holds"] is holds for record in records) for holds, (word, _) in VERDICTS.items()}


def row(record: dict) -> str:
    """One claim as a table row."""
    verdict, colour = VERDICTS[record["holds"]]
    interval = "<br><small>[{}, {}]</small>".format(*map(number, record["interval"])) if record["interval"] else ""
    cells = {key: "" if record[key] is None else escape(number(record[key])) for key in ("paper", "ours", "panel")}
    cells["ours"] += interval
    reason = f"<br><small>{escape(record['reason'])}</small>" if record["reason"] else ""
    return ROW.format(
        verdict=verdict, colour=colour, reason=reason, statement=escape(record["statement"]),
        chapter=record["chapter"], id=record["id"], **cells,
    )  # fmt: skip


def table(root: Path, preset: str) -> str:
    """Every claim of a preset's finished chapters, with counts and a filter."""
    records = all_claims(root, preset)
    if not records:
        return NONE
    colours = {word: colour for word, colour in VERDICTS.values()}
    labels = [("", "all", "#57606a", len(records))]
    labels += [(word, word, colours[word], amount) for word, amount in count(records).items()]
    buttons = [BUTTON.format(verdict=verdict, label=label, colour=c, count=n) for verdict, label, c, n in labels]
    return TABLE.format(buttons="\n".join(buttons), rows="\n".join(map(row, records)))


def summary(root: Path, preset: str) -> str:
    """One sentence with the counts, for the title page."""
    records = all_claims(root, preset)
    if not records:
        return NONE
    parts = [f"{word}: {amount}" for word, amount in count(records).items() if amount]
    return f"<p>The chapters check {len(records)} claims here ({', '.join(parts)}).</p>"
