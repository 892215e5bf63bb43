"""A toy book: a root of two chapters with claims, figures and maths, a sweep that was run, and a browser."""

import html
import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from .browser import Browser

REPOSITORY = Path(__file__).parents[2]

FIRST = [
    ("markdown", "# First\n\nMean $\\bar x$ and\n\n$$ \\rho_{k} = \\boldsymbol{\\alpha} \\sum_i x_i^2 $$ (eq-one)\n"),
    ("parameters", 'count = 3\nscale = 1.5\nname = "a"\nflags = ["x"]'),
    ("code", "import toylib\n\nvalues = [scale * toylib.FACTOR * i for i in range(count)]\nprint(len(values), name)"),
    (
        "code",
        (
            "import plotly.graph_objects as go\nimport numpy as np\nfrom unitscope.plots.interactive import data_uri,"
            " show\n\ncrop = data_uri(np.zeros((3, 8, 8)))\nshow(go.Figure(go.Scatter(x=list(range(count)), y=values,"
            " customdata=[crop] * count, mode='markers')).update_layout(xaxis_title='index', yaxis_title='value'))"
        ),
    ),
    (
        "code",
        (
            "import matplotlib.pyplot as plt\nfrom unitscope.plots.style import use_style\n\nuse_style()\n"
            "figure, axes = plt.subplots()\naxes.plot(values)\naxes.set(xlabel='index', ylabel='value (px)');"
        ),
    ),
    (
        "code",
        (
            "from unitscope.metrics import verdicts\nfrom unitscope.publish import chapter_claims\n\n"
            "claim = chapter_claims('first')\n"
            "claim('C1', verdicts.Verdict('holds', values[-1], (0, 99), samples='3 toys'), what='<here>')\n"
            "claim('C2', verdicts.untested('needs ImageNet'))"
        ),
    ),
    ("markdown", "It {glue:text}`claim-C1`, see {eq}`eq-one` and [the second](second)."),
]
SECOND = [
    ("markdown", "# Second\n\nNothing is drawn here."),
    ("parameters", "seed = 0"),
    (
        "code",
        (
            "from unitscope.metrics import verdicts\nfrom unitscope.publish import chapter_claims\n\n"
            "claim = chapter_claims('second')\nclaim('C1', verdicts.counted(0.5, False))\nprint(seed)"
        ),
    ),
]
TOC = """format: jb-book
root: book/index
chapters:
  - file: book/first
  - file: book/second
  - file: book/scorecard
  - file: book/sweeps/toy
  - file: book/status
  - file: book/api
"""
PAGES = {
    "index": "# Toy\n\n```{unitscope-summary}\n```\n\n```{unitscope-gallery}\n```\n",
    "scorecard": "# Scorecard\n\n```{unitscope-scorecard}\n```\n",
    "sweeps/toy": "# A sweep\n\n```{unitscope-sweep} toy\n```\n",
    "status": "# Status\n\n```{unitscope-status}\n```\n",
    "api": "# Library\n\n```{unitscope-api}\n```\n",
}
INDEX = """
- paper: Toys
  cite: toy2024
  chapters: [first]
  claims:
    C1: {panel: Fig. 2, paper: 2, over: toys, statement: "Values & sums of toys grow {what}."}
    C2: {panel: Fig. 1, paper: 1, statement: Toys need weights.}
    C3: {panel: Fig. 3, paper: 0.5, statement: Toys are what nobody has tested.}
  own:
    X1: {statement: Toys are ours.}
- paper: Beyond the papers
  chapters: [second]
  own:
    C1: {statement: It is chance.}
    Z1: {statement: It needs weights.}
"""


def sweep_cell(model: str, layer: str, ours: float, **changes) -> dict:
    """One cell of a sweep as its results keep it."""
    state = "holds" if ours > 0 else "contradicted"
    claims = {"C1": {"state": state, "ours": ours, "interval": None, "reason": None}}
    return {
        "cell": f"{model}-{layer}-0.abc".replace("/", "-"),
        "model": model,
        "layer": layer,
        "seed": 0,
        "key": "k",
        "state": "finished",
        "reason": "",
        "parameters": {"count": 3},
        "claims": claims,
        "figures": {"score": 0.25},
        "seconds": 3.2,
        "overhead": 0.5,
        "peak_memory_mb": 140,
        **changes,
    }


