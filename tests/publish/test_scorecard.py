"""The scorecard holds every claim of the index and every claim that is made, each with what recorded runs found."""

import json
from pathlib import Path

import nbformat
import pytest

from unitscope.errors import UnitscopeError
from unitscope.publish import claims, scorecard, scorecard_page
from unitscope.publish.executed import write_executed

REPOSITORY = Path(__file__).parents[2]
CLAIM = {"id": "C1", "panel": None, "statement": "Sums <grow>.", "paper": None, "ours": 2.5, "interval": [2, 3],
         "holds": True, "reason": None}  # fmt: skip


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
    """A book with a tested claim, one of our own, one of another chapter, and a recorded run."""
    executed(toy, "first", {**CLAIM, "id": "X1", "panel": "ours", "holds": False}, CLAIM)
    executed(toy, "second", {**CLAIM, "id": "Z1", "holds": None, "reason": "no weights"})
    recorded(toy, "first", "photos", {**CLAIM, "ours": 0.5, "holds": False}, {**CLAIM, "id": "C3"})
    return toy


def test_every_claim_is_listed_with_its_state_in_the_index_order(full):
    found = scorecard.entries(full, "embedded")
    assert [(one["paper"], one["id"], one["state"], one["own"]) for one in found] == [
        ("Toys", "C1", "holds", False), ("Toys", "C2", "not yet tested", False), ("Toys", "C3", "not yet tested", False),
        ("Toys", "X1", "does not hold", True), (scorecard.BEYOND, "Z1", "not tested here", True),
    ]  # fmt: skip
    first, third = found[0], found[2]
    assert (first["panel"], first["paper_value"], first["ours"], first["statement"]) == ("Fig. 2", 2, 2.5, "Sums <grow>.")
    assert first["recorded"] == [{"run": "photos", "ours": 0.5, "interval": [2, 3], "holds": False, "reason": None, "state": "does not hold"}]
    assert third["statement"] == "Toys are what nobody has tested." and third["recorded"][0]["state"] == "holds"
    assert scorecard.count(found) == {"holds": 1, "does not hold": 1, "not tested here": 1, "not yet tested": 2}


def test_a_claim_may_be_tested_in_parts(toy):
    executed(toy, "first", {**CLAIM, "id": "C2-a"}, {**CLAIM, "id": "C2-b", "holds": False})
    found = scorecard.entries(toy, "embedded")
    assert [(one["id"], one["state"], one["own"]) for one in found] == [
        ("C1", "not yet tested", False), ("C2-a", "holds", False), ("C2-b", "does not hold", False), ("C3", "not yet tested", False),
    ]  # fmt: skip
    assert scorecard.unknown_ids(toy, {"first": ["C2-a", "C9-a"]}) == ["first C9-a"]


def test_before_anything_ran_the_index_is_there(toy):
    assert [one["state"] for one in scorecard.entries(toy, "embedded")] == ["not yet tested"] * 3
    assert "No chapter of this preset" in scorecard_page.summary(toy, "embedded")


def test_the_same_as_json(full):
    about = json.loads(scorecard.write_scorecard(full, "embedded").read_text())
    assert about["claims"] == json.loads(json.dumps(scorecard.entries(full, "embedded")))
    assert about["counts"] == {"holds": 1, "does not hold": 0, "not tested here": 0, "not yet tested": 2}


def test_the_page_shows_numbers_links_and_runs(full):
    page = scorecard_page.table(full, "embedded")
    assert page.count("<tr data-verdict") == 5 and 'href="first.html#claim-C1"' in page and "#claim-C2" not in page
    assert "Sums &lt;grow&gt;." in page and "2.5 <small>[2, 3]</small>" in page and "photos, does not hold" in page
    assert "<td>our own</td><td>0</td><td>1</td><td>1</td><td>0</td><td>2</td>" in page


def test_ids_that_the_index_does_not_know_are_named(toy):
    assert scorecard.unknown_ids(toy, {"first": ["C1", "C9", "X1"], "second": ["C9"]}) == ["first C9"]


@pytest.mark.parametrize("text, message", [("- paper: A", "names `paper`"), ("- {paper: A, cite: b, chapters: [], claims: {C1: [x]}}", "not so: C1")])
def test_an_index_of_another_form_is_refused(toy, text, message):
    (toy / "book" / "claims.yaml").write_text(text)
    with pytest.raises(UnitscopeError, match=message):
        scorecard.read_index(toy)


def test_the_books_own_index_names_four_papers_and_what_recorded_runs_claim():
    papers = scorecard.read_index(REPOSITORY)
    assert [len(paper.claims) for paper in papers] == [20, 30, 32, 28]
    references = (REPOSITORY / "book" / "references.bib").read_text()
    assert all(f"{{{paper.cite}," in references for paper in papers)
    made = {}
    for path in (REPOSITORY / "book" / "recorded").glob("*/*/claims.json"):
        made.setdefault(path.parts[-3], []).extend(claim["id"] for claim in json.loads(path.read_text()))
    assert scorecard.unknown_ids(REPOSITORY, made) == []
