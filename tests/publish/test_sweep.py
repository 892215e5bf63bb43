"""A grid of runs: read, spread over processes and over a dask cluster, killed, repeated, gathered into one table."""

import json
import subprocess
import sys
import threading
import time
from unittest.mock import MagicMock

import pandas as pd
import pytest
from typer.testing import CliRunner
from unitscope.errors import UnitscopeError
from unitscope.publish import cli, values
from unitscope.publish.locks import locked
from unitscope.publish.sweep import keep, read_sweep, results, results_path, run_sweep, sweeps, workers

from .conftest import REPOSITORY, write_chapter

PROBE = """import os
import time
from pathlib import Path
from myst_nb import glue
from unitscope.metrics.verdicts import counted, untested
from unitscope.publish import chapter_claims

flag = Path(f"../{layer}.flag")
if model == "killer" and not flag.exists():
    flag.touch()
    os.kill(os.getppid(), 9)  # the worker that runs this notebook
    time.sleep(60)
if model == "orphan" and not flag.exists():
    flag.touch()
    os.kill(os.getpid(), 9)  # this kernel
if model == "broken":
    raise KeyError("no such\\nunit")
glue("score", 0.25 * seed, display=False)
claim = chapter_claims("probe")
claim("C1", counted(seed + len(layer), seed > 0))
claim("C2", untested("needs them").but(ours="none"))"""
CLAIMS = "- {paper: Probes, chapters: [probe], own: {C1: {statement: a < b}, C2: {statement: no weights}}}\n"
GRID = "chapter: probe\ntitle: Probes\nparameters: {count: 2}\ngrid:\n"


@pytest.fixture
def root(toy, monkeypatch):
    """The toy book with a chapter that can be swept; what it calls a model is no network."""
    monkeypatch.setattr(values, "of_name", lambda name: iter(()))
    write_chapter(
        toy / "book" / "probe.ipynb",
        [
            ("markdown", "# Probe"),
            ("parameters", 'model = "a"\nlayer = "x"\nlower = ""\nnetworks = []\ncount = 1\nseed = 0'),
            ("code", PROBE),
        ],
    )
    with (toy / "book" / "claims.yaml").open("a") as file:
        file.write(CLAIMS)
    return toy


def ask(root, text, name="grid"):
    """A sweep from the text of its file."""
    (root / "book" / "sweeps" / f"{name}.yaml").write_text(text)
    return read_sweep(root, name)


def test_a_file_is_read_cell_by_cell(root):
    sweep = ask(root, GRID + "  b/one: [x, {name: last, layer: y, lower: x}]\n  a: [x]\nseeds: [0, 1]\n")
    assert [(cell.model, cell.layer, cell.seed) for cell in sweep.cells] == [
        ("b/one", "x", 0), ("b/one", "x", 1), ("b/one", "last", 0), ("b/one", "last", 1), ("a", "x", 0), ("a", "x", 1),
    ]  # fmt: skip
    assert sweep.cells[3].values == {"count": 2, "model": "b/one", "layer": "y", "lower": "x", "seed": 1}
    assert len({cell.id for cell in sweep.cells}) == 6 and sweep.cells[2].id.startswith("b-one-last-0.")
    assert sweep.plans(root)[3].parameters["lower"] == "x"


def test_an_axis_may_be_another_parameter_and_a_list(root):
    sweep = ask(root, GRID + "  a: [x]\naxes: {model: networks}\n")
    assert sweep.cells[0].values["networks"] == ["a"] and "model" not in sweep.cells[0].values


