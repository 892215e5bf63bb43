"""Helpers of these tests, and the toy world of the paper's own tests, can be imported."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "papers" / "pure")]

from toy import study  # noqa: E402, F401  (a fixture)
