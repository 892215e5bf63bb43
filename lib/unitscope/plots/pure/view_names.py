"""What the four views of a unit are called in figures, and their colours.

view  "PURE", "activations", "rival", "judge"; the last two are networks, called CLIP or DINO where they are such
"""

from __future__ import annotations

from unitscope.papers.pure import LayerStudy
from unitscope.plots.style import METHOD_COLOURS

COLOURS = {
    "PURE": METHOD_COLOURS["PURE"], "activations": METHOD_COLOURS["activations"], "rival": METHOD_COLOURS["DINO"],
    "judge": METHOD_COLOURS["CLIP"], "random": METHOD_COLOURS["random"], "chance": METHOD_COLOURS["random"],
}  # fmt: skip
FAMILIES = ("CLIP", "DINO")


def names(study: LayerStudy) -> dict[str, str]:
    """{view: its name in figures}."""
    return {
        "PURE": "PURE", "activations": "activations", "random": "random", "chance": "chance",
        "rival": family(study.setting.rival.name), "judge": family(study.setting.judge.name),
    }  # fmt: skip


def family(name: str) -> str:
    """CLIP or DINO where a network's name says so, else the last part of its name."""
    return next((short for short in FAMILIES if short.lower() in name.lower()), name.split("/")[-1])
