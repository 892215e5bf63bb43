"""Boxes against the appendix's procedure in plain Python, crops against torch's own resize."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn.functional import interpolate
from unitscope.errors import UnitscopeError
from unitscope.extract import crop_boxes, crop_images


def slow_blur(heat, kernel):
    """Gaussian blur, one axis after the other, borders mirrored."""
    sigma, half = 0.15 * kernel + 0.35, kernel // 2
    weights = [math.exp(-((i - half) ** 2) / (2 * sigma**2)) for i in range(kernel)]
    for axis in (0, 1):
        padded = np.pad(heat, [(half, half) if a == axis else (0, 0) for a in (0, 1)], mode="reflect")
        size, total = heat.shape[axis], sum(weights)
        heat = sum(w / total * np.take(padded, range(i, i + size), axis) for i, w in enumerate(weights))
    return heat


def slow_box(heat, threshold, kernel):
    height, width = heat.shape
    heat = abs(slow_blur(heat, kernel))
    rows, columns = np.nonzero(heat / heat.max() > threshold) if heat.max() > 0 else ([], [])
    if len(rows) == 0 or rows.min() == rows.max() or columns.min() == columns.max():
        return [0, 0, height - 1, width - 1]
    top, bottom, left, right = rows.min(), rows.max(), columns.min(), columns.max()
    short = (bottom - top) - (right - left)
    if short > 0:
        left, right = left - short // 2, right + short - short // 2
        if left < 0:
            left, right = 0, right - left
    elif short < 0:
        top, bottom = top + short + (-short - -short // 2), bottom - short - (-short // 2)
        if top < 0:
            top, bottom = 0, bottom - top
    return [top, left, min(bottom, height), min(right, width)]


def spots(n, height, width, seed=0):
    """Heat of a few signed pixels each, near the borders too."""
    draw = np.random.default_rng(seed)
    heat = np.zeros((n, height, width))
    for image in heat:
        for _ in range(draw.integers(1, 5)):
            image[draw.integers(height), draw.integers(width)] = draw.normal()
    return heat


@pytest.mark.parametrize("shape", [(24, 24), (31, 17), (12, 40)])
@pytest.mark.parametrize("threshold, kernel", [(0.02, 5), (0.3, 3), (0.9, 5)])
def test_boxes_follow_the_appendix(shape, threshold, kernel):
    heat = spots(60, *shape)
    heat[7] = 0
    boxes = crop_boxes(torch.from_numpy(heat), threshold, kernel)
    assert boxes.tolist() == [slow_box(image, threshold, kernel) for image in heat]


def test_a_box_is_square_unless_the_far_border_cuts_it():
    for top, left, bottom, right in crop_boxes(torch.from_numpy(spots(200, 32, 32))).tolist():
        assert 0 <= top < bottom <= 32 and 0 <= left < right <= 32
        assert bottom - top == right - left or bottom == 32 or right == 32


@pytest.mark.parametrize("size", [5, 16, 40])
def test_crops_are_cut_and_resized_like_torch_does(size):
    draw = torch.Generator().manual_seed(0)
    images = torch.rand(30, 3, 20, 28, generator=draw)
    top, left = torch.randint(15, (30,), generator=draw), torch.randint(20, (30,), generator=draw)
    boxes = torch.stack([top, left, top + 1 + torch.arange(30) % 5, left + 1 + torch.arange(30) % 8], 1)
    boxes[0] = torch.tensor([0, 0, 20, 28])
    found = crop_images(images, boxes, size)
    for image, (top, left, bottom, right), crop in zip(images, boxes.tolist(), found):
        expected = interpolate(image[None, :, top:bottom, left:right], (size, size), mode="bilinear", antialias=True)[0]
        torch.testing.assert_close(crop, expected, rtol=1e-4, atol=1e-5)


def test_stretching_uses_one_range_for_all_colours():
    images = torch.rand(4, 3, 10, 10) * 0.2 + torch.tensor([0.1, 0.3, 0.5])[:, None, None]
    images[3] = 0.4
    boxes = torch.tensor([[1, 2, 9, 8]] * 4)
    plain, found = crop_images(images, boxes, 10), crop_images(images, boxes, 10, stretch=True)
    for crop, stretched in zip(plain[:3], found[:3]):
        torch.testing.assert_close(stretched, (crop - crop.min()) / (crop.max() - crop.min()))
    assert not found[3].isnan().any()


@pytest.mark.parametrize("box", [(3, 3, 3, 9), (-1, 0, 4, 4), (0, 0, 11, 5), (5, 2, 4, 9)])
def test_boxes_must_lie_inside(box):
    with pytest.raises(UnitscopeError, match="inside 10 x 10 and not empty"):
        crop_images(torch.rand(1, 3, 10, 10), torch.tensor([box]), 4)


def test_errors():
    with pytest.raises(UnitscopeError, match=r"boxes \(2, 4\)"):
        crop_images(torch.rand(2, 3, 10, 10), torch.zeros(3, 4), 4)
    for heat, blur in ((torch.rand(10, 10), 5), (torch.rand(1, 10, 10), 4), (torch.rand(1, 10, 10), 21)):
        with pytest.raises(UnitscopeError, match="heat"):
            crop_boxes(heat, blur=blur)
