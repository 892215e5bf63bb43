"""Figures of the Rosetta chapters: they draw what they are given, and the dictionary can be browsed."""

import matplotlib.pyplot as plt
import pytest
import torch
from unitscope.data.critters import critter_set
from unitscope.evidence.rosetta import across, measures, naming
from unitscope.models import load_generator, load_model
from unitscope.papers.rosetta import mine
from unitscope.papers.rosetta.dictionary import dictionary
from unitscope.plots import rosetta as draw

NAMES = ("critters/resnet_s", "critters/alexnet")


@pytest.fixture(scope="module")
def found():
    gan = load_generator("critters/stylegan", pretrained=False, device="cpu")
    mining = mine(
        gan, {name: load_model(name, pretrained=False, device="cpu") for name in NAMES}, 16, shards=4, batch_size=4
    )
    return dictionary(mining, NAMES)


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def pictures(figure):
    return sum(len(axes.images) for axes in figure.axes)


def test_heat_maps(found):
    images, seen = draw.seen_on(found, found.mining.w[:3])
    labels = [str(concept) for concept in range(len(found))]
    assert pictures(draw.tuples(found, [0, 1], images, seen)) == 2 * 4
    assert pictures(draw.atlas(found, images[0], seen, 0, labels)) == 1 + min(47, len(found))
    assert pictures(draw.rows_on(found, [0, 1], [0, 2], images, seen, labels)) == 2 + 2 * 2 * 3
    assert pictures(draw.pair_strip(found, 0, NAMES[1], images, seen)) == 7
    page = draw.browser(found, images, seen, labels, count=3, pictures=2)
    menu = page.figure.layout.updatemenus[0]
    assert len(menu.buttons) == 3 and all(
        button.args[0]["images"][0]["source"].startswith("data:image/jpeg") for button in menu.buttons
    )


def test_scores(found):
    proof = {name: measures.evidence(found.mining.match(name)) for name in NAMES}
    assert len(draw.against_nulls(proof, {NAMES[0]: proof[NAMES[0]]}).axes[0].get_xticks()) == 2
    assert len(draw.parts_of_rho(proof).axes[0].patches) == 6
    depth = {name: measures.by_depth(found.mining.match(name)) for name in NAMES}
    assert len(draw.depth(depth, {name: measures.by_depth(found.mining.match(name), 1) for name in NAMES}).axes) == 2
    assert (
        draw.moments({name: found.mining.moments_of(name) for name in NAMES}).axes[0].get_xlabel() == "mean of a unit"
    )
    named = naming.named(found, critter_set("val", 4), torch.arange(4))
    assert (
        pictures(draw.concept_table(named, 5)) == 1
        and len(draw.census(naming.census(found, named)).axes[0].patches) == 5
    )
    between = across.between_all(found.mining, 8, 16, batch_size=4)
    assert pictures(draw.matrix(between)) == 1 and pictures(draw.flows(between, list(between))) == 3
    assert (
        draw.votes([3, 1], [1, 0])
        and draw.universality([1.0, 1.4], NAMES)
        and draw.code_gap(torch.rand(5), torch.rand(5))
    )


def test_pictures_in_rows():
    rows = {"picture": torch.rand(3, 3, 8, 8), "map": torch.rand(3, 4, 4)}
    assert pictures(draw.columns(rows, maps=("map",))) == 6
    assert pictures(draw.drawn_units({"one": (torch.rand(2, 3, 8, 8), torch.rand(2, 4, 4))})) == 4
    assert draw.displaced({"left": torch.tensor([-0.2, -0.3])}, {"left": -0.25}).axes[0].get_xlim() == (-0.55, 0.55)
