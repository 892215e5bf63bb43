"""The chapter's figures hold as many pictures, bars, dots and words as there are things to show."""

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

sys.path.insert(0, str(Path(__file__).parents[1] / "papers" / "pure"))

from toy import Patches, eye, summed
from unitscope.evidence.pure import contents
from unitscope.metrics.statistics import Estimate
from unitscope.papers import pure
from unitscope.papers.pure import scores
from unitscope.papers.pure.scores import Split
from unitscope.plots import pure as draw
from unitscope.plots.pure.concepts import padded
from unitscope.plots.pure.units import Portrait, map_coordinates
from unitscope.plots.pure.view_names import family


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def study():
    return pure.study(summed(), Patches(), "upper", "lower", eye(), eye(), n_ref=20)


@pytest.fixture(scope="module")
def factors(study):
    return contents.known_factors(study.setting.images)


@pytest.fixture(scope="module")
def split(study):
    return pure.splits(study)


@pytest.fixture
def portraits(rng):
    """Two units without UMAP: coordinates are given."""
    crops, labels = torch.rand(20, 3, 8, 8), np.arange(20) % 2
    return [Portrait(unit, 0.5, rng.normal(size=(20, 2)), crops, labels, ("red 100%", "green 90%")) for unit in (7, 9)]


def texts(figure):
    figure.canvas.draw()
    return " ".join(text.get_text() for text in figure.findobj(plt.Text))


def pictures(axes):
    return [child for child in axes.get_children() if type(child).__name__ == "AnnotationBbox"]


def test_the_concept_names_unit_channels_and_virtual_neurons(study, split, factors):
    figure = draw.concept(study, 0, split["PURE"].labels[0], factors, count=1)
    assert len(figure.axes) == 4 and len(pictures(figure.axes[0])) == 2
    words = texts(figure)
    assert all(word in words for word in ("#0a", "#0b", "if circuit a", "channels of lower", "red 100%", "green 100%"))


def test_the_pipeline_shows_image_heat_and_crop(study):
    assert len(draw.pipeline(study, 0, count=4).axes) == 12
    measured = pure.study(summed(), Patches(), "upper", "lower", eye(), eye(), n_ref=20, crop="receptive field")
    assert len(draw.pipeline(measured, 0, count=4).axes) == 8  # no heat without LRP


def test_graded_units_have_a_map_and_three_strips(portraits):
    figure = draw.graded(portraits, pasted=5)
    assert len(figure.axes) == 8 and len(pictures(figure.axes[0])) == 5
    assert "#7   gap 0.50" in texts(figure) and "a: red 100%" in texts(figure)


def test_a_small_cluster_keeps_the_scale_of_its_strip():
    assert len(padded(torch.zeros(3, 3, 8, 8))) == len(padded(torch.zeros(30, 3, 8, 8))) == 8


def test_the_map_to_touch_carries_every_crop(portraits):
    spec = draw.crop_map(portraits).figure
    assert len(spec.data) == 4 and [trace.visible for trace in spec.data] == [True, True, False, False]
    assert sum(len(trace.customdata) for trace in spec.data) == 40
    assert all(uri.startswith("data:image/") for trace in spec.data for uri in trace.customdata)
    second = spec.layout.updatemenus[0].buttons[1]
    assert second.label == "#9" and second.args[0]["visible"] == [False, False, True, True]


