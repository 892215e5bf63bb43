"""One study of the toy world for all tests here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from toy import Patches, eye, summed
from unitscope.papers import pure


@pytest.fixture(scope="session")
def study():
    return pure.study(summed(), Patches(), "upper", "lower", eye(), eye(2.0), n_units=3, n_ref=20)