@pytest.mark.parametrize(
    "text, message",
    [
        ("grid: {a: [x]}", "must name a `chapter`"),
        ("chapter: probe\ngrid: [a]", "maps models to lists"),
        (GRID + "  a: x\n", "without one: a"),
        ("chapter: prob\ngrid: {a: [x]}", "did you mean 'probe'"),
        ("chapter: probe\ngird: 1\ngrid: {a: [x]}", "unknown key 'gird'; did you mean 'grid'"),
        (GRID + "  a: [{layer: x, lowr: y}]\n", "did you mean 'lower'"),
        (GRID + "  a: [x]\naxes: {modell: model}\n", "unknown axis 'modell'"),
        (GRID + "  a: [x, x]\n", "holds these cells twice: a-x-0"),
        ("chapter: [", "is not YAML"),
        ("chapter: 3\ngrid: {a: [x]}", "`chapter` takes the name of a chapter, got 3"),
        ("chapter:\ngrid: {a: [x]}", "`chapter` takes the name of a chapter, got None"),
        (GRID + "  a: [x]\nseeds:\n", r"`seeds` takes a list of whole numbers, as in \[0, 1\], got None"),
        (GRID + "  a: [x]\nseeds: 3\n", "`seeds` takes .*, got 3"),
        (GRID + "  a: [x]\nseeds: []\n", "`seeds` takes .*, got none"),
        (GRID + "  a: [x]\nseeds: [a]\n", "`seeds` takes .*, got a in it"),
        (GRID + "  a: [x]\naxes:\n", "`axes` takes .*, got None"),
        (GRID + "  a: [x]\naxes: 1\n", "`axes` takes .*, got 1"),
        (GRID + "  a: [x]\naxes: {model: 1}\n", "`axes` takes .*, got 1 in it"),
        ("chapter: probe\nparameters:\ngrid: {a: [x]}", "`parameters` takes .*, got None"),
        ("chapter: probe\nparameters: 7\ngrid: {a: [x]}", "`parameters` takes .*, got 7"),
        ("chapter: probe\nparameters: {1: 2}\ngrid: {a: [x]}", "`parameters` takes .*, got 1 in it"),
        (GRID + "  a: [3]\n", "`grid` takes .*, got 3 in it"),
        (GRID + "  a: [{}]\n", "`grid` takes .*, got {} in it"),
        (GRID + f"  a: [{'x' * 100_000}]\n", "a text of 100000 characters, at most 4096 are taken"),
        (GRID + f"  a: [x]\nseeds: [1{'0' * 60}]\n", "a whole number of 200 bits"),
        (GRID + '  a: ["x\\0"]\n', "not UTF-8 or a NUL"),
    ],
)
def test_mistakes_in_a_file_are_found_before_a_kernel_starts(root, text, message):
    with pytest.raises(UnitscopeError, match=message):
        ask(root, text).plans(root)


def test_a_file_in_another_encoding_is_told(root):
    (root / "book" / "sweeps" / "grid.yaml").write_bytes(
        "chapter: probe\ntitle: Übung\ngrid: {a: [x]}".encode("latin-1")
    )
    with pytest.raises(UnitscopeError, match="grid.yaml is not YAML in UTF-8"):
        read_sweep(root, "grid")


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b", "\udcff"])
def test_an_odd_name_of_a_sweep_is_unknown(root, name):
    with pytest.raises(UnitscopeError, match="unknown sweep"):
        read_sweep(root, name)


def test_an_unknown_sweep_gets_the_nearest(root):
    ask(root, GRID + "  a: [x]\n", "pure")
    with pytest.raises(UnitscopeError, match="unknown sweep 'pur'; did you mean 'pure'"):
        read_sweep(root, "pur")


def test_processes_run_the_cells_once_and_a_failure_stops_nothing(root, monkeypatch):
    sweep, told = ask(root, GRID + "  broken: [x]\n  killer: [x]\nseeds: [2]\n"), []
    found = {cell["model"]: cell for cell in run_sweep(root, sweep, jobs=2, tell=told.append)}
    assert found["killer"]["state"] == "finished"  # its first process was killed with signal 9
    assert found["killer"]["claims"]["C1"]["state"] == "holds" and found["killer"]["figures"] == {"score": 0.5}
    assert found["broken"]["state"] == "failed" and found["broken"]["reason"].endswith("KeyError: 'no such\\nunit'")
    assert told[0] == "grid: 2 cells, 0 finished before" and told[-1] == "grid: 1 finished, 1 failed" and len(told) == 5
    assert f"{found['killer']['cell']}: its process died, it is run again (2 of 3)" in told
    assert "no such" in (sweep.folder(root) / "cells" / f"{found['broken']['cell']}.failed.ipynb").read_text()
    assert found["killer"]["peak_memory_mb"] > 10

    asked = []
    monkeypatch.setattr(results, "spread", lambda left, *how: (pair for pair in asked.extend(left) or ()))
    again = run_sweep(root, sweep)
    assert asked == [found["broken"]["cell"]] and again[1]["claims"] == found["killer"]["claims"]


