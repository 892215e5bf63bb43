"""Public functions under bad arguments: an error in words, never a raw one, never a number made of something else.

`functions.py` holds the functions with right arguments, `bad_inputs.py` what takes their place, one at a time.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
import warnings
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unitscope.errors import UnitscopeError

sys.path.insert(0, str(Path(__file__).parent))

from bad_inputs import ALLOW, POISON, REFUSE, Bad, bad_inputs, finite
from functions import Case, cases

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
    if bad.rule == POISON and finite(answer):
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
    TABLE[name].function(**TABLE[name].arguments)


@pytest.mark.parametrize("name", TABLE)
def test_bad_arguments_end_in_words(name):
    failures = [said for argument, bad in spoilt(TABLE[name]) if (said := attempt(TABLE[name], argument, bad))]
    assert not failures, "\n".join([f"{len(failures)} of {len(spoilt(TABLE[name]))}", *failures])


scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=9),
    st.binary(max_size=9),
    st.complex_numbers(),
    st.lists(st.one_of(st.integers(), st.floats(), st.none(), st.text(max_size=3)), max_size=5),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
DTYPES = [
    torch.float32,
    torch.float64,
    torch.float16,
    torch.int64,
    torch.int32,
    torch.uint8,
    torch.bool,
    torch.complex64,
]


@st.composite
def any_tensor(draw):
    """Tensors of any type, up to five axes of up to four entries, some of them no finite numbers."""
    shape = draw(st.lists(st.integers(0, 4), max_size=5))
    found = torch.randn(shape, generator=torch.Generator().manual_seed(draw(st.integers(0, 99)))) * draw(
        st.sampled_from([1.0, 0.0, 1e3])
    )
    return found.to(draw(st.sampled_from(DTYPES)))


def spoil_anything(data, name: str) -> None:
    """One random argument becomes something random: an error in words or an answer, never a raw error."""
    case = TABLE[name]
    argument = data.draw(st.sampled_from(sorted(case.arguments)))
    bad = Bad(
        "anything",
        ALLOW,
        data.draw(st.one_of(scalars.filter(lambda x: not isinstance(x, int) or abs(x) < 100), any_tensor())),
    )
    said = attempt(case, argument, bad)
    assert said is None, f"{said} for {bad.value!r}"


calm = {"deadline": None, "database": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


@settings(max_examples=150, **calm)
@given(st.data(), st.sampled_from(sorted(TABLE)))
def test_anything_at_all_ends_in_words(data, name):
    spoil_anything(data, name)


@pytest.mark.long
@pytest.mark.parametrize("name", TABLE)
@settings(max_examples=300, **calm)
@given(st.data())
def test_anything_at_all_ends_in_words_at_length(name, data):
    spoil_anything(data, name)


OTHERS = ("metrics.lpips", "metrics.statistics", "metrics.verdicts")  # tables and tests of their own
INSIDE = {  # called by functions of the table with what these have checked, batch after batch, or the checks themselves
    "extract.crops_of_units.choose_crop",
    "extract.crops_of_units.chosen_units",
    "extract.crops_of_units.strongest",
    "extract.crops_of_units.unit_boxes",
    "extract.one_channel.one_channel",
    "extract.one_channel.shifted",
    "extract.penultimate.last_linear",
    "extract.pairs.schedule",
    "extract.reducer.unseen",
    "extract.taps.device_of",
    "extract.taps.image_set",
    "extract.taps.peak_maps",
    "extract.taps.peak_name",
    "metrics.clusters.pooled_correlation",
    "extract.taps.to_device",
    "extract.taps.vision_model",
    "extract.unit_views.views",
    "metrics.interpretability.break_ties",
    "metrics.interpretability.checked",
    "metrics.interpretability.means",
    "metrics.parts.masked_regions.checked_masks",
    "metrics.similarity.judge_layers",
    "metrics.similarity.lpips_distances",
    "metrics.similarity.lpips_embedding",
    "metrics.similarity.perceptual",
    "metrics.similarity.perceptual_layers",
}


def test_every_public_function_of_extract_and_metrics_is_in_the_table():
    """A new function joins the table, or is named above with a reason."""
    known = {case.function for case in TABLE.values()} | {
        getattr(case.function, "__func__", None) for case in TABLE.values()
    }
    found = {
        f"{module.__name__.removeprefix('unitscope.')}.{name}": value
        for floor in ("extract", "metrics")
        for module in modules(floor)
        for name, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__ and not name.startswith("_")
    }
    missing = {name for name, value in found.items() if value not in known and not name.startswith(OTHERS)}
    assert missing == INSIDE


def modules(floor: str):
    """Every module of a floor."""
    package = importlib.import_module(f"unitscope.{floor}")
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        yield importlib.import_module(found.name)
