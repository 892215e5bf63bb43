"""One study of the toy world for all tests here."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from toy import study  # noqa: F401  (a fixture)
