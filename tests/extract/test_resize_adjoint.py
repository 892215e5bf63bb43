"""Products of resized maps against torch's own resize, done."""

import pytest
import torch
import torch.nn.functional as F
from unitscope.errors import UnitscopeError
from unitscope.extract.resize_adjoint import (
    enlarge,
    keeps_means,
    neighbour_products,
    pull_down,
    pull_down_pixels,
    resize_matrix,
    resized_squares,
    resized_sums,
    squares_at,
)

SIZES = [(7, 16), (8, 8), (28, 64), (1, 5), (3, 4), (14, 56)]


def resized(maps, size):
    return F.interpolate(maps[None], size=(size, size), mode="bilinear", align_corners=False)[0]


def noise(rng, count, side):
    return torch.from_numpy(rng.normal(size=(count, side, side)))


@pytest.mark.parametrize("small, large", SIZES)
def test_enlarge_is_torchs_bilinear_resize(rng, small, large):
    maps = noise(rng, 3, small)
    torch.testing.assert_close(enlarge(maps, large), resized(maps, large), atol=1e-12, rtol=0)


@pytest.mark.parametrize("small, large", SIZES)
def test_products_sums_and_norms_without_resizing(rng, small, large):
    g, d = noise(rng, 4, small), noise(rng, 4, large)
    up = resized(g, large)
    torch.testing.assert_close((g * pull_down(d, small)).sum((1, 2)), (up * d).sum((1, 2)), atol=1e-10, rtol=0)
    torch.testing.assert_close(resized_sums(g, large), up.sum((1, 2)), atol=1e-10, rtol=0)
    torch.testing.assert_close(resized_squares(g, large), up.square().sum((1, 2)), atol=1e-10, rtol=0)


def test_rows_sum_to_one_and_sums_are_kept(rng):
    torch.testing.assert_close(resize_matrix(7, 16).sum(1), torch.ones(16, dtype=torch.float64))
    maps = noise(rng, 2, 16)
    torch.testing.assert_close(pull_down(maps, 7).sum((1, 2)), maps.sum((1, 2)))


def test_it_does_not_shrink():
    with pytest.raises(UnitscopeError, match="`large` must be a whole number of at least 8"):
        resize_matrix(8, 7)


@pytest.mark.parametrize("small, large", SIZES)
def test_products_with_neighbours_give_the_norm_at_any_size(rng, small, large):
    maps = torch.from_numpy(rng.normal(size=(3, 6, small, small)))
    side_by_side = maps.permute(1, 2, 3, 0)
    found = squares_at(neighbour_products(side_by_side), large)
    torch.testing.assert_close(found, sum(resized(maps[:, i], large).square().sum((1, 2)) for i in range(6)))
    torch.testing.assert_close(squares_at(neighbour_products(side_by_side, 1), small), maps.square().sum((1, 2, 3)))


@pytest.mark.parametrize("small, large", SIZES)
def test_channels_may_lie_side_by_side(rng, small, large):
    maps = torch.from_numpy(rng.normal(size=(2, 3, large, large)))
    found = pull_down_pixels(maps.permute(0, 2, 3, 1).contiguous(), small)
    torch.testing.assert_close(found.permute(0, 3, 1, 2), pull_down(maps, small), atol=1e-12, rtol=0)


def test_integer_ratios_keep_means(rng):
    maps = noise(rng, 2, 4)
    for large in (4, 8, 12):
        assert keeps_means(4, large)
        torch.testing.assert_close(resized(maps, large).mean((1, 2)), maps.mean((1, 2)), atol=1e-12, rtol=0)
    assert not keeps_means(4, 7)
