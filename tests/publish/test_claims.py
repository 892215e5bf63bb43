"""Claims stand once in the book's list; what a notebook carries is its line of the list and the verdict."""

import json
import re

import numpy as np
import pytest
import torch
from unitscope.errors import UnitscopeError
from unitscope.metrics import verdicts
from unitscope.metrics.verdict import STATES, Verdict
from unitscope.publish import claims
from unitscope.publish.claims import Card, Claim, badge, chapter_claims, read_claims, record

LINE = Claim("C1", "a < b & <b>c</b>", panel="Fig. 1", paper=5.85)
LIST = """
- paper: Toys
  cite: toy2024
  chapters: [first, third]
  claims:
    C1: {panel: Fig. 2, paper: 2, over: toys, statement: "In {layer} sums grow."}
  own:
    X1: {statement: Ours.}
"""


def made(**changes):
    return record("first", LINE, Verdict(**{"state": "holds", "ours": 5.91234, "interval": (5.8, 6), **changes}))


@pytest.fixture
def listed(tmp_path, monkeypatch):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "claims.yaml").write_text(LIST)
    monkeypatch.chdir(tmp_path / "book")
    return tmp_path


@pytest.fixture
def shown(monkeypatch):
    """What is displayed and glued, without a notebook."""
    found = {"shown": [], "glued": {}}
    monkeypatch.setattr(claims, "display", lambda data, raw: found["shown"].append(data))
    monkeypatch.setattr(claims, "glue", lambda name, value, display: found["glued"].update({name: value}))
    return found


def test_values_of_numpy_and_torch_become_plain():
    found = made(ours=np.float32(0.5), interval=np.array([0.25, 0.75]), detectable=torch.tensor(0.25))
    assert json.loads(json.dumps(found)) == {
        "id": "C1", "chapter": "first", "panel": "Fig. 1", "statement": "a < b & <b>c</b>", "paper": 5.85, "own": False,
        "state": "holds", "ours": 0.5, "interval": [0.25, 0.75], "detectable": 0.25, "samples": None, "reason": None,
        "parts": {},
    }  # fmt: skip


def test_the_card_shows_every_fact_and_no_markup_of_the_writer():
    card = Card(made(reason="few <images>", samples="32 units"))
    html = card._repr_html_()
    assert "a &lt; b &amp; &lt;b&gt;c&lt;/b&gt;" in html and "<b>c" not in html and "&lt;images&gt;" in html
    assert "paper: 5.85 · ours: 5.912 [5.8, 6] · 32 units" in html
    assert repr(card) == "holds (paper: 5.85 · ours: 5.912 [5.8, 6] · 32 units · few <images>)"


def test_only_an_undecided_claim_says_what_would_have_been_seen():
    told = "a sample like this shows effects from 0.25 on"
    assert told in repr(Card(made(state="undecided", detectable=0.25)))
    assert told not in repr(Card(made(detectable=0.25)))


def test_a_compound_claim_lists_its_parts_with_their_states():
    parts = {"layer <1>": Verdict("holds", 0.5), "layer 2": verdicts.untested("no weights")}
    html = Card(record("first", LINE, verdicts.every(parts)))._repr_html_()
    assert "2 parts" in html and "layer &lt;1&gt;" in html and "no weights" in html and html.count("✓ holds") == 0
    assert re.search(r"✓</span> holds.*–</span> untested", html, re.DOTALL)


def test_states_differ_in_word_sign_colour_and_shape():
    badges = [badge(state) for state in (*STATES, claims.OLD)]
    assert (
        len(
            {
                re.search(r"border-radius:([^;\"]+)", one)[1]
                + re.search(r"border:2px (\w+)", one)[1]
                + str("background" in one)
                for one in badges
            }
        )
        == 5
    )
    assert len({claims.GLYPHS[state] for state in (*STATES, claims.OLD)}) == 5
    assert all(state in one for state, one in zip(STATES, badges, strict=False))


def test_a_chapter_shows_and_glues_the_claims_of_its_list(listed, shown):
    claim = chapter_claims("third")
    claim("C1", verdicts.counted(3, True), layer="layer4")
    claim("X1", verdicts.untested("no data"))
    first, second = (data[claims.MIME] for data in shown["shown"])
    assert first["statement"] == "In layer4 sums grow." and first["paper"] == 2 and first["chapter"] == "third"
    assert (first["own"], second["own"], second["state"]) == (False, True, "untested")
    assert repr(shown["glued"]["claim-X1"]) == "untested (no data)"


def test_what_the_list_does_not_know_is_refused(listed, shown, tmp_path, monkeypatch):
    with pytest.raises(UnitscopeError, match="did you mean 'first'"):
        chapter_claims("frst")
    claim = chapter_claims("first")
    with pytest.raises(UnitscopeError, match="did you mean 'C1'"):
        claim("C11", verdicts.counted(3, True), layer="a")
    with pytest.raises(UnitscopeError, match="needs a Verdict"):
        claim("X1", {"holds": True})
    with pytest.raises(UnitscopeError, match="has a place for 'layer'"):
        claim("C1", verdicts.counted(3, True))
    (tmp_path / "book" / "claims.yaml").unlink()
    with pytest.raises(UnitscopeError, match="no claims.yaml in"):
        chapter_claims("first")
    assert not shown["shown"]


@pytest.mark.parametrize(
    "text, message",
    [
        ("- paper: A", "has `paper`, `chapters`"),
        ("- [1, 2]", "has `paper`, `chapters`"),
        ("{a: [", "has `paper`, `chapters`"),
        ("- {paper: A, chapters: [], claims: {C1: {panel: x}}}", "claim C1 stands there once"),
        ("- {paper: A, chapters: [], claims: {C1: {statement: x, figure: 3}}}", "claim C1 stands there once"),
        (
            "- {paper: A, chapters: [], claims: {C1: {statement: x}}, own: {C1: {statement: y}}}",
            "claim C1 stands there once",
        ),
    ],
)
def test_a_list_of_another_form_is_refused(tmp_path, text, message):
    (tmp_path / "claims.yaml").write_text(text)
    with pytest.raises(UnitscopeError, match=message):
        read_claims(tmp_path / "claims.yaml")


def test_a_record_from_before_the_four_states_is_marked():
    older = {
        "id": "C1",
        "panel": None,
        "statement": "a",
        "paper": None,
        "ours": 1.0,
        "interval": None,
        "holds": True,
        "reason": None,
    }
    assert claims.state_of(older) == claims.OLD and claims.held(older) is True
    assert "old rule" in Card(older)._repr_html_()
    assert claims.held(made()) is True and claims.held(made(state="undecided")) is False
    assert claims.held(record("first", LINE, verdicts.untested("x"))) is None
