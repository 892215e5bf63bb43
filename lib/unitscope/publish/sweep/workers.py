"""Who runs the cells of a sweep: processes of this machine, or the workers of a dask cluster.

Both give outcomes as they come, in any order, and outlive a worker that dies: its cell is given to another one, at
most `ATTEMPTS` times.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, as_completed
from multiprocessing.connection import Connection

from unitscope.errors import UnitscopeError
from unitscope.publish.run import Plan
from unitscope.publish.sweep.cell import failed, run_cell

ATTEMPTS = 3  # a worker can be killed for what its neighbours did; a cell that kills each of its workers is at fault
MOST_JOBS = 4  # by default: each cell holds a network and its images in memory
SECONDS_TO_CONNECT = 30


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_jobs() -> int:
    """How many cells run side by side unless told otherwise."""
    return min(MOST_JOBS, processors())


def on_this_machine(plans: Mapping[str, Plan], jobs: int) -> Iterator[tuple[str, dict]]:
    """Run every plan in a process of its own, `jobs` at a time; yields (cell, outcome)."""
    context = multiprocessing.get_context("forkserver" if os.name == "posix" else "spawn")
    if os.name == "posix":
        context.set_forkserver_preload([run_cell.__module__])  # imported once, so that a cell's process starts at once
    with ThreadPoolExecutor(jobs) as pool:
        threads = max(1, processors() // jobs)
        waiting = {pool.submit(in_process, context, planned, threads): cell for cell, planned in plans.items()}
        try:
            for future in as_completed(waiting):
                yield waiting[future], future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def in_process(context, planned: Plan, threads: int) -> dict:
    """One cell in a process of its own; one that dies without an answer is started again."""
    for _ in range(ATTEMPTS):
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=answer, args=(planned, there, threads), daemon=True)
        process.start()
        there.close()
        try:
            return here.recv()
        except EOFError:
            process.join()
        finally:
            here.close()
    return failed(f"its process ended {ATTEMPTS} times without an answer (exit status {process.exitcode})")


def answer(planned: Plan, there: Connection, threads: int) -> None:
    """The body of a cell's process; its kernel inherits how many threads it may use."""
    os.environ.setdefault("OMP_NUM_THREADS", str(threads))
    there.send(run_cell(planned))


def on_cluster(plans: Mapping[str, Plan], address: str, gpu: bool) -> Iterator[tuple[str, dict]]:
    """Run every plan on the workers of a dask scheduler; yields (cell, outcome).

    Parameters
    ----------
    address : of the scheduler ("tcp://host:8786"), or a path to its scheduler file.
    gpu : whether each cell claims one of the workers' `GPU` resource.

    Raises
    ------
    UnitscopeError
        If dask is not installed, no scheduler answers, or no worker offers the GPUs that are claimed.
    """
    with connect(address) as client:
        if gpu and not any("GPU" in worker["resources"] for worker in client.scheduler_info(-1)["workers"].values()):
            raise UnitscopeError(
                "this sweep claims a GPU for each cell and no worker offers one: start workers with --resources GPU=1."
            )
        from distributed import as_completed as as_finished

        how = {"retries": 0, "pure": False, "resources": {"GPU": 1} if gpu else None}
        waiting = {client.submit(run_cell, planned, **how): cell for cell, planned in plans.items()}
        for future in as_finished(list(waiting), raise_errors=False):
            if future.status == "finished":
                yield waiting[future], future.result()
            else:  # run_cell raises nothing itself: the cell killed its workers, or could not be sent to them
                yield waiting[future], failed(f"no worker could finish it: {future.exception()}")


def connect(address: str):
    """A client of the scheduler at an address or in a scheduler file."""
    try:
        from distributed import Client
    except ImportError as error:
        raise UnitscopeError("a dask cluster needs dask: pip install 'unitscope[cluster]'.") from error
    where = {"scheduler_file": address} if os.path.isfile(address) else {"address": address}
    try:
        return Client(**where, timeout=SECONDS_TO_CONNECT)
    except (OSError, ValueError, TimeoutError) as error:
        raise UnitscopeError(
            f"no dask scheduler answers at {address!r} ({error}); `dask scheduler` prints the address to give."
        ) from error
