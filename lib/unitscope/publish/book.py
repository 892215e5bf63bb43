"""All chapters executed where they changed, then rendered as pages that need no network.

    _build/PRESET/html/               the book; replaced only by a build without a warning
    _build/PRESET/.site/              jupyter-book's own folder, kept so that unchanged pages are not rendered again
    _build/PRESET/jupyter-book.log    what the last rendering printed
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from unitscope.errors import UnitscopeError
from unitscope.publish.run import DEFAULT_PRESET, ChapterFailed, Run, build_folder, gather_claims, plan, run
from unitscope.publish.sources import chapters

LAST_LINES = 9


def execute_all(root: Path, preset: str, tell: Callable[[str], None], force: bool = False) -> list[Run]:
    """Execute every chapter whose content key changed; one that fails does not stop the next.

    Every plan is checked before the first kernel starts.

    Raises
    ------
    ChapterFailed
        After the last chapter, with one line for each that failed.
    """
    plans = [plan(root, chapter, preset) for chapter in chapters(root)]
    runs, failures = [], []
    for planned in plans:
        try:
            runs.append(run(planned, force))
            done = f"executed in {runs[-1].seconds:.0f} s" if runs[-1].executed else "unchanged"
            tell(f"{planned.chapter}: {done}, {len(runs[-1].claims)} claims")
        except ChapterFailed as failure:
            failures.append(str(failure))
            tell(f"{planned.chapter}: failed")
    gather_claims(root, preset)
    if failures:
        raise ChapterFailed("\n".join(failures))
    return runs


def render(root: Path, preset: str) -> Path:
    """Render the finished chapters of a preset; every warning and every broken reference is an error.

    Returns
    -------
    The page to open. An older book stays where it is if the new one cannot be rendered.
    """
    folder = build_folder(root, preset)
    site, log = folder / ".site", folder / "jupyter-book.log"
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    command += ["build", str(root), "--path-output", str(site), "-n", "-W", "--keep-going"]
    folder.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as output:
        environment = {**os.environ, "UNITSCOPE_PRESET": preset}
        code = subprocess.run(command, env=environment, stdout=output, stderr=subprocess.STDOUT).returncode
    if code:
        shutil.rmtree(site, ignore_errors=True)  # else the next build would not read, nor warn of, the same page again
        raise UnitscopeError(f"the pages could not be rendered (the whole log: {log}):\n{complaints(log)}")
    return publish(site / "_build" / "html", folder / "html") / "index.html"


def complaints(log: Path) -> str:
    """The warnings and errors of a rendering; if there are none, the last of its lines outside of Python's traceback."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(encoding="utf-8", errors="replace"))
    warnings = [line for line in text.splitlines() if "WARNING" in line or "ERROR" in line]
    told = [line for line in text.splitlines() if re.match(r"\w", line) and not line.startswith("Traceback")]
    return "\n".join(warnings or told[-LAST_LINES:])


def publish(pages: Path, target: Path) -> Path:
    """Put a copy of the rendered pages at `target` in one step."""
    fresh, old = target.with_name(".html.part"), target.with_name(".html.old")
    for leftover in (fresh, old):
        shutil.rmtree(leftover, ignore_errors=True)
    shutil.copytree(pages, fresh)
    if target.exists():
        target.rename(old)
    fresh.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    return target


def build_book(
    root: Path, preset: str = DEFAULT_PRESET, tell: Callable[[str], None] = lambda line: None, force: bool = False
) -> Path:
    """The whole book from a preset; returns the page to open.

    Parameters
    ----------
    tell : takes one line for each step.
    force : execute every chapter even where nothing changed.
    """
    execute_all(root, preset, tell, force)
    tell("rendering the pages")
    return render(root, preset)
