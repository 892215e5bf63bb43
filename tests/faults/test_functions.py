"""Public functions under bad arguments: an error in words, never a raw one, never a number made of something else.

`functions.py` holds the functions with right arguments, `bad_inputs.py` what takes their place, one at a time.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from unitscope.errors import UnitscopeError

sys.path.insert(0, str(Path(__file__).parent))

from bad_inputs import ALLOW, POISON, REFUSE, Bad, bad_inputs, finite  # noqa: E402
from functions import Case, cases  # noqa: E402

TABLE = {case.name: case for case in cases()}


def attempt(case: Case, argument: str, bad: Bad) -> str | None:
    """What went wrong with one bad argument; None if nothing did."""
    arguments = {**case.arguments, argument: bad.value}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            answer = case.function(**arguments)
    except UnitscopeError as error:
        return None if len(str(error)) < 2000 else f"{argument}: {bad.name}: a message of {len(str(error))} characters"
    except BaseException as error:
        return f"{argument}: {bad.name}: raw {type(error).__name__}: {str(error).splitlines()[:1]}"
    if bad.rule == REFUSE:
        return f"{argument}: {bad.name}: taken without a word"
    if bad.rule == POISON and argument not in case.absorbs and finite(answer):
        return f"{argument}: {bad.name}: a finite answer"
    return None


def spoilt(case: Case) -> list[tuple[str, Bad]]:
    return [
        (argument, bad)
        for argument, valid in case.arguments.items()
        if argument not in case.free
        for bad in bad_inputs(valid, argument in case.none)
    ]


def test_the_table_is_as_large_as_promised():
    assert len(TABLE) >= 60
    few = {name: len(spoilt(case)) for name, case in TABLE.items() if len(spoilt(case)) < 25 and not case.free}
    assert not few


@pytest.mark.parametrize("name", TABLE)
def test_right_arguments_are_taken(name):
    case = TABLE[name]
    assert finite(case.function(**case.arguments)) or "parts" in name


@pytest.mark.parametrize("name", TABLE)
def test_bad_arguments_end_in_words(name):
    failures = [said for argument, bad in spoilt(TABLE[name]) if (said := attempt(TABLE[name], argument, bad))]
    assert not failures, "\n".join([f"{len(failures)} of {len(spoilt(TABLE[name]))}", *failures])
