"""The zoo's figures and tables show the numbers of the cards."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from unitscope.data.critters import NAMES
from unitscope.plots import zoo


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_abilities_draw_a_dot_and_a_ring_for_every_figure():
    cards = [
        {"name": "critters/a", "metrics": {"top1": 0.9}, "random_weights": {"top1": 0.1}},
        {"name": "critters/b", "metrics": {"knn5": 0.5, "linear": 0.6}, "random_weights": {"knn5": 0.2, "linear": 0.3}},
    ]
    (axes,) = zoo.abilities(cards).axes
    places = [tuple(mark.get_offsets()[0]) for mark in axes.collections]
    assert places == [(0.9, 0), (0.1, 0), (0.5, 1), (0.2, 1), (0.6, 2), (0.3, 2)]
    assert [text.get_text() for text in axes.get_yticklabels()] == [
        "a, top-1",
        "b, 5 nearest neighbours",
        "b, linear probe",
    ]


def test_the_confusion_map_leaves_out_the_diagonal_and_counts_rows_in_percent():
    counts = torch.eye(len(NAMES), dtype=torch.long) * 9
    counts[2, 5] = 1
    axes, _ = zoo.confusion_map(counts).axes
    shown = np.ma.filled(axes.images[0].get_array(), np.nan)
    assert np.isnan(np.diag(shown)).all() and shown[2, 5] == pytest.approx(10) and np.nansum(shown) == pytest.approx(10)
    assert [text.get_text() for text in axes.texts] == ["10"]


def test_the_table_of_generators_names_the_untrained_and_shows_real_pictures_once():
    figures = {
        f"{key}_at_{psi}": value
        for key, value in (("named", 0.9), ("frechet", 1.5), ("diversity", 0.8))
        for psi in ("0.7", "1")
    }
    card = {
        "metrics": {**figures, "named_real": 0.99, "frechet_real": 0.1, "frechet_blurred": 1.0},
        "random_weights": dict.fromkeys(figures, 0.0),
    }
    table = zoo.generator_table({"a": card, "b": None, "c": card})
    assert list(table.index.get_level_values(0)) == [
        "a",
        "a",
        "a, random weights",
        "a, random weights",
        "b",
        *["c"] * 2,
        *["c, random weights"] * 2,
        "real",
        "real",
    ]
    assert table.loc[("a", "truncation 1")].tolist() == [0.9, 1.5, 0.8]
    assert table.loc[("b", "not trained yet")].isna().all()
    assert table.loc[("real", "against other real ones")].tolist() == [0.99, 0.1, 1.0]
    assert len(zoo.generator_table({"b": None})) == 1
