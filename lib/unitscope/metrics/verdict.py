"""What a verdict is: a state and the figures behind it. `metrics.verdicts` makes them; pages and commands read them, so
this module loads neither torch nor scipy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from unitscope.errors import UnitscopeError

STATES = ("holds", "contradicted", "undecided", "untested")


@dataclass(frozen=True)
class Verdict:
    """What was found for one claim.

    Parameters
    ----------
    state : one of `STATES`.
    ours : our figure: a number, a short text, or None.
    interval : (low, high), the 95 % interval around a numeric `ours`, or None.
    detectable : the smallest distance from the threshold that a sample like this one shows with 80 % power, or None.
    samples : what the interval is taken over ("32 units"), or None.
    reason : why nothing was tested (then required), or a remark.
    parts : {name: Verdict} of a compound claim.

    Raises
    ------
    UnitscopeError
        If the state is unknown, a number is not finite, the interval is not low <= high, or a reason is missing.
    """

    state: str
    ours: float | str | None = None
    interval: tuple[float, float] | None = None
    detectable: float | None = None
    samples: str | None = None
    reason: str | None = None
    parts: Mapping[str, Verdict] = field(default_factory=dict)

    def __post_init__(self):
        if self.state not in STATES:
            raise UnitscopeError(f"a verdict's state is one of {', '.join(STATES)}, got {self.state!r}.")
        for name in ("ours", "detectable"):
            object.__setattr__(self, name, _plain(name, getattr(self, name)))
        if self.interval is not None:
            ends = tuple(_plain("interval", end) for end in self.interval)
            if len(ends) != 2 or not all(isinstance(end, (int, float)) for end in ends) or ends[0] > ends[1]:
                raise UnitscopeError(f"a verdict's interval must be two numbers, low <= high, got {self.interval!r}.")
            object.__setattr__(self, "interval", ends)
        if self.state == "untested" and not self.reason:
            raise UnitscopeError("an untested claim needs a `reason`: why can it not be tested here?")

    @property
    def holds(self) -> bool:
        return self.state == "holds"

    def but(self, **changes) -> Verdict:
        """The same state with another figure to show (`ours`), another `reason`, `samples` or `parts`."""
        if "state" in changes:
            raise UnitscopeError("`but` changes what a verdict shows, not its state.")
        return replace(self, **changes)

    def record(self) -> dict:
        """The verdict as JSON can hold it."""
        return asdict(self) | {
            "interval": list(self.interval) if self.interval else None,
            "parts": {name: part.record() for name, part in self.parts.items()},
        }


def _plain(name: str, value):
    """Scalars of numpy and torch become Python's own; NaN and infinity are refused."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, float) and not math.isfinite(value):
        raise UnitscopeError(f"a verdict's {name} is {value}; where nothing was measured, use `untested`.")
    if value is not None and not isinstance(value, (bool, int, float, str)):
        raise UnitscopeError(f"a verdict's {name} must be a number or a short text, got {type(value).__name__}.")
    return value