def test_a_killed_kernel_is_replaced_and_the_finished_cells_stay(root):
    told = []
    found = run_sweep(root, ask(root, GRID + "  orphan: [x]\n"), jobs=1, tell=told.append)
    assert found[0]["state"] == "finished" and "probe: its kernel died, it is run again (2 of 3)" in told


def test_a_sweep_never_runs_beside_itself(root):
    sweep = ask(root, GRID + "  a: [x]\n")
    with (
        locked(root, "sweep grid"),
        pytest.raises(UnitscopeError, match="sweep grid is already under way in process .*: wait for its end"),
    ):
        run_sweep(root, sweep)


@pytest.fixture
def cluster():
    """A dask cluster of two worker processes on this machine, each of which says that it has a GPU."""
    distributed = pytest.importorskip(
        "distributed", reason="the cluster's tests need dask (pip install 'unitscope[cluster]')"
    )
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, resources={"GPU": 1}
    ) as made:
        yield made


def test_a_cluster_outlives_a_worker_that_is_killed(root, cluster, monkeypatch):
    sweep = ask(root, GRID + "  a: [x, y]\n  killer: [z]\ngpu: true\n")
    found = run_sweep(root, sweep, scheduler=cluster.scheduler_address)
    assert [cell["state"] for cell in found] == ["finished"] * 3 and (root / "z.flag").exists()
    assert min(cell["overhead"] for cell in found) <= 2  # seconds; the least, as other processes may hold the machine

    monkeypatch.setattr(results, "on_cluster", None)
    again = run_sweep(root, sweep, scheduler=cluster.scheduler_address)
    assert [cell["claims"] for cell in again] == [cell["claims"] for cell in found]


