"""A kernel's start: sockets of its own, clashes of ports survived, silence noticed, nothing left behind."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from unitscope.publish import kernel
from unitscope.publish.run import KernelDied, plan, run


@pytest.fixture(autouse=True)
def own_place(monkeypatch, tmp_path_factory):
    """A folder for temporary files that no other test looks at."""
    place = tmp_path_factory.mktemp("t")
    monkeypatch.setattr(kernel.tempfile, "tempdir", str(place))
    return place


def start_and_stop() -> kernel.KernelManager:
    """Start a kernel, ask it for a sum, stop it; returns its manager."""

    async def work():
        manager = kernel.KernelManager(kernel_name="python3")
        await manager.start_kernel()
        client = manager.client()
        client.start_channels()
        await client.wait_for_ready(timeout=30)
        answer = await client._async_execute_interactive("assert 1 + 1 == 2", timeout=30)
        client.stop_channels()
        await manager.shutdown_kernel(now=True)
        await manager.cleanup_resources()
        assert answer["content"]["status"] == "ok"
        return manager

    return asyncio.run(work())


def at_first_start(monkeypatch, change) -> list[int]:
    """Let `change(manager)` spoil the first start's address; returns the list of starts, as they come."""
    starts, choose = [], kernel.KernelManager._choose_address

    def spoiled(self, start):
        choose(self, start)
        starts.append(start)
        if start == 0:
            change(self)

    monkeypatch.setattr(kernel.KernelManager, "_choose_address", spoiled)
    return starts


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no unix sockets on this platform")
def test_a_kernel_talks_over_sockets_of_its_own_and_leaves_nothing(own_place):
    one, two = start_and_stop(), start_and_stop()
    assert one.transport == two.transport == "ipc" and one.ip != two.ip
    assert list(own_place.iterdir()) == []


def test_without_unix_sockets_it_talks_over_tcp(monkeypatch, own_place):
    monkeypatch.setattr(kernel, "takes_sockets", lambda folder: False)
    assert start_and_stop().transport == "tcp"
    assert list(own_place.iterdir()) == []


def test_a_path_that_is_too_long_for_a_socket_is_left_for_a_short_one(monkeypatch, tmp_path):
    long = tmp_path / ("a" * 60) / ("b" * 60)
    long.mkdir(parents=True)
    monkeypatch.setattr(kernel.tempfile, "tempdir", str(long))
    assert start_and_stop().ip.startswith("/tmp/")
    assert list(long.iterdir()) == []


@pytest.mark.parametrize("channel", ["shell", "stdin", "control", "iopub"])
def test_a_clash_of_ports_is_survived_by_a_second_start(channel, monkeypatch, own_place):
    """On iopub the kernel stays alive and mute, on the others it dies."""
    monkeypatch.setattr(kernel, "SECONDS_TO_ANSWER", (5, 60, 60))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        def take_the_port(manager):
            manager.cache_ports, manager.transport, manager.ip = False, "tcp", "127.0.0.1"
            setattr(manager, f"{channel}_port", taken.getsockname()[1])

        starts = at_first_start(monkeypatch, take_the_port)
        start_and_stop()
    assert len(starts) >= 2
    assert list(own_place.iterdir()) == []


def test_silence_is_noticed_within_half_a_minute():
    assert kernel.SECONDS_TO_ANSWER[0] <= 30


@pytest.fixture
def dying_kernels(monkeypatch):
    """Kernels that end before they answer; a cell is never reached."""
    monkeypatch.setattr(
        kernel.KernelManager,
        "format_kernel_cmd",
        lambda self, extra_arguments=None: [sys.executable, "-c", "raise SystemExit(3)"],
    )


def test_kernels_that_never_start_are_a_failure_in_words(toy, dying_kernels, own_place, capfd):
    with pytest.raises(
        KernelDied,
        match="chapter 'second' failed before its first cell: 3 starts of a kernel failed: RuntimeError: Kernel died",
    ):
        run(plan(toy, "second"))
    assert list(own_place.iterdir()) == [] and "Traceback" not in capfd.readouterr().err


def test_a_full_folder_for_temporary_files_is_a_failure_in_words(toy, monkeypatch):
    def full(*given, **named):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(kernel.tempfile, "mkdtemp", full)
    with pytest.raises(KernelDied, match="No space left on device"):
        run(plan(toy, "second"))


def test_a_killed_kernel_is_started_again_if_it_had_not_answered(monkeypatch, own_place):
    killed, wait = [], kernel.KernelManager._wait_for_answer

    async def kill_first(self, seconds):
        if not killed:
            killed.append(self.provisioner.pid)
            os.kill(self.provisioner.pid, signal.SIGKILL)
        await wait(self, seconds)

    monkeypatch.setattr(kernel.KernelManager, "_wait_for_answer", kill_first)
    start_and_stop()
    assert killed and list(own_place.iterdir()) == []


def test_what_a_killed_process_left_is_removed_by_the_next_start(own_place):
    code = (
        "import os, sys, tempfile; tempfile.tempdir = sys.argv[1]\nfrom unitscope.publish.kernel import"
        " socket_folder\nprint(socket_folder()[0], flush=True)\nos.kill(os.getpid(), 9)"
    )
    printed = subprocess.run([sys.executable, "-c", code, str(own_place)], capture_output=True, text=True).stdout
    left, (held, _) = Path(printed.strip()), kernel.socket_folder()
    (own_place / "unitscope-kernel-of-a-reader").mkdir()  # no lock in it: not ours
    for folder in own_place.iterdir():
        os.utime(folder, (time.time() - 3600,) * 2)
    assert left.is_dir()
    kernel.remove_left_over(own_place)
    assert sorted(path.name for path in own_place.iterdir()) == sorted([held.name, "unitscope-kernel-of-a-reader"])
