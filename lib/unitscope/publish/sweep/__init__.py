"""One chapter over a grid of models, layers and seeds: each cell one run of its own, on this machine or on a cluster.

`grid` reads what is asked, `workers` spread the cells over a cluster, `results` gather what came out, and `page` shows
it in the book.
"""

from unitscope.publish.sweep import page
from unitscope.publish.sweep.grid import read_sweep, sweeps
from unitscope.publish.sweep.results import keep, results_path, run_sweep

__all__ = ["keep", "page", "read_sweep", "results_path", "run_sweep", "sweeps"]