def sweep_results() -> dict:
    """Results of a sweep over two models and two layers, one of whose cells failed."""
    failed = {"state": "failed", "reason": "KeyError: <no such unit>", "claims": {}, "figures": {}, "seconds": None}
    cells = [sweep_cell("a/one", "x", 1.0), sweep_cell("a/one", "y", -1.0), sweep_cell("b", "x", 0.5)]
    return {
        "name": "toy",
        "chapter": "first",
        "title": "A sweep",
        "about": "Two models & two layers.",
        "preset": "embedded",
        "axes": {"model": "network", "layer": "layer"},
        "date": "2026-11-21",
        "commit": "0123456789abcdef",
        "statements": {"C1": "values grow"},
        "cells": [*cells, sweep_cell("b", "y", 0, **failed)],
    }


def write_chapter(path: Path, cells: list[tuple[str, str]]) -> None:
    """A notebook from (kind, text) pairs."""
    made = [new_markdown_cell(text) if kind == "markdown" else new_code_cell(text) for kind, text in cells]
    for (kind, _), cell in zip(cells, made):
        cell.metadata["tags"] = ["parameters"] if kind == "parameters" else []
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=made, metadata=kernel), path)


def make_toy(root: Path) -> Path:
    """A root of a book with two chapters, two presets and a library of one line."""
    (root / "book" / "presets").mkdir(parents=True)
    (root / "book" / "sweeps").mkdir()
    (root / "lib" / "unitscope" / "data").mkdir(parents=True)
    (root / "lib" / "unitscope" / "data" / "toy.py").write_text('"""Toy."""\n\n\ndef f(x: int):\n    """Doc of f."""\n')
    (root / "book" / "toylib.py").write_text("FACTOR = 2\n")
    (root / "_toc.yml").write_text(TOC)
    for name in ("_config.yml", "book/references.bib"):
        shutil.copyfile(REPOSITORY / name, root / name)
    for name, text in PAGES.items():
        (root / "book" / f"{name}.md").write_text(text)
    (root / "book" / "claims.yaml").write_text(INDEX)
    (root / "book" / "sweeps" / "toy.results.json").write_text(json.dumps(sweep_results()))
    (root / "book" / "presets" / "embedded.yaml").write_text("# defaults\n")
    (root / "book" / "presets" / "large.yaml").write_text("first: {count: 5, scale: 2}\n")
    write_chapter(root / "book" / "first.ipynb", FIRST)
    write_chapter(root / "book" / "second.ipynb", SECOND)
    return root


@pytest.fixture
def toy(tmp_path) -> Path:
    """A fresh toy book that a test may change."""
    return make_toy(tmp_path / "toy")


@pytest.fixture(scope="session")
def book(tmp_path_factory):
    """The book's sources at another place, so that nothing executed here meets what a reader built."""
    root = tmp_path_factory.mktemp("book")
    shutil.copytree(REPOSITORY / "book", root / "book")
    for name in ("_toc.yml", "_config.yml"):
        shutil.copyfile(REPOSITORY / name, root / name)
    (root / "lib").symlink_to(REPOSITORY / "lib")
    return root


@pytest.fixture(scope="session")
def read_page(chromium, tmp_path_factory):
    """A function from a page's path, and a script to run in it, to what a browser without a network makes of it."""
    browser = Browser(chromium, tmp_path_factory.mktemp("browser"))
    yield browser.read
    browser.close()


def broken_links(site: Path) -> list[str]:
    """Every link of a folder of pages that leads to no file, or to no anchor in the file, as "page: address"."""
    pages = {
        path.resolve(): path.read_text(encoding="utf-8")
        for path in sorted(site.rglob("*.html"))
        if "macros" not in path.name
    }
    anchors = {path: set(re.findall(r"""\b(?:id|name)=["']([^"']+)["']""", text)) for path, text in pages.items()}
    broken = []
    for path, text in pages.items():
        for address in re.findall(
            r"""<[^>]*?\b(?:href|src)=["']([^"']*)["']""", re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
        ):
            file, _, anchor = html.unescape(address).partition("#")
            if re.match(r"[a-z]+:|//", address):
                continue
            target = (path.parent / unquote(file.partition("?")[0])).resolve() if file else path
            missing = anchor and target in anchors and anchor not in anchors[target] and target.suffix == ".html"
            if not target.exists() or missing:
                broken.append(f"{path.name}: {address}")
    return broken
