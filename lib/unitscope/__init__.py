"""Unitscope: what single units of vision networks encode.

Floors, bottom up: data, models -> extract -> metrics -> papers -> ground_truth -> plots -> publish -> book/.
A module imports from lower floors only.
"""

__version__ = "0.1.0"
