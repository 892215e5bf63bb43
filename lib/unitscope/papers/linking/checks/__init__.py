"""The paper's claims (numbers 1 to 32 of our list) and ours, as tests of measured numbers: fields for `publish.claim`.

A claim about a mean holds where its whole 95 % bootstrap interval lies on the claimed side (`metrics.verdicts`).
"""

from __future__ import annotations


def counted(verdict: dict, what: str) -> dict:
    """A verdict whose remark calls what was counted by its name: pictures, ways, factors instead of units."""
    return {**verdict, "reason": (verdict.get("reason") or "").replace(" units", f" {what}") or None}
