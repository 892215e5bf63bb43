"""How each chapter was executed: when, how long, how much memory, where, with which versions."""

from __future__ import annotations

import re
import shlex
from html import escape
from pathlib import Path

from nbformat import NotebookNode

from unitscope.publish import machine
from unitscope.publish.run import build_folder, finished_chapters, records

NONE = "<p>No chapter of this preset has been executed yet.</p>"
HEAD = ("chapter", "executed", "seconds", "peak memory", "device", "content key")
TABLE = """<div class="unitscope-status"><p>Preset <code>{preset}</code>, Python {python}, {system}: {amount} chapters
in {minutes:.1f} minutes, one after the other.</p>
<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>
{failed}<p><b>Versions:</b> {versions}</p>{parameters}</div>"""
PARAMETERS = "<details><summary>Parameters of <code>{chapter}</code></summary><pre>{lines}</pre></details>"


def facts(notebook: NotebookNode) -> dict:
    """What an executed chapter knows about its run: papermill's times, the kernel's machine, the runner's stamp."""
    return {**notebook.metadata.papermill, **notebook.metadata["unitscope"], **records(notebook, machine.MIME)[-1]}


def memory(run: dict) -> str:
    """Peak memory as text."""
    return "not measured" if run["peak_memory_mb"] is None else f"{run['peak_memory_mb']:,} MB"


def row(run: dict) -> str:
    """One chapter as a table row."""
    cells = (
        f'<a href="{escape(run["chapter"])}.html">{escape(run["chapter"])}</a>',
        escape(run["start_time"][:16].replace("T", " ")),
        f"{run['duration']:.0f}",
        memory(run),
        escape(run["device"]),
        f"<code>{escape(run['key'])}</code>",
    )
    return "<tr>" + "".join(f'<td data-name="{name}">{cell}</td>' for name, cell in zip(HEAD, cells)) + "</tr>"


def table(root: Path, preset: str) -> str:
    """The status of all finished chapters of a preset, their parameters, and failures that are waiting."""
    runs = [facts(notebook) for notebook in finished_chapters(root, preset).values()]
    if not runs:
        return NONE
    failures = sorted((build_folder(root, preset) / "chapters").glob("*.failed.ipynb"))
    names = ", ".join(path.name.removesuffix(".failed.ipynb") for path in failures)
    return TABLE.format(
        preset=escape(preset), python=escape(runs[0]["python"]), system=escape(runs[0]["system"]), amount=len(runs),
        minutes=sum(run["duration"] for run in runs) / 60,
        head="".join(f"<th>{name}</th>" for name in HEAD), rows="".join(map(row, runs)),
        failed=f"<p><b>The last run failed:</b> {escape(names)}. The older results are shown.</p>" if names else "",
        versions=escape(", ".join(f"{name} {version}" for name, version in runs[0]["versions"].items())),
        parameters="".join(
            PARAMETERS.format(
                chapter=escape(run["chapter"]),
                lines=escape("\n".join(f"{name} = {value!r}" for name, value in run["parameters"].items())),
            )
            for run in runs
        ),
    )  # fmt: skip


def colophon(notebook: NotebookNode) -> str:
    """The last lines of a chapter's page: where its results come from, and the command that makes them again."""
    run = facts(notebook)
    date, device = (escape(" ".join(text.split())) for text in (run["start_time"][:10], run["device"]))
    chapter, preset = (re.sub(r"[^\w.-]", "_", run[name]) for name in ("chapter", "preset"))
    own = "".join(f" -p {shlex.quote(f'{name}={value}')}" for name, value in run.get("beside", {}).items())
    own = own.replace("`", "'")
    return (
        f"---\n<small>Executed {date} in {run['duration']:.0f} s on {device}, peak memory {memory(run)}. "
        f"Make it again: `unitscope run {chapter} --preset {preset}{own} --force`.</small>"
    )
