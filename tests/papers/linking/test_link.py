"""The two sides of the link and the link itself, against sklearn-free formulas and loops."""

import numpy as np
import pytest
import torch
from unitscope.errors import UnitscopeError
from unitscope.evidence.linking import cycles, depth
from unitscope.evidence.linking.cycles import class_means, partners
from unitscope.extract import Taps
from unitscope.models import load_model
from unitscope.papers import linking
from unitscope.papers.linking.link import explained, squared_error
from unitscope.papers.linking.studies import kept_class


def test_the_head_on_r_is_the_network(reader):
    images = torch.rand(5, 3, 64, 64)
    r, pooled = reader.read(images, ["layer2", "layer4"], batch=2)
    with torch.inference_mode():
        torch.testing.assert_close(reader.logits(r), reader.model.logits(images), atol=1e-4, rtol=1e-4)
        with Taps(reader.model, ["layer2", "layer4"]) as taps:
            maps = taps(images)
    assert r.shape == (5, 256) and float(r.min()) >= 0
    for name in pooled:
        torch.testing.assert_close(pooled[name], maps[name].mean((2, 3)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(reader.probabilities(r).sum(1), torch.ones(5))


def test_no_hook_is_left(reader):
    with pytest.raises(UnitscopeError):
        reader.read(torch.rand(1, 3, 64, 64), ["layer2", "nothing"])
    hooks = [m for m in reader.model.module.modules() if m._forward_hooks or m._forward_pre_hooks]
    assert not hooks


def test_a_network_without_head_is_read_at_its_embedding(headless):
    images = torch.rand(2, 3, 64, 64)
    r, _ = headless.read(images)
    torch.testing.assert_close(r, headless.model.embed(images).float())
    assert not headless.has_head
    with pytest.raises(UnitscopeError, match="no classifier head"):
        headless.logits(r)


def test_any_last_linear_layer_will_do():
    reader = linking.Reader(load_model("critters/alexnet", device="cpu", pretrained=False))
    assert reader.read(torch.rand(1, 3, 64, 64))[0].shape == (1, 128)


def test_classes_are_found_by_name(reader):
    assert [reader.classes[i] for i in reader.columns(["cat", "pika"]).tolist()] == ["cat", "pika"]
    with pytest.raises(UnitscopeError, match="unknown class of .* 'dog'"):
        reader.columns(["dog"])


def test_pairs_belong_together(renderer, reader, study):
    again = linking.collect(renderer, reader, study.species, 40)
    assert torch.equal(again.w, study.train.w) and len(again) == 120
    assert len({tuple(row) for row in again.w.tolist()}) == 120  # nothing is drawn twice
    assert study.train.correct.all() and 0.5 < study.train.intended <= 1
    rows = torch.tensor([0, 50, 119])
    torch.testing.assert_close(reader.read(renderer.synthesize(again.w[rows]))[0], again.r[rows], atol=1e-4, rtol=1e-3)
    assert again.of(1, 5).groups.tolist() == [1] * 5
    assert not {tuple(row) for row in study.test.w.tolist()} & {tuple(row) for row in again.w.tolist()}


def test_what_is_not_understood_fills_the_class(neural, reader):
    pairs = linking.collect(neural, reader, ["pika", "hare"], 10)
    assert torch.bincount(pairs.groups).tolist() == [10, 10] and pairs.intended < 0.9
    with pytest.raises(UnitscopeError, match="did you mean 'hare'"):
        linking.collect(neural, reader, ["harre"], 10)
    with pytest.raises(UnitscopeError, match="per_class >= 1"):
        linking.collect(neural, reader, ["hare"], 0)


def test_least_squares_finds_the_planted_map():
    draw = torch.Generator().manual_seed(0)
    r, A, a = torch.rand(50, 7, generator=draw), torch.randn(4, 7, generator=draw), torch.randn(4, generator=draw)
    link = linking.fit_linear(r, r @ A.T + a)
    torch.testing.assert_close(link.A, A, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(link.predict(r), r @ A.T + a, atol=1e-4, rtol=1e-4)


def test_ridge_is_its_normal_equation(rng):
    r, w = rng.normal(size=(30, 5)), rng.normal(size=(30, 3))
    link = linking.fit_linear(torch.from_numpy(r), torch.from_numpy(w), ridge=2.5)
    x, y = r - r.mean(0), w - w.mean(0)
    np.testing.assert_allclose(link.A, np.linalg.solve(x.T @ x + 2.5 * np.eye(5), x.T @ y).T, atol=1e-5)
    with pytest.raises(UnitscopeError, match="same pairs"):
        linking.fit_linear(torch.zeros(3, 2), torch.zeros(4, 2))
    with pytest.raises(UnitscopeError, match=r"`ridge`.*got -1"):
        linking.fit_linear(torch.zeros(3, 2), torch.zeros(3, 2), ridge=-1)


def test_a_perceptron_bends():
    draw = torch.Generator().manual_seed(0)
    r = torch.randn(600, 3, generator=draw)
    w = torch.stack([r[:, 0].abs(), r[:, 1] * r[:, 2]], 1)
    straight, curved = linking.fit_linear(r[:500], w[:500]), linking.fit_mlp(r[:500], w[:500], hidden=64, epochs=150)
    base = (w[500:] - w[:500].mean(0)).square().mean(1)
    assert (
        explained(squared_error(curved, r[500:], w[500:]), base)
        > 0.5
        > 0.2
        > explained(squared_error(straight, r[500:], w[500:]), base)
    )


def test_errors_by_a_loop(study):
    found = squared_error(study.link, study.test.r, study.test.w)
    one = np.mean(
        [
            (float(a) - float(b)) ** 2
            for a, b in zip(study.test.w[3], study.link.A @ study.test.r[3] + study.link.a, strict=True)
        ]
    )
    assert float(found[3]) == pytest.approx(one, rel=1e-3)


def test_partners_are_of_the_right_class():
    groups = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])
    same, other = partners(groups, 3)
    assert (groups[same] == groups).all() and (same != torch.arange(8)).all() and (groups[other] != groups).all()


def test_the_cycle_draws_what_the_link_says(study):
    found = linking.cycle(study.gan, study.reader, study.link, study.test.r[:4])
    torch.testing.assert_close(found.images, study.gan.synthesize(study.link.predict(study.test.r[:4])))
    assert kept_class(study.reader, study.test.rows(torch.arange(4)), found).dtype == torch.bool
    assert class_means(study.train).shape == (3, study.gan.w_dim)


def test_every_layer_is_linked(study):
    found = depth.link_layers(study.gan, study.reader, study.train, study.test, ridge=10.0)
    assert list(found) == [*study.reader.layers, "penultimate"]
    torch.testing.assert_close(
        found["layer4"].error, found["penultimate"].error, rtol=1e-3, atol=1e-4
    )  # r is layer4, pooled
    assert float(depth.shuffled_link(study.train, study.test).mean()) > float(found["penultimate"].error.mean())


def test_fitting_and_drawing_are_timed_in_turn(study):
    fits, drawings = cycles.timings(study.gan, study.train, repeats=3, some=4)
    assert fits.shape == drawings.shape == (3,) and (fits > 0).all() and (drawings > 0).all()
