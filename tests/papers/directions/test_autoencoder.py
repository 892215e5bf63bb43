"""Sparse autoencoders: recovery of planted features, penalties, dead units."""

import pytest
import torch
from unitscope.errors import UnitscopeError
from unitscope.evidence.directions.autoencoders import best_cosine, planted_features
from unitscope.papers.directions import activations
from unitscope.papers.directions.autoencoder import Autoencoder, directions_of, scaled, sweep, train


def test_planted_features_are_recovered_far_better_than_by_chance():
    planted = planted_features(n=3000, dimensions=24, features=32, active=2.0)
    found = train(planted.x, 32, [1.0], steps=500)[0]
    chance = best_cosine(torch.randn(32, 24, generator=torch.Generator().manual_seed(1)), planted.features)
    assert best_cosine(planted.features, planted.features) == pytest.approx(1, abs=1e-5)
    untrained = train(planted.x, 32, [0.1], steps=1)[0]
    assert best_cosine(untrained.decoder, planted.features) == pytest.approx(
        chance, abs=0.1
    )  # no first weights give it away
    assert best_cosine(found.decoder, planted.features) > chance + 0.3


def test_stronger_penalties_give_fewer_active_units_and_more_error():
    planted = planted_features(n=1000, dimensions=16, features=24)
    weak, strong = train(planted.x, 24, [0.001, 0.5], steps=300)
    assert strong.active < weak.active and strong.error > weak.error
    torch.testing.assert_close(weak.decoder.norm(dim=1), torch.ones(24), atol=1e-5, rtol=0)


def test_networks_trained_side_by_side_are_those_trained_alone():
    x = planted_features(n=500, dimensions=8, features=12).x
    both, alone = train(x, 12, [0.01, 0.3], steps=30), train(x, 12, [0.3], steps=30)
    torch.testing.assert_close(both[1].decoder, alone[0].decoder, atol=1e-4, rtol=1e-3)


def test_reported_error_and_activity_are_those_of_the_network():
    x = planted_features(n=300, dimensions=8, features=12).x
    one = train(x, 12, [0.02], steps=50)[0]
    assert 0 < one.error < 1 and 0 < one.active <= 12
    assert one.active == pytest.approx((one.hidden(x) > 1e-4).float().sum().item() / 300, rel=1e-5)


def test_dead_units_are_dropped_and_counted():
    x = torch.rand(50, 3)
    bias = torch.tensor([0.0, 0.0, -100.0, 0.0])
    network = Autoencoder(torch.rand(3, 4), bias, torch.rand(4, 3), 0.1)
    found = directions_of(network, x)
    assert len(found) == 3 and found.note == "1 of 4 hidden units dead"
    with pytest.raises(UnitscopeError, match="lower the penalty"):
        directions_of(Autoencoder(torch.rand(3, 4), bias - 100, torch.rand(4, 3), 0.1), x)


def test_sweep_holds_every_width_and_penalty():
    x = scaled(activations(torch.rand(80, 6)))
    assert x.square().mean().item() == pytest.approx(1, rel=1e-4)
    assert [(one.width, one.penalty) for one in sweep(x, [3, 5], [0.1, 0.2], steps=3)] == [
        (3, 0.1),
        (3, 0.2),
        (5, 0.1),
        (5, 0.2),
    ]
    with pytest.raises(UnitscopeError, match="width and steps"):
        train(x, 0, [0.1])
