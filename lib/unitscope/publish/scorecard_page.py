"""The scorecard as HTML: counts, a filter by paper, verdict and word, each row linked to the cell that computed it."""

from __future__ import annotations

from html import escape
from pathlib import Path

from unitscope.publish import scorecard
from unitscope.publish.claims import VERDICTS, number

NONE = "<p>No chapter of this preset has been executed yet.</p>"
COLOURS = {**{word: colour for word, colour in VERDICTS.values()}, scorecard.WAITING: "#8250df"}
BUTTON = '<button type="button" data-verdict="{verdict}" style="--verdict:{colour}">{label} <b>{count}</b></button>'
ROW = """<tr data-verdict="{state}" data-paper="{paper}"><td>{name}{panel}<br>
<span class="verdict" style="--verdict:{colour}">{state}</span></td><td>{statement}{reason}</td>
<td data-name="paper">{paper_value}</td><td data-name="ours">{ours}</td><td data-name="recorded">{recorded}</td></tr>"""
RUN = """<div><span class="dot" style="--verdict:{colour}" title="{state}"></span> {value} <small>{run}, {state}</small></div>"""
PAGE = """<div class="unitscope-claims">{counts}<div class="filters">{buttons}
<select aria-label="paper"><option value="">all papers</option>{options}</select>
<input type="search" placeholder="filter by word" aria-label="filter by word"></div>
<div class="scroll"><table><thead><tr><th>claim</th><th>statement</th><th>paper</th><th>ours</th><th>recorded on real data</th>
</tr></thead><tbody>{rows}</tbody></table></div><p><a href="../_static/scorecard.json">The same as JSON</a></p></div>
<script>document.querySelectorAll(".unitscope-claims").forEach(function (box) {{
  const word = box.querySelector("input"), paper = box.querySelector("select"); let verdict = "";
  function filter() {{
    box.querySelectorAll("tbody tr[data-verdict]").forEach(function (row) {{
      const found = row.textContent.toLowerCase().includes(word.value.toLowerCase());
      row.hidden = !found || (verdict && row.dataset.verdict !== verdict) || (paper.value && row.dataset.paper !== paper.value);
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
COUNTS = """<div class="scroll"><table class="counts"><thead><tr><th>claims of</th>{head}<th>all</th></tr></thead>
<tbody>{rows}</tbody></table></div>"""


def table(root: Path, preset: str) -> str:
    """Every claim of the papers and of our own, with counts and a filter."""
    found = scorecard.entries(root, preset)
    if not found:
        return NONE
    labels = [("", "all", "#57606a", len(found))]
    labels += [(state, state, COLOURS[state], amount) for state, amount in scorecard.count(found).items() if amount]
    buttons = [BUTTON.format(verdict=verdict, label=label, colour=c, count=n) for verdict, label, c, n in labels]
    papers = dict.fromkeys(entry["paper"] for entry in found)
    options = "".join(f"<option>{escape(paper)}</option>" for paper in papers)
    return PAGE.format(counts=counts(found), buttons="\n".join(buttons), options=options, rows="\n".join(map(row, found)))


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
    return COUNTS.format(head="".join(f"<th>{state}</th>" for state in scorecard.STATES), rows=rows)


def row(entry: dict) -> str:
    """One claim as a table row."""
    state, linked = entry["state"], entry["state"] != scorecard.WAITING
    name = escape(f"{entry['chapter']} {entry['id']}" if linked else f"{entry['paper']} {entry['id']}")
    return ROW.format(
        state=state, colour=COLOURS[state], paper=escape(entry["paper"]),
        name=f'<a href="{entry["chapter"]}.html#claim-{entry["id"]}">{name}</a>' if linked else f"<b>{name}</b>",
        panel=f" <small>{escape(entry['panel'])}</small>" if entry["panel"] else "",
        statement=escape(entry["statement"]),
        reason=f"<br><small>{escape(entry['reason'])}</small>" if entry["reason"] else "",
        paper_value=text(entry["paper_value"]), ours=measured(entry), recorded="".join(map(run, entry["recorded"])),
    )  # fmt: skip


def run(record: dict) -> str:
    """What one recorded run found, in one line."""
    state = record["state"]
    return RUN.format(colour=COLOURS[state], state=state, value=measured(record), run=escape(record["run"]))


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
    parts = [f"{state}: {amount}" for state, amount in scorecard.count(checked).items() if amount]
    missing = len(found) - len(checked)
    rest = f" {missing} claims of the papers wait for their chapter." if missing else ""
    return f"<p>The chapters check {len(checked)} claims here ({', '.join(parts)}).{rest}</p>"
