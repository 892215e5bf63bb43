"""Do kernels that start side by side ever fail? Pairs of them, by the sweep's own code; the bar is no failure.

    python bench/kernel_starts.py [PAIRS]

Every cell of a sweep over a chapter of one line starts a kernel, two cells at a time. A line of JSON is printed:
{pairs, failures, started_again, seconds, left_behind}. Over tcp 0.18 % of pairs failed.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from nbformat import v4, write
from unitscope.publish.kernel import PREFIX
from unitscope.publish.sweep import read_sweep, run_sweep

PAIRS = 300


def make_book(root: Path, pairs: int) -> None:
    """A root with one chapter, and a sweep of twice as many cells as pairs."""
    for folder in ("book/presets", "book/sweeps", "lib"):
        (root / folder).mkdir(parents=True)
    (root / "_toc.yml").write_text("format: jb-book\nroot: book/starts\n")
    (root / "book" / "presets" / "embedded.yaml").write_text("{}\n")
    values = v4.new_code_cell('model = "a"\nlayer = "x"\nseed = 0')
    values.metadata["tags"] = ["parameters"]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    write(
        v4.new_notebook(cells=[values, v4.new_code_cell("seed + 1")], metadata=kernel), root / "book" / "starts.ipynb"
    )
    grid = {"chapter": "starts", "grid": {"a": ["x"]}, "seeds": list(range(2 * pairs))}
    (root / "book" / "sweeps" / "starts.yaml").write_text(json.dumps(grid))


def main(pairs: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        root, told = Path(place) / "root", []
        make_book(root, pairs)
        before, start = set(Path(tempfile.gettempdir()).glob(f"{PREFIX}*")), time.monotonic()
        cells = run_sweep(
            root,
            read_sweep(root, "starts"),
            jobs=2,
            tell=lambda line: (told.append(line), print(line, file=sys.stderr, flush=True)),
        )
        seconds = time.monotonic() - start
    failures = [cell["reason"] for cell in cells if cell["state"] != "finished"]
    again = [line for line in told if "it is run again" in line]
    # what this process itself holds goes when it ends; a kernel's folder must be gone already
    left = [
        path.name for path in set(Path(tempfile.gettempdir()).glob(f"{PREFIX}*")) - before if any(path.glob("*.json"))
    ]
    print(
        json.dumps(
            {
                "pairs": pairs,
                "failures": len(failures),
                "started_again": len(again),
                "seconds": round(seconds),
                "left_behind": len(left),
            }
        )
    )
    for reason in failures:
        print(reason)


if __name__ == "__main__":  # processes that start afresh import this file
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PAIRS)
