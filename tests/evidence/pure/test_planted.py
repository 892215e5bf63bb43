"""Merged units: the merge itself, attributions and heat through it, and sources found again."""

import numpy as np
import pytest
import torch
from toy import Patches, apart, eye, summed
from unitscope.errors import UnitscopeError
from unitscope.evidence.pure import planted
from unitscope.extract import Taps, lrp_heatmaps
from unitscope.extract.lrp import Rules, _heat
from unitscope.papers import pure

RED, GREEN = 0, 1


@pytest.fixture(scope="module")
def clean():
    return pure.study(apart(), Patches(), "upper", "lower", eye(), eye(), n_ref=20)


@pytest.fixture(scope="module")
def plants(clean):
    return planted.plant(clean, torch.tensor([RED, GREEN]), count=3)


def test_a_merge_is_the_sum_at_its_peak(rng):
    maps, scales = torch.from_numpy(rng.uniform(size=(9, 2, 2, 3))), torch.tensor([1.0, 2.0], dtype=torch.float64)
    references, positions, source = planted.merge(maps, scales, 4)
    peaks = [max((maps[i, 0, y, x] + 2 * maps[i, 1, y, x]).item() for y, x in np.ndindex(2, 3)) for i in range(9)]
    assert references.tolist() == sorted(range(9), key=lambda i: -peaks[i])[:4]
    for image, position, owner in zip(references, positions, source, strict=True):
        a, b = maps[image, 0].flatten()[position], 2 * maps[image, 1].flatten()[position]
        assert (a + b).item() == pytest.approx(peaks[image]) and owner == int(b > a)


def test_planted_sources_are_known_and_found_again(clean, plants):
    red_or_green = clean.setting.images.labels[plants.references[0]]
    assert torch.equal(plants.source[0] == (plants.pairs[0] == GREEN).long().argmax(), red_or_green == GREEN)
    back = planted.source_recovery(plants)
    assert back["PURE"].tolist() == [1.0] and abs(float(back["chance"])) < 0.3
    assert float(back["activations"]) < 0.5  # blue is loud and has nothing to do with it


def test_the_dear_views_may_see_fewer_pairs(clean, plants):
    pairs = plants.pairs.repeat(3, 1)
    copies = [
        torch.cat([column] * 3) for column in (plants.scales, plants.references, plants.references * 0, plants.source)
    ]
    some = planted.see(clean, pairs, *copies, looked=2)
    assert [len(some.vectors[view]) for view in ("PURE", "activations", "rival", "judge")] == [3, 3, 2, 2]
    torch.testing.assert_close(some.vectors["PURE"][2], plants.vectors["PURE"][0])
    assert [len(column) for column in planted.source_recovery(some).values()] == [3, 3, 2, 2, 3]


def test_no_unit_is_planted_twice(clean, monkeypatch):
    monkeypatch.setattr(planted, "candidates", lambda *_: iter([(0, 1), (1, 2), (0, 2), (2, 3)]))
    monkeypatch.setattr(planted, "SMALLEST_SHARE", 0.0)
    maps = torch.rand(60, 4, 2, 2, generator=torch.Generator().manual_seed(0))
    pairs, *_ = planted.choose(clean, torch.tensor([RED, GREEN, RED, GREEN]), maps, 4, 0)
    assert pairs.tolist() == [[RED, GREEN], [RED, GREEN]]  # rows 0 and 1, rows 2 and 3


def test_both_sources_are_brought_to_one_strength(clean, plants):
    strength = clean.ranking.values[plants.pairs[0], :20].mean(1)
    scaled = strength * plants.scales[0]
    assert scaled[0].item() == pytest.approx(scaled[1].item(), rel=1e-5)
    assert plants.scales[0].prod().item() == pytest.approx(1, rel=1e-5)


def test_attributions_of_a_sum_are_the_sum_seeded_by_the_merged_map(clean, plants):
    images, (scales, pair) = clean.setting.images.images, (plants.scales[0], plants.pairs[0].tolist())
    for column, image in enumerate(plants.references[0].tolist()):
        lower = images[image].clone().requires_grad_()  # the lower layer is the image itself
        upper = clean.setting.model.module.upper(lower[None])[0]
        merged = scales[0] * upper[pair[0]] + scales[1] * upper[pair[1]]
        (gradient,) = torch.autograd.grad((0.5 * merged.clamp(min=0) ** 2).sum(), lower)
        literal = (gradient * lower.detach()).sum((1, 2))
        np.testing.assert_allclose(plants.vectors["PURE"][0, column], literal / literal.abs().sum(), atol=1e-6)


def test_heat_of_a_sum_is_the_scaled_sum_of_heats(clean):
    model, images = clean.setting.model, clean.setting.images.images[:6]
    mixing, position = torch.tensor([[0.5, 3.0, 0.0]]), torch.full((6,), 5)
    with (
        planted.mixed(model, "upper", mixing),
        Rules(model, "upper") as rules,
        Taps(model, ["upper"]) as taps,
        torch.enable_grad(),
    ):
        merged = _heat(rules, taps(images)["upper"], torch.zeros(6, dtype=torch.int64), position, images.shape[2:])
    parts = [lrp_heatmaps(model, images, "upper", unit, position) for unit in (RED, GREEN)]
    torch.testing.assert_close(merged, 0.5 * parts[0] + 3.0 * parts[1], atol=1e-5, rtol=1e-4)


def test_activations_lose_both_channels_and_gain_their_sum():
    found = planted.without(torch.tensor([[1.0, 2.0, 3.0, 4.0]]), torch.tensor([3, 1]), torch.tensor([10.0, 0.5]))
    assert found.tolist() == [[1.0, 3.0, 41.0]]


def test_a_layer_is_mixed_inside_and_as_it_was_outside(clean):
    model, images, layer = clean.setting.model, clean.setting.images.images[:2], "upper"
    mixing = torch.tensor([[1.0, 0.0, 2.0], [0.0, -1.0, 0.0]])
    with Taps(model, [layer]) as taps:
        plain = taps(images)[layer]
    with planted.mixed(model, layer, mixing), Taps(model, [layer]) as taps:
        found = taps(images)[layer]
    torch.testing.assert_close(found, torch.stack([plain[:, 0] + 2 * plain[:, 2], -plain[:, 1]], 1))
    with pytest.raises(RuntimeError), planted.mixed(model, layer, mixing):
        raise RuntimeError
    assert not any(module._forward_hooks for module in model.module.modules())


def test_units_that_mean_the_same_are_not_merged():
    same = pure.study(summed(), Patches(), "upper", "lower", eye(), eye(), n_ref=20)
    with pytest.raises(UnitscopeError, match="no two of 2 units"):
        planted.plant(same, torch.tensor([0, 0]))
    assert planted.found_again(same, torch.tensor([0, 0])) == {}
