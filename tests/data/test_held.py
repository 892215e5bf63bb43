"""Held images are the source's own, and large sets stay where they are."""

import torch
from unitscope.data.critters import critter_set
from unitscope.data.held import Held, hold


def test_held_images_equal_the_source():
    source = critter_set("test", 5)
    held = hold(source)
    assert isinstance(held, Held) and hold(held) is held
    batch, original = held.load([4, 0]), source.load([4, 0])
    assert torch.equal(batch.images, original.images) and torch.equal(batch.labels, original.labels)
    assert held.fingerprint() == source.fingerprint()


def test_a_held_sets_identity_is_of_what_it_holds(monkeypatch):
    """The source may change later; the pictures in memory do not."""
    source = critter_set("test", 5)
    held, before = Held(source), source.fingerprint()
    monkeypatch.setattr(source, "seed", 77)
    assert held.fingerprint() == before != source.fingerprint()


def test_sets_above_the_limit_are_not_held():
    source = critter_set("test", 5)
    assert hold(source, limit=1000) is source
