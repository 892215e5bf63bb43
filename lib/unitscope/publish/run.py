"""One chapter, one preset, one kernel: execute it if its content key changed, and keep what was finished.

_build/PRESET/chapters/NAME.ipynb           the last finished run
_build/PRESET/chapters/NAME.running.ipynb   a run under way, or killed, with the cells it finished
_build/PRESET/chapters/NAME.failed.ipynb    the last failed run, up to the cell that raised
_build/PRESET/runs/NAME.HASH.ipynb          a run with parameters beside the preset's, and NAME.HASH.claims.json
_build/PRESET/claims.json                   the claims of all finished chapters
"""

from __future__ import annotations

import os
import re
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError

from unitscope.errors import UnitscopeError
from unitscope.files import write_json
from unitscope.publish import claims, machine, parameters
from unitscope.publish.content_key import digest, parts
from unitscope.publish.executed import WHOLE, Damaged, read_executed, write_executed
from unitscope.publish.faults import in_words
from unitscope.publish.kernel import SECONDS_TO_ANSWER, KernelManager, KernelNotStarted
from unitscope.publish.locks import locked
from unitscope.publish.own_files import full_paths
from unitscope.publish.prose import fill_in
from unitscope.publish.sources import chapter_path, chapters, commit, load_preset, read_notebook
from unitscope.publish.values import refuse_senseless
from unitscope.publish.watch import ENGINE, Watch

DEFAULT_PRESET = "embedded"
QUIET_WARNINGS = "ignore:IProgress not found"  # tqdm misses widgets, which no page could draw
QUIET = [
    "--IPKernelApp.log_level=50"
]  # else kernels tell the terminal of local TCP, and of the interrupt that ends them


class ChapterFailed(UnitscopeError):
    """A chapter raised: which one, in which cell, why, and where its notebook lies; `reason` is cell and error
    alone.
    """

    reason = ""


class KernelDied(ChapterFailed):
    """The kernel was killed, or never started: nothing that the chapter's cells said."""


@dataclass(frozen=True)
class Plan:
    """What will be run: the source, every parameter with its value (those `beside` the preset's are a run of a reader's
    own), where it goes, and what it is made of.
    """

    root: Path
    chapter: str
    preset: str
    source: NotebookNode
    given: dict[str, object]
    parameters: dict[str, object]
    beside: dict[str, object]
    target: Path
    parts: dict[str, str]

    @property
    def key(self) -> str:
        """The content key."""
        return digest(self.parts)


@dataclass(frozen=True)
class Run:
    """A finished chapter: its notebook, its claims, and whether a kernel was started for it."""

    chapter: str
    notebook: Path
    claims: list[dict]
    seconds: float
    executed: bool


def build_folder(root: Path, preset: str) -> Path:
    """Where everything made from a preset lies."""
    return root / "_build" / preset


def plan(
    root: Path, chapter: str, preset: str = DEFAULT_PRESET, assignments: Iterable[str] = (),
    beside: Mapping[str, object] | None = None, target: Path | None = None,
) -> Plan:  # fmt: skip
    """Check everything that can be checked without a kernel.

    Parameters
    ----------
    assignments : texts "name=value" that win over the preset's parameters; paths in them are seen from the working
        folder.
    beside : values that do the same.
    target : where the executed notebook goes; by default below `_build/PRESET`.

    Raises
    ------
    UnitscopeError
        For an unknown chapter, preset or parameter, a value of another type, or a data set that is not there.
    """
    path = chapter_path(root, chapter)
    source = read_notebook(path)
    defaults = parameters.declared(source, path.stem)
    given = parameters.check(path.stem, load_preset(root, preset).get(path.stem, {}), defaults)
    typed = full_paths(parameters.parse(path.stem, assignments, defaults), Path.cwd(), path.parent)
    beside = parameters.check(path.stem, beside or {}, defaults) | typed
    values = {**defaults, **given, **beside}
    refuse_senseless(root, path.stem, values, defaults)
    name = f"runs/{path.stem}.{digest(beside)[:8]}" if beside else f"chapters/{path.stem}"
    target = target or build_folder(root, preset) / f"{name}.ipynb"
    made_of = parts(root, path.stem, source, values)
    return Plan(root, path.stem, preset, source, {**given, **beside}, values, beside, target, made_of)


