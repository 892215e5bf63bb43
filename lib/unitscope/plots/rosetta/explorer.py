"""The dictionary as a page to browse: pick a concept, see the same pictures' heat maps in all networks."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import matplotlib
import numpy as np
import plotly.graph_objects as go
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from unitscope.papers.rosetta.dictionary import Dictionary, agreement, maps_of
from unitscope.plots.interactive import Interactive, show
from unitscope.plots.rosetta.maps import MAP, short
from unitscope.plots.style import to_pixels

CELL, GAP = 56, 4


def browser(
    found: Dictionary, images: Tensor, seen: dict, names: Sequence[str], count: int = 24, pictures: int = 4
) -> Interactive:
    """One sheet a concept (the best `count`), chosen from a menu: rows are its best pictures, columns the networks."""
    shown = range(min(count, len(found)))
    columns = ["picture", short(found.mining.gan.name), *map(short, found.partners)]
    width, height = len(columns) * (CELL + GAP), pictures * (CELL + GAP)
    figure = go.Figure(go.Scatter(x=[0, width], y=[0, height], mode="markers", marker={"opacity": 0}, hoverinfo="skip"))
    buttons = []
    for concept in shown:
        placed = {
            "source": sheet(found, concept, images, seen, pictures),
            "x": 0,
            "y": height,
            "xref": "x",
            "yref": "y",
            "sizex": width,
            "sizey": height,
            "sizing": "stretch",
            "layer": "below",
        }
        title = words(found, concept, names)
        buttons.append(
            {
                "label": f"#{concept} {names[concept]}",
                "method": "relayout",
                "args": [{"images": [placed], "title.text": title}],
            }
        )
        if concept == 0:
            figure.update_layout(
                images=[placed], title={"text": title, "font": {"size": 12}, "x": 0, "y": 0.985, "yanchor": "top"}
            )
    ticks = [number * (CELL + GAP) + CELL / 2 for number in range(len(columns))]
    figure.update_xaxes(
        tickvals=ticks,
        ticktext=columns,
        side="bottom",
        range=[0, width],
        showgrid=False,
        zeroline=False,
        fixedrange=True,
    )
    figure.update_yaxes(visible=False, range=[0, height], fixedrange=True)
    menu = {"buttons": buttons, "x": 0, "xanchor": "left", "y": 1.03, "yanchor": "bottom", "showactive": True}
    figure.update_layout(updatemenus=[menu], showlegend=False, margin={"t": 110, "l": 8, "r": 8, "b": 40})
    return show(figure, height=520)


def words(found: Dictionary, concept: int, names: Sequence[str]) -> str:
    """One line on a concept: its name, its score, its units."""
    score = float(found.scores[found.first[concept]])
    units = "; ".join(
        f"{short(name)} {where.replace('layer ', '').replace(', unit ', '.')}"
        for name, where in found.names_of(concept).items()
    )
    return (
        f"concept {concept}: {names[concept]}, mean correlation {score:.2f}, {found.size(concept)} generator"
        f" units<br>layer.unit: {units}"
    )


def sheet(found: Dictionary, concept: int, images: Tensor, seen: dict, pictures: int) -> str:
    """Pictures and heat maps of a concept as one JPEG in text."""
    maps = maps_of(found.mining, seen, found.tuple_of(concept))
    best = agreement(maps).topk(min(pictures, len(images))).indices.tolist()
    step = CELL + GAP
    canvas = np.full((pictures * step, (1 + len(maps)) * step, 3), 255, dtype=np.uint8)
    for row, picture in enumerate(best):
        cells = [to_pixels(images[picture], CELL), *(coloured(one[picture]) for one in maps.values())]
        for column, cell in enumerate(cells):
            canvas[row * step : row * step + CELL, column * step : column * step + CELL] = cell
    buffer = io.BytesIO()
    Image.fromarray(canvas).save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def coloured(one: Tensor) -> np.ndarray:
    """A map (h, w) in colour, (CELL, CELL, 3) bytes, its own range."""
    large = F.interpolate(one[None, None].float(), (CELL, CELL), mode="bilinear", align_corners=False)[0, 0].cpu()
    low, high = torch.aminmax(large)
    scaled = ((large - low) / (high - low).clamp(min=1e-6)).numpy()
    return (matplotlib.colormaps[MAP](scaled)[..., :3] * 255).astype(np.uint8)
