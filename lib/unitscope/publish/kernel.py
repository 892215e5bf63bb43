"""Kernels that have started when they say so: over sockets of their own, and tried again where a start fails.

Two kernels that start together over tcp can choose the same port. On shell, stdin or control the later one dies; on
iopub it lives and stays mute. So a kernel talks over unix sockets in a folder that no other kernel has, where the
platform knows them, and counts as started only when it has answered on shell and iopub. The folder is removed with
the kernel; one that a killed process left is removed by the next start.
"""

from __future__ import annotations

import logging
import shutil
import socket
import tempfile
import time
from contextlib import suppress
from multiprocessing import util
from pathlib import Path

from filelock import FileLock, Timeout
from jupyter_client.manager import AsyncKernelManager

SECONDS_TO_ANSWER = (30, 60, 120)  # for each start; a busy machine can be slow, so a later start has more time
PREFIX = "unitscope-kernel-"
LONGEST_NAME = (
    32  # of a socket below the folder: a kernel's have 3 characters, multiprocessing's 31 with their own folder
)
LOCK = "lock"  # held in a folder as long as its process lives
SECONDS_TO_LOCK = 60  # a folder without a held lock is left alone so long: it may be a new one
LOG = logging.getLogger(__name__)
LOG.addHandler(logging.NullHandler())  # what went wrong is raised; jupyter_client would print a traceback too
LOG.propagate = False


class KernelNotStarted(RuntimeError):
    """No start of a kernel succeeded; the message says what became of each."""


class KernelManager(AsyncKernelManager):
    """A kernel on this machine whose `start_kernel` returns when the kernel answers.

    Raises
    ------
    KernelNotStarted
        If no kernel answered in any of the starts.
    """

    def __init__(self, **given):
        super().__init__(**{"log": LOG, **given})
        self._remove_folder = None

    async def start_kernel(self, **given) -> None:
        failures = []
        for start, seconds in enumerate(SECONDS_TO_ANSWER):
            try:
                self._choose_address(start)
                await super().start_kernel(**given)
                return await self._wait_for_answer(seconds)
            except (RuntimeError, OSError) as error:
                failures.append(f"{type(error).__name__}: {error}")
                if self.has_kernel:
                    await self.shutdown_kernel(now=True, restart=True)  # as for a restart: this manager starts again
        await self.cleanup_resources()
        raise KernelNotStarted(f"{len(failures)} starts of a kernel failed: {'; '.join(dict.fromkeys(failures))}")

    def _choose_address(self, start: int) -> None:
        """Addresses that no other kernel has: sockets in a folder of this manager, else tcp ports."""
        if self._remove_folder is None:
            self._folder, (call, *held) = socket_folder()
            # multiprocessing's, since a process that it started ends without Python's own exit functions
            self._remove_folder = util.Finalize(self, call, args=held, exitpriority=10)
        self.cleanup_connection_file()
        self.connection_file = str(self._folder / f"{start}.json")
        self.shell_port = self.iopub_port = self.stdin_port = self.hb_port = self.control_port = 0
        self.transport = "ipc" if takes_sockets(self._folder) else "tcp"
        if self.transport == "ipc":
            self.ip = str(self._folder / str(start))

    async def _wait_for_answer(self, seconds: float) -> None:
        """Until the kernel has answered on shell and iopub; RuntimeError if it died or did not in time."""
        client = self.client()
        client.start_channels(stdin=False, hb=False, control=False)
        try:
            await client.wait_for_ready(timeout=seconds)
        finally:
            client.stop_channels()

    async def cleanup_resources(self, restart: bool = False) -> None:
        await super().cleanup_resources(restart=restart)
        if not restart and self._remove_folder is not None:
            self._remove_folder()


def socket_folder() -> tuple[Path, tuple]:
    """A new folder whose path is short enough for a unix socket, if there is one, and what removes it, as a call.

    Folders of processes that are gone are removed on the way.
    """
    places = [place for place in dict.fromkeys([tempfile.gettempdir(), "/tmp"]) if Path(place).is_dir()]
    for place in places:
        remove_left_over(Path(place))
        folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
        lock = FileLock(folder / LOCK, thread_local=False)
        lock.acquire()
        if takes_sockets(folder) or place == places[-1]:
            return folder, (remove, folder, lock)
        remove(folder, lock)
    raise FileNotFoundError(f"there is no folder for temporary files: {tempfile.gettempdir()!r} is none")


def takes_sockets(folder: Path) -> bool:
    """Whether unix sockets can be made in a folder: they need a platform, a file system and a short path."""
    if not hasattr(socket, "AF_UNIX"):
        return False
    trial = folder / ("s" * LONGEST_NAME)
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(trial))
    except OSError:
        return False
    finally:
        trial.unlink(missing_ok=True)
    return True


def remove(folder: Path, lock: FileLock) -> None:
    """Remove a folder of this process, then let its lock go."""
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()


def remove_left_over(place: Path, age: float = SECONDS_TO_LOCK) -> None:
    """Remove folders, this many seconds old or more, whose process was killed: nobody holds their lock."""
    for folder in place.glob(f"{PREFIX}*"):
        with suppress(OSError, Timeout):
            if (folder / LOCK).exists() and time.time() - folder.stat().st_mtime > age:
                lock = FileLock(folder / LOCK)
                lock.acquire(timeout=0)
                remove(folder, lock)
