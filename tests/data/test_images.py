"""What every image set promises: indices that mean what they say, and one truth through every wrapper."""

import threading
from collections import Counter

import numpy as np
import pytest
import torch
from unitscope.data.critters import PARTS, critter_set
from unitscope.data.critters.renderer import render
from unitscope.data.critters.styles import Styled
from unitscope.data.datasets import Pixels
from unitscope.data.held import Held
from unitscope.data.images import Batch, ImageSet
from unitscope.data.mosaic import mosaic
from unitscope.errors import UnitscopeError
from unitscope.models import Generated, load_generator

WORLD = critter_set("test", 40)
EVEN = range(0, 40, 2)


def test_a_mask_chooses_where_it_is_true():
    threes = WORLD.labels == 3
    expected = [i for i, label in enumerate(WORLD.labels.tolist()) if label == 3]
    for mask in (threes, threes.numpy(), threes.tolist()):
        part = WORLD.subset(mask)
        assert part.chosen.tolist() == expected and set(part.labels.tolist()) == {3}
    assert torch.equal(WORLD.load(threes).images, WORLD.load(expected).images)


@pytest.mark.parametrize(
    ("indices", "message"),
    [
        (torch.ones(39, dtype=torch.bool), "must hold 40 values, one an image, got 39"),
        ([True, False], "must hold 40 values"),
        (torch.tensor([0.0, 1.7]), "whole numbers or a mask, got torch.float32"),
        ([1.5], "whole numbers or a mask"),
        (np.array([1.0]), "whole numbers or a mask"),
        ([0, 40], r"0\.\.39, got 0\.\.40"),
        ([-1], r"0\.\.39, got -1"),
        (["a"], "whole numbers or a mask"),
        (None, "whole numbers or a mask"),
    ],
)
def test_indices_that_mean_nothing_are_refused(indices, message):
    for ask in (WORLD.subset, WORLD.load, WORLD.truth):
        with pytest.raises(UnitscopeError, match=message):
            ask(indices)
    if indices is not None:  # which here means all
        with pytest.raises(UnitscopeError, match=message):
            list(WORLD.batches(8, indices))


def test_one_image_is_asked_for_by_a_whole_number():
    assert WORLD[np.int64(3)].index == 3 and WORLD[-1].index == 39
    for index in (1.0, "a", slice(0, 2)):
        with pytest.raises(UnitscopeError, match="one whole number"):
            WORLD[index]
    with pytest.raises(UnitscopeError, match="batch_size"):
        list(WORLD.batches(0))


def test_a_set_says_what_it_is():
    assert repr(WORLD) == "Critters('critters/test', 40 images of 64 px, 12 classes)"


def drawn() -> Generated:
    gan = load_generator("critters/procedural", device="cpu")
    return Generated(gan, gan.sample(6, seed=1))


WRAPPED = {  # every way to wrap a set, and some of their compositions, with the numbers of its images in the world
    "subset": (lambda: WORLD.subset(EVEN), list(EVEN)),
    "subset of a subset": (lambda: WORLD.subset(EVEN).subset([3, 1, 3]), [6, 2, 6]),
    "held": (lambda: Held(WORLD), list(range(40))),
    "held subset": (lambda: Held(WORLD.subset(EVEN)), list(EVEN)),
    "subset of held": (lambda: Held(WORLD).subset(EVEN), list(EVEN)),
    "styled": (lambda: Styled(WORLD, "sketch"), list(range(40))),
    "styled subset of held": (lambda: Styled(Held(WORLD).subset([5, 7]), "cartoon"), [5, 7]),
    "held part of styled": (lambda: Held(Styled(WORLD, "cartoon").subset([7, 5])), [7, 5]),
}


@pytest.mark.parametrize("name", WRAPPED)
def test_every_wrapper_passes_the_truth_on(name):
    make, numbers = WRAPPED[name]
    images = make()
    some = torch.arange(len(images)).flip(0)[:5]
    truth, expected = images.truth(some), torch.tensor(numbers)[some]
    assert all(torch.equal(value, vars(truth.factors)[key]) for key, value in vars(WORLD.factors(expected)).items())
    assert torch.equal(truth.masks, WORLD.masks(expected)) and truth.masks.max() < len(PARTS)


def test_generated_pictures_of_the_renderer_know_their_truth():
    images = drawn().subset([4, 0])
    truth = images.truth([0, 1])
    again = render(truth.factors)
    torch.testing.assert_close(images.load([0, 1]).images, again.images)
    assert torch.equal(truth.masks, again.masks)


def test_masks_are_painted_only_when_asked_for(monkeypatch):
    asked = Counter()
    monkeypatch.setattr(WORLD, "masks", lambda order: asked.update(["masks"]) or torch.zeros(len(order), 64, 64))
    truth = WORLD.truth([0, 1])
    assert truth.factors.species.tolist() == WORLD.labels[:2].tolist() and not asked
    assert truth.masks.shape == (2, 64, 64) and truth.masks is truth.masks and asked["masks"] == 1


def test_sets_that_know_nothing_say_so():
    pixels = Pixels("grey", np.full((4, 8, 8, 3), 99, np.uint8), [0, 1, 0, 1], ["a", "b"])
    neural = load_generator("critters/stylegan", pretrained=False, device="cpu")
    for images in (pixels, pixels.subset([1]), Held(pixels), Generated(neural, neural.sample(2))):
        assert images.truth([0]) is None
    with pytest.raises(UnitscopeError, match="cannot be drawn as sketch.*not known"):
        Styled(pixels, "sketch")


def test_a_style_draws_a_part_of_the_world_as_it_draws_the_whole():
    assert torch.equal(
        Styled(WORLD.subset([9, 4]), "sketch").load([1]).images, Styled(WORLD, "sketch").load([4]).images
    )


class Watched(ImageSet):
    """Notes on which threads its images are loaded."""

    name, classes, image_size = "watched", (), 4

    def __init__(self, decodes: bool):
        self.labels, self.threads, self.decodes = torch.full((6,), -1), set(), decodes

    def load(self, indices):
        self.threads.add(threading.get_ident())
        return Batch(torch.zeros(len(indices), 3, 4, 4), self.labels[indices], indices)

    def fingerprint(self):
        return "watched"


@pytest.mark.parametrize("wrap", [lambda s: s, lambda s: s.subset(range(6)), lambda s: mosaic(s, 2)])
@pytest.mark.parametrize("decodes", [False, True])
def test_only_sets_that_decode_files_are_read_ahead(wrap, decodes):
    source = Watched(decodes)
    assert [batch.indices.tolist() for batch in wrap(source).batches(4)] == [[0, 1, 2, 3], [4, 5]]
    assert (threading.get_ident() not in source.threads) == decodes
