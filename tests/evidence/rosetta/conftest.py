"""The small mining of the paper's own tests can be imported."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "papers" / "rosetta"))
