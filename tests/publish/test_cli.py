"""The command line: what it prints, where it looks, and how it fails."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner
from unitscope.errors import UnitscopeError
from unitscope.publish import cli


@pytest.fixture
def call(toy, monkeypatch):
    """Call the command line inside the toy book, with a run that starts no kernel."""
    monkeypatch.chdir(toy / "book")
    return lambda *words: CliRunner().invoke(cli.app, list(words))


def command(*words, cwd):
    return subprocess.run(
        [sys.executable, "-m", "unitscope.publish.cli", *words], cwd=cwd, capture_output=True, text=True
    )


def test_a_mistake_is_one_message_and_status_1(toy):
    done = command("run", "secnd", cwd=toy)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("unitscope: unknown chapter 'secnd'; did you mean 'second'?")


def test_run_prints_where_its_results_lie(toy):
    done = command("run", "second", "-p", "seed=3", cwd=toy / "book" / "presets")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines.pop(0) == "second: started"
    assert lines[0].startswith("second: executed in") and lines[0].endswith("1 claims")
    assert lines[1].startswith(str(toy / "_build" / "embedded" / "runs" / "second."))
    assert json.loads(Path(lines[2]).read_text())[0]["id"] == "C1"
    assert lines[2] == lines[1].replace(".ipynb", ".claims.json")
    assert done.stderr == ""


def test_record_keeps_the_run(call, toy):
    done = call("run", "second", "--record", "here")
    assert done.exit_code == 0, done.output
    assert (toy / "book" / "recorded" / "second" / "here" / "provenance.json").is_file()


@pytest.mark.parametrize("name", ["../x", "a/b", ".x", "<b>", "a" * 101])
def test_a_name_that_cannot_be_recorded_is_refused_before_the_run(call, toy, name):
    assert "one plain word" in str(call("run", "second", "--record", name).exception)
    assert not (toy / "_build").exists()


def test_an_unknown_preset_of_the_book(call):
    assert isinstance(call("book", "--preset", "embeded").exception, UnitscopeError)


@pytest.mark.parametrize("words", [(), ("zoo",)])
def test_without_a_command_the_help_is_shown(call, words):
    assert "Usage" in call(*words).output


def test_zoo_names_every_network(call):
    listed = call("zoo", "list")
    assert listed.exit_code == 0, listed.output
    assert "critters/resnet" in listed.output


def test_verify_fails_where_a_network_is_not_ready(call, monkeypatch):
    from unitscope.models import zoo

    networks = [zoo.Entry("critters/a", 1_500_000, 2**20, {"top1": 0.961}), zoo.Entry("critters/b", 10, 0)]
    monkeypatch.setattr(zoo, "verify", lambda: networks)
    done = call("zoo", "verify")
    assert done.exit_code == 0 and "critters/a" in done.output and "1.0 MB  ready    top1 0.961" in done.output
    networks[1] = zoo.Entry("critters/b", 10, 0, status="missing")
    assert call("zoo", "verify").exit_code == 1


def test_convert_writes_an_official_generator_without_its_pickle(call, tmp_path):
    source = Path(__file__).parents[1] / "models" / "official" / "sg3r_cond" / "blank.pkl"
    done = call("zoo", "convert", str(source), str(tmp_path / "out.safetensors"))
    assert done.exit_code == 0 and "stylegan3, 64 px" in done.output and (tmp_path / "out.safetensors").is_file()
    (tmp_path / "bad.pkl").write_bytes(b"cos\nsystem\n.")
    assert "is refused" in str(
        call("zoo", "convert", str(tmp_path / "bad.pkl"), str(tmp_path / "no.safetensors")).exception
    )
    assert not (tmp_path / "no.safetensors").exists()


def test_the_command_and_the_report_of_a_kernel_load_no_torch():
    """Each command, worker and kernel would start two seconds later."""
    script = "import sys, unitscope.publish.{}; print('torch' in sys.modules, 'scipy' in sys.modules)"
    for module in ("cli", "machine"):
        done = subprocess.run([sys.executable, "-c", script.format(module)], capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["False", "False"], module
