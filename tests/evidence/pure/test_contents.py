"""Known factors of images: read, named, and held against clusters."""

import pytest
import torch
from toy import Patches
from unitscope.data.critters import NAMES, critter_set
from unitscope.data.held import hold
from unitscope.evidence.pure import contents
from unitscope.evidence.pure.contents import Factor

FACTORS = {
    "kind": Factor(("cat", "dog"), torch.tensor([0, 0, 0, 0, 1, 1, 1, 1])),
    "light": Factor(("day", "night"), torch.tensor([0, 1, 0, 1, 0, 1, 0, 1])),
}


def test_critters_tell_their_factors_also_as_a_subset():
    world = critter_set("test", 30)
    whole, part = contents.known_factors(world), contents.known_factors(hold(world).subset([5, 7]))
    assert set(whole) == set(contents.CRITTER_FACTORS) and whole["species"].names == NAMES
    assert torch.equal(whole["species"].values, world.labels)
    assert part["colour"].values.tolist() == whole["colour"].values[[5, 7]].tolist()


def test_other_images_tell_their_class_if_they_have_one():
    images = Patches(6)
    assert contents.known_factors(images)["class"].values.tolist() == [0, 1, 0, 1, 0, 1]
    images.labels = torch.full((6,), -1)
    assert contents.known_factors(images) == {}


def test_words_name_what_is_common_beyond_its_share():
    assert contents.describe(FACTORS, torch.tensor([0, 2, 4])) == "day 100%"  # 67 % of cats are 17 points beyond
    assert contents.describe(FACTORS, torch.tensor([0, 2, 1, 4])) == "day 75%, cat 75%"
    assert contents.describe(FACTORS, torch.tensor([4, 5, 6, 7]), count=1) == "dog 100%"
    assert contents.describe({}, torch.tensor([0])) == ""


def test_purity_is_agreement_beyond_chance():
    references = torch.tensor([[0, 1, 2, 3], [0, 1, 4, 5], [0, 1, 2, 4]])
    # one value throughout; two values, half and half, in both factors; three of four: (0.75 - 0.5) / 0.5
    assert contents.purity(FACTORS, references).tolist() == pytest.approx([1.0, 0.0, 0.5])
    assert contents.purity({}, references).tolist() == [0, 0, 0]


def test_the_purest_units_respond(study):
    factors = contents.known_factors(study.setting.images)
    found = contents.purest(factors, study, count=5)
    assert set(found.tolist()) == set(study.units.tolist())  # the dead unit is never among them


def test_a_split_follows_the_factor_that_it_repeats():
    references = torch.arange(8).repeat(2, 1)
    labels = torch.stack([FACTORS["kind"].values, FACTORS["light"].values])
    torch.testing.assert_close(
        contents.followed(FACTORS, references, labels).diagonal(), torch.ones(2, dtype=torch.float64), check_dtype=False
    )
    assert contents.followed(FACTORS, references, labels).fliplr().diagonal().abs().max() < 0.2
