"""The scorecard as HTML: counts, a filter by paper, verdict and word, each row linked to the cell that computed it."""

from __future__ import annotations

from html import escape
from pathlib import Path

from unitscope.publish import scorecard
from unitscope.publish.claims import COLOURS, GLYPHS, badge, facts, number, parts_table

NONE = "<p>No chapter of this preset has been executed yet.</p>"
HUES = COLOURS | {scorecard.WAITING: "#8250df"}
SIGNS = GLYPHS | {scorecard.WAITING: "…"}
BUTTON = '<button type="button" data-verdict="{verdict}" style="--verdict:{colour}">{label} <b>{count}</b></button>'
ROW = """<tr data-verdict="{state}" data-paper="{paper}"><td>{name}{panel}<br>
{badge}</td><td>{statement}{reason}</td>
<td data-name="paper">{paper_value}</td><td data-name="ours">{ours}</td><td data-name="recorded">{recorded}</td></tr>"""
RUN = """<div>{badge} {value} <small>{run}{reason}</small></div>"""
LABEL = (
    '<span class="verdict" style="border:2px solid {colour};border-radius:.4em;padding:0 .5em">{sign} {state}</span>'
)
PAGE = """<div class="unitscope-claims">{counts}<div class="filters">{buttons}
<select aria-label="paper"><option value="">all papers</option>{options}</select>
<input type="search" placeholder="filter by word" aria-label="filter by word"></div>
<div class="scroll"><table><thead><tr><th>claim</th><th>statement</th><th>paper</th><th>ours</th>
<th>recorded on real data</th></tr></thead><tbody>{rows}</tbody></table></div>
<p><a href="../_static/scorecard.json">The same as JSON</a></p></div>
<script>document.querySelectorAll(".unitscope-claims").forEach(function (box) {{
  const word = box.querySelector("input"), paper = box.querySelector("select"); let verdict = "";
  function filter() {{
    box.querySelectorAll("tbody tr[data-verdict]").forEach(function (row) {{
      const found = row.textContent.toLowerCase().includes(word.value.toLowerCase());
      row.hidden = !found || (verdict && row.dataset.verdict !== verdict)
        || (paper.value && row.dataset.paper !== paper.value);
    }});
  }}
  word.addEventListener("input", filter);
  paper.addEventListener("change", filter);
  box.querySelectorAll("button").forEach(button => button.addEventListener("click", function () {{
    verdict = button.dataset.verdict;
    box.querySelectorAll("button").forEach(other => other.setAttribute("aria-pressed", other === button));
    filter();
  }}));
}});</script>"""
COUNTS = """<table class="counts"><thead><tr><th>claims of</th>{head}<th>all</th></tr></thead>
<tbody>{rows}</tbody></table>"""
SHORT = '<th><span aria-hidden="true">{sign}</span> <span class="word">{state}</span></th>'


def table(root: Path, preset: str) -> str:
    """Every claim of the papers and of our own, with counts and a filter."""
    found = scorecard.entries(root, preset)
    if not found:
        return NONE
    labels = [("", "all", "#57606a", len(found))]
    labels += [(state, f"{SIGNS[state]} {state}", HUES[state], n) for state, n in scorecard.count(found).items() if n]
    buttons = [BUTTON.format(verdict=verdict, label=label, colour=c, count=n) for verdict, label, c, n in labels]
    papers = dict.fromkeys(entry["paper"] for entry in found)
    options = "".join(f"<option>{escape(paper)}</option>" for paper in papers)
    return PAGE.format(
        counts=counts(found), buttons="\n".join(buttons), options=options, rows="\n".join(map(row, found))
    )


def counts(found: list[dict]) -> str:
    """How many claims of each paper are in which state; those of our own in the last row."""
    groups: dict[str, list[dict]] = {}
    for entry in found:
        groups.setdefault("our own" if entry["own"] else entry["paper"], []).append(entry)
    groups = {**{name: groups[name] for name in groups if name != "our own"}, "our own": groups.get("our own", [])}
    rows = ""
    for name, entries in groups.items():
        amounts = [*scorecard.count(entries).values(), len(entries)]
        rows += f"<tr><td>{escape(name)}</td>" + "".join(f"<td>{amount}</td>" for amount in amounts) + "</tr>"
    head = "".join(SHORT.format(sign=SIGNS[state], state=state) for state in scorecard.STATES)
    return COUNTS.format(head=head, rows=rows)


def row(entry: dict) -> str:
    """One claim as a table row."""
    state, linked = entry["state"], entry["state"] != scorecard.WAITING
    name = escape(f"{entry['chapter']} {entry['id']}" if linked else f"{entry['paper']} {entry['id']}")
    beside = facts({**entry, "paper": None, "ours": None})
    return ROW.format(
        state=state, badge=label(state), paper=escape(entry["paper"]),
        name=f'<a href="{entry["chapter"]}.html#claim-{entry["id"]}">{name}</a>' if linked else f"<b>{name}</b>",
        panel=f" <small>{escape(entry['panel'])}</small>" if entry["panel"] else "",
        statement=escape(entry["statement"]),
        reason=(f"<br><small>{escape(beside)}</small>" if beside else "") + parts_table(entry["parts"] or {}),
        paper_value=text(entry["paper_value"]), ours=measured(entry), recorded="".join(map(run, entry["recorded"])),
    )  # fmt: skip


def label(state: str) -> str:
    """The badge of a state; one of its own for a claim that no chapter has tested yet."""
    return badge(state) if state in COLOURS else LABEL.format(colour=HUES[state], sign=SIGNS[state], state=state)


def run(record: dict) -> str:
    """What one recorded run found, in one line."""
    reason = f"; {escape(record['reason'])}" if record["reason"] else ""
    return RUN.format(badge=label(record["state"]), value=measured(record), run=escape(record["run"]), reason=reason)


def measured(record: dict) -> str:
    """A figure of ours with its interval, each on a line of its own."""
    interval = " <small>[{}, {}]</small>".format(*map(number, record["interval"])) if record["interval"] else ""
    return text(record["ours"]) + interval


def text(value: object) -> str:
    """A figure as HTML; nothing for None."""
    return "" if value is None else escape(number(value))


def summary(root: Path, preset: str) -> str:
    """One sentence with the counts, for the title page."""
    found = scorecard.entries(root, preset)
    checked = [entry for entry in found if entry["state"] != scorecard.WAITING]
    if not checked:
        return NONE
    parts = [f"{SIGNS[state]} {state}: {amount}" for state, amount in scorecard.count(checked).items() if amount]
    missing = len(found) - len(checked)
    rest = f" {missing} claims wait for their chapter." if missing else ""
    return f"<p>The chapters check {len(checked)} claims here ({', '.join(parts)}).{rest}</p>"
