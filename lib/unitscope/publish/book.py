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
import tempfile
from collections.abc import Callable
from pathlib import Path

from unitscope.errors import UnitscopeError
from unitscope.publish.execute import execute_all
from unitscope.publish.locks import locked
from unitscope.publish.run import DEFAULT_PRESET, build_folder

LAST_LINES = 9


def render(root: Path, preset: str, tell: Callable[[str], None] = lambda line: None) -> Path:
    """Render the finished chapters of a preset; every warning and every broken reference is an error.

    Another process that renders the same preset is waited for, which `tell` is told.

    Returns
    -------
    The page to open. An older book stays where it is if the new one cannot be rendered.
    """
    with locked(root, f"rendering the pages of {preset}", tell):
        restore(build_folder(root, preset) / "html")
        return _render(root, preset)


def _render(root: Path, preset: str) -> Path:
    folder = build_folder(root, preset)
    site, log = folder / ".site", folder / "jupyter-book.log"
    if jupyter_book(root, site, log, {"UNITSCOPE_PRESET": preset}, "-n", "-W", "--keep-going"):
        shutil.rmtree(site, ignore_errors=True)  # else the next build would not read, nor warn of, the same page again
        raise UnitscopeError(f"the pages could not be rendered (the whole log: {log}):\n{complaints(log)}")
    return publish(site / "_build" / "html", folder / "html") / "index.html"


def jupyter_book(root: Path, site: Path, log: Path, environment: dict[str, str], *options: str) -> int:
    """Call jupyter-book on a book, with these variables and options beside its own; its exit status."""
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()"]
    command += ["build", str(root), "--path-output", str(site), *options]
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as output:
        environment = {**os.environ, **environment}
        return subprocess.run(command, env=environment, stdout=output, stderr=subprocess.STDOUT).returncode


def complaints(log: Path) -> str:
    """The warnings and errors of a rendering; if there are none, the last of its lines outside of Python's
    traceback.
    """
    text = re.sub(r"\x1b\[[0-9;]*m", "", log.read_text(encoding="utf-8", errors="replace"))
    warnings = [line for line in text.splitlines() if "WARNING" in line or "ERROR" in line]
    told = [line for line in text.splitlines() if re.match(r"\w", line) and not line.startswith("Traceback")]
    return "\n".join(warnings or told[-LAST_LINES:])


def publish(pages: Path, target: Path) -> Path:
    """Put a copy of the rendered pages at `target`; whoever publishes there at the same time is waited for.

    A kill leaves the older pages, at `target` or, between two renames, beside it: the next call puts them back.
    """
    with locked(target.parent, f"publishing {target.name}", lambda line: print(line, file=sys.stderr)):
        restore(target)
        fresh = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
        try:
            fresh.chmod(0o755)
            shutil.copytree(pages, fresh, dirs_exist_ok=True)
            if target.exists():
                target.rename(older(target))
            fresh.rename(target)
        except BaseException:
            restore(target)
            raise
        shutil.rmtree(older(target), ignore_errors=True)
    return target


def older(target: Path) -> Path:
    """Where pages lie while newer ones take their place."""
    return target.with_name(f".{target.name}.old")


def restore(target: Path) -> None:
    """Bring back pages that a kill left beside their place, and remove what else it left. Only under the lock."""
    if older(target).exists() and not target.exists():
        older(target).rename(target)
    for leftover in (older(target), *target.parent.glob(f".{target.name}*.part")):
        shutil.rmtree(leftover, ignore_errors=True)


def build_book(
    root: Path, preset: str = DEFAULT_PRESET, tell: Callable[[str], None] = lambda line: None, force: bool = False,
    jobs: int | None = None,
) -> Path:  # fmt: skip
    """The whole book from a preset; returns the page to open.

    Parameters
    ----------
    tell : takes one line for each step.
    force : execute every chapter even where nothing changed.
    jobs : how many chapters run side by side; by default as cores and free memory allow.
    """
    execute_all(root, preset, tell, force, jobs)
    tell("rendering the pages")
    return render(root, preset, tell)
