"""The tables of claims can be imported by all tests here."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
