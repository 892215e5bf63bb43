"""The chapter's figures hold as many pictures, bars, dots and words as there are things to show; panels without a head
say so.
"""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from unitscope.evidence.linking import semantics
from unitscope.evidence.linking.depth import LayerLink
from unitscope.evidence.linking.journey import Journey
from unitscope.evidence.linking.relevance import Relevance
from unitscope.evidence.linking.shots import ShotScores
from unitscope.evidence.linking.spaces import Likeness
from unitscope.papers.linking.counterfactuals import Counterfactual
from unitscope.papers.linking.motions import Motion
from unitscope.plots import linking as draw

NAMES = ("pika", "hare", "cat")


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def way():
    """A way of nine steps that reaches its target at the sixth."""
    draw_ = torch.Generator().manual_seed(0)
    p = torch.zeros(9, 3)
    p[:5, 0], p[5:, 1] = 0.9, 0.8
    table = torch.rand(9, 9, 5, generator=draw_) * 50 + 10
    curve = torch.linspace(0, 1, 9)
    images, masks = torch.rand(9, 3, 64, 64, generator=draw_), torch.randint(0, 9, (9, 64, 64), generator=draw_)
    return Journey(("pika", "hare"), (0, 1), 1.5 * curve, images, masks, p, table, {"pixels": curve, "LPIPS": curve}, 5)


@pytest.fixture
def relevance():
    table = 0.3 * torch.randn(3, 30, generator=torch.Generator().manual_seed(0))
    return Relevance(NAMES, table[..., None], table[..., None] > 0)


def texts(figure):
    figure.canvas.draw()
    return " ".join(text.get_text() for text in figure.findobj(plt.Text))


def pictures(figure):
    return sum(len(axes.images) for axes in figure.axes)


def test_the_concept_has_two_pictures_activations_and_a_strip():
    image = torch.rand(3, 64, 64)
    figure = draw.concept(image, image, torch.rand(256), 17, [image] * 4)
    assert pictures(figure) == 6 and "#17 in orange" in texts(figure)
    assert (
        sum(patch.get_facecolor() != figure.axes[2].patches[0].get_facecolor() for patch in figure.axes[2].patches) == 1
    )


def test_motion_is_drawn_as_arrows():
    field = np.zeros((2, 64, 64))
    field[1, 20:30, 20:30] = 4
    found = Motion(field, field, np.eye(3), torch.rand(3, 64, 64))
    figure = draw.field(torch.rand(3, 64, 64), torch.rand(3, 64, 64), found)
    assert pictures(figure) == 4 and len(figure.axes[3].collections) == 1
    still = Motion(0 * field, 0 * field, np.eye(3), torch.rand(3, 64, 64))
    assert not draw.field(torch.rand(3, 64, 64), torch.rand(3, 64, 64), still).axes[3].collections


def test_measures_have_a_bar_a_label():
    changes = torch.arange(45.0).view(9, 5)
    figure = draw.measured(torch.rand(3, 3, 64, 64), torch.zeros(3, 64, 64, dtype=torch.uint8), changes)
    bars = [axes for axes in figure.axes if axes.patches]
    assert len(bars) == 5 and [patch.get_width() for patch in bars[1].patches] == changes[:, 1].tolist()
    assert pictures(draw.masks_of(torch.rand(4, 3, 64, 64), torch.zeros(4, 64, 64, dtype=torch.uint8))) == 8


def test_masks_are_coloured_by_part():
    assert len(np.unique(draw.coloured(torch.arange(9).view(3, 3)).reshape(-1, 3), axis=0)) == 9


def test_spaces_links_layers_and_truncation():
    def columns(*names):
        return {name: torch.rand(12) for name in names}

    likeness = Likeness(columns("W", "R", "shuffled"), *(columns("similarity", "dissimilarity") for _ in range(3)))
    assert len(draw.spaces(likeness).axes[1].lines) == 6
    found = {
        name: columns("cycled", "class mean", "same class", "other class")
        for name in ("W", "judge", "LPIPS", "pixels", "SSIM")
    }
    assert [len(axes.collections) for axes in draw.distances(found).axes] == [4] * 5
    assert "-0.50" in texts(draw.links({"least squares": (0.3, 0.2), "shuffled": (0.0, -0.5)}))
    layers = {
        name: LayerLink(torch.rand(5), torch.ones(5), kept)
        for name, kept in (("layer1", torch.ones(5)), ("layer2", torch.zeros(5)))
    }
    assert len(draw.layers(layers).axes[0].lines) >= 3
    assert draw.truncations({1.0: 0.1, 0.5: 0.6}).axes[0].lines[0].get_ydata().tolist() == [0.1, 0.6]
    assert pictures(draw.cycles(torch.rand(6, 3, 64, 64), torch.rand(6, 3, 64, 64), ["a"] * 6)) == 12


