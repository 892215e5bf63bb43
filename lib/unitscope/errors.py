"""The one kind of error that the library raises for a caller's mistake."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

LONGEST_LIST = 40


class UnitscopeError(ValueError):
    """A caller's mistake: the message says what was needed, what came and what to do next."""


def unknown(kind: str, got: object, valid: Iterable[str], hint: str = "") -> UnitscopeError:
    """An error for a name that does not exist; the caller raises it.

    Parameters
    ----------
    kind : what the name stands for, singular ("layer", "dataset").
    got : the name that came.
    valid : every name that is taken; the nearest one is proposed.
    hint : a closing sentence, when the list alone does not help.
    """
    names = [str(name) for name in valid]
    nearest = get_close_matches(str(got), names, n=1, cutoff=0.5)
    guess = f"; did you mean {nearest[0]!r}?" if nearest else ";"
    shown = ", ".join(names[:LONGEST_LIST])
    if len(names) > LONGEST_LIST:
        shown += f", ... ({len(names)} in all)"
    plural = f"{kind[:-1]}ies" if kind.endswith("y") else f"{kind}s" if not kind.endswith("s") else kind
    return UnitscopeError(f"unknown {kind} {got!r}{guess} {plural}: {shown}. {hint}".rstrip())
