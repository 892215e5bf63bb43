"""Parameters are checked against the notebook before a kernel could start."""

import nbformat
import pytest
from unitscope.errors import UnitscopeError
from unitscope.publish.parameters import check, declared, parse
from unitscope.publish.sources import read_notebook

DEFAULTS = {"count": 3, "scale": 1.5, "name": "a", "flags": ["x"], "fast": True, "limit": None}


def notebook(*sources: str) -> nbformat.NotebookNode:
    cells = [nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]}) for source in sources]
    return nbformat.v4.new_notebook(cells=cells)


def test_declared_reads_plain_and_annotated_lines(toy):
    assert declared(read_notebook(toy / "book" / "first.ipynb"), "first") == {
        "count": 3, "scale": 1.5, "name": "a", "flags": ["x"],
    }  # fmt: skip
    assert declared(notebook("a: int = -1\nb = None  # remark"), "x") == {"a": -1, "b": None}


@pytest.mark.parametrize("source", ["a = 1 + 1", "import os", "a = [i for i in range(3)]", "a, b = 1, 2", "a: int"])
def test_a_parameters_cell_holds_plain_values_only(source):
    with pytest.raises(UnitscopeError, match="plain value"):
        declared(notebook(source), "x")


@pytest.mark.parametrize("cells", [(), ("a = 1", "b = 2")])
def test_there_is_one_parameters_cell(cells):
    with pytest.raises(UnitscopeError, match="exactly one cell"):
        declared(notebook(*cells), "x")


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(UnitscopeError, match="unknown parameter 'cuont'; did you mean 'count'"):
        check("x", {"cuont": 1}, DEFAULTS)


@pytest.mark.parametrize(
    "name, value", [("count", "3"), ("count", 3.0), ("count", True), ("fast", 1), ("name", 3), ("flags", "x")]
)
def test_a_value_of_another_type_is_refused(name, value):
    with pytest.raises(UnitscopeError, match=f"parameter '{name}' of chapter 'x' takes"):
        check("x", {name: value}, DEFAULTS)


def test_a_whole_number_is_a_float_and_nothing_stands_for_anything():
    checked = check("x", {"scale": 2, "limit": 7}, DEFAULTS)
    assert checked == {"scale": 2.0, "limit": 7} and type(checked["scale"]) is float


def test_parse_reads_each_text_in_the_declared_type():
    texts = ["count=12", "scale=2", "name=3", "flags=['a', 'b']", "fast=false", "limit=0.5"]
    assert parse("x", texts, DEFAULTS) == {
        "count": 12, "scale": 2.0, "name": "3", "flags": ["a", "b"], "fast": False, "limit": 0.5,
    }  # fmt: skip


def test_a_text_may_hold_an_equals_sign():
    assert parse("x", ["name=folder:/a=b"], DEFAULTS) == {"name": "folder:/a=b"}


@pytest.mark.parametrize("text, message", [("count", "name=value"), ("count=many", "takes int"), ("=3", "unknown")])
def test_parse_refuses_what_it_cannot_read(text, message):
    with pytest.raises(UnitscopeError, match=message):
        parse("x", [text], DEFAULTS)


def test_a_list_takes_networks_with_weights_of_their_own():
    given = ["a", "b@c.pt", {"name": "python:net.py:build", "weights": "last.pt"}]
    assert check("x", {"flags": given}, DEFAULTS) == {"flags": given}


@pytest.mark.parametrize(
    "entry, message",
    [
        ({"name": "a", "wieghts": "b"}, "unknown key of a network 'wieghts'; did you mean 'weights'"),
        ({"weights": "b"}, "a network is {name: ..., weights: ...}"),
        ({"name": "a\0b"}, "NUL"),
    ],
)
def test_any_other_mapping_in_a_list_is_refused_by_the_parameters_name(entry, message):
    with pytest.raises(UnitscopeError, match="parameter 'flags' of chapter 'x'.*" + message):
        check("x", {"flags": [entry]}, DEFAULTS)
