"""The Sphinx side of the book: executed notebooks in place of their sources, and everything a page needs offline.

`_config.yml` lists this module as an extension, so `jupyter-book build .` and `unitscope book` render the same pages:
a chapter is shown as its last finished run with the preset in `UNITSCOPE_PRESET` (default: embedded), with a note if
there is none yet or if it is older than what it is made of. Plotly's JavaScript and MathJax are copied from installed
packages into the pages' own folder. Directives fill the generated pages: `{unitscope-scorecard}`, `{unitscope-status}`,
`{unitscope-api}`, `{unitscope-summary}`, `{unitscope-gallery}` and, with the name of a sweep, `{unitscope-sweep}`.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
from pathlib import Path

import nbformat
import plotly
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from unitscope.errors import UnitscopeError
from unitscope.publish import api_page, gallery, header, scorecard, scorecard_page, status_page, sweep
from unitscope.publish.executed import Damaged, read_executed
from unitscope.publish.prose import restore
from unitscope.publish.run import DEFAULT_PRESET, build_folder, plan

RUN = "UNITSCOPE_RUN"  # a notebook that is shown instead of the chapter's own run: a single page, see `one_page`
STATIC = Path(__file__).parent / "static"
MATHJAX = ("tex-mml-chtml.js", "output/chtml/fonts", "input/tex/extensions")
GENERATED = {  # directive: HTML of (root, preset, folder of the pages' static files, argument)
    "unitscope-scorecard": lambda root, preset, static, _: scorecard_page.table(root, preset),
    "unitscope-summary": lambda root, preset, static, _: scorecard_page.summary(root, preset),
    "unitscope-status": lambda root, preset, static, _: status_page.table(root, preset),
    "unitscope-api": lambda root, preset, static, _: api_page.listing(root, preset),
    "unitscope-gallery": lambda root, preset, static, _: gallery.gallery(root, preset, static),
    "unitscope-sweep": lambda root, preset, static, name: sweep.page.sweep_page(root, name, static),
}

UNEXECUTED = """:::{{note}}
This chapter has not been executed with the preset `{preset}` yet, so it shows no results. `unitscope run {chapter}`
executes it.
:::"""
DAMAGED = """:::{{warning}}
The results of this chapter are not shown: its executed notebook is damaged, or was changed after it was executed.
`unitscope run {chapter} --preset {preset}` makes it anew.
:::"""
STALE = """:::{{warning}}
The results below are older than the code, the text or the data that they are made of.
`unitscope run {chapter}` makes them anew.
:::"""


def preset() -> str:
    """The preset whose runs the pages show."""
    return os.environ.get("UNITSCOPE_PRESET", DEFAULT_PRESET)


def mathjax_files() -> Path:
    """The folder of the MathJax that an installed package carries."""
    for file in importlib.metadata.files("sphinx-mathjax-offline") or ():
        if file.name == MATHJAX[0]:
            return Path(file.locate()).parent
    raise UnitscopeError("sphinx-mathjax-offline carries no MathJax here; install the package again.")


def copy_new(source: Path, target: Path) -> None:
    """Copy a file, or a folder's files, where the size differs from what lies there."""
    for path in [source] if source.is_file() else [path for path in source.rglob("*") if path.is_file()]:
        copy = target / path.relative_to(source) if source.is_dir() else target
        if not copy.exists() or copy.stat().st_size != path.stat().st_size:
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)


def copy_assets(app: Sphinx) -> None:
    """Put plotly.js, MathJax and the book's style among the pages' static files."""
    static = Path(app.outdir) / "_static"
    copy_new(Path(plotly.__file__).parent / "package_data" / "plotly.min.js", static / "plotly.min.js")
    for part in MATHJAX:
        copy_new(mathjax_files() / part, static / "mathjax" / part)
    shutil.copyfile(scorecard.write_scorecard(Path(app.srcdir), preset()), static / "scorecard.json")
    app.add_css_file("unitscope.css")


def choose_scripts(app: Sphinx, page: str, template: str, context: dict, doctree: object) -> None:
    """Load plotly.js on the pages that draw with it, after their text; run no inline script twice.

    Sphinx 7 lists an inline script of an extension twice, under no name and under an empty one, and a second
    `const` is an error in the browser.
    """
    if "unitscope-plot" in context.get("body", ""):
        app.add_js_file("plotly.min.js", loading_method="defer")
    scripts = context["script_files"]
    scripts[:] = {(script.filename or "", script.attributes.get("body")): script for script in scripts}.values()


def show_executed(app: Sphinx, page: str, source: list[str]) -> None:
    """Give Sphinx the executed notebook of a chapter instead of its source."""
    path = Path(app.env.doc2path(page))
    if path.suffix != ".ipynb":
        return
    root = Path(app.srcdir)
    own = os.environ.get(RUN)
    executed = Path(own) if own else build_folder(root, preset()) / "chapters" / path.name
    app.env.note_reread()  # a newer run, another preset or a changed library is not seen in the source's date
    try:
        notebook, missing = restore(read_executed(executed)) if executed.is_file() else None, UNEXECUTED
    except Damaged:
        notebook, missing = None, DAMAGED
    if notebook is None:
        notebook = nbformat.reads(source[0], as_version=4)
        add_note(notebook, missing.format(preset=preset(), chapter=path.stem))
    else:
        copy_notebooks(path, executed, Path(app.outdir) / "_static" / "notebooks")
        header.put_below_title(notebook, header.header(root, notebook, path.stem, alone=bool(own)))
        if not own and not is_current(root, notebook):
            add_note(notebook, STALE.format(chapter=path.stem))
        notebook.cells.append(nbformat.v4.new_markdown_cell(status_page.colophon(notebook)))
    source[0] = nbformat.writes(notebook)


def copy_notebooks(source: Path, executed: Path, folder: Path) -> None:
    """Put a chapter's notebooks, as it was executed and as it stands in the repository, where a page can link them."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(executed, folder / source.name)
    shutil.copyfile(source, folder / f"{source.stem}.source.ipynb")


def is_current(root: Path, notebook: nbformat.NotebookNode) -> bool:
    """Whether an executed chapter is what its sources would give; False where that cannot be told any more."""
    stamp = notebook.metadata["unitscope"]
    try:
        return plan(root, stamp["chapter"], stamp["preset"]).key == stamp["key"]
    except UnitscopeError:
        return False


def add_note(notebook: nbformat.NotebookNode, text: str) -> None:
    """Put a note below the chapter's first cell, its title."""
    notebook.cells.insert(1, nbformat.v4.new_markdown_cell(text))


class Generated(SphinxDirective):
    """A piece of HTML that the run's results decide; read again at every build."""

    optional_arguments = 1

    def run(self) -> list[nodes.Node]:
        self.env.note_reread()
        static = Path(self.env.app.outdir) / "_static"
        html = GENERATED[self.name](Path(self.env.srcdir), preset(), static, *(self.arguments or [""]))
        return [nodes.raw("", html, format="html")]


def configure(app: Sphinx, config) -> None:
    """Maths from the pages' own folder, and the folder of the book's style."""
    config.mathjax_path = f"mathjax/{MATHJAX[0]}"
    config.html_static_path = [*config.html_static_path, str(STATIC)]


def setup(app: Sphinx) -> dict[str, object]:
    """Register with Sphinx."""
    app.connect("config-inited", configure)
    app.connect("builder-inited", copy_assets)
    app.connect("source-read", show_executed)
    app.connect("html-page-context", choose_scripts)
    for name in GENERATED:
        app.add_directive(name, Generated)
    return {"version": importlib.metadata.version("unitscope"), "parallel_read_safe": True}
