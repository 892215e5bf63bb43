"""The cover: one striking figure of each chapter, taken from its executed notebook and linked into it.

`book/gallery.yaml` names the figure of a chapter (`mystnb.figure.name` of a cell); without a name it is the chapter's
largest still picture. The question on the card is the chapter's own: its first words in bold.
"""

from __future__ import annotations

import base64
import re
from html import escape
from pathlib import Path

import yaml
from nbformat import NotebookNode

from unitscope.publish.pictures import small_png
from unitscope.publish.run import finished_chapters
from unitscope.publish.sources import chapters, read_notebook

WIDEST, LARGEST = 720, 120_000  # pixels and bytes of a picture on the cover
CARD = """<a class="card" href="{chapter}.html{anchor}"><span class="picture">{picture}</span>
<b>{title}</b><span>{question}</span></a>"""


def gallery(root: Path, preset: str, static: Path) -> str:
    """A card for each chapter; pictures are written below `static`."""
    path = root / "book" / "gallery.yaml"
    chosen = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else {}
    finished = finished_chapters(root, preset)
    cards = [card(root, name, finished.get(name), (chosen or {}).get(name, ""), static) for name in chapters(root)]
    return f'<div class="unitscope-gallery">{"".join(cards)}</div>'


def card(root: Path, chapter: str, executed: NotebookNode | None, figure: str, static: Path) -> str:
    """One chapter's card; without a picture where it has not been executed or draws none."""
    title, question = words(read_notebook(root / "book" / f"{chapter}.ipynb"))
    name, png = striking(executed, figure) if executed else ("", None)
    picture = ""
    if png:
        target = static / "gallery" / f"{chapter}.png"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(small_png(png, LARGEST, WIDEST))
        picture = (
            f'<img src="../_static/gallery/{escape(chapter)}.png" alt="a figure of {escape(title)}" loading="lazy">'
        )
    return CARD.format(
        chapter=escape(chapter),
        anchor=escape(f"#{name}") if name else "",
        picture=picture,
        title=escape(title),
        question=escape(question),
    )


def words(notebook: NotebookNode) -> tuple[str, str]:
    """A chapter's title up to its colon, and its question."""
    text = notebook.cells[0].source
    title = text.splitlines()[0].lstrip("# ").partition(":")[0]
    bold = re.search(r"\*\*(.+?)\*\*", text, re.DOTALL)
    return title, " ".join(bold[1].split()) if bold else ""


def striking(notebook: NotebookNode, wanted: str = "") -> tuple[str, bytes | None]:
    """(name, picture) of the wanted still figure, else of the largest one that has a name, else of the largest."""
    found = []
    for cell in notebook.cells:
        name = cell.metadata.get("mystnb", {}).get("figure", {}).get("name", "")
        pictures = [
            output.data["image/png"] for output in cell.get("outputs", []) if "image/png" in output.get("data", {})
        ]
        found += [(name, base64.b64decode(picture)) for picture in pictures]
    order = sorted(found, key=lambda one: (one[0] == wanted != "", one[0] != "", len(one[1])))
    return order[-1] if order else ("", None)
