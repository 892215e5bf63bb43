"""Random views: whole pixels move, colours change as far as asked, and nothing else does."""

import numpy as np
import pytest
import torch
from unitscope.data.critters import critter_set
from unitscope.training import views


@pytest.fixture(scope="module")
def images():
    world = critter_set("train", limit=6)
    return world.load(range(6)).images


def test_crops_of_the_whole_picture_are_the_picture_or_its_mirror_image(images):
    crops = views.random_crops(images, 64, (4.0, 4.0), torch.Generator().manual_seed(0))
    for crop, image in zip(crops, images, strict=True):
        assert min((crop - image).abs().max(), (crop - image.flip(2)).abs().max()) < 1e-4


def test_shifts_move_whole_pixels_and_reflect_at_the_rim(rng):
    images = torch.from_numpy(rng.uniform(size=(60, 3, 7, 9)))
    found = views.random_shifts(images, 2, torch.Generator().manual_seed(0))
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (2, 2), (2, 2)), mode="reflect")
    ways = set()
    for padding, view in zip(padded, found.numpy(), strict=True):
        fits = [
            (y, x, mirrored)
            for y in range(5)
            for x in range(5)
            for mirrored in (1, -1)
            if np.array_equal(padding[:, y : y + 7, x : x + 9][:, :, ::mirrored], view)
        ]
        assert len(fits) == 1
        ways.add(fits[0])
    assert len(ways) > 25 and {one[0] for one in ways} == {one[1] for one in ways} == set(range(5))


def test_colour_changes_of_no_strength_change_nothing(images):
    assert torch.allclose(views.random_colours(images, 0.0, torch.Generator()), images, atol=1e-5)


@pytest.mark.parametrize("strengths", [{"strength": 1.0}, {"strength": 0.3, "hue": 1.0}])
def test_hue_turns_keep_lightness(images, monkeypatch, strengths):
    images = images[:4] * 0.2 + 0.4  # far from black and white: nothing is clipped
    draws = iter([torch.full((4,), 1.0), *[torch.full((4,), 0.5)] * 3])  # hue by half a turn, all else as it is
    monkeypatch.setattr(views.torch, "rand", lambda *a, **k: next(draws))
    turned = views.random_colours(images, **strengths, generator=torch.Generator())
    torch.testing.assert_close(turned.mean(1), images.mean(1), atol=1e-5, rtol=0)
    torch.testing.assert_close(
        turned - turned.mean(1, keepdim=True), images.mean(1, keepdim=True) - images, atol=1e-4, rtol=0
    )


def test_a_share_of_the_images_turns_grey(rng):
    images = torch.from_numpy(rng.uniform(size=(400, 3, 2, 2)))
    changed = views.random_greys(images, 0.25, torch.Generator().manual_seed(0))
    grey = (changed == images.mean(1, keepdim=True)).flatten(1).all(1)
    assert 70 < int(grey.sum()) < 130 and torch.equal(changed[~grey], images[~grey])
    assert views.random_greys(images, 0.0, torch.Generator()) is images