def test_a_cluster_without_workers_is_told_and_not_waited_for(root, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(workers, "SECONDS_WITHOUT_WORKERS", (0.2, 2))
    told, sweep = [], ask(root, GRID + "  a: [x]\n")
    with (
        distributed.LocalCluster(n_workers=0, dashboard_address=None) as empty,
        pytest.raises(
            UnitscopeError, match="has had no worker for 2 s. Finished cells are kept: the same command goes on"
        ),
    ):
        run_sweep(root, sweep, scheduler=empty.scheduler_address, tell=told.append)
    assert any(line.startswith("no worker is connected to") for line in told) and told[-1] == "grid: 1 waiting"
    assert json.loads(results_path(root, "grid").read_text())["cells"][0]["state"] == "waiting"
    assert run_sweep(root, sweep, jobs=1)[0]["state"] == "finished"


def test_a_scheduler_that_ends_is_told(root, capfd):
    pytest.importorskip("distributed")
    sweep = ask(root, GRID + "  a: [x]\n")
    command = [
        sys.executable,
        "-m",
        "distributed.cli.dask_scheduler",
        "--port",
        "0",
        "--no-dashboard",
        "--scheduler-file",
        str(root / "scheduler.json"),
    ]
    scheduler = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    while not (root / "scheduler.json").exists():
        assert scheduler.poll() is None
        time.sleep(0.1)
    threading.Timer(2, scheduler.kill).start()
    with pytest.raises(UnitscopeError, match="is gone, with 1 cells to go. Finished cells are kept"):
        run_sweep(root, sweep, scheduler=str(root / "scheduler.json"))
    assert scheduler.wait() and "Traceback" not in capfd.readouterr().err


def test_a_cluster_without_gpus_is_told_instead_of_waited_for(monkeypatch):
    client = MagicMock()
    client.__enter__.return_value.scheduler_info.return_value = {"workers": {"tcp://a": {"resources": {}}}}
    monkeypatch.setattr(workers, "connect", lambda address: client)
    with pytest.raises(UnitscopeError, match="no worker offers one: start workers with --resources GPU=1"):
        list(workers.on_cluster({}, "tcp://a", gpu=True))


def test_no_scheduler_is_named_with_its_address(monkeypatch):
    monkeypatch.setattr(workers, "SECONDS_TO_CONNECT", 1)
    with pytest.raises(UnitscopeError, match="no dask scheduler answers at 'tcp://127.0.0.1:9'"):
        list(workers.on_cluster({}, "tcp://127.0.0.1:9", gpu=False))


@pytest.fixture
def no_kernel(monkeypatch):
    """Cells that fail at once instead of starting a kernel; the list of those that were asked for."""
    asked = []

    def fail(plans, *how):
        for cell in plans:
            asked.append(cell)
            yield cell, {"state": "failed", "reason": "not today", "seconds": 0.0, "overhead": 0.0}

    monkeypatch.setattr(results, "spread", fail)
    return asked


def test_shards_share_the_grid(root, no_kernel):
    sweep = ask(root, GRID + "  a: [x, y, z]\n")
    for shard in ((0, 2), (1, 2)):
        run_sweep(root, sweep, shard=shard)
    assert no_kernel == [sweep.cells[i].id for i in (0, 2, 1)]


def test_the_command_ends_with_status_1_where_a_cell_failed(root, no_kernel, monkeypatch):
    ask(root, GRID + "  a: [x]\n")
    monkeypatch.chdir(root)
    done = CliRunner().invoke(cli.app, ["sweep", "book/sweeps/grid.yaml", "--record"])
    assert done.exit_code == 1 and "grid: 1 failed" in done.output and "not today" in done.output
    found = json.loads(results_path(root, "grid").read_text())
    assert found["cells"][0]["reason"] == "not today"
    assert json.loads((root / "book" / "sweeps" / "grid.results.json").read_text()) == found


@pytest.mark.parametrize("text", ["0/2", "3/2", "2", "a/b", "1/0"])
def test_a_shard_that_cannot_be_meant_is_refused(root, monkeypatch, text):
    ask(root, GRID + "  a: [x]\n")
    monkeypatch.chdir(root)
    error = CliRunner().invoke(cli.app, ["sweep", "grid", "--shard", text]).exception
    assert isinstance(error, UnitscopeError) and "--shard takes i/n" in str(error)


def test_an_incomplete_sweep_is_not_recorded(root, no_kernel):
    sweep = ask(root, GRID + "  a: [x, y]\n")
    run_sweep(root, sweep, shard=(0, 2))
    with pytest.raises(UnitscopeError, match="is not complete.*waiting: a-y-0"):
        keep(root, sweep)


def test_the_table_is_tidy_and_keeps_its_types(tmp_path):
    claims = {"C1": {"state": "holds", "ours": 0.5}, "C2": {"state": "untested", "ours": "a, b"}}
    common = {"model": "m", "layer": "l", "seed": 0, "state": "finished", "reason": "", "key": "k"}
    found = [
        {
            **common,
            "cell": "one",
            "parameters": {"n": 3, "judges": ["a"]},
            "claims": claims,
            "figures": {"score": 1.5},
            "seconds": 2.0,
        },
        {**common, "cell": "two", "parameters": {"n": 4, "judges": []}, "claims": {}, "figures": {}},
    ]
    rows = results.table(found)
    rows.to_parquet(tmp_path / "t.parquet")
    back = pd.read_parquet(tmp_path / "t.parquet").set_index("cell")
    assert back.loc["one", "C1.state"] == "holds"
    assert (
        back.loc["one", "C1.ours"] == 0.5
        and back.loc["one", "C2.ours"] == "a, b"
        and back.loc["one", "C2.state"] == "untested"
    )
    assert (
        back.loc["two", "p.n"] == 4 and back.loc["one", "p.judges"] == '["a"]' and back.loc["one", "glue.score"] == 1.5
    )
    assert pd.isna(back.loc["two", "C1.state"]) and pd.isna(back.loc["two", "seconds"])


@pytest.mark.parametrize(
    "text, value",
    [("0.5", 0.5), ("np.float64(0.25)", 0.25), ("-3", -3), ("1e-07", 1e-7), ("'a'", None), ("True", None)],
)
def test_numbers_among_what_was_glued(text, value):
    match = results.NUMBER.fullmatch(text)
    assert (float(match[1]) if match else None) == value


@pytest.mark.parametrize("name", sweeps(REPOSITORY))
def test_a_sweep_of_the_book_is_sound_and_has_its_page(name):
    """Every cell's parameters exist, no cell stands twice, and the table of contents names the page."""
    sweep = read_sweep(REPOSITORY, name)
    assert len(sweep.cells) >= 8 and set(sweep.axes.values()) <= set().union(*(cell.values for cell in sweep.cells)) | {
        "layer"
    }
    assert f"{{unitscope-sweep}} {name}" in (REPOSITORY / "book" / "sweeps" / f"{name}.md").read_text()
    assert f"book/sweeps/{name}\n" in (REPOSITORY / "_toc.yml").read_text()
