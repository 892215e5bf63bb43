"""Tuned units against setting one coordinate by hand; profiles, relevance, and the order of units."""

import numpy as np
import pytest
import torch
from unitscope.errors import UnitscopeError
from unitscope.evidence.linking import examples, relevance, semantics
from unitscope.evidence.linking.order import mixing
from unitscope.evidence.linking.relevance import Relevance
from unitscope.metrics.parts import change, measure
from unitscope.papers import linking
from unitscope.papers.linking import tuning


@pytest.fixture(scope="module")
def profile(study):
    tuner = linking.unit_tuner(study.link, study.train, units=[0, 7, 100, 255])
    return linking.profile(linking.Artist(study.gan), study.reader, study.link, study.test, tuner, 3)


def test_tuning_sets_one_unit_and_nothing_else(study):
    tuner, r = linking.unit_tuner(study.link, study.train), study.test.r[:3]
    w = tuner.latents(study.link, r, 3)
    assert w.shape == (256, 3, 3, study.gan.w_dim)
    for unit, step in ((5, 0), (5, 2), (200, 1)):
        by_hand = r.clone()
        by_hand[:, unit] = tuner.values(3)[unit, step]
        torch.testing.assert_close(w[unit, step], study.link.predict(by_hand), atol=1e-3, rtol=1e-3)
    way = w[5, 2] - study.link.predict(r)
    cosine = torch.nn.functional.cosine_similarity(way, study.link.A[:, 5].expand_as(way))
    assert float(cosine.abs().min()) > 0.999 or float(way.norm()) < 1e-4
    with pytest.raises(UnitscopeError, match="2 steps"):
        tuner.latents(study.link, r, 1)


def test_random_directions_stay_within_the_data(study):
    tuner = linking.random_tuner(study.link, study.train, 4)
    along = study.train.r @ tuner.inputs.T
    torch.testing.assert_close(along.amax(0), tuner.high)
    torch.testing.assert_close(tuner.inputs.norm(dim=1), torch.ones(4))
    r = study.test.r[:2]
    moved = r + (tuner.low[1] - r @ tuner.inputs[1])[:, None] * tuner.inputs[1]
    torch.testing.assert_close(tuner.latents(study.link, r)[1, 0], study.link.predict(moved), atol=1e-3, rtol=1e-3)
    assert tuner.select([2, 0]).ways.shape == (2, study.gan.w_dim)


def test_dead_units_are_known(study):
    pairs = study.train.rows(torch.arange(10))
    pairs.r[:, 3] = 0.5
    assert 3 in linking.silent(pairs).tolist()


def test_a_strip_is_drawn_in_order(study):
    tuner = linking.unit_tuner(study.link, study.train).select([1, 9])
    images = tuning.strip(study.gan, tuner, study.link, study.test.r[:2], 3)
    w = tuner.latents(study.link, study.test.r[:2], 3)
    torch.testing.assert_close(images[1, 2], study.gan.synthesize(w[1, 2]))


def test_a_profile_is_measured_picture_by_picture(study, profile):
    unit, group, picture = 2, 1, 0
    w = profile.tuner.latents(study.link, study.test.of(group, 3).r)[unit, :, picture]
    tables = measure(study.gan.synthesize(w), study.gan.masks(w), 9)
    expected = change(tables[0], tables[1], 64)
    torch.testing.assert_close(profile.values[group, unit, picture], expected.values, atol=1e-4, rtol=1e-3)
    p = study.reader.probabilities(study.reader.read(study.gan.synthesize(w))[0])
    torch.testing.assert_close(profile.ends[group, unit, :, picture], p, atol=1e-3, rtol=1e-2)
    back = study.reader.read(study.gan.synthesize(w))[0][:, 100]
    torch.testing.assert_close(profile.echo[group, unit, :, picture], back, atol=1e-3, rtol=1e-2)


def test_vectors_are_medians_over_pictures(profile):
    found = profile.values[..., 0].numpy()
    np.testing.assert_allclose(profile.vectors("area"), np.median(found, axis=2), atol=1e-6)
    bounded = profile.vectors("area", bounded=True)
    assert float(bounded.abs().max()) <= 2 and profile.vectors("area", drop=True).shape[-1] == int(profile.kept().sum())


