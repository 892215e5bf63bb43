"""The ground-truth chapter's figures hold a line a method, a level for chance and a cell a difficulty."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from unitscope.data import load_dataset
from unitscope.errors import UnitscopeError
from unitscope.evidence.ground_truth import Curve, checks, purity
from unitscope.plots import ground_truth as draw
from unitscope.plots.ground_truth import curves
from unitscope.plots.ground_truth.examples import frame


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def one(rng):
    return Curve(
        "noise", (0.1, 1, 10), {name: rng.uniform(size=(3, 5)) for name in ("PCA", "SAE, random weights", "random")}
    )


def test_a_line_and_a_band_a_method(one):
    figure = draw.panels({"a": one, "b": one, "c": one}, "score", chance=0.5)
    first = figure.axes[0]
    assert len(first.collections) == 3 and len(first.lines) == 4
    assert not figure.axes[3].axison
    np.testing.assert_allclose(first.lines[0].get_ydata(), one.mean("PCA"))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["PCA", "SAE", "random"]
    with pytest.raises(UnitscopeError, match="at least one curve"):
        draw.panels({}, "score")


def test_networks_differ_by_stroke_and_methods_by_colour(one):
    assert curves.base("SAE, random weights") == "SAE" and curves.variant("SAE, random weights") == "random weights"
    assert curves.base("best buddies, K = 1, trained") == "best buddies, K = 1"
    assert curves.variant("best buddies, K = 1: recall") == "recall" and curves.base("other") == "other"
    line = draw.panels({"a": one}, "score", methods=["SAE, random weights"]).axes[0].lines[0]
    assert line.get_color() == curves.COLOURS["SAE"] and line.get_linestyle() == "--"


def test_a_stroke_stands_once_in_the_legend(rng):
    names = ("SAE, trained", "SAE, random weights", "PCA: recall", "PCA: precision")
    shown = draw.panels({"": Curve("k", (1,), {name: rng.uniform(size=(1, 3)) for name in names})}, "score").legends[0]
    assert [text.get_text() for text in shown.get_texts()] == [
        "SAE",
        "PCA",
        "trained, recall",
        "random weights, precision",
    ]


def test_methods_of_one_question_have_colours_of_their_own():
    for asked in (
        ("PURE", "activations", "DINO", "CLIP"),
        ("PCA", "ICA", "NMF", "k-means", "SAE"),
        ("link", "ridge", "alone"),
        ("LPIPS", "CLIP", "DINO", "colour"),
        tuple(curves.COLOURS)[13:16],
    ):
        assert len({curves.COLOURS[name] for name in asked}) == len(asked)


def test_names_instead_of_numbers(rng):
    named = Curve("correlation", ("< 0.1", "0.1–0.4"), {"PURE": rng.uniform(size=(2, 4))})
    ticks = draw.panels({"": named}, "score").axes[0].get_xticklabels()
    assert [tick.get_text() for tick in ticks] == ["< 0.1", "0.1–0.4"]


def test_the_summary_has_three_cells_a_line(one):
    figure = draw.summary([checks.line("q", one, "PCA"), checks.line("p", one, "PCA", "random")])
    assert len(figure.axes[0].texts) == 6
    with pytest.raises(UnitscopeError, match="at least one line"):
        draw.summary([])


def test_matches_say_what_cannot_be_asked(rng):
    table = torch.from_numpy(rng.uniform(-1, 1, size=(4, 4)))
    figure = draw.matches({"rotation": {"PCA": table}, "dictionary": {"PCA": table, "NMF": table}})
    words = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert words == ["not for\nthese data"]


def test_units_of_purity_show_their_images():
    images = load_dataset("critters/val", limit=60)
    responses = {f"{k}": purity.mixed_units(images.labels, k, 2) for k in (1, 4)}
    assert [axes.get_ylabel() for axes in draw.units_of_purity(images, responses).axes] == ["1", "4"]


def test_a_frame_keeps_the_middle():
    framed = frame(torch.zeros(3, 40, 40), "#ff0000")
    assert framed[0, 0, 0] == 1 and framed[1].max() == 0 and framed[:, 5:-5, 5:-5].max() == 0
