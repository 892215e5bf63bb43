"""All chapters of a book that changed, side by side in processes of their own."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from unitscope.publish.processes import default_jobs, on_this_machine
from unitscope.publish.run import ChapterFailed, Plan, Run, finished_run, gather_claims, plan
from unitscope.publish.sources import chapters

LONGEST_FIRST = ("linking", "pure", "rosetta", "rosetta_editing", "ground_truth", "directions", "zoo")


def execute_all(
    root: Path, preset: str, tell: Callable[[str], None], force: bool = False, jobs: int | None = None
) -> list[Run]:
    """Execute every chapter whose content key changed; one that fails does not stop the others.

    Every plan is checked before the first kernel starts.

    Parameters
    ----------
    tell : takes one line when a chapter starts and one when it ends.
    jobs : how many chapters run side by side; by default as cores and free memory allow.

    Raises
    ------
    ChapterFailed
        After the last chapter, with one line for each that failed.
    """
    plans = {chapter: plan(root, chapter, preset) for chapter in chapters(root)}
    runs = {} if force else {name: done for name, planned in plans.items() if (done := finished_run(planned))}
    for name, done in runs.items():
        tell(f"{name}: unchanged, {len(done.claims)} claims")
    left, failures, started = in_order({name: plans[name] for name in plans if name not in runs}), {}, time.monotonic()
    side_by_side = min(jobs or default_jobs(), max(1, len(left)))
    with closing(on_this_machine(left, side_by_side, force, tell)) as coming:
        for name, outcome in coming:
            if outcome["state"] == "failed":
                failures[name] = outcome["message"]
                tell(f"{name}: failed after {outcome['seconds']:.0f} s")
            else:
                runs[name] = replace(finished_run(plans[name]), executed=outcome["state"] == "finished")
                tell(f"{name}: executed in {outcome['seconds']:.0f} s, {len(runs[name].claims)} claims")
    if left:
        tell(f"{len(left)} chapters in {time.monotonic() - started:.0f} s, {side_by_side} side by side")
    gather_claims(root, preset)
    if failures:
        raise ChapterFailed("\n".join(failures[name] for name in plans if name in failures))
    return [runs[name] for name in plans]


def in_order(plans: dict[str, Plan]) -> dict[str, Plan]:
    """The longest first, so that none is left to run alone at the end; unknown ones before all, as they may be long."""
    rank = {name: number for number, name in enumerate(LONGEST_FIRST)}
    return dict(sorted(plans.items(), key=lambda item: rank.get(item[0], -1)))
