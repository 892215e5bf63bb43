"""A run of one's own as a page, and as a notebook that reads without the book."""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlparse

from unitscope.publish.executed import read_executed


def test_an_own_run_is_a_page_and_its_notebook_holds_sentences(toy, read_page):
    command = [sys.executable, "-m", "unitscope.publish.cli", "run", "first", "-p", "count=4", "--html"]
    done = subprocess.run(command, cwd=toy, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    notebook = read_executed(Path(next(line for line in lines if line.endswith(".ipynb"))))
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert "It holds (paper: 2 · ours: 9" in prose and "{glue:text}" not in prose
    page = Path(unquote(urlparse(lines[-1]).path))
    assert lines[-1].startswith("file://") and page.name == "first.html"
    text = page.read_text()
    assert "{glue:text}" not in text and "count=4</span>" in text
    assert re.search(r'class="verdict"[^>]*>.*?holds', text)
    assert "scorecard.html" not in text and "status.html" not in text
    assert not (toy / "_build" / "embedded" / "html").exists()
    assert not list((toy / "_build" / "embedded" / "runs").glob(".*"))
