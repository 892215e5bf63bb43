"""Unitscope: what single units of vision networks encode.

Floors, bottom up: data, models -> extract -> metrics -> papers -> ground_truth -> plots -> publish -> book/.
A module imports from lower floors only.
"""

from unitscope.allocator import keep_memory

__version__ = "0.1.0"

keep_memory()
