"""Whatever is typed, the command line answers in words: never with a traceback, and it writes nothing outside."""

import traceback

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner
from unitscope.errors import UnitscopeError
from unitscope.publish import cli

from ..publish.conftest import make_toy

TEXTS = st.one_of(
    st.text(max_size=30),
    st.sampled_from(
        [
            "second",
            "embedded",
            "toy",
            "../x",
            "/",
            "\0",
            "\udcff",
            "a" * 300,
            "x" * 100_000,
            "-1",
            "1e999",
            "é" * 200,
            "[[",
            "{}",
            "",
            " ",
        ]
    ),
)
VALUES = st.one_of(
    TEXTS,
    st.integers().map(str),
    st.floats().map(str),
    st.sampled_from(["[" * 500, "9" * 5000, "[1, 'a']", "None", "{1: 2}", "1j", "b'x'"]),
)
ASSIGNMENT = st.one_of(
    TEXTS, st.builds("{}={}".format, st.sampled_from(["seed", "sed", "", "images", "count"]), VALUES)
)
COMMANDS = st.one_of(
    st.builds(lambda name, *given: ["run", name, *given], TEXTS, st.just("--preset"), TEXTS),
    st.builds(lambda value: ["run", "second", "-p", value], ASSIGNMENT),
    st.builds(lambda name, value: ["run", name, "-p", value], TEXTS, ASSIGNMENT),
    st.builds(lambda value: ["run", "second", "--record", value], TEXTS),
    st.builds(lambda name, value: ["sweep", name, "--shard", value], TEXTS, TEXTS),
    st.builds(lambda name, value: ["sweep", name, "-j", value], TEXTS, VALUES),
    st.builds(lambda value: ["book", "--preset", value], TEXTS.filter(lambda text: text != "embedded")),
    st.lists(TEXTS, max_size=4).filter(lambda words: "book" not in words and "zoo" not in words),
)
ANSWERS = (UnitscopeError, OSError, MemoryError, SystemExit)  # `main` turns the first three into one message
QUIET = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]}


@pytest.fixture(scope="module")
def inside(tmp_path_factory):
    """A toy book, and a run that starts no kernel."""
    root = make_toy(tmp_path_factory.mktemp("typed") / "toy")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr(
            cli,
            "run_planned",
            lambda planned, force, tell: (_ for _ in ()).throw(UnitscopeError("a run would start here")),
        )
        yield root


def answered(words: list[str]) -> None:
    """The command ended with a message, a status or nothing, not with an error of Python's."""
    done = CliRunner().invoke(cli.app, words)
    if done.exception is not None and not isinstance(done.exception, ANSWERS):
        raise AssertionError(f"{words!r}: " + "".join(traceback.format_exception(done.exception)))


@settings(max_examples=60, derandomize=True, **QUIET)
@given(COMMANDS)
def test_whatever_is_typed_is_answered_in_words(inside, words):
    answered(words)


@pytest.mark.long
@settings(max_examples=2000, **QUIET)
@given(COMMANDS)
def test_whatever_is_typed_is_answered_in_words_at_length(inside, words):
    answered(words)


TREES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(["second", "seed", "embedded"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(st.text(max_size=5), st.integers()), inner, max_size=3)
    ),
    max_leaves=6,
)
KEYS = ("chapter", "title", "about", "preset", "parameters", "grid", "seeds", "axes", "gpu")
SWEEPS = st.builds(
    lambda changes: {
        "chapter": "second",
        "grid": {"a": [{"seed": 1}]},
        "axes": {"model": "seed", "layer": "seed"},
        **changes,
    },
    st.dictionaries(st.sampled_from(KEYS), TREES, max_size=3),
)


@settings(max_examples=80, derandomize=True, **QUIET)
@given(st.one_of(SWEEPS, TREES))
def test_whatever_a_sweep_file_holds_is_answered_in_words(inside, content):
    import yaml
    from unitscope.publish.sweep import read_sweep

    (inside / "book" / "sweeps" / "odd.yaml").write_text(yaml.safe_dump(content, allow_unicode=False), encoding="utf-8")
    try:
        read_sweep(inside, "odd").plans(inside)
    except UnitscopeError:
        pass


@settings(max_examples=40, derandomize=True, **QUIET)
@given(st.binary(max_size=40))
def test_whatever_bytes_a_sweep_file_holds_are_answered_in_words(inside, content):
    from unitscope.publish.sweep import read_sweep

    (inside / "book" / "sweeps" / "odd.yaml").write_bytes(content)
    with pytest.raises(UnitscopeError):
        read_sweep(inside, "odd")