def test_strips_have_a_row_a_unit_and_arrows_at_their_end():
    images = torch.rand(3, 5, 3, 64, 64)
    assert pictures(draw.strips(images, ["a", "b", "c"])) == 15
    field = np.random.default_rng(0).normal(size=(2, 64, 64))
    assert pictures(draw.strips(images, ["a", "b", "c"], [Motion(field, field, np.eye(3), images[0, 0])] * 3)) == 18
    assert "0.25" in texts(draw.strips(images, ["a", "b", "c"], p=torch.full((3, 5), 0.25)))


def test_sparsity_and_order():
    vectors = torch.randn(3, 40, 9, generator=torch.Generator().manual_seed(0))
    assert "99% of noise" in texts(draw.sparsity(vectors, NAMES, vectors))
    by_metric = dict.fromkeys(("area", "luminance", "entropy", "eccentricity", "angle"), vectors)
    assert len(draw.sparsity_by_metric(by_metric, NAMES).axes) == 5
    order = semantics.order(vectors[0])
    dots = draw.order_map(order, semantics.layout(order)).axes[0].collections
    assert sum(len(one.get_offsets()) for one in dots) == 40
    assert len(draw.clusters(order, 3).axes) <= 3
    assert "skipped" in texts(draw.order_map(None, None)) and "skipped" in texts(draw.clusters(None))


def test_echoes_have_two_histograms_and_what_was_asked_for():
    axes = draw.echoes(torch.rand(40) * 0.1, torch.rand(12) * 0.1).axes[0]
    assert sum(patch.get_height() for patch in axes.patches) == pytest.approx(2)
    assert 1.0 in [line.get_xdata()[0] for line in axes.lines]


def test_every_name_of_the_face_is_there():
    assert not [name for name in draw.__all__ if not callable(getattr(draw, name, None))]


def test_class_panels(relevance):
    dots = draw.changes(relevance).axes[0].collections
    assert sum(len(one.get_offsets()) for one in dots) == 90
    bars = draw.memberships(relevance).axes[0].patches
    assert sum(bar.get_height() for bar in bars) == int(relevance.relevant.any(0).sum())
    assert texts(draw.class_table(relevance)).count("1.00") >= 3
    images, p = torch.rand(3, 4, 3, 64, 64), torch.full((3, 4), 0.5)
    figure = draw.shared_unit(images, p, NAMES, torch.arange(3), torch.zeros(3, 4, dtype=torch.int64))
    assert pictures(figure) == 12 and len({axes.spines["top"].get_edgecolor() for axes in figure.axes}) == 2


def test_the_boundary(way):
    assert draw.straddling(way) == (4, 5)
    figure = draw.ways([way, way])
    assert pictures(figure) == 8 and len({axes.spines["top"].get_edgecolor() for axes in figure.axes}) == 2
    assert pictures(draw.cams([way], [torch.rand(2, 64, 64)])) == 4
    figure = draw.curves([way])
    assert all(any(line.get_linestyle() == "--" for line in axes.lines) for axes in figure.axes)


def test_settings_have_a_dot_a_picture():
    one = Counterfactual(
        torch.zeros(5, 2), torch.ones(5, 2), torch.arange(5), torch.tensor([True, True, False, False, False])
    )
    figure = draw.settings({"a": one, "b": one}, {"a": torch.arange(1.0, 6), "b": torch.arange(1.0, 6)}, 3.0)
    assert [len(dots.get_offsets()) for dots in figure.axes[0].collections] == [2, 3, 2, 3]
    assert [one.get_text() for one in figure.axes[0].get_yticklabels()] == ["a\n40% reach it", "b\n40% reach it"]
    assert figure.axes[0].lines[0].get_xdata()[0] == 3


def test_the_slider_has_a_picture_a_step(way):
    plot = draw.slider(way, every=2).figure
    assert len(plot.frames) == len(plot.layout.sliders[0].steps) == 5
    assert len({frame.layout.images[0].source for frame in plot.frames}) == 5
    assert plot.frames[0].data[0].y[0] == pytest.approx(0.9) and plot.frames[4].data[0].y[1] == pytest.approx(0.8)


def test_panels_without_a_head_say_so():
    for figure in (
        draw.changes(None),
        draw.memberships(None),
        draw.class_table(None),
        draw.shared_unit(None, None, None),
        draw.ways([]),
        draw.cams([], []),
        draw.curves([]),
        draw.slider(None),
        draw.settings({}, {}, 1.0),
    ):
        words = texts(figure)
        assert "skipped" in words and "head" in words


def test_truth_panels():
    scores = ShotScores({count: torch.rand(4, 9, 2) for count in (1, 5)}, {}, torch.ones(9))
    assert len(draw.shots(scores, torch.rand(9)).axes[0].lines) == 18
    assert texts(draw.factor_table(torch.eye(7))).count("1.00") >= 7
    assert "no head" in texts(draw.networks({"a": (0.2, 0.9), "b": (0.1, None)}))
