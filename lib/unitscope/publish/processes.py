"""Runs side by side on this machine, each in a process of its own that never outlives the command.

A process that is killed is replaced, at most `ATTEMPTS` times. When the command ends, by whatever signal, its processes
and their kernels end with it: at once where it can still say so, else because each of them watches it.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from functools import lru_cache
from multiprocessing import util
from multiprocessing.connection import Connection
from pathlib import Path

import psutil

from unitscope.publish.kernel import remove, remove_left_over, socket_folder
from unitscope.publish.outcome import ATTEMPTS, failed, run_cell
from unitscope.publish.run import Plan

MEMORY_EACH = 3 * 2**30  # bytes: a network, its images and what a chapter keeps of them, with room
SECONDS_TO_END = 10  # for a process to stop its kernel; then both are killed
THREADS = ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS")


def processors() -> int:
    """How many processors this process may use, by the scheduler or by its container."""
    from joblib import cpu_count  # slow to import: only where it is needed

    return cpu_count()


def free_memory() -> int:
    """Bytes that new processes can have, on this machine and in its container."""
    free = psutil.virtual_memory().available
    with suppress(OSError, ValueError):  # no container, or one without a limit
        group = Path("/sys/fs/cgroup")
        limit, used = (int((group / f"memory.{name}").read_text()) for name in ("max", "current"))
        cached = int((group / "memory.stat").read_text().split("\nfile ")[1].split()[0])
        free = min(free, limit - used + cached)
    return free


def default_jobs() -> int:
    """How many runs go side by side unless told otherwise: as cores and free memory allow."""
    return max(1, min(processors(), free_memory() // MEMORY_EACH))


def end_on(*signals: str) -> None:
    """Let these signals end this process as an exception does, so that it cleans up; absent ones are left out."""
    for name in signals:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, frame: sys.exit(128 + number))


def on_this_machine(
    plans: Mapping[str, Plan], jobs: int, force: bool = False, tell: Callable[[str], None] = lambda line: None
) -> Iterator[tuple[str, dict]]:
    """Run every plan in a process of its own, `jobs` at a time, in this order; yields (name, outcome) as they end.

    Processor threads are shared out: two busy processes with two threads each on two cores are tens of times slower
    than with one each.

    Parameters
    ----------
    tell : takes one line when a run starts, is started again, or waits for another command.

    Close the generator (`contextlib.closing`) so that an interrupted loop ends the processes at once.
    """
    share = str(max(1, processors() // jobs))
    threads = {name: os.environ.get(name, share) for name in THREADS}
    with ThreadPoolExecutor(jobs) as pool:
        team = Team(starter(), threads, force, tell)
        waiting = {pool.submit(team.run, name, planned): name for name, planned in plans.items()}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            team.end()


def starter() -> multiprocessing.context.BaseContext:
    """What starts processes, with the library imported once."""
    if os.name != "posix":
        return multiprocessing.get_context("spawn")
    put_sockets_aside()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([run_cell.__module__])
    return context


@lru_cache(maxsize=1)
def put_sockets_aside() -> None:
    """Let multiprocessing keep its sockets in a folder that is removed even after this process was killed."""
    folder, (_, *held) = socket_folder()
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    try:
        util.get_temp_dir()  # chosen once for all that this process ever starts
    finally:
        tempfile.tempdir = before
    util.Finalize(None, remove, args=held, exitpriority=-200)  # after multiprocessing's own


class Team:
    """The processes that run now, so that all of them can be ended."""

    def __init__(self, context, threads: dict[str, str], force: bool, tell: Callable[[str], None]):
        self.context, self.threads, self.force, self.tell = context, threads, force, tell
        self.living, self.ended, self.lock = set(), False, threading.Lock()

    def run(self, name: str, planned: Plan) -> dict:
        """One run in a process of its own; one that dies without an answer is started again."""
        for attempt in range(1, ATTEMPTS + 1):
            if attempt > 1 and not self.ended:
                self.tell(f"{name}: its process died, it is run again ({attempt} of {ATTEMPTS})")
            here, there = self.context.Pipe(duplex=False)
            process = self.context.Process(target=answer, args=(planned, self.force, there, self.threads), daemon=True)
            with self.lock:
                if self.ended:
                    return failed("the command was ended")
                process.start()
                self.living.add(process)
            there.close()
            try:
                while isinstance(said := here.recv(), str):
                    self.tell(said)
                return said
            except EOFError:
                process.join()
            finally:
                here.close()
                self.living.discard(process)
        return failed(f"its process ended {ATTEMPTS} times without an answer (exit status {process.exitcode})")

    def end(self) -> None:
        """End all that still runs, with the kernels."""
        with self.lock:
            self.ended = True
            left = list(self.living)
        for process in left:
            process.terminate()
        slow = [process for process in left if process.join(SECONDS_TO_END) or process.is_alive()]
        for process in slow:
            kill_with_children(process.pid)
            process.join()
        for place in {tempfile.gettempdir(), "/tmp"} if slow else ():
            remove_left_over(Path(place), SECONDS_TO_END / 2)


def answer(planned: Plan, force: bool, there: Connection, threads: dict[str, str]) -> None:
    """The body of a process; its kernel inherits how many threads it may use."""
    end_on("SIGTERM", "SIGHUP")
    signal.signal(signal.SIGINT, lambda number, frame: None)  # the command gets it too, and ends this process in order
    threading.Thread(target=end_with_parent, daemon=True).start()
    os.environ.update(threads)
    with suppress(BrokenPipeError):  # the command is gone, and this process is about to be
        there.send(run_cell(planned, force, there.send))


def end_with_parent() -> None:
    """End this process, in order if it can, once the command that started it is gone."""
    multiprocessing.parent_process().join()
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(SECONDS_TO_END)
    kill_with_children(os.getpid())


def kill_with_children(pid: int) -> None:
    """Kill a process and all that it started."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for one in [*process.children(recursive=True), process]:
            with suppress(psutil.NoSuchProcess):
                one.kill()
