"""Figures of the Directions chapter: they draw what they are given, and say what they need."""

import io

import matplotlib.pyplot as plt
import numpy as np
import plotly.graph_objects as go
import pytest
import torch
from unitscope.errors import UnitscopeError
from unitscope.evidence.directions.agreement import Agreement
from unitscope.evidence.directions.population import PowerLaw
from unitscope.papers.directions.autoencoder import Autoencoder
from unitscope.plots import directions as plots
from unitscope.plots.style import use_style

rng = np.random.default_rng(0)
CURVE = (torch.tensor([0.0, 0.4, 1.0]), torch.tensor([0.0, 0.7, 1.0]))
PICTURES = torch.rand(4, 3, 8, 8)


def drawn(figure) -> bool:
    """Whether a figure renders to a PNG that is not blank."""
    use_style()
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=50)
    plt.close(figure)
    return len(set(buffer.getvalue())) > 100


def test_boxes_hold_every_group_and_mark_the_units_mean():
    figure = plots.boxes({"neurons": [1.0, 2.0, 3.0], "k-means 4": [2.0, 3.0], "else": [0.0, 1.0]})
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["neurons", "k-means 4", "else"]
    assert any(list(line.get_xdata()) == [2.0, 2.0] for line in axes.lines)
    assert drawn(figure)
    with pytest.raises(UnitscopeError, match="at least one group"):
        plots.boxes({})


def test_layer_boxes_and_halves():
    values = [rng.normal(size=9) for _ in range(3)]
    figure = plots.layer_boxes(values, values, ["LPIPS 0", "LPIPS 1", "LPIPS 2"])
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["LPIPS 0", "LPIPS 1", "LPIPS 2"]
    assert drawn(figure)


def test_roc_panels_name_areas_and_groups():
    found = [
        Agreement(group, name, 0.6, (0.5, 0.7), CURVE, 10, torch.zeros(3), 5)
        for group in ("layer1", "layer2")
        for name in ("LPIPS 0", "whole")
    ]
    figure = plots.roc_panels(found, "whole")
    assert [axes.get_title() for axes in figure.axes] == ["layer1", "layer2"]
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["LPIPS 0  0.60", "mean  0.60"] and drawn(figure)


def test_accuracy_curves_show_means():
    values = rng.uniform(0.5, 1, (3, 8))
    figure = plots.accuracy_curves(
        {"colour": {"neurons": values, "k-means 8": values}, "label": {"neurons": values}}, [0, 0.2, 0.4]
    )
    np.testing.assert_allclose(figure.axes[0].lines[0].get_ydata(), values.mean(1))
    assert drawn(figure)


def test_sweep_curves_leave_out_what_is_not_a_number():
    networks = [
        Autoencoder(torch.zeros(2, width), torch.zeros(width), torch.zeros(width, 2), p)
        for width in (4, 8)
        for p in (0.1, 0.2)
    ]
    figure = plots.sweep_curves(networks, [1.0, float("nan"), 2.0, 3.0], {"neurons": 0.5}, "II")
    assert [len(line.get_xdata()) for line in figure.axes[0].lines[:2]] == [1, 2] and drawn(figure)


def test_intervals_and_scores_are_in_order():
    figure = plots.ranked_intervals([3.0, 1.0, 2.0], [(2, 4), (0, 2), (1, 3)])
    assert figure.axes[0].lines[0].get_ydata().tolist() == [1, 2, 3]
    table = plots.scores_table({"a": (0.6, (0.5, 0.7)), "b": (0.9, (0.8, 1.0))}, "area", 0.5)
    assert [label.get_text() for label in table.axes[0].get_yticklabels()] == ["a", "b"] and drawn(table)


def test_example_rows_hold_their_labels():
    figure = plots.exciting_rows(
        [("neurons", [PICTURES, PICTURES], ["-0.1", "-0.2"]), ("k-means", [PICTURES, PICTURES], ["x", "y"])]
    )
    assert [axes.get_ylabel() for axes in figure.axes] == ["-0.1", "x", "-0.2", "y"] and drawn(figure)
    assert drawn(plots.synergy_rows([("pair", [PICTURES] * 3, ["a", "b", "a + b"])]))


def test_unit_plane_frames_marked_images():
    x, y = rng.uniform(size=20), rng.uniform(size=20)
    figure = plots.unit_plane(x, y, PICTURES, [0, 3, 5, 7], [[3], [5]], np.eye(2), ("one", "two"))
    assert len(figure.axes[0].artists) == 4 and drawn(figure)


def test_manifold_still_and_to_point_at():
    points, rgb = rng.normal(size=(30, 2)), rng.uniform(size=(30, 3))
    pair = ("neurons", rng.normal(size=6), rng.normal(size=6), "rho")
    figure = plots.manifold(points, rgb, np.arange(30) % 3, [pair, pair], [rng.uniform(size=30)] * 2)
    assert len(figure.axes) == 7 and drawn(figure)
    shown = plots.manifold_explorer(points, ["#ffffff"] * 30, ["cat"] * 30, ["data:image/jpeg;base64,"] * 30)
    assert isinstance(shown.figure, go.Figure) and "cat" in shown.html()


def test_interpolation_synergy_orthants_and_spectrum_draw():
    alphas = np.linspace(-0.5, 1.5, 5)
    grid = rng.normal(size=(6, 5))
    cross = rng.normal(size=50)
    assert drawn(
        plots.interpolation(cross, cross, alphas, grid, grid, rng.normal(size=6), (grid[:, 0], grid[:, 1]), ["a", "b"])
    )
    figure = plots.synergy_panels(cross, cross, cross, grid[:, 0], grid[:, 1], ["c", "d", "e"])
    assert drawn(figure) and "C  c" in [axes.get_title() for axes in figure.axes]
    assert drawn(plots.relu_orthants(rng.normal(size=(40, 2)), rng.integers(0, 3, 40), cross, cross, "x", [1, 3, 3, 1]))
    shares = np.arange(1, 41.0) ** -1.5
    shares /= shares.sum()
    figure = plots.eigenspectrum(shares, PowerLaw(-1.5, 0.0, (-1.6, -1.4), 2, 20), -1.001)
    assert figure.axes[0].get_title().startswith("95 %") and drawn(figure)
    assert drawn(plots.scatter(cross, cross + 1, ("x", "y"), "title"))
