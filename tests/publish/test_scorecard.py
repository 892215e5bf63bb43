"""The scorecard holds every claim of the index and every claim that is made, each with what recorded runs found."""

import json
from pathlib import Path

import nbformat
import pytest
from unitscope.publish import claims, scorecard, scorecard_page
from unitscope.publish.executed import write_executed

REPOSITORY = Path(__file__).parents[2]
CLAIM = {"id": "C1", "panel": None, "statement": "Sums <grow>.", "paper": None, "ours": 2.5, "interval": [2, 3],
         "state": "holds", "detectable": None, "samples": "3 toys", "reason": None, "parts": {}}  # fmt: skip


def executed(root, chapter, *made):
    """Pretend that a chapter was executed and made these claims."""
    outputs = [nbformat.v4.new_output("display_data", data={claims.MIME: claim}) for claim in made]
    path = root / "_build" / "embedded" / "chapters" / f"{chapter}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_executed(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(outputs=outputs)]), path)


def recorded(root, chapter, run, *made):
    folder = root / "book" / "recorded" / chapter / run
    folder.mkdir(parents=True)
    (folder / "claims.json").write_text(json.dumps([{**claim, "chapter": chapter} for claim in made]))
    (folder / "provenance.json").write_text("{}")


@pytest.fixture
def full(toy):
    """A book with tested claims of two chapters, one that is not in the list, and a recorded run old and new."""
    executed(
        toy, "first", {**CLAIM, "id": "X1", "state": "undecided", "detectable": 0.25}, CLAIM, {**CLAIM, "id": "Y1"}
    )
    executed(
        toy,
        "second",
        {**CLAIM, "id": "Z1", "ours": None, "interval": None, "state": "untested", "reason": "no weights"},
    )
    older = {key: CLAIM[key] for key in ("panel", "statement", "paper", "interval", "reason")}
    recorded(toy, "first", "photos", {**older, "id": "C1", "ours": 0.5, "holds": False}, {**CLAIM, "id": "C3"})
    return toy


def test_every_claim_is_listed_with_its_state_in_the_order_of_the_list(full):
    found = scorecard.entries(full, "embedded")
    assert [(one["paper"], one["id"], one["state"], one["own"]) for one in found] == [
        ("Toys", "C1", "holds", False), ("Toys", "C2", "not run yet", False), ("Toys", "C3", "not run yet", False),
        ("Toys", "X1", "undecided", True), ("Toys", "Y1", "holds", True),
        (scorecard.BEYOND, "C1", "not run yet", True), (scorecard.BEYOND, "Z1", "untested", True),
    ]  # fmt: skip
    first, third = found[0], found[2]
    assert (first["panel"], first["paper_value"], first["ours"], first["statement"]) == (
        "Fig. 2",
        2,
        2.5,
        "Sums <grow>.",
    )
    assert third["statement"] == "Toys are what nobody has tested." and third["recorded"][0]["state"] == "holds"
    assert scorecard.count(found) == {"holds": 2, "contradicted": 0, "undecided": 1, "untested": 1, "not run yet": 3}


def test_a_record_from_before_the_four_states_says_so(full):
    (run,) = scorecard.entries(full, "embedded")[0]["recorded"]
    assert (run["run"], run["state"], run["ours"], run["interval"]) == ("photos", claims.OLD, 0.5, [2, 3])
    assert run["reason"] == "did not hold under an older rule"


def test_before_anything_ran_the_index_is_there(toy):
    assert [one["state"] for one in scorecard.entries(toy, "embedded")] == ["not run yet"] * 6
    assert "No chapter of this preset" in scorecard_page.summary(toy, "embedded")


def test_the_same_as_json(full):
    about = json.loads(scorecard.write_scorecard(full, "embedded").read_text())
    assert about["claims"] == json.loads(json.dumps(scorecard.entries(full, "embedded")))
    assert about["counts"] == {"holds": 1, "contradicted": 0, "undecided": 0, "untested": 0, "not run yet": 2}


def test_the_page_shows_numbers_links_and_runs(full):
    page = scorecard_page.table(full, "embedded")
    assert page.count("<tr data-verdict") == 7
    assert 'href="first.html#claim-C1"' in page and "#claim-C2" not in page
    assert "Sums &lt;grow&gt;." in page and "2.5 <small>[2, 3]</small>" in page
    assert "a sample like this shows effects from 0.25 on" in page
    assert "photos; did not hold under an older rule" in page
    assert "<td>our own</td><td>1</td><td>0</td><td>1</td><td>1</td><td>1</td><td>4</td>" in page


def test_the_books_own_list_names_four_papers_and_their_sources():
    papers = [paper for paper in scorecard.read_index(REPOSITORY) if paper.cite]
    counts = [len([line for line in paper.claims.values() if not line.own]) for paper in papers]
    assert len(counts) == 4 and min(counts) > 15
    references = (REPOSITORY / "book" / "references.bib").read_text()
    assert all(f"{{{paper.cite}," in references for paper in papers)
