"""Claims are checked at the door, and what a notebook carries is what was claimed."""

import json

import numpy as np
import pytest
import torch

from unitscope.errors import UnitscopeError
from unitscope.publish import claims
from unitscope.publish.claims import Card, check, claim


def made(**changes):
    given = {"id": "C1", "statement": "a < b", "paper": None, "ours": None, "interval": None, "holds": True}
    return check(**{**given, "reason": None, "panel": None, **changes})


def test_values_of_numpy_and_torch_become_plain():
    record = made(ours=np.float32(0.5), paper=torch.tensor(3), interval=np.array([0.25, 0.75]), holds=np.bool_(False))
    assert json.loads(json.dumps(record)) == {
        "id": "C1", "panel": None, "statement": "a < b", "paper": 3, "ours": 0.5, "interval": [0.25, 0.75],
        "holds": False, "reason": None,
    }  # fmt: skip
    assert type(record["holds"]) is bool


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"id": ""}, "id is a letter"),
        ({"id": "C 1"}, "id is a letter"),
        ({"id": '"><script>'}, "id is a letter"),
        ({"statement": "  "}, "needs a statement"),
        ({"holds": "yes"}, "True, False or None"),
        ({"holds": 1}, "True, False or None"),
        ({"holds": None}, "say in `reason`"),
        ({"ours": float("nan")}, "ours is nan"),
        ({"paper": float("inf")}, "paper is inf"),
        ({"ours": [1, 2]}, "number or a short text"),
        ({"interval": (2, 1)}, "low <= high"),
        ({"interval": (1, 2, 3)}, "low <= high"),
        ({"interval": ("a", "b")}, "low <= high"),
        ({"interval": (0, float("nan"))}, "interval is nan"),
    ],
)
def test_an_unusable_claim_says_what_is_wrong(changes, message):
    with pytest.raises(UnitscopeError, match=message):
        made(**changes)


def test_the_card_shows_every_fact_and_no_markup_of_the_writer():
    card = Card(made(statement="a < b & <b>c</b>", paper=5.85, ours=5.91234, interval=(5.8, 6), reason="few images"))
    html = card._repr_html_()
    assert "a &lt; b &amp; &lt;b&gt;c&lt;/b&gt;" in html and "<b>c" not in html
    assert "paper: 5.85 · ours: 5.912 [5.8, 6] · few images" in html
    assert repr(card) == "holds (paper: 5.85 · ours: 5.912 [5.8, 6] · few images)"


def test_verdicts_differ_in_word_and_colour():
    cards = [Card(made(holds=holds, reason="x"))._repr_html_() for holds in (True, False, None)]
    assert len({card.split("border-left:5px solid ")[1][:7] for card in cards}) == 3
    assert [word in card for word, card in zip(("holds", "does not hold", "not tested"), cards)] == [True] * 3


def test_claim_shows_and_glues(monkeypatch):
    shown, glued = [], {}
    monkeypatch.setattr(claims, "display", lambda data, raw: shown.append(data))
    monkeypatch.setattr(claims, "glue", lambda name, value, display: glued.update({name: value}))
    claim("C1", "a < b", holds=False)
    assert shown[0][claims.MIME]["holds"] is False
    assert repr(glued["claim-C1"]) == "does not hold"
