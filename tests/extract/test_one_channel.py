"""The cheaper backward pass is the ordinary one."""

from __future__ import annotations

import pytest
import torch
from tiny import hooks, wrap
from torch import nn
from unitscope.extract.one_channel import one_channel

GEOMETRIES = [
    dict(kernel_size=3, padding=1), dict(kernel_size=3, stride=2, padding=1), dict(kernel_size=1, stride=2),
    dict(kernel_size=(2, 5), stride=(3, 2), padding=(1, 0)), dict(kernel_size=3, dilation=2, padding=3),
    dict(kernel_size=3, padding=1, groups=2), dict(kernel_size=3, padding="same"),
    dict(kernel_size=3, padding=1, padding_mode="reflect"),
]  # fmt: skip


def gradient(network, x, start, cheap):
    if not cheap:
        return torch.autograd.grad(network(x), x, start)[0]
    with one_channel(network):
        return torch.autograd.grad(network(x), x, start)[0]


@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
@pytest.mark.parametrize("live", ["one", "all", "none"])
def test_any_convolution(geometry, live):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(4, 6, **geometry))
    x = torch.randn(5, 4, 11, 8, dtype=torch.float64, requires_grad=True)
    network.double()
    start = torch.randn_like(network(x))
    if live != "all":
        keep = torch.zeros_like(start)
        if live == "one":
            keep[torch.arange(4), torch.tensor([5, 0, 2, 2])] = 1  # the last image has none
        start = start * keep
    torch.testing.assert_close(gradient(network, x, start, True), gradient(network, x, start, False))


def test_convolutions_that_change_their_weights_are_left_alone():
    class Standardised(nn.Conv2d):
        def forward(self, x):
            return self._conv_forward(x, (self.weight - self.weight.mean()) * 3, None)

    network = nn.Sequential(Standardised(4, 6, 3)).double()
    x = torch.randn(2, 4, 6, 6, dtype=torch.float64, requires_grad=True)
    start = torch.zeros_like(network(x))
    start[:, 2] = 1
    torch.testing.assert_close(gradient(network, x, start, True), gradient(network, x, start, False))


@pytest.mark.parametrize("norm", [{}, {"affine": False}, {"track_running_stats": False}], ids=str)
@pytest.mark.parametrize("training", [False, True])
def test_any_batch_norm(norm, training):
    torch.manual_seed(0)
    network = (
        nn.Sequential(nn.BatchNorm2d(6, **norm), nn.ReLU(inplace=True), nn.Conv2d(6, 3, 1)).double().train(training)
    )
    for values in (network[0].weight, network[0].bias, network[0].running_mean, network[0].running_var):
        if values is not None:
            values.data.uniform_(0.5, 2)
    x = torch.randn(5, 6, 7, 4, dtype=torch.float64, requires_grad=True)
    start = torch.randn_like(network(x))
    torch.testing.assert_close(gradient(network, x, start, True), gradient(network, x, start, False))


def test_a_stage_with_shortcuts(model):
    stage = model.module.layer2.double()
    x = torch.rand(3, 8, 9, 9, dtype=torch.float64, requires_grad=True)
    start = torch.zeros_like(stage(x))
    start[:, 5] = 1
    torch.testing.assert_close(gradient(stage, x, start, True), gradient(stage, x, start, False))


def test_the_dense_kernels_are_not_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr("unitscope.extract.one_channel.conv2d_input", lambda *args: asked.append(1))
    network = nn.Sequential(nn.Conv2d(4, 6, 3))
    x = torch.randn(2, 4, 8, 8, requires_grad=True)
    start = torch.zeros_like(network(x))
    start[:, 1] = 1
    gradient(network, x, start, True)
    assert not asked


def test_forward_passes_without_gradient_are_left_alone(model, noise):
    expected = model(noise.images)
    with one_channel(model.module):
        assert torch.equal(model(noise.images), expected)
    assert hooks(model) == 0


def test_hooks_are_gone_after_an_error():
    model = wrap(nn.Sequential(nn.Conv2d(3, 4, 3)), layers=["0"])
    with pytest.raises(RuntimeError), one_channel(model.module):
        raise RuntimeError
    assert hooks(model) == 0