def run(
    planned: Plan, force: bool = False, bar: bool | None = None, tell: Callable[[str], None] = lambda line: None
) -> Run:
    """Execute a chapter, or take the finished run if nothing that it is made of changed.

    A run of the same notebook in another process is waited for.

    Parameters
    ----------
    bar : whether a line on the terminal says what is being done; by default where there is one.
    tell : takes one line when another process is waited for, one when the first cell is about to run, and without a
        terminal one a minute.

    Raises
    ------
    ChapterFailed
        If a cell raises, the kernel dies, or the notebook cannot be written. An older finished run stays where it is.
    """
    with locked(planned.root, f"{planned.target.parent.parent.name}/{planned.target.stem}", busy=tell):
        return run_alone(planned, force, bar, tell)


def run_alone(planned: Plan, force: bool, bar: bool | None, tell: Callable[[str], None]) -> Run:
    """`run`, by the one process that may write this notebook now."""
    finished = None if force else finished_run(planned)
    if finished:
        planned.target.with_suffix(".running.ipynb").unlink(missing_ok=True)  # of a run that was killed
        return finished
    tell(f"{planned.chapter}: started")
    notebook = execute(planned, sys.stderr.isatty() if bar is None else bar, tell)
    notebook.metadata["unitscope"] = {
        "chapter": planned.chapter, "preset": planned.preset, "parameters": planned.parameters,
        "beside": planned.beside, "key": planned.key, "parts": planned.parts, "commit": commit(planned.root),
    }  # fmt: skip
    if planned.beside:
        fill_in(notebook, planned.root / "book" / "references.bib")
    found = claims_of(notebook, planned.chapter)
    write_executed(notebook, planned.target)
    for old in ("running", "failed"):
        planned.target.with_suffix(f".{old}.ipynb").unlink(missing_ok=True)
    return Run(planned.chapter, planned.target, found, notebook.metadata.papermill["duration"], True)


def finished_run(planned: Plan) -> Run | None:
    """The finished run that has the plan's content key, if there is one; a damaged notebook is none, with a warning."""
    if not planned.target.is_file():
        return None
    try:
        notebook = read_executed(planned.target)
    except Damaged as damage:
        warnings.warn(f"{damage} It is executed again.", stacklevel=2)
        return None
    if notebook.metadata.get("unitscope", {}).get("key") != planned.key:
        return None
    seconds = notebook.metadata.papermill["duration"]
    return Run(planned.chapter, planned.target, claims_of(notebook, planned.chapter), seconds, False)


def execute(planned: Plan, bar: bool, tell: Callable[[str], None] = lambda line: None) -> NotebookNode:
    """The executed notebook; what happened up to a failure is kept beside the target as NAME.failed.ipynb."""
    running = planned.target.with_suffix(".running.ipynb")
    os.environ.setdefault("PYTHONWARNINGS", QUIET_WARNINGS)
    os.environ.setdefault(
        "OMP_WAIT_POLICY", "PASSIVE"
    )  # threads that spin while they wait are fifty times slower on a busy machine
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # but to sleep at once costs a wake-up for each small product
    try:
        running.parent.mkdir(parents=True, exist_ok=True)
        with Watch(planned.chapter, bar, tell) as watch:
            executed = papermill.execute_notebook(
                with_report(planned.source), f"{WHOLE}{running}", planned.given, kernel_name="python3",
                cwd=planned.root / "book", progress_bar=False, extra_arguments=QUIET, engine_name=ENGINE, watch=watch,
                start_timeout=SECONDS_TO_ANSWER[0], kernel_manager_class=KernelManager,
            )  # fmt: skip
        return hide_parameters(executed)
    except Exception as error:  # whatever it is, other chapters go on
        failed, died = planned.target.with_suffix(".failed.ipynb"), isinstance(error, DeadKernelError | RuntimeError)
        kept = f" Its notebook: {failed}" if keep_failed(running, failed) else ""
        failure = (KernelDied if died else ChapterFailed)(f"chapter {planned.chapter!r} failed {reason(error)}.{kept}")
        failure.reason = reason(error)
        raise failure from error


def keep_failed(running: Path, failed: Path) -> bool:
    """Keep what a failed run has written; False where it has written nothing, or the disk takes nothing."""
    try:
        running.replace(failed)
    except OSError:
        return False
    return True


