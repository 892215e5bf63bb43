"""Imports are followed as Python follows them, without running anything."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from unitscope.publish.reach import reached

REPOSITORY = Path(__file__).parents[2]
LAZY = (
    'TABLE = {"load": "pack.low", "deep": ("pack.high.far", "Far")}\ndef __getattr__(name):\n    return TABLE[name]\n'
)


@pytest.fixture
def folder(tmp_path):
    """A package with two floors, a lazy package, and modules beside them."""
    files = {
        "pack/__init__.py": "",
        "pack/low.py": "",
        "pack/high/__init__.py": "from pack.high.near import x\n",
        "pack/high/near.py": "from ..low import y\n",
        "pack/high/far.py": "def f():\n    import alone\n",
        "alone.py": "",
        "lazy/__init__.py": LAZY,
        "lazy/own.py": "",
        "lazy/other.py": "import alone\n",
        "plain.py": "import lazy\n",
        "typed.py": "import typing\nif typing.TYPE_CHECKING:\n    import alone\nelse:\n    import pack\n",
        "space/inner.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


EVERY_LAZY = ["lazy/__init__.py", "lazy/other.py", "lazy/own.py", "alone.py"]


@pytest.mark.parametrize(
    "code, expected",
    [
        ("import alone", ["alone.py"]),
        ("import typed", ["typed.py", "pack/__init__.py"]),
        ("import pack.low as p", ["pack/__init__.py", "pack/low.py"]),
        ("from pack import low", ["pack/__init__.py", "pack/low.py"]),
        ("from pack import no_module", ["pack/__init__.py"]),
        ("import pack\npack.low.f()", ["pack/__init__.py", "pack/low.py"]),
        ("import pack\nprint(pack)", ["pack/__init__.py"]),
        ("from pack.high import x", ["pack/__init__.py", "pack/high/__init__.py", "pack/high/near.py", "pack/low.py"]),
        (
            "from pack.high import far",
            [
                "pack/__init__.py",
                "pack/high/__init__.py",
                "pack/high/near.py",
                "pack/low.py",
                "pack/high/far.py",
                "alone.py",
            ],
        ),
        ("def f():\n    if 1:\n        from pack.low import y", ["pack/__init__.py", "pack/low.py"]),
        ("from importlib import import_module\nimport_module('alone')", ["alone.py"]),
        ("import space.inner", ["space/inner.py"]),
        ("import numpy as np\nnp.zeros(3)\nfrom os import path", []),
        ("import lazy", ["lazy/__init__.py"]),
        ("import lazy\nlazy.load(3)", ["lazy/__init__.py", "pack/__init__.py", "pack/low.py"]),
        ("from lazy import load", ["lazy/__init__.py", "pack/__init__.py", "pack/low.py"]),
        ("import lazy as us\nus.own.f(us.__version__)", ["lazy/__init__.py", "lazy/own.py"]),
        (
            "from lazy import deep",
            [
                "lazy/__init__.py",
                "pack/__init__.py",
                "pack/high/__init__.py",
                "pack/high/near.py",
                "pack/low.py",
                "pack/high/far.py",
                "alone.py",
            ],
        ),
        ("import lazy\nlazy.unknown", EVERY_LAZY),
        ("import lazy\ngetattr(lazy, name)", EVERY_LAZY),
        ("from lazy import *", EVERY_LAZY),
        ("this is no Python", []),
    ],
)
def test_what_a_code_reaches(folder, code, expected):
    assert sorted(path.relative_to(folder).as_posix() for path in reached([code], [folder])) == sorted(expected)


def test_a_file_is_read_again_when_it_changed(folder):
    assert not reached(["import pack.low"], [folder]) & {folder / "alone.py"}
    (folder / "pack" / "low.py").write_text("import alone\n")
    assert folder / "alone.py" in reached(["import pack.low"], [folder])


@pytest.mark.parametrize(
    "start", ["unitscope.papers.pure.scores", "unitscope.metrics.similarity", "unitscope.plots.rosetta"]
)
def test_whatever_python_loads_is_among_what_is_reached(start):
    """Python's own account of an import: modules of the library that are loaded after it."""
    script = (
        f"import sys, {start}\nprint(*(m.__file__ for n, m in list(sys.modules.items()) if n.startswith('unitscope')),"
        " sep='\\n')"
    )
    environment = {"PYTHONPATH": str(REPOSITORY / "lib"), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, env=environment, check=True
    )
    loaded = {Path(line) for line in done.stdout.split("\n") if line}
    assert len(loaded) > 5 and loaded <= reached([f"import {start}"], [REPOSITORY / "lib"])
