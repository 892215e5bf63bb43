"""What several test files share: a random generator, and a browser to read pages with."""

import shutil

import numpy as np
import pytest


@pytest.fixture
def rng() -> np.random.Generator:
    """NumPy's generator with a fixed seed."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a headless browser."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no Chromium on this machine (apt-get install chromium)")
    return found