def with_report(source: NotebookNode) -> NotebookNode:
    """A copy of the source with the hidden last cell that describes the machine."""
    copy = nbformat.from_dict(source)
    cell = nbformat.v4.new_code_cell(machine.CELL, id="unitscope-machine")
    cell.metadata["tags"] = ["remove-cell"]
    copy.cells = [*copy.cells, cell]
    return copy


def hide_parameters(notebook: NotebookNode) -> NotebookNode:
    """Fold the parameters in the page: the chapter's own, and those that this run has instead."""
    prompts = {"parameters": "Parameters of this chapter", "injected-parameters": "Other parameters of this run"}
    for cell in notebook.cells:
        for tag in prompts.keys() & set(cell.metadata.get("tags", [])):
            cell.metadata["tags"] = [tag, "hide-input"]
            cell.metadata["mystnb"] = {"code_prompt_show": prompts[tag], "code_prompt_hide": prompts[tag]}
    return notebook


def reason(error: Exception) -> str:
    """One line: the cell and the error, or what became of the kernel, or what could not be written."""
    if isinstance(error, PapermillExecutionError):
        line = failing_line(error)
        return (
            f"in cell {error.exec_count} ({line!r}): {error.ename}: {' '.join(str(error.evalue).split()).rstrip('.')}"
        )
    if isinstance(error, KernelNotStarted):
        return f"before its first cell: {error}"
    if isinstance(error, DeadKernelError | RuntimeError):
        return f"without an answer from its kernel ({type(error).__name__}: {error}); out of memory, most often"
    if isinstance(error, OSError | MemoryError):
        return f"outside of its cells: {in_words(error).rstrip('.')}"
    return f"outside of its cells: {type(error).__name__}: {error}"


def failing_line(error: PapermillExecutionError) -> str:
    """The line of the cell that raised, as the traceback marks it; the cell's first where nothing is marked."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(error.traceback))
    marked = re.search(r"^-+> *\d+ (.*)$", plain, re.MULTILINE)
    lines = [line for line in error.source.splitlines() if line.strip()]
    return (marked[1] if marked else next(iter(lines), "")).strip()


def records(notebook: NotebookNode, mime: str) -> list[dict]:
    """Every JSON record of one MIME type in a notebook's outputs, in order."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return [dict(output.data[mime]) for output in outputs if mime in output.get("data", {})]


def claims_of(notebook: NotebookNode, chapter: str) -> list[dict]:
    """The claims of an executed chapter; one id twice is an error."""
    found = [{"id": record.pop("id"), "chapter": chapter, **record} for record in records(notebook, claims.MIME)]
    ids = [record["id"] for record in found]
    if twice := sorted({id for id in ids if ids.count(id) > 1}):
        raise ChapterFailed(f"chapter {chapter!r} makes these claims twice: {', '.join(twice)}; an id is used once.")
    return found


def finished_chapters(root: Path, preset: str) -> Mapping[str, NotebookNode]:
    """The executed notebooks of a preset, in the book's order; a damaged one is left out, with a warning."""
    paths = {name: build_folder(root, preset) / "chapters" / f"{name}.ipynb" for name in chapters(root)}
    found = {}
    for name, path in paths.items():
        try:
            found |= {name: _executed(path, path.stat().st_mtime_ns)} if path.is_file() else {}
        except Damaged as damage:
            warnings.warn(f"{damage} `unitscope run {name} --preset {preset}` makes it anew.", stacklevel=2)
    return found


@lru_cache(maxsize=32)
def _executed(path: Path, date: int) -> NotebookNode:
    """An executed notebook, read once for all the pages that ask for it."""
    return read_executed(path)


def keep_claims(finished: Run) -> Path:
    """Write the claims of one run beside its notebook."""
    target = finished.notebook.with_suffix(".claims.json")
    write_json(target, finished.claims)
    return target


def gather_claims(root: Path, preset: str) -> Path:
    """Write the claims of all finished chapters of a preset to `_build/PRESET/claims.json`."""
    found = [
        record for name, notebook in finished_chapters(root, preset).items() for record in claims_of(notebook, name)
    ]
    target = build_folder(root, preset) / "claims.json"
    write_json(target, found)
    return target