def test_coordinates_are_two_for_each_reference(rng):
    """And UMAP leaves torch the threads that it had: two on a busy machine are many times slower than one."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        assert map_coordinates(rng.normal(size=(12, 5))).shape == (12, 2)
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_portraits_describe_their_circuits(study, split, factors, monkeypatch):
    monkeypatch.setattr("unitscope.plots.pure.units.map_coordinates", lambda vectors, seed: np.zeros((len(vectors), 2)))
    (one,) = draw.portraits(study, [0], split["PURE"], split["judge"].gap, factors)
    assert sorted(one.words) == ["green 100%", "red 100%"] and len(one.members(0)) + len(one.members(1)) == 20


def test_a_pair_is_ranked_by_three_views(study):
    figure = draw.overestimated(study, scores.pairs(study), [(0, 1, 2), (1, 0, 3)])
    assert len(figure.axes) == 10
    assert [len(axes.patches) for axes in figure.axes[4::5]] == [3, 3]


def test_unseen_images_stand_below_their_circuit(study, split):
    new = pure.unseen(study, [0])
    figure = draw.assigned(study, new, 0, 0, split["PURE"].labels[0], torch.arange(20) % 2)
    assert len(figure.axes) == 4 and texts(figure).count("unseen") == 2


def test_distance_bars_have_two_ends_a_view_and_the_papers(study, split):
    figure = draw.distance_bars(split, draw.names(study), {"PURE": (0.9, 1.1)})
    words = texts(figure)
    assert all(f"{float(end.mean()):.3f}" in words for one in split.values() for end in (one.intra, one.inter))
    hollow = [line for line in figure.axes[0].lines if line.get_markerfacecolor() == "white"]
    assert len(hollow) == 2


def test_bars_lines_and_variants_are_one_a_view(study, split):
    names = draw.names(study)
    bars = {view: Estimate(0.3, (0.1, 0.4), 0.1, 6) for view in scores.VIEWS}
    axes = draw.view_bars(bars, names, "r", {"PURE": 0.38}).axes[0]
    assert [patch.get_height() for patch in axes.patches] == [0.3] * 3
    (whisker,) = axes.collections[0].get_segments()
    np.testing.assert_allclose(whisker[:, 1], [0.1, 0.4])
    assert len(draw.gap_lines({2: split, 3: split}, names, "k").axes[0].containers) == 8
    assert len(draw.variant_bars({"coded": split["PURE"], "activations": split["activations"]}).axes[0].patches) == 2


def test_recovery_has_a_dot_a_unit(study):
    found = {view: torch.rand(9) for view in ("PURE", "activations", "chance")}
    assert [len(dots.get_offsets()) for dots in draw.recovery(found, draw.names(study)).axes[0].collections] == [9, 9]


def test_a_table_has_a_number_a_cell(study):
    figure = draw.factor_table({"PURE": [0.11, 0.22], "judge": [0.33, 0.44]}, ["species", "colour"], draw.names(study))
    assert all(word in texts(figure) for word in ("0.11", "0.22", "0.33", "0.44", "species", "colour"))
    assert "nothing is known" in texts(draw.factor_table({"PURE": []}, [], draw.names(study)))


def test_distributions_count_every_unit(study):
    gaps = torch.linspace(0, 0.5, 30, dtype=torch.float64)
    one = Split(torch.zeros(30, 4), 1 - gaps, torch.ones(30, dtype=torch.float64), torch.rand(30))
    figure = draw.gap_scatter(torch.arange(30), one, 0.25)
    top, right = figure.axes[0], figure.axes[3]
    for axes in (top, right):
        assert sum(int(text.get_text() or 0) for text in axes.texts) == 30
    panels = draw.gap_histograms({"small": gaps, "large": 2 * gaps}, 0.25).axes
    assert [sum(patch.get_height() for patch in axes.patches) for axes in panels] == pytest.approx([100, 100])


def test_the_scatter_to_touch_has_a_sheet_a_unit(study, split, factors):
    trace = draw.gap_explorer(study, split["judge"], factors, shown=4).figure.data[0]
    assert len(trace.customdata) == len(study.units) == len(trace.text)


def test_networks_are_called_by_their_family():
    assert family("critters/clip_resnet") == family("open_clip/ViT-B-32/clip") == "CLIP"
    assert (
        family("timm/vit_base_patch14_dinov2.lvd142m") == "DINO"
        and family("torchvision/squeezenet1_0") == "squeezenet1_0"
    )


def test_recovery_by_layer_has_a_line_a_view_and_one_for_the_class():
    from unitscope.evidence.pure.depth import Recovered

    column = torch.linspace(0, 1, 6)
    found = {
        name: Recovered({"PURE": column, "at the peak": column / 2, "activations": column / 3}, column / 4)
        for name in "ab"
    }
    figure = draw.recovery_by_layer(found)
    assert [
        text in texts(figure) for text in ("PURE", "at the peak", "activations", "class tells the source", "(6 pairs)")
    ] == [True] * 5


def test_what_cannot_be_drawn_says_why(study):
    names = draw.names(study)
    for figure in (draw.overestimated(study, None, []), draw.recovery({}, names), draw.recovery_by_layer({})):
        assert figure.axes[0].texts[0].get_text().startswith("Panel skipped: no ")
