"""Plotly figures that draw wherever the notebook is read.

`show(fig)` gives one object with two forms: plotly's JSON, which JupyterLab draws, and an HTML fragment without
plotly's own JavaScript, which the book's pages load once and from their own folder (`unitscope.publish.pages`).

A point whose `customdata` is a picture made by `data_uri` shows that picture beside the pointer in the book; one whose
`customdata` is "link:ADDRESS" opens that address when it is clicked.
"""

from __future__ import annotations

import base64
import io
import json
import uuid

import plotly.graph_objects as go
from PIL import Image

from unitscope.errors import UnitscopeError
from unitscope.plots.style import CLUSTER_COLOURS, FAINT, INK, PAPER, to_pixels

CONFIG = {"responsive": True, "displaylogo": False, "displayModeBar": False}
LAYOUT = {
    "paper_bgcolor": PAPER,
    "plot_bgcolor": PAPER,
    "font": {"color": INK, "size": 14},
    "colorway": list(CLUSTER_COLOURS),
    "margin": {"l": 64, "r": 16, "t": 16, "b": 56},
    "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    "hoverlabel": {"font": {"size": 14}},
}
AXIS = {"gridcolor": FAINT, "zerolinecolor": FAINT, "linecolor": INK, "ticks": "outside", "automargin": True}
TEMPLATE = go.layout.Template(layout={**LAYOUT, "xaxis": AXIS, "yaxis": AXIS})

FRAGMENT = """<div class="unitscope-plot" style="position:relative;background:#fff;border-radius:6px">
<div id="{id}" style="width:100%;height:{height}px"></div>
<img alt="" style="display:none;position:absolute;width:128px;pointer-events:none;z-index:9;border:2px solid #1f2328">
<script>document.addEventListener("DOMContentLoaded", async function () {{
  const plot = document.getElementById("{id}"), crop = plot.nextElementSibling, spec = {spec};
  await Plotly.newPlot(plot, spec.data, spec.layout, {config});
  plot.on("plotly_hover", function (event) {{
    const data = [event.points[0].customdata].flat()[0], box = plot.parentNode.getBoundingClientRect();
    if (!String(data).startsWith("data:image/")) return;
    const x = event.event.clientX - box.left, y = event.event.clientY - box.top;
    crop.style.left = (x > box.width / 2 ? x - 148 : x + 20) + "px";
    crop.style.top = Math.max(0, y - 64) + "px";
    crop.src = data; crop.style.display = "block";
  }});
  plot.on("plotly_click", function (event) {{
    const link = [event.points[0].customdata].flat().find(data => String(data).startsWith("link:"));
    if (link) window.location.assign(link.slice(5));
  }});
  plot.on("plotly_unhover", function () {{ crop.style.display = "none"; }});
}});</script></div>"""


class Interactive:
    """One plotly figure in both its forms; the notebook picks the one that it can draw."""

    def __init__(self, figure: go.Figure, height: int):
        self.figure, self.height = figure, height

    def html(self) -> str:
        """The fragment for a page that has loaded plotly.js."""
        spec = self.figure.to_json().replace("</", "<\\/")
        config = json.dumps(CONFIG)
        return FRAGMENT.format(id=f"plot-{uuid.uuid4().hex[:12]}", height=self.height, spec=spec, config=config)

    def _repr_mimebundle_(self, include=None, exclude=None) -> dict[str, object]:
        return {
            "application/vnd.plotly.v1+json": {**json.loads(self.figure.to_json()), "config": CONFIG},
            "text/html": self.html(),
            "text/plain": f"plotly figure with {len(self.figure.data)} traces",
        }


def show(figure: go.Figure, height: int = 460) -> Interactive:
    """The figure in the book's look, ready to be the last line of a cell.

    Parameters
    ----------
    figure : any plotly figure; it is not changed. What it sets itself wins over the book's look.
    height : pixels; the width is the page's.
    """
    if not isinstance(figure, go.Figure):
        raise UnitscopeError(f"show takes a plotly Figure, got {type(figure).__name__}; matplotlib needs no show.")
    styled = go.Figure(figure).update_layout(template=TEMPLATE, height=height, autosize=True)
    return Interactive(styled, height)


def data_uri(image, size: int = 96) -> str:
    """One image (3, h, w) in [0, 1] as a small JPEG in text, for the `customdata` of a point."""
    buffer = io.BytesIO()
    Image.fromarray(to_pixels(image, size)).save(buffer, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
