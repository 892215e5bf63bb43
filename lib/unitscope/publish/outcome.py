"""One planned run wherever it is called, and in plain values what became of it."""

from __future__ import annotations

import time
from collections.abc import Callable

from unitscope.publish.faults import in_words
from unitscope.publish.run import ChapterFailed, KernelDied, Plan, finished_run, run

ATTEMPTS = 3  # a kernel or a process can be killed for what its neighbours did; one that always dies is at fault


def run_cell(planned: Plan, force: bool = False, tell: Callable[[str], None] = lambda line: None) -> dict:
    """Execute one planned run; never raises, so that one cell stops no other. A killed kernel is replaced.

    Returns
    -------
    {"state", "reason", "message", "seconds", "overhead"}: `seconds` are the notebook's own, `overhead` what this call
    took beside them; `reason` is one line where the cell failed, `message` the same with the notebook's place.
    """
    started = time.monotonic()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            done = run(planned, force, bar=False, tell=tell)
        except KernelDied as failure:
            if attempt < ATTEMPTS:
                tell(f"{planned.chapter}: its kernel died, it is run again ({attempt + 1} of {ATTEMPTS})")
                continue
            reason = f"in {ATTEMPTS} attempts, the last time {failure.reason}"
            return failed(reason, time.monotonic() - started, f"chapter {planned.chapter!r} failed {reason}")
        except ChapterFailed as failure:
            return failed(failure.reason or str(failure), time.monotonic() - started, str(failure))
        except (OSError, MemoryError) as error:
            return failed(in_words(error), time.monotonic() - started)
        except Exception as error:  # whatever it is, the other cells go on
            return failed(f"{type(error).__name__}: {error}", time.monotonic() - started)
        overhead = max(0.0, time.monotonic() - started - done.seconds) if done.executed else 0.0
        state = "finished" if done.executed else "skipped"
        return {"state": state, "reason": "", "message": "", "seconds": done.seconds, "overhead": overhead}


def failed(reason: str, seconds: float = 0.0, message: str = "") -> dict:
    """The outcome of a cell that failed, with its reason in one line."""
    reason = " ".join(reason.split())
    return {"state": "failed", "reason": reason, "message": message or reason, "seconds": seconds, "overhead": 0.0}


def is_done(planned: Plan) -> bool:
    """Whether a finished run has this plan's content key, so that no worker need be asked."""
    return finished_run(planned) is not None
