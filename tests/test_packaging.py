"""The lists of packages agree, the pins lie in the ranges, and the files that a stranger meets are there."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def ranges() -> dict[str, Requirement]:
    """Every requirement of pyproject.toml, with its extras, by lower-case name."""
    texts = PROJECT["dependencies"] + [text for extra in PROJECT["optional-dependencies"].values() for text in extra]
    return {Requirement(text).name.lower(): Requirement(text) for text in texts}


def pins() -> dict[str, str]:
    """Every pin of environment.yml by lower-case name."""
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    lines = next(entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    return dict(line.lower().split("==") for line in lines if not line.startswith("--editable"))


def test_conda_and_pip_users_get_the_same_packages():
    assert set(pins()) == set(ranges())


def test_every_pin_lies_in_its_range():
    outside = [name for name, need in ranges().items() if Version(pins()[name]) not in need.specifier]
    assert not outside


def test_conda_takes_a_python_that_the_package_takes():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    python = next(entry for entry in environment["dependencies"] if str(entry).startswith("python="))
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(python.split("=")[1])


@pytest.mark.parametrize("file", ["README.md", "LICENSE", "CITATION.cff", "CHANGELOG.md", ".ci/run", "Makefile"])
def test_what_a_stranger_looks_for_is_there(file):
    assert (ROOT / file).stat().st_size > 0


def test_ci_calls_the_command_that_the_readme_names():
    assert "make test" in (ROOT / ".ci" / "run").read_text()
    assert "make test" in (ROOT / "README.md").read_text()
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_wheel_holds_every_file_of_the_zoo():
    script = """
from setuptools import Distribution
dist = Distribution({"src_root": "."})
dist.parse_config_files()
dist.include_package_data = False
build = dist.get_command_obj("build_py")
build.ensure_finalized()
build.manifest_files = {}  # only what package-data names
print(*build.find_data_files("unitscope.models", "lib/unitscope/models"), sep="\\n")
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    packed = {
        Path("unitscope/models", line).as_posix().replace("unitscope/models/lib/", "")
        for line in done.stdout.splitlines()
    }
    zoo = {
        path.relative_to(ROOT / "lib").as_posix()
        for path in (ROOT / "lib" / "unitscope" / "models" / "zoo").rglob("*")
        if path.is_file()
    }
    assert "unitscope/models/zoo/cifar10/resnet.safetensors" in zoo and zoo <= packed


def test_versions_agree():
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == PROJECT["version"]
    assert f'__version__ = "{PROJECT["version"]}"' in (ROOT / "lib" / "unitscope" / "__init__.py").read_text()


@pytest.mark.parametrize("workflow", sorted(path.name for path in (ROOT / ".github" / "workflows").glob("*.yml")))
def test_workflows_are_yaml_and_pin_their_actions(workflow):
    content = yaml.safe_load((ROOT / ".github" / "workflows" / workflow).read_text())
    steps = [step for job in content["jobs"].values() for step in job["steps"]]
    used = [step["uses"] for step in steps if "uses" in step]
    assert used and all(re.search(r"@[0-9a-f]{40}$", name) for name in used)
    assert "EXTRA_INDEX" not in str(content)


def test_the_console_script_answers():
    done = subprocess.run([sys.executable, "-m", "unitscope.publish.cli", "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("run", "book", "zoo"))
