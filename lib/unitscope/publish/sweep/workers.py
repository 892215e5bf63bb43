"""The cells of a sweep on the workers of a dask cluster.

Outcomes come in any order. A worker that dies is outlived: its cell is given to another one. A scheduler that is gone,
and a cluster without workers, end the sweep in words and not in silence; what was finished is kept.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping

from unitscope.errors import UnitscopeError
from unitscope.publish.outcome import failed, run_cell
from unitscope.publish.run import Plan

SECONDS_TO_CONNECT = 30
SECONDS_BETWEEN_LOOKS = 0.5
SECONDS_WITHOUT_WORKERS = (10, 300)  # after the first it is told, after the second the sweep ends
AGAIN = "Finished cells are kept: the same command goes on with the others."


def on_cluster(
    plans: Mapping[str, Plan], address: str, gpu: bool, tell: Callable[[str], None] = lambda line: None
) -> Iterator[tuple[str, dict]]:
    """Run every plan on the workers of a dask scheduler; yields (cell, outcome).

    Parameters
    ----------
    address : of the scheduler ("tcp://host:8786"), or a path to its scheduler file.
    gpu : whether each cell claims one of the workers' `GPU` resource.

    Raises
    ------
    UnitscopeError
        If dask is not installed, no scheduler answers or it ends, no worker offers the GPUs that are claimed, or no
        worker is left for some minutes.
    """
    with connect(address) as client:
        if gpu and not any("GPU" in worker["resources"] for worker in client.scheduler_info(-1)["workers"].values()):
            raise UnitscopeError(
                "this sweep claims a GPU for each cell and no worker offers one: start workers with --resources GPU=1."
            )
        how = {"retries": 0, "pure": False, "resources": {"GPU": 1} if gpu else None}
        waiting = {client.submit(run_cell, planned, **how): cell for cell, planned in plans.items()}
        for future in as_they_end(client, set(waiting), address, tell):
            if future.status == "finished":
                yield waiting[future], future.result()
            else:  # run_cell raises nothing itself: the cell killed its workers, or could not be sent to them
                yield waiting[future], failed(f"no worker could finish it: {future.exception()}")


def as_they_end(client, waiting: set, address: str, tell: Callable[[str], None]) -> Iterator:
    """Futures as they end, with an eye on the scheduler and its workers."""
    alone_since, told = None, False
    first, last = SECONDS_WITHOUT_WORKERS
    while waiting:
        if client.status != "running" or any(future.cancelled() for future in waiting):
            raise UnitscopeError(f"the dask scheduler at {address!r} is gone, with {len(waiting)} cells to go. {AGAIN}")
        ended = {future for future in waiting if future.done()}
        waiting -= ended
        yield from ended
        if ended or has_workers(client):
            alone_since, told = None, False
        else:
            alone_since = alone_since or time.monotonic()
            alone = time.monotonic() - alone_since
            if alone > last:
                raise UnitscopeError(f"the dask cluster at {address!r} has had no worker for {alone:.0f} s. {AGAIN}")
            if alone > first and not told:
                tell(f"no worker is connected to {address}: waiting {last} s for one")
                told = True
        if not ended:
            time.sleep(SECONDS_BETWEEN_LOOKS)


def has_workers(client) -> bool:
    """Whether the scheduler knows any worker; True where it does not answer, which is found out otherwise."""
    try:
        return bool(client.scheduler_info(1)["workers"])
    except OSError:
        return True


def connect(address: str):
    """A client of the scheduler at an address or in a scheduler file."""
    try:
        from distributed import Client
    except ImportError as error:
        raise UnitscopeError("a dask cluster needs dask: pip install 'unitscope[cluster]'.") from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what it logs of a lost connection is raised in words
    where = {"scheduler_file": address} if os.path.isfile(address) else {"address": address}
    try:
        return Client(**where, timeout=SECONDS_TO_CONNECT)
    except (OSError, ValueError, TimeoutError) as error:
        raise UnitscopeError(
            f"no dask scheduler answers at {address!r} ({error}); `dask scheduler` prints the address to give."
        ) from error
