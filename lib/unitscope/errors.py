"""The one kind of error that the library raises for a caller's mistake."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST_LIST = 40
LONGEST_VALUE = 80  # characters of a value that a message repeats
IRREGULAR = {"axis": "axes", "species": "species"}


class UnitscopeError(ValueError):
    """A caller's mistake: the message says what was needed, what came and what to do next.

    >>> import unitscope as us
    >>> try:
    ...     us.load_dataset("criters/test")
    ... except us.UnitscopeError as error:
    ...     print(str(error).split(";")[0])
    unknown dataset 'criters/test'

    It is a ValueError.
    """


class MissingWeights(UnitscopeError):
    """Weights that are not there: no file, none in a cache, none within reach. Files that are wrong are no such
    error.
    """


def unknown(kind: str, got: object, valid: Iterable[str], hint: str = "") -> UnitscopeError:
    """An error for a name that does not exist; the caller raises it.

    Parameters
    ----------
    kind : what the name stands for, singular ("layer", "dataset").
    got : the name that came.
    valid : every name that is taken; the nearest one is proposed, whatever its case.
    hint : a closing sentence, when the list alone does not help.
    """
    names = [str(name) for name in valid]
    close = nearest(str(got), names)
    guess = "" if close is None else f" did you mean {close!r}?"
    shown = ", ".join(names[:LONGEST_LIST]) or "there are none"
    if len(names) > LONGEST_LIST:
        shown += f", ... ({len(names)} in all)"
    listed = f"{plural(kind)}: {shown}."
    return UnitscopeError(f"unknown {kind} {shortened(got)};{guess} {listed} {hint}".rstrip())


def nearest(got: str, names: Iterable[str]) -> str | None:
    """The name most like `got`, regardless of case; None if none is like it."""
    by_lower: dict[str, str] = {}
    for name in names:
        by_lower.setdefault(name.lower(), name)
    found = get_close_matches(got[:LONGEST_VALUE].lower(), by_lower, n=1, cutoff=0.5)
    return by_lower[found[0]] if found else None


def plural(noun: str) -> str:
    """The plural of a noun whose last word counts: "zoo key" -> "zoo keys", "class" -> "classes"."""
    *before, last = noun.split(" ")
    if last in IRREGULAR:
        last = IRREGULAR[last]
    elif last.endswith("y") and last[-2:-1] not in "aeiou":
        last = f"{last[:-1]}ies"
    elif last.endswith(("s", "x", "ch", "sh")):
        last += "es"
    else:
        last += "s"
    return " ".join([*before, last])


def shortened(value: object) -> str:
    """`repr` of a value on one line, cut to what a message can hold."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a repr that fails must not hide the error that is being written
        text = f"a {type(value).__name__}"
    return text if len(text) <= LONGEST_VALUE else f"{text[: LONGEST_VALUE - 4]} ..."
