"""Side-by-side speed: ours, the floor (the bare forward pass) and the peer (the literal or published way).

    python bench/run.py [--quick] [--threads N] [NAME ...]

Each row is a file of `bench/rows/` with one function, `prepare(quick) -> Row`. All three are timed in turn, several
times over, and the best time of each counts. On a busy machine take `--threads 1`: then processor time is
counted, not time on the clock (but in `photographs`, whose peer has processes of its own). A line of JSON is printed
for each row as it finishes, {name, ours_s, floor_s, peer_s, max_error, note}, and a table at the end.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from pathlib import Path

import torch

HERE = Path(__file__).parent
THREADS = 2
ROWS = sorted(path.stem for path in (HERE / "rows").glob("*.py"))


def seconds(work, wall: bool = False) -> float:
    alone = not wall and torch.get_num_threads() == 1 and not torch.cuda.is_available()
    clock = time.process_time if alone else time.perf_counter
    start = clock()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return clock() - start


def measure(name: str, quick: bool) -> dict:
    """Time one row; its error first, so that a wrong result is never timed."""
    row = importlib.import_module(f"rows.{name}").prepare(quick)
    error = row.error()
    works = {"ours_s": row.ours, "floor_s": row.floor, "peer_s": row.peer}
    best = dict.fromkeys(works, float("inf"))
    for turn in range(row.repeats):
        for key, work in works.items():
            if key == "peer_s" and turn >= row.peer_repeats:
                continue
            best[key] = min(best[key], seconds(work, row.wall))
    best["peer_s"] /= row.peer_share
    return {"name": name, **{key: round(value, 4) for key, value in best.items()}, "max_error": error, "note": row.note}


def table(results: list[dict]) -> str:
    head = f"{'row':<20}{'ours s':>9}{'floor s':>9}{'peer s':>9}{'ours/floor':>12}{'peer/ours':>11}"
    head += f"{'max error':>11}  note"
    lines = [
        f"{r['name']:<20}{r['ours_s']:>9.3f}{r['floor_s']:>9.3f}{r['peer_s']:>9.3f}"
        f"{r['ours_s'] / r['floor_s']:>12.2f}{r['peer_s'] / r['ours_s']:>11.1f}{r['max_error']:>11.1e}  {r['note']}"
        for r in results
    ]
    return "\n".join([head, *lines])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"rows to run, all by default: {', '.join(ROWS)}")
    parser.add_argument("--quick", action="store_true", help="small sizes, few repetitions")
    parser.add_argument("--threads", type=int, default=THREADS, help=f"threads of torch, {THREADS} by default")
    asked = parser.parse_args()
    strange = sorted(set(asked.names) - set(ROWS))
    if strange:
        parser.error(f"unknown row {', '.join(strange)}; rows: {', '.join(ROWS)}")
    torch.set_num_threads(asked.threads)
    sys.path.insert(0, str(HERE))
    results = []
    for name in asked.names or ROWS:
        results.append(measure(name, asked.quick))
        print(json.dumps(results[-1]), flush=True)
    print(table(results))


if __name__ == "__main__":
    main()
