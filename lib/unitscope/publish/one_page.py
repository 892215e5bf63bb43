"""One run as a page like the book's: `unitscope run CHAPTER ... --html`.

_build/PRESET/runs/NAME.HASH/book/NAME.html    the page, with everything that it draws with beside it
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml

from unitscope.errors import UnitscopeError
from unitscope.publish.book import complaints, jupyter_book, publish
from unitscope.publish.locks import locked
from unitscope.publish.run import Run, build_folder


def render_run(root: Path, finished: Run, preset: str, tell: Callable[[str], None] = lambda line: None) -> Path:
    """Render one finished run; links to other pages of the book lead nowhere there, so warnings are no errors.

    Returns
    -------
    The page to open, below a folder that is called as the notebook.

    Raises
    ------
    UnitscopeError
        If jupyter-book fails, with what it said.
    """
    folder = build_folder(root, preset) / "runs" / finished.notebook.stem
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(root, f"rendering {finished.notebook.stem} of {preset}", tell):
        work = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            contents, log = work / "toc.yml", folder.parent / f"{folder.name}.log"
            contents.write_text(yaml.safe_dump({"format": "jb-article", "root": f"book/{finished.chapter}"}))
            environment = {"UNITSCOPE_PRESET": preset, "UNITSCOPE_RUN": str(finished.notebook)}
            options = ("--toc", str(contents), "--config", str(root / "_config.yml"), "--keep-going")
            if jupyter_book(root, work, log, environment, *options):
                raise UnitscopeError(f"the page could not be rendered (the whole log: {log}):\n{complaints(log)}")
            log.unlink()
            return publish(work / "_build" / "html", folder) / "book" / f"{finished.chapter}.html"
        finally:
            shutil.rmtree(work, ignore_errors=True)
