"""Counterfactuals against their closed form and finite differences; ways, motion, Grad-CAM."""

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from unitscope.errors import UnitscopeError
from unitscope.evidence.linking import crossing, cycles, manifold
from unitscope.evidence.linking.crossing import straight
from unitscope.evidence.linking.gradcam import grad_cam, share_on
from unitscope.evidence.linking.journey import abruptness, monotone, slopes
from unitscope.extract import Taps
from unitscope.papers import linking
from unitscope.papers.linking.counterfactuals import CURVATURE, RATE, Counterfactual, gradient, loss, stable_rate
from unitscope.papers.linking.motions import enrichment, fit_affine, motion, strongest


def test_the_loss_is_equation_3(study):
    r, moved = study.test.r[:2], study.test.r[2:4]
    logits, f = study.reader.logits(moved), study.link.predict
    cosine = [(a @ b) / (a.norm() * b.norm()) for a, b in zip(f(r), f(moved), strict=True)]
    expected = [-logits[i, 1] + 0.6 * logits[i, 0] - 10 * cosine[i] for i in range(2)]
    torch.testing.assert_close(
        loss(study.reader, study.link, r, moved, 0, 1), torch.stack(expected), atol=1e-4, rtol=1e-4
    )


def test_the_gradient_by_finite_differences(study):
    r, moved = study.test.r[:1], study.test.r[1:2]
    found = gradient(study.reader, study.link, r, moved, 0, 1, (0.6, 10.0))[0]
    direction = F.normalize(torch.randn(256, generator=torch.Generator().manual_seed(0)), dim=0)
    ends = [loss(study.reader, study.link, r, moved + s * 0.05 * direction, 0, 1) for s in (1, -1)]
    assert float((ends[0] - ends[1]) / 0.1) == pytest.approx(float(found @ direction), rel=0.05, abs=1e-2)


def test_without_identity_the_way_is_straight(study):
    r = study.test.of(0).r[:2]
    found = linking.counterfactual(
        study.gan, study.reader, study.link, r, "pika", "hare", weights=(0.6, 0.0), max_steps=4
    )
    for row in range(2):
        line = straight(study.reader, r[row], "pika", "hare", int(found.steps[row])).clamp(min=0)
        torch.testing.assert_close(found.end[row], line, atol=1e-4, rtol=1e-4)


def test_descent_ends_where_the_drawing_is_the_target(study):
    r = study.test.of(0).r[:3]
    found = linking.counterfactual(study.gan, study.reader, study.link, r, "pika", "hare", max_steps=60)
    seen = study.reader.logits(study.reader.read(study.gan.synthesize(study.link.predict(found.end)))[0]).argmax(1)
    assert ((seen == study.reader.columns(["hare"])) == found.reached).all() and (found.steps <= 60).all()
    noisy = linking.counterfactual(study.gan, study.reader, study.link, r, "pika", "hare", start="random", max_steps=0)
    assert float(noisy.shift.norm(dim=1).min()) > 1 and (noisy.end >= 0).all()


def test_no_second_derivative_of_the_cosine_exceeds_the_bound(rng):
    largest = []
    for cosine in (*np.linspace(-1, 1, 9), 3**-0.5):
        one = torch.tensor([1.0, 0, 0], dtype=torch.float64)
        other = 2.5 * torch.tensor([cosine, np.sqrt(1 - cosine**2), 0])
        hessian = torch.autograd.functional.hessian(lambda w, u=one: (u @ w) / (u.norm() * w.norm()), other)
        largest.append(float(torch.linalg.eigvalsh(hessian).abs().max()) * 2.5**2)
    assert max(largest) == pytest.approx(CURVATURE, rel=1e-6)


def test_the_stable_rate_never_overshoots_and_is_never_larger_than_the_codes(study):
    r = study.test.r[:4]
    rate = stable_rate(study.link, r, 10.0)
    top = np.linalg.svd(study.link.A.numpy(), compute_uv=False)[0]
    slow = [
        min(RATE, float(study.link.predict(one) @ study.link.predict(one)) / (10 * CURVATURE * top**2)) for one in r
    ]
    np.testing.assert_allclose(rate[:, 0], slow, rtol=1e-4)
    assert (stable_rate(study.link, r, 0.0) == RATE).all() and (rate <= stable_rate(study.link, r, 1.0)).all()