def test_halves_are_every_second_picture(profile, study):
    first, second = profile.halves()
    assert torch.equal(first.values, profile.values[:, :, [0, 2]]) and torch.equal(
        second.values, profile.values[:, :, [1]]
    )
    assert torch.equal(second.ends, profile.ends[:, :, :, [1]]) and torch.equal(
        first.present, profile.present[:, :, [0, 2]]
    )
    assert second.halves() is None
    whole = relevance.relevance(profile, study.reader)
    assert torch.equal(whole.halves()[0].change, relevance.relevance(first, study.reader).change)


def test_the_rise_is_a_share_of_the_range(profile):
    found, tuner = profile.rise(), profile.tuner
    reach = (tuner.high - tuner.low).tolist()
    slow = [float((profile.echo[:, u, 1] - profile.echo[:, u, 0]).mean()) / reach[u] for u in range(4) if reach[u] > 0]
    np.testing.assert_allclose(found, slow, rtol=1e-4)


def test_relevance_by_a_loop(study, profile):
    found = relevance.relevance(profile, study.reader, threshold=0.01)
    own = study.reader.columns(study.species).tolist()
    for c in range(3):
        for u in range(4):
            p = profile.ends[c, u, :, :, own[c]]
            assert float(found.change[c, u]) == pytest.approx(float((p[1] - p[0]).mean()), abs=1e-6)
            assert found.flipped[c, u].tolist() == [
                bool(a != b) for a, b in zip(*profile.ends[c, u].argmax(-1), strict=True)
            ]
    assert relevance.head_alone(study.reader, profile).shape == (3, 4)


def test_sets_are_counted_exactly():
    table = torch.tensor([[0.2, 0.3, 0.0, -0.4], [0.2, 0.0, 0.0, -0.5]])
    found = Relevance(("a", "b"), table[..., None], table[..., None] > 0)
    assert relevance.venn(found.sets()) == [(("a", "b"), 2), (("a",), 1)]
    assert found.shared() == 3
    kin, others = relevance.pair_means(torch.eye(3), ("a", "b", "c"), lambda x, y: {x, y} == {"a", "b"})
    assert (len(kin), len(others)) == (1, 2)


def test_no_head_no_relevance(study, headless, profile):
    from dataclasses import replace

    assert relevance.relevance(replace(profile, ends=None), headless) is None
    assert relevance.head_alone(headless, profile) is None
    assert examples.shared_unit(study, linking.Artist(study.gan), profile.tuner, None) is None


def test_units_are_shown_by_score(profile, study):
    best = examples.most(profile, "body", "luminance", 2)
    size = profile.vectors("luminance")[..., 1].abs().mean(0)
    assert best == size.argsort(descending=True)[:2].tolist()
    drawn = examples.tuned(study, linking.Artist(study.gan), profile.tuner, best[0], 1, 3)
    assert drawn.images.shape == (3, 3, 64, 64) and drawn.masks.shape == (3, 64, 64)
    assert 0 <= examples.clearest(profile, best[0], 0) < 3


def test_order_finds_planted_groups():
    draw = torch.Generator().manual_seed(0)
    centre = torch.eye(9)[[1, 3, 6]].repeat_interleave(12, 0)
    found = semantics.order(
        torch.cat([centre + 0.05 * torch.randn(36, 9, generator=draw), torch.zeros(4, 9)]), clusters=3
    )
    assert len(found.rows) == 36 and found.dominant.unique().tolist() == [1, 3, 6]
    around = found.dominant[semantics.neighbours(found)]
    assert (around == found.dominant[:, None]).all() and mixing(found.dominant, around, [1, 3]).max() == 0
    assert float(found.profiles().sum(1).max()) == pytest.approx(1) and float(found.profiles().amax(1).min()) > 0.7
    assert semantics.agreement(found) == pytest.approx(1)
    assert semantics.order(torch.zeros(20, 9)) is None and semantics.layout(None) is None
