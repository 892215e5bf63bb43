"""What makes chapters into a book: claims, presets, runs, the pages and the command line."""

from unitscope.publish.claims import chapter_claims

__all__ = ["chapter_claims"]
