"""Chapters as they lie in git: no outputs, one parameters cell of plain values, no plumbing."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
import yaml
from unitscope.publish.parameters import check, declared
from unitscope.publish.sources import chapter_path, chapters, listed, load_preset, presets, read_notebook

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "book").glob("*.ipynb"))
LONGEST_CELL, MOST_PARAMETERS = 25, 26
every_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)


def code_cells(path: Path) -> list:
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]


@every_chapter
def test_no_outputs_in_git(path):
    assert not [cell.source for cell in code_cells(path) if cell.outputs or cell.execution_count]


@every_chapter
def test_format_ids_and_kernel(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    ids = [cell.get("id") for cell in notebook.cells]
    assert None not in ids and len(set(ids)) == len(ids)
    assert notebook.metadata.kernelspec.name == "python3"


@every_chapter
def test_the_first_code_cell_is_the_parameters(path):
    tagged = ["parameters" in cell.metadata.get("tags", []) for cell in code_cells(path)]
    assert tagged[0] and sum(tagged) == 1
    assert declared(nbformat.read(path, as_version=4), path.stem)


@every_chapter
def test_cells_are_short_and_define_nothing(path):
    for cell in code_cells(path):
        lines = [line for line in cell.source.splitlines() if line.strip()]
        longest = MOST_PARAMETERS if "parameters" in cell.metadata.get("tags", []) else LONGEST_CELL
        assert len(lines) <= longest, cell.source
        defined = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        assert not [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, defined)], cell.source


@every_chapter
def test_a_cell_that_is_a_figure_makes_no_claims(path):
    """Each output of such a cell would become a figure of the same name."""
    figures = [cell for cell in code_cells(path) if "figure" in cell.metadata.get("mystnb", {})]
    assert not [cell.source for cell in figures if "claim(" in cell.source]


def test_every_chapter_is_in_the_table_of_contents():
    pages = listed(yaml.safe_load((ROOT / "_toc.yml").read_text()))
    assert {f"book/{path.stem}" for path in CHAPTERS} <= set(pages)
    assert all(list(ROOT.glob(f"{page}.*")) for page in pages)


@pytest.mark.parametrize("name", presets(ROOT))
def test_presets_name_parameters_that_exist(name):
    for chapter, given in load_preset(ROOT, name).items():
        check(chapter, given, declared(read_notebook(chapter_path(ROOT, chapter)), chapter))


def test_there_are_chapters():
    assert chapters(ROOT)


def names_in(source: str) -> list[str]:
    """Regular expressions of every text in a cell's code; a hole in an f-string stands for anything."""
    nodes = list(ast.walk(ast.parse(source)))
    plain = [re.escape(node.value) for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    filled = [node.values for node in nodes if isinstance(node, ast.JoinedStr)]
    holes = [
        "".join(re.escape(part.value) if isinstance(part, ast.Constant) else ".+" for part in parts) for parts in filled
    ]
    return plain + holes


@every_chapter
def test_every_number_in_the_text_is_glued_by_code(path):
    cells = nbformat.read(path, as_version=4).cells
    known = [pattern for cell in code_cells(path) for pattern in names_in(cell.source)]
    claimed = [f"claim-{pattern}" for pattern in known]
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    used = set(re.findall(r"\{glue[^}]*\}`([^`:]+)", text))
    assert not [key for key in used if not any(re.fullmatch(pattern, key) for pattern in [*known, *claimed])]
