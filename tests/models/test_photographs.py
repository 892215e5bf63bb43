"""The generator of photographs: w reaches every norm, evaluation settles, the norm's own derivative is batch norm's."""

import torch
import torch.nn.functional as F
from unitscope.models.architectures import build
from unitscope.models.generators.biggan import ConditionalNorm
from unitscope.models.generators.neural import Neural
from unitscope.models.generators.photographs import Mapping, MovedNorm, PhotographGAN, even

SMALL = {"z_dim": 6, "w_dim": 8, "widths": (16, 12, 8, 8, 4)}


def small(seed: int = 0) -> PhotographGAN:
    torch.manual_seed(seed)
    return PhotographGAN(**SMALL)


def test_the_cheaper_norm_is_batch_norm():
    torch.manual_seed(0)
    ours, theirs = MovedNorm(6, 5).double(), ConditionalNorm(6, 5).double()
    theirs.load_state_dict(ours.state_dict())
    x, condition, pull = (
        torch.randn(4, 6, 3, 5).double() + 3,
        torch.randn(4, 5).double(),
        torch.randn(4, 6, 3, 5).double(),
    )
    found = []
    for norm in (ours, theirs):
        a, b = x.clone().requires_grad_(), condition.clone().requires_grad_()
        y = norm(a, b)
        (y * pull).sum().backward()
        found.append(
            [
                y,
                a.grad,
                b.grad,
                norm.gain.weight.grad,
                norm.shift.bias.grad,
                norm.norm.running_mean,
                norm.norm.running_var,
            ]
        )
    for mine, other in zip(*found, strict=True):
        torch.testing.assert_close(mine, other, atol=1e-10, rtol=1e-8)
    torch.testing.assert_close(ours.eval()(x, condition), theirs.eval()(x, condition))


def test_doubling_starts_as_nearest_upsampling_and_a_convolution():
    conv = torch.nn.ConvTranspose2d(3, 2, 4, stride=2, padding=1, bias=False)
    torch.manual_seed(4)
    even(conv)
    torch.manual_seed(4)
    start = torch.randn(3, 2, 3, 3) / 27**0.5
    x = torch.randn(1, 3, 5, 5)
    slow = F.conv2d(F.interpolate(x, scale_factor=2, mode="nearest"), start.transpose(0, 1).flip(2, 3), padding=1)
    torch.testing.assert_close(conv(x), slow, atol=1e-5, rtol=1e-5)


def test_mapping_gives_each_class_and_latent_a_w_of_its_own():
    torch.manual_seed(0)
    mapping, z = Mapping(6, 4, 8), torch.randn(5, 6)
    one, other = (mapping(z, torch.full((5,), label)) for label in (0, 1))
    assert one.shape == (5, 8) and one.dtype == torch.float32
    assert (one - other).norm(dim=1).min() > 0.1 and torch.pdist(one).min() > 0.1
    assert torch.linalg.matrix_rank(mapping.linear.weight) == 6  # no direction of z is lost in the linear part


def test_settling_sets_class_means_and_the_norms_statistics():
    network = small()
    network.settle(count=256, batch=64, seed=3)
    z = torch.randn(256, 6, generator=torch.Generator().manual_seed(3))
    for label in (0, 7):
        torch.testing.assert_close(
            network.w_mean[label], network.mapping(z, torch.full((256,), label)).mean(0), atol=1e-5, rtol=1e-4
        )
    assert network.training  # left as it was found
    first = network.blocks["b8_0"]
    w, maps = network.mapping(z, torch.arange(256) % 10), []
    for rows in torch.arange(256).split(64):
        x = F.glu(network.start(w[rows]).view(64, -1, 4, 4), 1)
        maps.append(first.conv(x))
    torch.testing.assert_close(
        first.norm.norm.running_mean, torch.stack([m.mean((0, 2, 3)) for m in maps]).mean(0), atol=1e-4, rtol=1e-3
    )
    torch.testing.assert_close(
        first.norm.norm.running_var, torch.stack([m.var((0, 2, 3)) for m in maps]).mean(0), atol=1e-4, rtol=1e-3
    )
    assert first.norm.norm.momentum == 0.1


def test_a_picture_is_a_map_of_w_alone_and_w_moves_every_layer():
    network = small()
    network.settle(count=128)
    gan = Neural("small", network, network.classes, "cpu")
    w = gan.sample(4, "church")
    pictures = gan.synthesize(w)
    torch.testing.assert_close(gan.synthesize(w), pictures, atol=0, rtol=0)
    torch.testing.assert_close(
        gan.synthesize(w[2:3]), pictures[2:3], atol=1e-5, rtol=1e-4
    )  # no picture depends on its neighbours
    assert [layer.grid[0] for layer in gan.layers.values()] == [8, 8, 16, 16, 32, 32, 64, 64]
    for maps in gan.features(w).values():
        assert torch.pdist(maps.flatten(1)).min() > 1e-4
    calm = gan.synthesize(gan.sample(4, "church", truncation=0.5))
    assert calm.isfinite().all() and torch.pdist(calm.flatten(1)).mean() < torch.pdist(pictures.flatten(1)).mean()


def test_every_gain_and_shift_reads_w():
    network = small()
    network.settle(count=128)
    network.eval()
    w = network.mapping(torch.randn(2, 6), torch.tensor([0, 1])).detach()
    network(w).sum().backward()
    for name, block in network.blocks.items():
        assert block.norm.gain.weight.grad.abs().sum() > 0 and block.norm.shift.weight.grad.abs().sum() > 0, name


def test_the_zoos_own_size_ships_in_ten_megabytes():
    network = build("imagenette/stylegan")
    count = sum(p.numel() for p in network.parameters())
    assert 2e6 < count < 5e6 and 2 * sum(value.numel() for value in network.state_dict().values()) < 10e6