def test_descent_at_the_stable_rate_lowers_the_identity_term_alone(study):
    """With equal weights on nothing but the identity, every step from a noisy start brings the cosine nearer to 1."""
    r, still = study.test.r[:4], torch.zeros(4, study.reader.head.weight.shape[0])
    moved = r - 0.1 * torch.rand(r.shape, generator=torch.Generator().manual_seed(0))
    found = [F.cosine_similarity(study.link.predict(r), study.link.predict(moved))]
    for _ in range(5):
        moved = moved - stable_rate(study.link, r, 10.0) * gradient(
            _silent(still), study.link, r, moved, 0, 1, (0.0, 10.0)
        )
        found.append(F.cosine_similarity(study.link.predict(r), study.link.predict(moved)))
    assert (torch.stack(found).diff(dim=0) > -1e-6).all() and (found[-1] > found[0]).all()


def _silent(logits):
    """A reader whose logits never change."""
    return type("Silent", (), {"logits": staticmethod(lambda r: logits + 0 * r.sum())})


def test_distances_to_the_sampled_latents_letter_by_letter(study):
    pairs, some = study.train, study.test.w[:3]
    w, groups = pairs.w.double().numpy(), pairs.groups.numpy()
    means = [w[groups == g].mean(0) for g in range(3)]
    covariance = sum(np.outer(one - means[g], one - means[g]) for one, g in zip(w, groups, strict=True)) / len(w)
    variance, axes = np.linalg.eigh(covariance)
    for row, found in enumerate(manifold.distance(pairs, some)):
        squares = [
            sum(
                (axes[:, k] @ (some[row].double().numpy() - mean)) ** 2 / variance[k]
                for k in range(len(variance))
                if variance[k] > 1e-4 * variance[-1]
            )
            for mean in means
        ]
        assert float(found) == pytest.approx(min(squares) ** 0.5, rel=1e-6)
    inside = manifold.distance(pairs, study.test.w) <= manifold.edge(study)
    assert float(inside.double().mean()) >= 0.9 and float(manifold.distance(pairs, 100 * some).min()) > manifold.edge(
        study
    )


def test_settings_start_from_the_same_pictures(study):
    found = crossing.crossings(study, ["pika>hare"], 3, max_steps=8)
    tried = crossing.settings(study, found, max_steps=8)
    assert list(tried) == ["zero start", "random start", "identity weight 1", "identity weight 0.3", "rate 0.5"]
    assert crossing.settings(study, {}) == {} == crossing.pooled({})
    together = crossing.pooled(tried)
    assert all(torch.equal(one.start, found["pika>hare"]["zero"].start) for one in together.values())
    named = study.reader.logits(together["zero start"].end).argmax(1) == study.reader.columns(["hare"])
    assert torch.equal(crossing.named_by_head(study, found), named) and not len(crossing.named_by_head(study, {}))
    logits = study.reader.logits(study.test.r).detach().numpy()
    assert crossing.logit_spread(study) == pytest.approx(logits.std(ddof=1), rel=1e-4)


def test_ways_are_drawn_with_the_strongest_identity_term_that_lets_half_across():
    def tried(**shares):
        return {
            name: {"a>b": Counterfactual(*[torch.zeros(4, 1)] * 2, torch.zeros(4), torch.arange(4) < share)}
            for name, share in shares.items()
        }

    names = ("zero start", "identity weight 1", "identity weight 0.3", "rate 0.5")
    for shares, expected in (((2, 3, 4, 4), 0), ((1, 2, 4, 4), 1), ((0, 1, 3, 4), 2), ((0, 1, 1, 4), 1)):
        assert crossing.most_faithful(tried(**dict(zip(names, shares, strict=True)))) == names[expected]
    assert crossing.most_faithful({}) is None


