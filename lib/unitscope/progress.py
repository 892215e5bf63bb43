"""A progress bar on a terminal, silence elsewhere (batch runs, notebooks, continuous integration)."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from tqdm import tqdm

SECONDS_BEFORE_BAR = 2


def progress(iterable: Iterable | None = None, total: int | None = None, label: str = "") -> tqdm:
    """Wrap `iterable` in a tqdm bar that appears after two seconds and only on a terminal."""
    return tqdm(
        iterable, total=total, desc=label, delay=SECONDS_BEFORE_BAR, leave=False, disable=not sys.stderr.isatty()
    )
