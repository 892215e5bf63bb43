"""Commands, processes and kernels killed at any time: nothing finished is lost, nothing runs on, the next call goes
on.
"""

import json
import os
import random
import signal
import subprocess
import time

import psutil
import pytest

from .injection import count, environment, results_of, slow_book, start

WAYS = [signal.SIGTERM, *(pytest.param(way, marks=pytest.mark.long) for way in (signal.SIGHUP, signal.SIGKILL))]
SECONDS_TO_END = 60  # a few on an idle machine


def processes_of(process: subprocess.Popen) -> list[psutil.Process]:
    """A command and all that it started."""
    try:
        return [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kernels_of(process: subprocess.Popen) -> list[psutil.Process]:
    """The kernels that a command runs now."""
    found = []
    for one in processes_of(process):
        try:
            found += [one] if "ipykernel_launcher" in one.cmdline() else []
        except psutil.Error:
            continue
    return found


def wait_for(happened, seconds: float = 300) -> None:
    """Until a function says so."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


@pytest.mark.parametrize("way", WAYS)
def test_a_sweep_that_is_ended_takes_its_processes_and_kernels_with_it(tmp_path, way):
    root = slow_book(tmp_path)
    sweep = start(root, "sweep", "grid", "-j", "2")
    wait_for(lambda: (root / "book" / "a.here").exists() and (root / "_build/sweeps/grid/cells").is_dir())
    family = processes_of(sweep)
    assert len(family) >= 3  # the command, a process, a kernel
    sweep.send_signal(way)
    _, alive = psutil.wait_procs([one for one in family if one.pid != sweep.pid], timeout=SECONDS_TO_END)
    sweep.communicate()
    alive = [one for one in alive if one.is_running() and one.status() != psutil.STATUS_ZOMBIE]
    assert not alive, [one.cmdline() for one in alive]
    if way != signal.SIGKILL:
        assert list((root / "tmp").glob("unitscope-kernel-*")) == []
    (root / "book" / "quick").touch()
    again = start(root, "sweep", "grid", "-j", "2")
    told, errors = again.communicate(timeout=300)
    assert again.returncode == 0 and "Traceback" not in errors, errors
    assert [cell["state"] for cell in results_of(root)] == ["finished"] * 2


@pytest.mark.long
def test_a_second_sweep_is_refused_in_words_while_the_first_runs(tmp_path):
    root = slow_book(tmp_path)
    first = start(root, "sweep", "grid", "-j", "1")
    wait_for(lambda: (root / "book" / "a.here").exists())
    told, errors = start(root, "sweep", "grid").communicate(timeout=300)
    assert errors.startswith(f"unitscope: sweep grid is already under way in process {first.pid}")
    first.terminate()
    first.communicate()


@pytest.mark.long
def test_a_killed_kernel_of_run_is_one_message(tmp_path):
    root = slow_book(tmp_path)
    run = start(root, "run", "slow")
    wait_for(lambda: kernels_of(run) and (root / "book" / "a.here").exists())
    kernels_of(run)[0].kill()
    told, errors = run.communicate(timeout=300)
    assert run.returncode == 1 and "Traceback" not in errors
    assert errors.startswith("unitscope: chapter 'slow' failed without an answer from its kernel")


# ---- minutes of it: pytest -m long


@pytest.mark.long
@pytest.mark.parametrize("command", [("run", "slow"), ("sweep", "grid", "-j", "2")], ids=["run", "sweep"])
@pytest.mark.parametrize("victim", ["command", "kernel", "process"])
def test_kills_at_random_times(tmp_path, command, victim):
    """kill -9 of any of them, fifteen times: what was finished before stays, and one more call finishes the rest."""
    if victim == "process" and command[0] == "run":
        pytest.skip("a run has no process beside its kernel")
    root, chance = slow_book(tmp_path, seconds=0.4), random.Random(f"{command[0]} {victim}")
    done = start(root, *command)
    done.communicate(timeout=300)
    assert done.returncode == 0
    with count("kill", victim, command[0]) as tally:
        for number in range(15):
            (root / "book" / "slow.note").write_text(str(number))
            before = results_of(root, command[0])
            process = start(root, *command, *(["--force"] if command[0] == "run" else []), fresh=True)
            time.sleep(chance.uniform(0.2, 5))
            family = kernels_of(process) if victim == "kernel" else processes_of(process)
            chosen = (
                process.pid
                if victim == "command"
                else next((one.pid for one in family[::-1] if one.pid != process.pid), None)
            )
            if chosen is not None and psutil.pid_exists(chosen):
                os.kill(chosen, signal.SIGKILL)
            errors = process.communicate(timeout=300)[1]
            again = start(root, *command)
            errors += again.communicate(timeout=300)[1]
            after = results_of(root, command[0])
            tally(lost=after != before or again.returncode != 0, raw="Traceback" in errors, said=errors)


@pytest.mark.long
@pytest.mark.parametrize("nth", range(1, 25))
def test_kills_at_each_write_and_rename(tmp_path, nth):
    """The n-th time that the command opens a file to write, makes a folder or renames, it is killed before it does."""
    root = slow_book(tmp_path, seconds=0)
    with count("kill", "write or rename", "run") as tally:
        first = start(root, "run", "slow", env=environment(root, "kill", nth))
        errors = first.communicate(timeout=300)[1]
        again = start(root, "run", "slow")
        errors += again.communicate(timeout=300)[1]
        results = root / "_build" / "embedded" / "claims.json"
        lost = again.returncode != 0 or [claim["id"] for claim in json.loads(results.read_text())] != ["C1"]
        parts = list((root / "_build").rglob("*.part"))
        tally(lost=lost, raw="Traceback" in errors, said=errors + str(parts))
