"""What several test files share: a random generator, and a browser to read pages with."""

import shutil

import numpy as np
import pytest

# Minutes of chapters, pages and trainings: they begin first, so that two workers end together.
LONGEST = (
    "test_chapters.py",
    "test_own_model.py",
    "test_own_chapters.py",
    "test_walk.py",
    "test_book.py",
    "test_sweep.py",
    "test_recipes.py",
    "test_front_door.py",
    "test_run.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, all others in their order."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


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
