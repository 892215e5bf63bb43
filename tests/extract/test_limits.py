"""Units whose activation has an upper limit: ranked by what lies beyond it; other ties are told, not decided by order.

The reference is the same network with a ReLU in the place of the last ReLU6, which limits nothing.
"""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from tiny import Noise, wrap
from torch import nn
from unitscope.evidence.pure import planted
from unitscope.extract import Taps, TopK, conditional_attributions, stream
from unitscope.extract.taps import peak_maps, peak_name
from unitscope.papers.pure import collect

LOUD = 6.0  # so that most peaks exceed 6


class Sixes(nn.Module):
    """ReLU6 as a function: no module to be found before it."""

    def forward(self, x):
        return F.relu6(x)


class Levels(nn.Module):
    """Responses of a few levels, as a quantised network gives, in all units but the last two."""

    def forward(self, x):
        return torch.cat([x[:, :3].clamp(0, 30).div(10).round(), F.relu(x[:, 3:])], 1)


def network(last: nn.Module, seed: int = 0) -> nn.Module:
    """Two stages; the upper one ends in `last`, as a module of its own and as the end of the stage around it."""
    torch.manual_seed(seed)
    upper = nn.Sequential(nn.Conv2d(6, 5, 3), last)
    nn.init.uniform_(upper[0].weight, -LOUD / 2, LOUD)
    return nn.Sequential(nn.Sequential(nn.Conv2d(3, 6, 3), nn.ReLU6()), upper)


def references(model, images, layer="1.1", k=4):
    return stream(model, images, [layer], [TopK(layer, k)])[0]


LAYERS = ["0.1", "1.1", "1"]


@pytest.fixture
def images():
    return Noise(30, 12)


@pytest.fixture
def limited():
    return wrap(network(nn.ReLU6()), 12, layers=LAYERS)


@pytest.fixture
def free():
    return wrap(network(nn.ReLU()), 12, layers=LAYERS)


def test_a_layer_says_its_limit(limited, free):
    assert [limited.layer(name).limit for name in LAYERS] == [6.0, 6.0, 6.0]
    assert limited.layer("1").limiter == "1.1" and "1.1, 1: limited to 6;" in repr(limited.layers)
    assert free.layer("0.1").limit == 6.0 and free.layer("1.1").limit is None


@pytest.mark.parametrize("layer", ["1.1", "1"])
def test_references_are_those_of_the_network_without_a_limit(limited, free, images, layer):
    with Taps(limited, [layer]) as taps, torch.no_grad():
        assert (taps(images.images)[layer].amax((2, 3)) == 6).double().mean() > 0.9, "nearly all peaks lie at the limit"
    found, wanted = references(limited, images, layer), references(free, images)
    assert torch.equal(found.indices, wanted.indices) and torch.equal(found.positions, wanted.positions)
    torch.testing.assert_close(found.values, wanted.values)
    assert not found.tied().any()


def test_the_order_of_the_images_does_not_matter(limited, images):
    back = references(limited, images.subset(range(29, -1, -1)))
    assert torch.equal(29 - back.indices, references(limited, images).indices)


@pytest.mark.parametrize("module, formula", [
    (nn.Hardtanh(-1, 2), lambda x: x.clamp(min=-1)),
    (nn.Hardsigmoid(), lambda x: ((x + 3) / 6).clamp(min=0)),
    (nn.ReLU6(), F.relu),
])  # fmt: skip
def test_what_is_read_before_the_limit(images, module, formula):
    model, bare = (wrap(network(one), 12, layers=["1.0", "1.1"]) for one in (module, nn.Identity()))
    with Taps(model, ["1.1"], peaks=True) as taps, Taps(bare, ["1.0"]) as plain, torch.no_grad():
        maps, given = taps(images.images), plain(images.images)["1.0"]
    torch.testing.assert_close(peak_maps(maps, "1.1"), formula(given))
    torch.testing.assert_close(maps["1.1"], module(given))
    with Taps(model, ["1.0", "1.1"]) as taps:
        assert peak_name("1.1") not in taps(images.images)


def test_attributions_start_before_the_limit(limited, free, images):
    chosen = references(free, images).indices
    found, wanted = (
        conditional_attributions(model, images, "1.1", "0.1", range(5), chosen) for model in (limited, free)
    )
    torch.testing.assert_close(found, wanted)
    assert found.any(2).all()


def test_units_that_tie_are_counted_and_left_to_no_order(images):
    for last in (Sixes(), Levels()):
        found = references(wrap(network(last), 12, layers=LAYERS), images)
        assert found.tied()[:3].all() and (found.values[:3, -1] == found.following[:3]).all()
        assert not found.tied(1)[found.values[:, 0] > found.values[:, 1]].any()


def test_a_unit_at_rest_is_silent_and_not_tied():
    still = wrap(nn.Sequential(nn.Conv2d(3, 2, 1), nn.ReLU()), 12, layers=["1"])
    nn.init.constant_(still.module[0].weight, -1.0)
    nn.init.zeros_(still.module[0].bias)
    assert not references(still, Noise(10, 12), "1").tied().any()


def test_a_saturated_unit_is_not_called_dead(images):
    model = wrap(network(Sixes()), 12, layers=LAYERS)
    nn.init.constant_(model.module[1][0].bias, 50.0)
    with pytest.warns(UserWarning, match=r"units \[0, 1, 2, 3, 4\] of '1.1' are saturated at all their references"):
        conditional_attributions(model, images, "1.1", "0.1", range(5), references(model, images).indices)


def test_pure_leaves_saturated_units_out_and_says_so(images):
    model = wrap(network(Levels()), 12, layers=LAYERS)
    tied = references(model, images).tied()
    assert tied.tolist() == [True, True, True, False, False]
    known = collect.study(model, images, "1.1", "0.1", model, model, n_ref=4)
    assert known.saturated.tolist() == tied.nonzero().flatten().tolist()
    assert not set(known.saturated.tolist()) & set(known.units.tolist())
    model = wrap(network(Sixes()), 12, layers=LAYERS)
    nn.init.constant_(model.module[1][0].bias, 50.0)
    with pytest.warns(UserWarning, match="all 5 units of '1.1' that respond are saturated: more than n_ref=4 images"):
        assert len(collect.study(model, images, "1.1", "0.1", model, model, n_ref=4).units) == 5


def test_planted_units_are_those_of_the_network_without_a_limit(limited, free, images):
    known = {
        name: collect.study(model, images, "1.1", "0.1", free, free, n_ref=4, crop="receptive field")
        for name, model in {"limited": limited, "free": free}.items()
    }
    found, wanted = (planted.plant(one, torch.arange(5), 2) for one in known.values())
    assert torch.equal(found.references, wanted.references) and torch.equal(found.source, wanted.source)
    torch.testing.assert_close(found.vectors["PURE"], wanted.vectors["PURE"])
