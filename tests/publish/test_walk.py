"""README and the page on one's own models, line by line, by somebody with a network that the project has never seen.

Every block of Python is executed as it stands. Every line with `unitscope` is called: the command line, its options and
each chapter's parameters are checked, and files and folders are found; what would take minutes behind that is left out
(`test_own_model` runs chapters).
"""

import re
import shlex
from pathlib import Path

import pytest
import torch
import yaml
from typer.testing import CliRunner
from unitscope.publish import cli, run, sweep
from unitscope.publish.parameters import check, declared
from unitscope.publish.run import Run
from unitscope.publish.sources import read_notebook

from .test_own_model import NETWORK, own  # noqa: F401 (a fixture)

ROOT = Path(__file__).parents[2]
PAGES = {"README.md": ROOT / "README.md", "own_model.md": ROOT / "book" / "own_model.md"}


def blocks(page: str, language: str) -> list[str]:
    """Every fenced block in a language, without MyST's options."""
    text = PAGES[page].read_text(encoding="utf-8")
    found = re.findall(rf"^```(?:\{{code-block\}} )?{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [re.sub(r"^:.*\n", "", block, flags=re.MULTILINE) for block in found]


def commands(page: str) -> list[list[str]]:
    """Every shell line with `unitscope` in it, as words without the program and its folder."""
    text = "\n".join(blocks(page, "bash")).replace("\\\n", " ")
    lines = [shlex.split(line, comments=True) for line in text.splitlines()]
    return [words[1:] for words in lines if words and Path(words[0]).name == "unitscope"]


@pytest.fixture
def folder(own, monkeypatch, tmp_path):  # noqa: F811
    """The reader's folder, to stand in."""
    monkeypatch.chdir(own)
    return own


@pytest.fixture
def network():
    names: dict = {}
    exec(NETWORK, names)
    return names["Strange"]


@pytest.mark.parametrize("page, number", [(page, n) for page in PAGES for n in range(len(blocks(page, "python")))])
def test_every_block_of_python_runs_as_it_stands(folder, network, page, number, capsys):
    code = blocks(page, "python")[number]
    names = {"my_network": network(), "MyNetwork": network}
    exec(compile(code, f"{page} {number}", "exec"), names)
    for _, file in re.findall(r"save_image\(.*?(f?)\"([\w{}]+\.png)\"", code):
        assert list(folder.glob(re.sub(r"\{\w+\}", "*", file))), file
    if "build" in names:
        built, about = names["build"]()
        assert isinstance(built, torch.nn.Module) and about
    printed = capsys.readouterr().out
    assert printed or "print(" not in code


def test_the_readme_shows_a_unit_in_twelve_lines():
    (code,) = blocks("README.md", "python")
    assert len([line for line in code.splitlines() if line.strip()]) <= 12
    assert all(word in code for word in ("top.png", "crops.png", "neuron"))


@pytest.mark.parametrize("page, words", [(page, words) for page in PAGES for words in commands(page)], ids=str)
def test_every_command_is_understood(folder, page, words, monkeypatch):
    def ran(planned, force, tell):
        named = [text for text in planned.beside.values() if isinstance(text, str)]
        for path in re.findall(rf"{re.escape(str(folder))}[^:@\n]*", "\n".join(named)):
            assert Path(path).exists(), path
        assert all(str(folder) in text for text in named if "photos" in text or "my_net" in text)
        return Run(planned.chapter, planned.target, [], 1.0, True)

    monkeypatch.setattr(run, "parts", lambda *made_of: {})  # the data of presets are not here
    monkeypatch.setattr(cli, "run_planned", ran)
    for name in ("keep_claims", "gather_claims", "record_run"):
        monkeypatch.setattr(cli, name, lambda *given: "kept")
    monkeypatch.setattr(cli, "render_run", lambda *given: Path("/page.html"))
    monkeypatch.setattr(cli.pages, "build_book", lambda root, preset, *given: run.load_preset(root, preset) or "book")
    monkeypatch.setattr(sweep, "run_sweep", lambda root, asked, *given: asked.plans(root) and [{"state": "finished"}])
    outcome = CliRunner().invoke(cli.app, words)
    assert outcome.exit_code == 0, outcome.output + repr(outcome.exception)


def test_the_preset_that_is_shown_fits_its_chapter():
    shown = [yaml.safe_load(block) for block in blocks("own_model.md", "yaml")]
    assert shown
    for preset in shown:
        for chapter, values in preset.items():
            check(chapter, values, declared(read_notebook(ROOT / "book" / f"{chapter}.ipynb"), chapter))