def test_only_ways_that_reach_their_target_are_drawn(study):
    r = study.test.of(0).r[:3]
    one = Counterfactual(r, r, torch.zeros(3), torch.tensor([False, True, False]))
    eyes = cycles.Eyes(None, None)
    none = replace(one, reached=torch.zeros(3, dtype=torch.bool))
    assert crossing.journeys(study, linking.Artist(study.gan), {"pika>hare": none}, eyes) == {"pika>hare": []}


def test_what_cannot_be_crossed_is_said(study, headless):
    with pytest.raises(UnitscopeError, match="did you mean 'zero'"):
        linking.counterfactual(study.gan, study.reader, study.link, study.test.r, "pika", "hare", start="zeros")
    with pytest.raises(UnitscopeError, match="no head"):
        linking.counterfactual(study.gan, headless, study.link, study.test.r, "pika", "hare")
    with pytest.raises(UnitscopeError, match="pika>hare"):
        crossing.ends("pika to hare")
    with pytest.raises(UnitscopeError, match="starts at one of"):
        crossing.crossings(study, ["fox>hare"])


def test_curves_are_described():
    step = torch.tensor([0.0, 0, 0, 1, 1, 1])
    assert (
        abruptness(step) == 1
        and abruptness(torch.linspace(0, 3, 7)) == pytest.approx(1 / 6)
        and abruptness(torch.ones(4)) == 0
    )
    assert monotone(torch.tensor([1.0, 2, 4, 8])) == pytest.approx(1) and monotone(torch.ones(4)) == 0
    assert slopes(torch.tensor([0.0, 2, 4, 5, 6]), 2) == (2, 1)
    assert slopes(torch.tensor([0.0, 2, 4, 5, 6]), 2, window=1) == (2, 1)


def test_an_affine_map_is_recovered_from_its_field():
    matrix = np.array([[1.05, 0.04, 1.5], [-0.03, 0.97, -2.0], [0, 0, 1]])
    rows, columns = np.mgrid[0:64, 0:64].astype(float)
    moved = np.stack([columns, rows, np.ones_like(rows)]).reshape(3, -1)
    target = (matrix @ moved).reshape(3, 64, 64)
    field = np.stack([target[1] - rows, target[0] - columns])
    field[:, 20:30, 20:30] += 8  # matches that do not follow
    np.testing.assert_allclose(fit_affine(field).params, matrix, atol=1e-3)


def test_a_shift_leaves_no_arrows(renderer):
    picture = renderer.synthesize(renderer.sample(1, "cat", seed=3))[0]
    found = motion(picture, torch.roll(picture, (0, 2), (1, 2)))
    assert found.affine[0, 2] == pytest.approx(2, abs=0.5) and found.lengths[1] < 0.5 * found.lengths[0]
    with pytest.raises(UnitscopeError, match="two pictures"):
        motion(picture, picture[:, :32])


def test_enrichment_counts_the_longest_arrows():
    field = np.zeros((2, 40, 40))
    field[0, 10:20, 10:20] = 5
    mask = torch.zeros(40, 40, dtype=torch.bool)
    mask[10:20, 10:20] = True
    assert strongest(field).sum() == 100 and enrichment(field, mask) == pytest.approx(1600 / 100)
    assert np.isnan(enrichment(np.zeros((2, 40, 40)), mask))


def test_grad_cam_of_a_linear_head_is_cam(reader):
    images = torch.rand(2, 3, 64, 64)
    heat = grad_cam(reader.model, images, 4)
    with torch.no_grad(), Taps(reader.model, ["layer4"]) as taps:
        maps = taps(images)["layer4"]
    cam = torch.einsum("nchw,c->nhw", maps, reader.head.weight[4].detach()).relu() / maps[0, 0].numel()
    expected = F.interpolate(cam[:, None], (64, 64), mode="bilinear")[:, 0]
    torch.testing.assert_close(heat, expected, atol=1e-5, rtol=1e-3)
    assert (
        share_on(torch.ones(4, 4), torch.eye(4)) == pytest.approx(0.25)
        and share_on(torch.zeros(4, 4), torch.eye(4)) == 0
    )


def test_grad_cam_needs_classes(headless):
    with pytest.raises(UnitscopeError, match="no classifier head"):
        grad_cam(headless.model, torch.rand(1, 3, 64, 64), 0)
