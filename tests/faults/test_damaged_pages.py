"""An executed notebook that is not what was written is named, is executed again, and lends no number to any page."""

import json
import random
import shutil
import warnings

import pytest
from unitscope.errors import UnitscopeError
from unitscope.files import read_json
from unitscope.publish import run as module
from unitscope.publish.executed import WHOLE, Damaged, WholeFiles, read_executed, write_executed
from unitscope.publish.run import finished_chapters, finished_run, gather_claims, plan, run
from unitscope.publish.sources import read_notebook

from ..publish.conftest import make_toy


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A toy book of which one chapter was executed, its plan, and the finished run."""
    root = make_toy(tmp_path_factory.mktemp("executed") / "toy")
    planned = plan(root, "second")
    return root, planned, run(planned)


@pytest.fixture
def fresh(executed):
    """The same, with the executed notebook put back after the test."""
    path = executed[2].notebook
    whole = path.read_bytes()
    yield executed
    path.write_bytes(whole)


def flipped(whole: bytes, chance: random.Random) -> bytes:
    """The same bytes with one bit turned over."""
    place = chance.randrange(len(whole))
    return whole[:place] + bytes([whole[place] ^ 1 << chance.randrange(8)]) + whole[place + 1 :]


def seen(planned, done, older):
    """Whether a run that is not whole was noticed; what is accepted must be what was written."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = finished_run(planned)
    if found is not None:
        assert found.claims == done.claims and read_executed(done.notebook) == older
        return False
    assert str(done.notebook) in str(told[0].message) and "executed again" in str(told[0].message)
    return True


@pytest.mark.parametrize("amount", [40, pytest.param(400, marks=pytest.mark.long)])
def test_a_flipped_bit_is_noticed_or_without_effect(fresh, amount):
    _, planned, done = fresh
    whole, older, noticed = done.notebook.read_bytes(), read_executed(done.notebook), 0
    chance = random.Random(amount)
    for _ in range(amount):
        done.notebook.write_bytes(flipped(whole, chance))
        noticed += seen(planned, done, older)
    assert noticed > amount / 2  # the rest fell on blanks between the entries of the JSON


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"null", b"3", b'{"metadata": []}', b"\xff\xfe{}", b"[" * 100_000]
)
def test_what_is_no_notebook_is_noticed(fresh, content):
    root, planned, done = fresh
    done.notebook.write_bytes(content)
    assert seen(planned, done, None)
    with pytest.warns(UserWarning, match="second.ipynb is damaged.*unitscope run second"):
        assert finished_chapters(root, "embedded") == {}
    with pytest.raises(UnitscopeError, match="second.ipynb"):
        read_notebook(done.notebook)


def test_a_cut_notebook_is_noticed_wherever_it_is_cut(fresh):
    _, planned, done = fresh
    whole = done.notebook.read_bytes()
    for share in range(1, 20):
        done.notebook.write_bytes(whole[: len(whole) * share // 20])
        assert seen(planned, done, None)


def test_a_claim_that_was_changed_by_hand_is_noticed(fresh):
    _, planned, done = fresh
    text, stated = done.notebook.read_text(), f'"state": "{done.claims[0]["state"]}"'
    assert stated in text and "untested" not in stated
    done.notebook.write_text(text.replace(stated, '"state": "untested"'))
    assert seen(planned, done, None)


def test_a_damaged_notebook_is_executed_again_without_being_told_to(fresh, monkeypatch):
    root, planned, done = fresh
    done.notebook.write_bytes(done.notebook.read_bytes()[:-100])
    started = []
    execute = module.execute
    monkeypatch.setattr(module, "execute", lambda *given: started.append(given) or execute(*given))
    with pytest.warns(UserWarning, match="executed again"):
        again = run(planned)
    assert len(started) == 1 and again.executed and again.claims == done.claims
    assert read_json(gather_claims(root, "embedded")) == done.claims


def test_one_damaged_chapter_does_not_stop_another(fresh, tmp_path):
    root = shutil.copytree(fresh[0], tmp_path / "toy")
    (root / "_build" / "embedded" / "chapters" / "first.ipynb").write_bytes(b"\x80")
    with pytest.warns(UserWarning, match="first.ipynb is damaged"):
        assert read_json(gather_claims(root, "embedded")) == fresh[2].claims


def test_a_sealed_notebook_comes_back_as_it_was(fresh, tmp_path):
    notebook = read_executed(fresh[2].notebook)
    notebook.cells[0].source = "# Zwölf\n\nx"
    write_executed(notebook, tmp_path / "a.ipynb")
    notebook.metadata["unitscope"].pop("seal")
    back = read_executed(tmp_path / "a.ipynb")
    back.metadata["unitscope"].pop("seal")
    assert back == notebook == {**read_notebook(tmp_path / "a.ipynb"), "metadata": notebook.metadata}


def test_a_notebook_without_a_seal_is_not_trusted(fresh, tmp_path):
    content = read_json(fresh[2].notebook)
    del content["metadata"]["unitscope"]["seal"]
    (tmp_path / "a.ipynb").write_text(json.dumps(content))
    with pytest.raises(Damaged, match="a.ipynb is damaged"):
        read_executed(tmp_path / "a.ipynb")


def test_what_a_killed_run_left_goes_when_nothing_is_left_to_do(fresh):
    running = fresh[2].notebook.with_suffix(".running.ipynb")
    running.write_text("{")
    assert not run(fresh[1]).executed and not running.exists()


def test_a_running_notebook_is_never_half_written(tmp_path, monkeypatch):
    path = tmp_path / "a.running.ipynb"
    WholeFiles().write("older", f"{WHOLE}{path}")

    def dies(self, text, **how):
        with self.open("w") as file:
            file.write(text[: len(text) // 2])
        raise KeyboardInterrupt

    monkeypatch.setattr(type(path), "write_text", dies)
    with pytest.raises(KeyboardInterrupt):
        WholeFiles().write("newer and longer", f"{WHOLE}{path}")
    assert path.read_text() == "older" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b'{"a": 1,}', b"[" * 100_000])
def test_damaged_json_is_named(tmp_path, content):
    (tmp_path / "results.json").write_bytes(content)
    with pytest.raises(UnitscopeError, match="results.json is damaged"):
        read_json(tmp_path / "results.json")
