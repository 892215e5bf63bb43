"""Mosaics: where every tile stands, its pixels, its truth, and how often each picture is used."""

import pytest
import torch
import torch.nn.functional as F
from unitscope.data import load_dataset
from unitscope.data.mosaic import mosaic
from unitscope.errors import UnitscopeError


@pytest.fixture(scope="module")
def pictures():
    return load_dataset("critters/test", limit=13)


@pytest.mark.parametrize("tiles", [1, 2, 4, 9])
def test_every_picture_is_used_once_as_subject_and_equally_often_in_all(pictures, tiles):
    made = mosaic(pictures, tiles, seed=3)
    assert made.sources[:, 0].tolist() == list(range(13))
    assert made.sources.flatten().bincount().tolist() == [tiles] * 13
    assert all(len(set(row)) == tiles for row in made.sources.tolist())
    assert made.cells.sort(1).values.tolist() == [list(range(tiles))] * 13


@pytest.mark.parametrize("tiles, size, cut", [(2, 64, 16), (4, 32, 0)])
def test_tiles_are_the_pictures_in_small(pictures, tiles, size, cut):
    made = mosaic(pictures, tiles, seed=1)
    whole = pictures.load(range(13)).images
    shown = made.load([5, 2]).images
    for row, index in enumerate((5, 2)):
        for source, cell in zip(made.sources[index].tolist(), made.cells[index].tolist(), strict=True):
            y, x = divmod(cell, 2)
            small = F.interpolate(whole[source][None], (size, size), mode="bilinear", antialias=True)[0]
            small = small[:, :, cut : size - cut]
            high, wide = small.shape[1:]
            tile = shown[row, :, y * high : (y + 1) * high, x * wide : (x + 1) * wide]
            torch.testing.assert_close(tile, small)


def test_one_tile_is_the_picture_itself(pictures):
    torch.testing.assert_close(mosaic(pictures, 1).load([4]).images, pictures.load([4]).images)


def test_truth_is_the_subjects_and_masks_are_what_is_seen(pictures):
    made = mosaic(pictures, 4, seed=2)
    truth, own = made.truth([7, 1]), pictures.truth([7, 1])
    assert torch.equal(truth.factors.species, own.factors.species)
    masks = pictures.truth(range(13)).masks
    for row, index in enumerate((7, 1)):
        for source, cell in zip(made.sources[index].tolist(), made.cells[index].tolist(), strict=True):
            y, x = divmod(cell, 2)
            tile = truth.masks[row, 32 * y : 32 * y + 32, 32 * x : 32 * x + 32]
            assert torch.equal(tile, masks[source][1::2, 1::2])  # nearest-exact takes the middle of two, rounded up


def test_the_source_of_a_pixel(pictures):
    made = mosaic(pictures, 9, seed=4)
    for index in (0, 12):
        for cell, (top, left, bottom, right) in enumerate(made.boxes().tolist()):
            expected = made.sources[index][made.cells[index] == cell]
            corners = [(top, left), (bottom - 1, right - 1)]
            found = made.source_at([index, index], *(torch.tensor(side) for side in zip(*corners, strict=True)))
            assert found.tolist() == expected.tolist() * 2


def test_sets_that_differ_have_names_that_differ(pictures):
    prints = {mosaic(pictures, tiles, seed).fingerprint() for tiles in (1, 2, 4) for seed in (0, 1)}
    assert len(prints | {pictures.fingerprint()}) == 7
    assert mosaic(pictures, 4).fingerprint() == mosaic(pictures, 4).fingerprint()


def test_mistakes_are_named(pictures):
    with pytest.raises(UnitscopeError, match="`tiles` must be one of 1, 2, 4, 9, got 3"):
        mosaic(pictures, 3)
    with pytest.raises(UnitscopeError, match="need as many pictures"):
        mosaic(pictures.subset([0, 1, 2]), 4)
    with pytest.raises(UnitscopeError, match="0..63"):
        mosaic(pictures, 4).source_at([0], torch.tensor([64]), torch.tensor([0]))
