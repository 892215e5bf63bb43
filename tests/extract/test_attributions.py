"""Conditional attributions against eq. (3) and (3'), letter by letter, through the whole network."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tiny import Noise, hooks, resnet, small_vit, without_biases, wrap
from torch import nn
from unitscope.errors import UnitscopeError
from unitscope.extract import Taps, TopK, conditional_attributions, stream
from unitscope.extract.pairs import schedule

pytestmark = pytest.mark.filterwarnings("error:units")  # the units here respond, but where a test kills one
REFERENCES = torch.tensor([[4, 1, 2, 9], [1, 4, 0, 3], [4, 8, 1, 4]])  # shared and repeated images on purpose


def alive(model, images, layer) -> list[int]:
    """Three units that respond to every reference."""
    with Taps(model, [layer]) as taps, torch.no_grad():
        peaks = taps(images.images[REFERENCES.unique()])[layer].amax(dim=(2, 3))
    units = (peaks > 0).all(dim=0).nonzero().flatten().tolist()
    return [units[-1], units[0], units[len(units) // 2]]


def slow_relevance(model, image, layer, lower, unit, seed_map):
    """A_iq * sum_p s_p dA_kp / dA_iq for one image (C, h', w'): one full forward, one backward per position p."""
    kept = {}

    def keep(name):
        return lambda module, inputs, output: kept.update({name: output})

    handles = [model.module.get_submodule(name).register_forward_hook(keep(name)) for name in (layer, lower)]
    model.module(image[None].clone().requires_grad_())
    for handle in handles:
        handle.remove()
    upper = model.layer(layer).to_map(kept[layer])[0, unit]
    activation = model.layer(lower).to_map(kept[lower])[0].detach().double().numpy()
    total = np.zeros_like(activation)
    values = upper.detach().flatten().tolist()
    for p, value in enumerate(values):
        (slope,) = torch.autograd.grad(upper.flatten()[p], kept[lower], retain_graph=True)
        weight = {"activation": max(value, 0), "argmax": float(p == int(np.argmax(values))), "sum": 1.0}[seed_map]
        total += weight * model.layer(lower).to_map(slope)[0].double().numpy()
    return activation * total


def slow_attributions(model, images, layer, lower, units, seed_map="activation", pool="sum", normalise="l1"):
    rows = []
    for unit, references in zip(units, REFERENCES, strict=True):
        for index in references:
            relevance = slow_relevance(model, images.images[index], layer, lower, unit, seed_map)
            flat = relevance.reshape(len(relevance), -1)
            vector = {"sum": flat.sum(1), "abs": abs(flat).sum(1), "max": flat.max(1)}[pool]
            rows.append(vector / (abs(vector).sum() + 1e-10) if normalise else vector)
    return np.stack(rows).reshape(*REFERENCES.shape, -1)


@pytest.mark.parametrize("seed_map", ["activation", "argmax", "sum"])
@pytest.mark.parametrize("pool, normalise", [("sum", "l1"), ("abs", "l1"), ("max", None)])
def test_residual_networks(model, noise, seed_map, pool, normalise):
    options = dict(seed_map=seed_map, pool=pool, normalise=normalise)
    asked = "layer4", "layer2", alive(model, noise, "layer4")
    fast = conditional_attributions(model, noise, *asked, REFERENCES, **options)
    slow = slow_attributions(model, noise, *asked, **options)
    np.testing.assert_allclose(fast, slow, rtol=1e-4, atol=1e-5 * np.abs(slow).max())


def test_within_a_stage_and_across_all(bottleneck, noise):
    for layer, lower in (("layer2.1", "layer2.0"), ("layer4", "layer1"), ("layer3.0.act2", "layer2.0.act1")):
        asked = layer, lower, alive(bottleneck, noise, layer)
        fast = conditional_attributions(bottleneck, noise, *asked, REFERENCES)
        slow = slow_attributions(bottleneck, noise, *asked)
        np.testing.assert_allclose(fast, slow, rtol=1e-4, atol=1e-5 * np.abs(slow).max())


@pytest.mark.parametrize("seed_map", ["activation", "argmax"])
def test_units_of_a_transformer(seed_map):
    """The residual stream passes the lower layer by; its values must stay, its gradient must not count."""
    model, images = wrap(small_vit(), 16), Noise(10, 16)
    asked = "blocks.2.mlp.act", "blocks.1.mlp.act", alive(model, images, "blocks.2.mlp.act")
    fast = conditional_attributions(model, images, *asked, REFERENCES, seed_map=seed_map)
    slow = slow_attributions(model, images, *asked, seed_map=seed_map)
    np.testing.assert_allclose(fast, slow, rtol=1e-3, atol=1e-5 * np.abs(slow).max())


def test_the_batch_size_changes_nothing(model, noise):
    asked = model, noise, "layer4", "layer3", alive(model, noise, "layer4"), REFERENCES
    one, many = (conditional_attributions(*asked, batch_size=size) for size in (1, 64))
    torch.testing.assert_close(one, many, rtol=1e-4, atol=1e-6)


def test_eulers_identity_without_biases(noise):
    """Positively homogeneous networks: attributions add up to what was differentiated."""
    model = wrap(without_biases(resnet()))
    maps, units = model.module.forward_features(noise.images), alive(model, noise, "layer4")
    chosen = maps[REFERENCES, torch.tensor(units)[:, None]].flatten(2)  # (U, n, positions)
    expected = {"activation": chosen.square().sum(2), "argmax": chosen.amax(2), "sum": chosen.sum(2)}
    for seed_map, total in expected.items():
        found = conditional_attributions(
            model, noise, "layer4", "layer1", units, REFERENCES, seed_map=seed_map, normalise=None
        )
        torch.testing.assert_close(found.sum(2), total, rtol=1e-4, atol=1e-6)


def test_magnitudes_add_up_to_one(model, noise):
    found = conditional_attributions(model, noise, "layer4", "layer3", alive(model, noise, "layer4"), REFERENCES)
    torch.testing.assert_close(found.abs().sum(2), torch.ones(3, 4), rtol=0, atol=1e-5)


def test_a_dead_unit_is_named_and_stays_zero(model, noise):
    units = alive(model, noise, "layer4")
    with torch.no_grad():
        model.module.layer4[0].bn2.bias[units[2]] = -1000
    for seed_map in ("activation", "argmax", "sum"):
        with pytest.warns(UserWarning, match=rf"units \[{units[2]}\] of 'layer4' are dead"):
            found = conditional_attributions(model, noise, "layer4", "layer3", units, REFERENCES, seed_map=seed_map)
        assert not found[2].any() and found[:2].any(dim=2).all() and not found.isnan().any()


def test_references_of_the_stream_fit_in(model, noise):
    units = alive(model, noise, "layer4")
    (top,) = stream(model, noise, ["layer4"], [TopK("layer4", 6)])
    found = conditional_attributions(model, noise, "layer4", "layer3", units, top.indices[units])
    assert found.shape == (3, 6, 12)
    one = conditional_attributions(model, noise, "layer4", "layer3", units[1:2], top.indices[units[1:2]])
    torch.testing.assert_close(found[1:2], one, rtol=1e-4, atol=1e-6)


def test_each_distinct_image_runs_forward_once(model, noise):
    conditional_attributions(model, noise, "layer4", "layer3", alive(model, noise, "layer4"), REFERENCES, batch_size=2)
    assert sorted(noise.read) == REFERENCES.unique().tolist() and hooks(model) == 0


def test_a_caller_without_gradients_gets_the_same(model, noise):
    asked = model, noise, "layer4", "layer3", alive(model, noise, "layer4"), REFERENCES
    with torch.no_grad():
        found = conditional_attributions(*asked)
    assert torch.equal(found, conditional_attributions(*asked))


def test_schedule_covers_every_pair_once():
    draw = torch.Generator().manual_seed(0)
    units, references = torch.randperm(9, generator=draw), torch.randint(30, (9, 13), generator=draw)
    seen = torch.zeros(9 * 13, dtype=torch.int64)
    for chunk in schedule(units, references, 7):
        assert len(chunk.images) <= 7
        for turn in chunk.rounds:
            seen[turn.places] += 1
            assert torch.equal(references.flatten()[turn.places], chunk.images[: len(turn.places)])
            assert torch.equal(units[turn.places // 13], turn.units)
    assert (seen == 1).all()


@pytest.mark.parametrize(
    "message, change",
    [
        ("did you mean 'layer3'", {"lower": "layr3"}),
        ("did you mean 'layer4'", {"layer": "layer44"}),
        ("must come before", {"lower": "layer4"}),
        ("does not feed", {"layer": "layer2"}),
        (r"0\.\.15, got 4\.\.16", {"units": [4, 16, 7]}),
        (r"0\.\.19, got 0\.\.20", {"references": [[0], [20], [1]]}),
        ("one row of image indices", {"references": torch.zeros(2, 4).long()}),
        ("one row of image indices", {"references": torch.zeros(3, 0)}),
        ("unknown seed_map 'activations'; did you mean 'activation'", {"seed_map": "activations"}),
        ("unknown pool 'mean'", {"pool": "mean"}),
        ("unknown normalise 'l2'; did you mean 'l1'", {"normalise": "l2"}),
    ],
)
def test_errors(model, noise, message, change):
    asked = dict(layer="layer4", lower="layer3", units=[4, 5, 7], references=REFERENCES)
    with pytest.raises(UnitscopeError, match=message):
        conditional_attributions(model, noise, **{**asked, **change})
    assert hooks(model) == 0


def test_a_lower_layer_on_another_branch_is_refused(noise):
    class Fork(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right = nn.Conv2d(3, 4, 3), nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return self.left(x).mean((2, 3)) + self.right(x).mean((2, 3))

    model = wrap(Fork(), layers=["left", "right"])
    with pytest.raises(UnitscopeError, match="does not feed"):
        conditional_attributions(model, noise, "right", "left", [1], [[0]])


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs CUDA")
def test_cuda_gives_the_cpus_numbers(model, noise):
    asked = noise, "layer4", "layer3", alive(model, noise, "layer4"), REFERENCES
    expected = conditional_attributions(model, *asked)
    found = conditional_attributions(model.to("cuda"), *asked)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)
