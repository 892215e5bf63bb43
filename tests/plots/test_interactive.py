"""A plotly figure in two forms: JSON for JupyterLab, HTML without plotly's JavaScript for the book."""

import base64
import io
import json

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image
from unitscope.errors import UnitscopeError
from unitscope.plots.interactive import data_uri, show


@pytest.fixture
def figure():
    return go.Figure(go.Scatter(x=[1, 2], y=[3, 4], text=["</script>", "b"]))


def test_both_forms_hold_the_data(figure):
    bundle = show(figure)._repr_mimebundle_()
    assert bundle["application/vnd.plotly.v1+json"]["data"][0]["y"] == [3, 4]
    assert '"y":[3,4]' in bundle["text/html"]


def test_the_fragment_is_small_and_cannot_be_broken_by_its_texts(figure):
    html = show(figure).html()
    assert len(html) < 20_000
    assert html.count("</script>") == 1


def test_two_plots_on_a_page_have_their_own_places(figure):
    first, second = show(figure).html(), show(figure).html()
    assert first.split('id="')[1].split('"')[0] != second.split('id="')[1].split('"')[0]


def test_the_given_figure_is_not_changed_and_wins_over_the_look(figure):
    figure.update_layout(font_size=20)
    before = figure.to_json()
    shown = json.loads(show(figure).figure.to_json())["layout"]
    assert figure.to_json() == before
    assert shown["font"]["size"] == 20 and shown["template"]["layout"]["paper_bgcolor"] == "#ffffff"


def test_other_figures_are_refused():
    with pytest.raises(UnitscopeError, match="plotly Figure, got list"):
        show([])


def test_a_crop_travels_as_a_small_picture():
    uri = data_uri(np.full((3, 40, 20), 0.5), size=32)
    picture = Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))))
    assert picture.size == (32, 32) and abs(picture.getpixel((16, 16))[0] - 128) < 4
