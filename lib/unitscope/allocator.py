"""Memory that is kept instead of given back: on a CPU, page faults cost more than the arithmetic of small layers.

The C library gives every large block back to the system as soon as it is free, so each layer's output touches fresh
pages. Told to keep what it has, it hands the same pages to the next layer. No number changes; a process's memory stays
at its peak until it ends. Only glibc has these settings: on other systems nothing happens.
"""

from __future__ import annotations

import ctypes
import os

VARIABLE = "UNITSCOPE_ALLOCATOR"  # "system" leaves the allocator as it is
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # glibc's malloc.h
LARGEST = (1 << 31) - 1
STEP = 64 << 20  # bytes that the heap grows by at least


def keep_memory() -> bool:
    """Let glibc keep freed memory for this process; whether it does.

    False where the environment's UNITSCOPE_ALLOCATOR is "system", and on systems without glibc.
    """
    if os.environ.get(VARIABLE, "").strip().lower() == "system" or not _glibc():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return all(mallopt(key, value) for key, value in ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, LARGEST), (M_TOP_PAD, STEP)))


def _glibc() -> bool:
    """Whether this process's C library is glibc: musl, macOS and Windows do not know the name."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError, OSError):
        return False
