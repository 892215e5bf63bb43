"""Planted truth layer by layer, on a network whose second stage knows colours and whose third knows the class."""

from collections import OrderedDict

import pytest
import torch
from torch import nn
from toy import Patches, apart, eye, stage, wrap
from unitscope.evidence.pure import contents, depth, planted
from unitscope.papers import pure


@pytest.fixture(scope="module")
def known():
    parts = OrderedDict(
        first=stage(torch.eye(3).tolist()),
        lower=stage(torch.eye(3).tolist()),
        upper=stage([[1.0, 0, 0], [0, 2.0, 0], [0, 0, 5.0]]),
    )
    model = wrap(nn.Sequential(parts), ("first", "lower", "upper"))
    return pure.study(model, Patches(), "upper", "lower", eye(), eye(), n_units=2, n_ref=20)


def test_layers_end_in_the_two_that_are_studied(known):
    model = known.setting.model
    assert depth.up_to(model, "lower", "upper") == ["first", "lower", "upper"]
    assert depth.up_to(model, "lower", "upper", count=2) == ["lower", "upper"]
    assert depth.up_to(apart(), "elsewhere", "upper") == ["elsewhere", "upper"]


def test_each_layer_but_the_first_is_planted_and_the_source_found(known):
    found = depth.by_layer(known, ["first", "lower", "upper"], count=2, n_ref=20)
    assert list(found) == ["lower", "upper"]
    for one in found.values():
        assert one.scores["PURE"].min() == 1 and set(one.scores) == {*depth.STARTS, "activations"}
        assert one.told.min() > 0.9  # red and green patches are the two classes
    # blue, loud and unrelated, is among the activations of both layers
    assert depth.earlier(found)["activations"].tolist() == found["lower"].scores["activations"].tolist()
    assert depth.earlier({"upper": found["upper"]}) == {}


def test_it_is_the_chapters_planted_truth_at_the_studied_layer(known):
    red_green = torch.tensor([0, 1])
    plants = planted.plant(known, red_green, count=1)
    (maps,) = depth.stream(known.setting.model, known.setting.images, ["upper"], [depth.StoredMaps("upper", (0, 1))])
    chosen = planted.choose(known, red_green, maps, 1, 0)
    one = depth.recover(known, contents.known_factors(known.setting.images), *chosen)
    back = planted.source_recovery(plants)
    for view in ("PURE", "activations"):
        torch.testing.assert_close(one.scores[view], back[view])


def test_a_layer_without_two_clean_units_is_left_out(known, monkeypatch):
    monkeypatch.setattr(planted, "LARGEST_OVERLAP", -1.0)
    assert depth.by_layer(known, ["lower", "upper"], count=2, n_ref=20) == {}
