"""What makes chapters into a book: claims, presets, runs, the pages and the command line."""

from unitscope.publish.claims import claim

__all__ = ["claim"]
