"""One cell of a sweep: run it wherever this is called, and say in plain values what became of it."""

from __future__ import annotations

import time

from unitscope.publish.run import ChapterFailed, Plan, finished_run, run


def run_cell(planned: Plan) -> dict:
    """Execute one planned run; never raises, so that one cell stops no other.

    Returns
    -------
    {"state", "reason", "seconds", "overhead"}: `seconds` are the notebook's own, `overhead` what this call took beside
    them; `reason` is one line where the cell failed.
    """
    started = time.monotonic()
    try:
        done = run(planned, bar=False)
    except ChapterFailed as failure:
        return failed(failure.reason or str(failure), time.monotonic() - started)
    except Exception as error:  # whatever it is, the other cells go on
        return failed(f"{type(error).__name__}: {error}", time.monotonic() - started)
    overhead = max(0.0, time.monotonic() - started - done.seconds) if done.executed else 0.0
    state = "finished" if done.executed else "skipped"
    return {"state": state, "reason": "", "seconds": done.seconds, "overhead": overhead}


def failed(reason: str, seconds: float = 0.0) -> dict:
    """The outcome of a cell that failed, with its reason in one line."""
    return {"state": "failed", "reason": " ".join(reason.split()), "seconds": seconds, "overhead": 0.0}


def is_done(planned: Plan) -> bool:
    """Whether a finished run has this plan's content key, so that no worker need be asked."""
    return finished_run(planned) is not None
