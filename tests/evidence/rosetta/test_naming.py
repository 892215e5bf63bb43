"""Names of concepts against masks made by hand, and networks against each other."""

import itertools

import numpy as np
import pytest
import torch
from unitscope.data.critters import PARTS, critter_set
from unitscope.evidence.rosetta import across, naming
from unitscope.papers.rosetta.matches import UnitPairs
from world import NAMES, concepts, gan, mined


def test_iou_takes_as_many_pixels_as_the_region_has(rng):
    maps, region = torch.from_numpy(rng.normal(size=(3, 4, 4))), torch.from_numpy(rng.uniform(size=(3, 4, 4)) < 0.3)
    values, inside = maps.flatten().numpy(), region.flatten().numpy()
    chosen = np.isin(np.arange(48), np.argsort(-values)[: inside.sum()])
    expected = (chosen & inside).sum() / (chosen | inside).sum()
    assert naming.iou(naming.places(maps), region.flatten().nonzero()[:, 0]) == pytest.approx(expected)
    assert naming.iou(naming.places(region.float()), region.flatten().nonzero()[:, 0]) == 1
    assert naming.iou(naming.places(maps), torch.zeros(0, dtype=torch.int64)) == 0


def test_regions_partition_the_picture():
    critters = critter_set("val", 12)
    regions = naming.regions_of(critters, torch.arange(12))
    parts = torch.stack([regions[part] for part in PARTS])
    assert (parts.sum(0) == 1).all() and torch.equal(regions["critter"], ~regions["background"])
    places = torch.stack([region for name, region in regions.items() if name.startswith("on ")])
    assert torch.equal(places.any(0), regions["background"]) and places.sum(0).max() == 1


def test_a_unit_that_is_a_part_is_called_by_it():
    iou = torch.zeros(2, 3, 4)
    iou[:, 0, 1], iou[:, 1, 2] = 0.6, 0.1
    found = naming.Named(NAMES, ("body", "ears", "on grass", "coat red"), iou, torch.zeros_like(iou))
    assert found.name(0) == "ears" and found.kind(0) == "part"
    assert found.name(1) == "unknown" and found.kind(2) == "unknown"


def test_concepts_are_scored_in_every_network_and_a_segmenter_sees_parts():
    critters = critter_set("val", 30)
    found = naming.named(concepts(), critters, torch.arange(4))
    assert found.iou.shape == (2, len(concepts()), len(found.regions)) and 0 <= found.iou.min() and found.iou.max() <= 1
    assert sum(naming.census(concepts(), found).values()) == len(concepts())
    eye = naming.Segmenter(mined().networks[NAMES[0]], critters, n=20, tested=10)
    assert 0.1 < eye.quality <= 1  # even random features see colour and place
    assert set(naming.generator_iou(concepts(), eye, mined().w[:4])) == {*PARTS, "critter"}


def test_composition_counts_networks_that_join_two_units(rng):
    def some():
        mask = rng.uniform(size=(6, 9)) < 0.2
        left, right = (torch.from_numpy(x) for x in mask.nonzero())
        return UnitPairs(left, right, torch.ones(len(left)))

    first, second = ({name: some() for name in "abc"} for _ in range(2))
    votes = across.composed(first, second, (6, 6))
    for i, j in itertools.product(range(6), range(6)):
        joined = sum(
            bool(
                set(first[name].right[first[name].left == i].tolist())
                & set(second[name].right[second[name].left == j].tolist())
            )
            for name in "abc"
        )
        assert votes[i, j] == joined
    assert across.agreed(votes, 3)[0] == int((votes > 0).sum())
    dealt = across.shuffled(first, 1)
    assert sorted(dealt["a"].right.tolist()) == sorted(first["a"].right.tolist())


def test_all_networks_meet_on_as_many_units():
    found = across.between_all(mined(), 16, 24, batch_size=8)
    assert len(found) == 3 and all(len(one.left) <= 24 for one in found.values())
    one = found[gan().name, NAMES[1]]
    assert across.flow(one.left, one.right, one.pairs).sum() == len(one.pairs) == len(one.score)
    assert -1 <= across.depth_agreement(one.left, one.right, one.pairs) <= 1
