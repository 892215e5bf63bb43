"""A study holds what its definitions say, unit by unit and image by image."""

import itertools

import numpy as np
import pytest
import torch
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from toy import BLUE, DEAD, RED_OR_GREEN, SIZE, Patches, eye, summed, wrap
from unitscope.errors import UnitscopeError
from unitscope.papers import pure
from unitscope.papers.pure import collect
from unitscope.papers.pure.collect import attribute, costs, lasting, lower_crops

BLOCKS = ("blocks.0.mlp.act", "blocks.1.mlp.act")


def responses(study):
    with torch.no_grad():
        return study.setting.model(study.setting.images.images)  # (N, 3, 16, 16)


def test_silent_units_are_named_and_left_out(study):
    assert study.silent.tolist() == [DEAD] and study.units.tolist() == [RED_OR_GREEN, BLUE]


def test_references_are_the_strongest_images(study):
    peaks = responses(study).amax((2, 3))
    for unit, references in zip(study.units.tolist(), study.references, strict=True):
        assert sorted(references.tolist()) == sorted(np.argsort(-peaks[:, unit].numpy(), kind="stable")[:20].tolist())


def test_views_are_their_definitions(study):
    maps, colours = responses(study), study.setting.images.images
    for row, unit in enumerate(study.units.tolist()):
        for column, image in enumerate(study.references[row].tolist()):
            np.testing.assert_allclose(study.vectors["activations"][row, column], maps[image].mean((1, 2)), rtol=1e-5)
            weights = study.setting.model.module.upper[0].weight[unit, :, 0, 0]
            # A_k is linear in the lower layer, so R_i = sum_p A_k(p) w_i A_i(p)
            literal = [(maps[image, unit] * weights[i] * colours[image, i]).sum().item() for i in range(3)]
            np.testing.assert_allclose(
                study.vectors["PURE"][row, column], np.array(literal) / np.abs(literal).sum(), atol=1e-6
            )


def test_attributions_add_up_to_the_squared_map(study):
    """Euler: without biases sum_i R_i = sum_p A_k(p)^2 before normalisation."""
    found = attribute(study.setting, study.units, study.references, normalise=None)
    maps = responses(study)
    for row, unit in enumerate(study.units.tolist()):
        squares = maps[study.references[row], unit].square().sum((1, 2))
        np.testing.assert_allclose(found[row].sum(1), squares, rtol=1e-5)


def test_judges_see_crops_of_what_drives_the_unit(study):
    row = study.units.tolist().index(BLUE)
    blue, whole = study.vectors["judge"][row], study.pictures(row).mean((2, 3))  # every image is half red or green
    assert (blue[:, 2] / blue.sum(1)).mean() > (whole[:, 2] / whole.sum(1)).mean() + 0.05
    np.testing.assert_allclose(study.vectors["rival"], 2 * study.vectors["judge"], rtol=1e-5)
    assert study.crops(row, slice(0, 3), 8).shape == (3, 3, 8, 8)


def test_unseen_references_follow_in_rank(study):
    new = pure.unseen(study, [0])
    both = torch.cat([study.references[0], new.references[0]])
    assert len(new.units) == 1 and len(both.unique()) == 40
    assert torch.equal(both, study.ranking.indices[study.units[0]])
    assert new.vectors["PURE"].shape == (1, 20, 3)


def test_units_that_stop_responding_have_nothing_unseen():
    found = pure.study(summed(), Patches(), "upper", "lower", eye(), eye(), n_ref=25)  # blue is in 30 images
    assert lasting(found).tolist() == [True, False]
    with pytest.raises(UnitscopeError, match="too few drive"):
        pure.unseen(found, [0, 1])


def test_too_few_images_leave_nothing_unseen():
    small = pure.study(summed(), Patches(20), "upper", "lower", eye(), eye(), n_ref=20)
    with pytest.raises(UnitscopeError, match="lower n_ref"):
        pure.unseen(small, [0])


def test_a_layer_without_living_units_is_refused():
    dead = summed()
    dead.module.upper[0].weight.fill_(-1.0)
    with pytest.raises(UnitscopeError, match="no unit of 'upper' responds"):
        pure.study(dead, Patches(), "upper", "lower", eye(), eye(), n_ref=5)


@pytest.mark.parametrize(
    "wrong, hint", [({"crop": "lpr"}, "did you mean 'lrp'"), ({"n_ref": 61}, "lower k"), ({"lower": "lover"}, "lower")]
)
def test_mistakes_are_named(wrong, hint):
    options = {"lower": "lower", "n_ref": 5, **wrong}
    with pytest.raises(UnitscopeError, match=hint):
        pure.study(summed(), Patches(), "upper", options.pop("lower"), eye(), eye(), **options)


def test_a_transformer_is_cropped_by_its_receptive_field():
    torch.manual_seed(0)
    vit = wrap(VisionTransformer(img_size=SIZE, patch_size=4, embed_dim=12, depth=2, num_heads=2), BLOCKS)
    found = pure.study(vit, Patches(), *BLOCKS[::-1], eye(), eye(), n_units=4, n_ref=10)
    assert found.setting.crop == "receptive field" and found.vectors["PURE"].shape == (4, 10, 48)
    with pytest.raises(UnitscopeError, match="receptive_field"):
        pure.study(vit, Patches(), *BLOCKS[::-1], eye(), eye(), n_units=4, n_ref=10, crop="lrp")


def test_a_lower_channel_is_shown_by_its_strongest_image(study):
    red, blue = lower_crops(study, torch.tensor([0, 2]), 8)
    assert red[0].mean() > red[2].mean() and blue[2].mean() > blue[0].mean()


def test_costs_are_times_of_all_views_unit_by_unit(study):
    found = costs(study, 4)  # of two units: each comes twice
    assert set(found) == {"activations", "PURE", "rival"}
    assert all(len(column) == 4 and (column > 0).all() for column in found.values())


def test_costs_are_those_of_as_many_references_as_asked_for(study, monkeypatch):
    seen = []
    monkeypatch.setattr(collect, "attribute", lambda setting, units, references: seen.append(tuple(references.shape)))
    costs(study, 1, n_ref=7)
    assert seen == [(1, 7)] * 2


def test_costs_are_timed_in_turn_after_a_round_that_does_not_count(study, monkeypatch):
    clock, calls = itertools.count(), []
    monkeypatch.setattr(collect.time, "perf_counter", lambda: float(next(clock)))
    for view, name in {"activations": "stream", "PURE": "attribute", "rival": "look"}.items():
        monkeypatch.setattr(collect, name, lambda *_, view=view: calls.append(view))
    assert [column.tolist() for column in costs(study, 3).values()] == [[1.0] * 3] * 3
    rounds = [calls[start : start + 3] for start in range(0, 12, 3)]
    assert all(sorted(one) == ["PURE", "activations", "rival"] for one in rounds)
    assert {one[0] for one in rounds} == {"PURE", "activations", "rival"}


def test_a_study_leaves_the_network_as_found(study):
    assert not any(module._forward_hooks for module in study.setting.model.module.modules())
    assert isinstance(study.setting.model.module, nn.Sequential)
