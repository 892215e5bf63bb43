"""Figures made small enough to travel with the repository or with a page."""

from __future__ import annotations

import io

from PIL import Image

LARGEST_BYTES = 200_000
WIDEST = 1400  # pixels


def small_png(data: bytes, largest: int = LARGEST_BYTES, widest: int = WIDEST) -> bytes:
    """A PNG of at most `largest` bytes: 256 colours, at most `widest` pixels wide, and as much smaller as it takes."""
    original = Image.open(io.BytesIO(data)).convert("RGB")
    scale = min(1.0, widest / original.width)
    while True:
        size = (max(1, round(original.width * scale)), max(1, round(original.height * scale)))
        buffer = io.BytesIO()
        original.resize(size, Image.LANCZOS).quantize(256, Image.Quantize.FASTOCTREE).save(buffer, "PNG")
        if buffer.tell() <= largest:
            return buffer.getvalue()
        scale *= min(0.9, (largest / buffer.tell()) ** 0.5)  # bytes grow with the area
