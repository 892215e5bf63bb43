"""Receptive fields against those that can be counted by hand."""

from __future__ import annotations

import pytest
import torch
from tiny import wrap
from torch import nn
from unitscope.errors import UnitscopeError
from unitscope.extract import receptive_field_boxes


def plain(*strides, size=20):
    """3 x 3 convolutions of ones, padded, without activation; layers a0, a1, ..."""
    layers = [nn.Conv2d(3 if i == 0 else 1, 1, 3, stride, 1, bias=False) for i, stride in enumerate(strides)]
    for layer in layers:
        nn.init.ones_(layer.weight)
    names = [str(i) for i in range(len(strides))]
    return wrap(nn.Sequential(*layers), size, layers=names)


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_stacked_convolutions_see_one_pixel_more_a_layer(depth):
    model = plain(*[1] * depth)
    boxes = receptive_field_boxes(model, str(depth - 1), [0, 10 * 20 + 4, 399], share=1)
    far = 1 + depth
    expected = [[0, 0, far, far], [10 - depth, 4 - depth, 10 + far, 4 + far], [19 - depth, 19 - depth, 20, 20]]
    assert boxes.tolist() == [[max(0, a), max(0, b), min(20, c), min(20, d)] for a, b, c, d in expected]


def test_every_pixel_that_matters_is_inside_a_strided_box():
    model = plain(2, 2)
    image = torch.rand(1, 3, 20, 20, requires_grad=True)
    for place in (6, 12, 18):
        (slope,) = torch.autograd.grad(model(image).flatten()[place], image)
        rows, columns = slope[0].abs().sum(0).nonzero().unbind(1)
        top, left, bottom, right = receptive_field_boxes(model, "1", [place], share=1)[0].tolist()
        assert top <= rows.min() and rows.max() < bottom and left <= columns.min() and columns.max() < right
        assert bottom - top <= 7 + 4


def test_a_smaller_share_gives_a_smaller_box(model):
    sizes = []
    for share in (0.3, 0.6, 0.9):
        top, left, bottom, right = receptive_field_boxes(model, "layer2", [12], share=share)[0].tolist()
        sizes.append((bottom - top) * (right - left))
    assert sizes[0] < sizes[1] < sizes[2]


def test_boxes_scale_with_the_images(model):
    small = receptive_field_boxes(model, "layer1", [30])
    assert small.max() <= 17 and receptive_field_boxes(model, "layer1", []).shape == (0, 4)


def test_transformers_have_one_too(vit):
    boxes = receptive_field_boxes(vit, "blocks.0.mlp.act", [0, 15])
    assert boxes.shape == (2, 4) and (boxes[:, 2:] > boxes[:, :2]).all()


def test_errors(model):
    with pytest.raises(UnitscopeError, match=r"0\.\.3, got 1\.\.4"):
        receptive_field_boxes(model, "layer4", [1, 4])
    with pytest.raises(UnitscopeError, match="share"):
        receptive_field_boxes(model, "layer4", [1], share=0)
    with pytest.raises(UnitscopeError, match="unknown layer"):
        receptive_field_boxes(model, "layer9", [1])
