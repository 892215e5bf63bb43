"""Inversions, what edits did to pictures, and the claims about them."""

import pytest
import torch
from unitscope.evidence.rosetta import editing, effects, inversions, nulls
from unitscope.metrics.lpips import embed, from_model
from unitscope.papers.rosetta import inversion, latents, losses
from unitscope.papers.rosetta.matches import best_buddies
from world import NAMES, concepts, gan, mined, networks


def test_the_perceptual_loss_is_the_distance_of_lpips_embeddings():
    perceptual = from_model(networks()[NAMES[0]])
    a, b = torch.rand(2, 4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    expected = (torch.cat(embed(perceptual, a[1:3]), 1) - torch.cat(embed(perceptual, b[1:3]), 1)).square().sum(1)
    torch.testing.assert_close(
        inversion.perceptual_loss(perceptual, b)(a[1:3], slice(1, 3)), expected, rtol=1e-4, atol=1e-5
    )


def test_table_1_starts_every_way_at_one_place():
    target = gan().synthesize(gan().sample(3, seed=8)).detach()
    start = gan().sample(3, seed=9)
    pairs = best_buddies(mined().match(NAMES[0]).whole.rho, (1, 1))
    wrong = nulls.mismatched(pairs, len(mined().match(NAMES[0]).table))
    assert torch.equal(wrong.left, pairs.left) and not torch.equal(wrong.right, pairs.right)
    ways = {"perceptual": None, "+ all": losses.from_network(mined(), NAMES[0], pairs, target)}
    perceptual = from_model(networks()[NAMES[0]])
    found = inversions.table_1(gan(), target, start, ways, perceptual=perceptual, judge=perceptual, steps=3, lr=0.05)
    first = [one.found.trace["reconstruction"][0] for one in found.values()]
    torch.testing.assert_close(*first)
    assert found["perceptual"].psnr.shape == (3,) and "activation" in found["+ all"].found.trace
    assert editing.gain(found, "+ all").ours == pytest.approx(
        float((found["+ all"].psnr - found["perceptual"].psnr).mean())
    )


def test_a_regression_finds_the_latents_that_it_was_fitted_on():
    begin = inversions.Encoder(gan(), networks()[NAMES[0]], n=12, seed=3, ridge=1e-6)
    w = gan().sample(12, seed=3)
    torch.testing.assert_close(begin(gan().synthesize(w)), w, atol=0.05, rtol=0)


def test_an_edit_moves_z_and_w_follows_by_the_mapping():
    z, labels, seen = gan().latents(3, 4), gan().labels_of(3), []

    def darker(images, _maps, latent, _rows):
        seen.append(latent.detach().clone())
        return {"light": images.mean((1, 2, 3))}

    found = latents.optimise(gan(), z, darker, (), steps=4, lr=0.05, labels=labels, chunk=2)
    slow = z.clone().requires_grad_()
    adam = torch.optim.Adam([slow], lr=0.05)
    for step in range(4):
        adam.param_groups[0]["lr"] = latents.rate(step, 4, 0.05)
        adam.zero_grad()
        gan().synthesize(gan().draw(slow, labels)).mean((1, 2, 3)).sum().backward()
        adam.step()
    torch.testing.assert_close(found.w, gan().draw(slow, labels).detach(), atol=1e-4, rtol=1e-4)
    assert torch.equal(seen[0], z[:2])


def test_displacements_are_read_off_moved_maps(rng):
    blobs = torch.zeros(2, 3, 32, 32)
    blobs[..., 12:20, 10:18] = torch.from_numpy(rng.uniform(1, 2, (2, 3, 8, 8))).float()
    assert effects.displacement(blobs, blobs.roll(6, -1)).tolist() == [6 / 32] * 2
    assert effects.displacement(blobs, blobs.roll(-8, -1)).tolist() == [-0.25] * 2


def test_two_things_side_by_side_are_two_peaks():
    masks = torch.zeros(2, 32, 32, dtype=torch.bool)
    masks[0, 10:20, 12:22] = True
    masks[1, 10:20, 3:11] = masks[1, 10:20, 20:29] = True
    assert effects.two_peaks(masks).tolist() == [False, True]
    assert effects.growth(masks[:1], masks[1:]).tolist() == pytest.approx([1.7])


def test_a_change_is_found_where_it_is():
    perceptual = from_model(networks()[NAMES[0]], ["layer1"])
    before = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    after = before.clone()
    after[..., :32] = 1 - after[..., :32]
    inside = torch.zeros(1, 32, 32, dtype=torch.bool)
    inside[..., :14] = True
    a, b = effects.change_inside(perceptual, before, after, inside)
    assert a > 3 * b


def test_partners_are_read_in_every_network():
    first = {name: one.select(concepts().first[[0]]) for name, one in concepts().partners.items()}
    images = gan().synthesize(mined().w[:3]).detach()
    assert effects.partner_maps(mined(), first, images).shape == (3, 2, 32, 32)
    assert effects.partner_activity(mined(), first, images).shape == (3,)
    assert effects.likeness(networks()[NAMES[0]], images, images).tolist() == pytest.approx([1, 1, 1])
