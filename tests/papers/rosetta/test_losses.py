"""The matching loss against resizing every map, the optimiser's schedule, edits against plain indexing."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from unitscope.errors import UnitscopeError
from unitscope.extract.taps import Taps
from unitscope.papers.rosetta import edits, latents, losses
from unitscope.papers.rosetta.matches import best_buddies
from world import NAMES, concepts, gan, mined, networks


def slow_scores(normaliser, pairs, images, w):
    """Eq. (6) for every picture and pair: both maps normalised, the smaller one resized, products summed."""
    match, model = mined().match(NAMES[0]), networks()[NAMES[0]]
    with torch.no_grad(), Taps(model, match.table.layers) as taps:
        seen, drawn = taps(images), gan().features(w)
    found = []
    for j, k in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True):
        maps = []
        for table, stats, source, unit in (
            (mined().table, mined().moments_of(), drawn, j),
            (match.table, mined().moments_of(NAMES[0]), seen, k),
        ):
            layer, channel = table.place(unit)
            maps.append((source[layer][:, channel].double() - stats[0][unit]) / (stats[1][unit] + 1e-5))
        size = max(m.shape[-1] for m in maps)
        g, d = (
            F.interpolate(m[:, None], (size, size), mode="bilinear", align_corners=False)[:, 0].flatten(1) for m in maps
        )
        dot = (g * d).sum(1)
        found.append(dot / size**2 if normaliser == "dataset" else dot / (g.norm(dim=1) * d.norm(dim=1)))
    return torch.stack(found, 1)


@pytest.mark.parametrize("normaliser", losses.NORMALISERS)
def test_scores_are_eq_6_though_nothing_is_resized(normaliser):
    rho = mined().match(NAMES[0]).whole.rho
    pairs = best_buddies(rho, (1, 1)).select(slice(0, 30))
    w, images = mined().w[:3], torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    targets = losses.from_network(mined(), NAMES[0], pairs, images, normaliser)
    got, expected = targets.scores(gan().features(w, targets.layers)), slow_scores(normaliser, pairs, images, w)
    np.testing.assert_allclose(got.sort(1).values.detach(), expected.sort(1).values, atol=2e-4)


def test_own_maps_agree_with_themselves():
    units = torch.tensor([3, 200, 500])
    targets = losses.towards(mined(), units, edits.own_maps(mined(), units, mined().w[:2]))
    np.testing.assert_allclose(targets.scores(gan().features(mined().w[:2])).detach(), 1, atol=1e-4)


def test_the_schedule_is_the_papers():
    steps, lr = 200, 0.1
    for i in (0, 3, 50, 149, 170, 199):
        t = (i + 0.5) / steps
        assert latents.rate(i, steps, lr) == pytest.approx(
            lr * (0.5 - 0.5 * math.cos(math.pi * min(1, (1 - t) / 0.25))) * min(1, t / 0.05)
        )
    assert latents.rate(100, steps, lr) == lr


def test_optimising_many_is_optimising_each_and_losses_fall():
    w = gan().sample(3, seed=4)
    units = concepts().units[:20]
    goal = edits.edited_targets(mined(), units, w, edits.zoom)
    together = latents.optimise(gan(), w, latents.matching(goal, w, alpha=0.1), goal.layers, steps=5, lr=0.02)
    alone = latents.optimise(
        gan(), w[1:2], latents.matching(goal.select([1]), w[1:2], alpha=0.1), goal.layers, steps=5, lr=0.02
    )
    torch.testing.assert_close(together.w[1:2], alone.w, atol=1e-3, rtol=1e-2)
    assert (together.trace["activation"][-1] < together.trace["activation"][0]).all()
    assert together.trace["way"].shape == (5, 3)


def test_edits_are_those_of_the_paper(rng):
    a = torch.from_numpy(rng.normal(size=(2, 8, 8)))
    right, left = edits.shift(a, 0.25), edits.shift(a, -0.25)
    assert torch.equal(right[..., 2:], a[..., :-2]) and not right[..., :2].any()
    assert torch.equal(left[..., :-2], a[..., 2:]) and not left[..., -2:].any()
    doubled = edits.paste(a)
    assert torch.equal(doubled[..., :4], left[..., :4]) and torch.equal(doubled[..., 4:], right[..., 4:])
    large = F.interpolate(a[:, None], (16, 16), mode="bilinear", align_corners=False)[:, 0]
    torch.testing.assert_close(edits.zoom(a), large[:, 4:12, 4:12])
    assert (edits.remove(a) == a.amin((1, 2), keepdim=True)).all() and (
        edits.add(a) == a.amax((1, 2), keepdim=True)
    ).all()


def test_clamping_sets_exactly_the_chosen_maps():
    units = torch.tensor([5, 9])
    layer, channel = mined().table.place(5)
    kept = {}
    handle = (
        gan().module.get_submodule(gan().layers[layer].path).register_forward_hook(lambda *io: kept.update(map=io[2]))
    )
    try:
        edits.clamp(mined(), units, mined().w[:2], edits.remove)
    finally:
        handle.remove()
    before = gan().features(mined().w[:2], [layer])[layer]
    assert torch.equal(before[:, 0], kept["map"][:, 0])  # the hook here sees the map before it is changed
    changed = edits.clamp(mined(), units, mined().w[:2], edits.remove)
    assert not torch.equal(changed, gan().synthesize(mined().w[:2]))


def test_mistakes_are_named():
    with pytest.raises(UnitscopeError, match="normaliser"):
        losses.towards(mined(), torch.tensor([0]), [torch.zeros(1, 8, 8)], "pixels")
    with pytest.raises(UnitscopeError, match="one map for each"):
        losses.towards(mined(), torch.tensor([0, 1]), [torch.zeros(1, 8, 8)])
    with pytest.raises(UnitscopeError, match="lr positive"):
        latents.optimise(gan(), mined().w[:1], lambda *a: {}, (), steps=3, lr=0)
