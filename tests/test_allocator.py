"""The allocator's settings: what they do, how they are switched off, and that other systems are left alone."""

import os
import subprocess
import sys

import pytest
from unitscope import allocator

FAULTS = """
import resource
import unitscope
import torch
def faults(): return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def blocks(count):
    for _ in range(count):
        torch.ones(16_000_000)                                    # 64 MB: glibc maps and unmaps each of them
blocks(20)
before = faults()
blocks(4)
print(faults() - before)
"""


def page_faults(setting: str | None) -> int:
    """Page faults of four blocks of 64 MB in a process of its own."""
    others = {
        key: value for key, value in os.environ.items() if key != allocator.VARIABLE and not key.startswith("MALLOC_")
    }
    there = others if setting is None else {**others, allocator.VARIABLE: setting}
    done = subprocess.run([sys.executable, "-c", FAULTS], env=there, capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not allocator._glibc(), reason="only glibc has these settings")
def test_importing_the_library_ends_page_faults_unless_switched_off():
    assert page_faults(None) < 500
    assert page_faults("system") > 20_000 and page_faults("System ") > 20_000


@pytest.mark.parametrize("confstr", [None, lambda name: None, "raises"])
def test_other_systems_are_left_alone(monkeypatch, confstr):
    def unheard_of(name):
        raise ValueError("unrecognized configuration name")

    if confstr is None:
        monkeypatch.delattr(allocator.os, "confstr")
    else:
        monkeypatch.setattr(allocator.os, "confstr", unheard_of if confstr == "raises" else confstr)
    monkeypatch.setattr(allocator.ctypes, "CDLL", lambda name: pytest.fail("looked for a C library"))
    assert allocator.keep_memory() is False
