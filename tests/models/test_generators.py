"""The generators' contract: what `sample`, `synthesize`, `features` and `edit` promise, for the renderer and the
networks.
"""

import json
import sys
import types

import pytest
import torch
from unitscope.data.critters import LATENT, NAMES, factors, render
from unitscope.errors import UnitscopeError
from unitscope.extract import Pooled, stream
from unitscope.models import Generated, load_generator, load_model
from unitscope.models.architectures import GENERATORS, build
from unitscope.models.generators.photographs import IMAGENETTE

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]
NEURAL = list(GENERATORS)
EVERY = [*NEURAL, "critters/procedural"]
_made = {}


def generator(name: str, device: str = "cpu"):
    """One generator with random weights for all tests of a name and a device."""
    if (name, device) not in _made:
        _made[name, device] = load_generator(name, pretrained=False, device=device)
    return _made[name, device]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", EVERY)
def test_shapes_and_range(name, device):
    gan = generator(name, device)
    w = gan.sample(5)
    assert w.shape == (5, gan.w_dim) and w.dtype == torch.float32 and gan.w_mean.shape == (len(gan.classes), gan.w_dim)
    images = gan.synthesize(w)
    assert images.shape == (5, 3, 64, 64) and images.device.type == device and 0 <= images.min() and images.max() <= 1
    assert gan.synthesize(torch.randn(3, gan.w_dim) * 5).isfinite().all()  # any w is drawn


@pytest.mark.parametrize("name", EVERY)
def test_samples_are_deterministic_and_do_not_depend_on_how_many(name):
    gan = generator(name)
    long, short = gan.sample(10, seed=3), gan.sample(5, seed=3)
    torch.testing.assert_close(long[:5], short, atol=1e-6, rtol=1e-6)
    assert not torch.allclose(gan.sample(5, seed=4), short, atol=1e-3)
    assert (long[:, None] - long[None]).norm(dim=2).add(torch.eye(10) * 9).min() > 1e-3  # no two alike


@pytest.mark.parametrize("name", EVERY)
def test_labels_by_number_name_tensor_or_in_turns(name):
    gan = generator(name)
    count, second = len(gan.classes), gan.classes[1]
    assert gan.classes == (IMAGENETTE if name.startswith("imagenette") else NAMES)
    assert gan.labels_of(count + 2).tolist() == [*range(count), 0, 1]
    torch.testing.assert_close(gan.sample(3, second), gan.sample(3, 1))
    torch.testing.assert_close(gan.sample(3, torch.tensor([1, 1, 1])), gan.sample(3, second))
    with pytest.raises(UnitscopeError, match=f"did you mean '{second}'"):
        gan.sample(2, second[:-1])
    with pytest.raises(UnitscopeError, match=f"0..{count - 1}"):
        gan.sample(2, count)
    with pytest.raises(UnitscopeError, match="2 numbers"):
        gan.sample(2, [1, 2, 3])
    with pytest.raises(UnitscopeError, match="at least 1"):
        gan.sample(0)


@pytest.mark.parametrize("name", EVERY)
def test_truncation_pulls_every_sample_towards_its_class_mean(name):
    gan, labels = generator(name), torch.tensor([4, 0, 7, 7])
    full, half, none = (gan.sample(4, labels, truncation=psi) for psi in (1.0, 0.5, 0.0))
    torch.testing.assert_close(none, gan.w_mean[labels])
    torch.testing.assert_close(half - none, 0.5 * (full - none), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", NEURAL)
def test_gradients_flow_from_picture_to_w(name):
    gan = generator(name)
    w = gan.sample(2).requires_grad_()
    gan.synthesize(w)[0].sum().backward()
    assert (
        gan.differentiable and w.grad[0].abs().sum() > 0 and w.grad[1].abs().sum() == 0
    )  # and stay with their picture
    assert all(p.grad is None for p in gan.module.parameters())


@pytest.mark.parametrize("name", NEURAL)
def test_maps_are_those_of_the_same_pass_and_lie_in_order_of_depth(name):
    gan = generator(name)
    w = gan.sample(3)
    images, maps = gan.synthesize_with_features(w)
    torch.testing.assert_close(images, gan.synthesize(w))
    assert list(maps) == list(gan.layers)
    sizes = [layer.grid[0] for layer in gan.layers.values()]
    assert sizes == sorted(sizes) and sizes[-1] == 64
    for layer, found in maps.items():
        assert (
            found.shape == (3, gan.layers[layer].channels, *gan.layers[layer].grid) and found.shape[2] == found.shape[3]
        )
    last = list(gan.layers)[-1]
    only = gan.features(w, [last])
    assert list(only) == [last]
    torch.testing.assert_close(only[last], maps[last])
    with pytest.raises(UnitscopeError, match="unknown layer"):
        gan.features(w, ["blocks.b7"])


@pytest.mark.parametrize("name", NEURAL)
def test_edits_change_the_picture_and_leave_the_network_as_it_was(name):
    gan = generator(name)
    w, layer = gan.sample(2), list(gan.layers)[2]
    before = gan.synthesize(w)
    torch.testing.assert_close(gan.edit(w, {layer: lambda m: m}), before)
    leaf = w.clone().requires_grad_()
    changed = gan.edit(leaf, {layer: lambda m: m * 0.0})
    assert not torch.allclose(changed, before, atol=1e-4)
    assert torch.autograd.grad(changed.sum(), leaf)[0].shape == w.shape
    with pytest.raises(ZeroDivisionError):
        gan.edit(w, {layer: lambda m: 1 / 0})
    with pytest.raises(UnitscopeError, match="must return a map"):
        gan.edit(w, {layer: lambda m: m[:1]})
    with pytest.raises(UnitscopeError, match="unknown layer"):
        gan.edit(w, {layer: lambda m: m * 2, "nowhere": lambda m: m})
    assert not any(part._forward_hooks for part in gan.module.modules())
    torch.testing.assert_close(gan.synthesize(w), before)


@pytest.mark.parametrize("name", NEURAL)
def test_random_weights_follow_the_seed(name):
    one, other = (load_generator(name, pretrained=False, seed=seed, device="cpu") for seed in (0, 1))
    assert one.fingerprint() == generator(name).fingerprint() != other.fingerprint()


def test_the_procedural_generator_is_the_renderer():
    gan = generator("critters/procedural")
    w = gan.sample(6, seed=2)
    z, labels = w[:, :LATENT], w[:, LATENT:].argmax(1)
    assert labels.tolist() == list(range(6))
    truth = render(factors(z, labels))
    torch.testing.assert_close(gan.synthesize(w), truth.images)
    assert torch.equal(gan.masks(w), truth.masks) and gan.masks(w).shape == (6, 64, 64)
    assert torch.equal(gan.factors(w).colour, factors(z, labels).colour)
    assert not gan.differentiable and gan.module is None and gan.layers == {}
    for call in (lambda: gan.features(w), lambda: gan.edit(w, {}), lambda: gan.layer("b8")):
        with pytest.raises(UnitscopeError, match="no network"):
            call()


@pytest.mark.parametrize("name", NEURAL)
def test_networks_know_neither_masks_nor_factors(name):
    for call in (generator(name).masks, generator(name).factors):
        with pytest.raises(UnitscopeError, match="critters/procedural"):
            call(generator(name).sample(1))


@pytest.mark.parametrize("name", EVERY)
def test_a_foreign_w_is_refused(name):
    gan = generator(name)
    for w in (torch.zeros(3), torch.zeros(2, gan.w_dim + 1), torch.zeros(2, gan.w_dim, dtype=torch.int64), None):
        with pytest.raises(UnitscopeError, match=rf"float \(n, {gan.w_dim}\)"):
            gan.synthesize(w)


def test_names_that_cannot_be_loaded_say_what_is_missing(monkeypatch, tmp_path):
    with pytest.raises(UnitscopeError, match="did you mean 'critters/stylegan'"):
        load_generator("critters/stylegam")
    with pytest.raises(UnitscopeError, match="does not exist"):
        load_generator("critters/biggan", weights=tmp_path / "none.safetensors")


def test_weights_from_a_file(tmp_path):
    from safetensors.torch import save_file

    save_file(build("critters/biggan", seed=5).state_dict(), tmp_path / "five.safetensors")
    gan = load_generator("critters/biggan", weights=tmp_path / "five.safetensors", device="cpu")
    assert gan.fingerprint() == load_generator("critters/biggan", pretrained=False, seed=5, device="cpu").fingerprint()


@pytest.mark.parametrize("name", EVERY)
def test_generated_pictures_are_a_data_set(name):
    gan = generator(name)
    w, labels = gan.sample(7), gan.labels_of(7)
    images = Generated(gan, w, labels, batch=3)
    batch = images.load([6, 0])
    assert (len(images), images[6].label, batch.labels.tolist()) == (7, 6, [6, 0])
    torch.testing.assert_close(batch.images, gan.synthesize(w[[6, 0]]), atol=1e-5, rtol=1e-5)
    assert images.fingerprint() != Generated(gan, w + 1, labels).fingerprint()
    assert Generated(gan, w)[0].label == -1
    with pytest.raises(UnitscopeError, match="one label for each"):
        Generated(gan, w, labels[:3])


def test_a_stream_runs_on_generated_pictures():
    gan, model = generator("critters/stylegan"), load_model("critters/resnet_s", pretrained=False, device="cpu")
    images = Generated(gan, gan.sample(6), gan.labels_of(6))
    pooled = Pooled("layer4")
    stream(model, images, ["layer4"], [pooled], batch_size=4)
    assert len(pooled.result()) == 6


class StandIn(torch.nn.Module):
    """The interface of the package's BigGAN, with two layers and three classes."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embeddings = torch.nn.Linear(config.num_classes, config.z_dim, bias=False)
        self.generator = torch.nn.Module()
        self.generator.layers = torch.nn.ModuleList([torch.nn.Conv2d(2 * config.z_dim, 6, 1), torch.nn.Conv2d(6, 3, 1)])
        self.generator.forward = self.run

    def run(self, condition, truncation):
        x = condition[:, :, None, None].expand(-1, -1, self.config.output_dim, self.config.output_dim)
        for layer in self.generator.layers:
            x = layer(x)
        return torch.tanh(x)


def test_pretrained_biggan_behind_the_contract(monkeypatch):
    name = "pytorch-pretrained-biggan/biggan-deep-256"
    package = types.ModuleType("pytorch_pretrained_biggan")
    package.BigGAN, package.BigGANConfig = StandIn, lambda: types.SimpleNamespace(z_dim=40, num_classes=3, output_dim=8)
    monkeypatch.setitem(sys.modules, "pytorch_pretrained_biggan", package)
    gan = load_generator(name, pretrained=False, device="cpu")
    w = gan.sample(5, truncation=0.5)
    assert w.shape == (5, 80) and gan.classes == ("0", "1", "2") and len(gan.layers) == 2
    torch.testing.assert_close(gan.w_mean[:, 40:], gan.module.whole.embeddings.weight.T)
    assert gan.synthesize(w).shape == (5, 3, 256, 256) and gan.synthesize(w).min() >= 0
    with pytest.raises(UnitscopeError, match="weights .* are missing"):
        load_generator(name)
    with pytest.raises(UnitscopeError, match="did you mean"):
        load_generator("pytorch-pretrained-biggan/biggan-deep-257")


def small_biggan(folder, package):
    """A folder as the package publishes them, with few channels and random weights; and the package's own network."""
    about = {
        "output_dim": 64,
        "channel_width": 4,
        "num_classes": 5,
        "layers": [(True, 16, 8), (True, 8, 4), (True, 4, 2), (True, 2, 1)],
        "attention_layer_position": 2,
    }
    torch.manual_seed(3)
    whole = package.BigGAN(package.BigGANConfig.from_dict(about)).eval()
    for name, value in whole.named_buffers():
        value.copy_(value.abs() + 0.5 if name.endswith("running_vars") else value)
    for part in whole.modules():  # the package leaves these as memory was
        if hasattr(part, "running_means") and isinstance(getattr(part, "weight", None), torch.nn.Parameter):
            torch.nn.init.ones_(part.weight), torch.nn.init.zeros_(part.bias)
    (folder / "config.json").write_text(json.dumps(about), encoding="utf-8")
    torch.save(whole.state_dict(), folder / "pytorch_model.bin")
    return whole


def test_the_package_s_own_class_behind_the_contract(tmp_path):
    package = pytest.importorskip("pytorch_pretrained_biggan")
    whole = small_biggan(tmp_path, package)
    gan = load_generator("pytorch-pretrained-biggan/biggan-deep-128", weights=tmp_path, device="cpu")
    assert gan.classes == tuple("01234") and gan.image_size == 64 and gan.w_dim == 256
    z, labels = gan.latents(3), torch.tensor([0, 4, 2])
    with torch.no_grad():
        expected = whole(z, torch.nn.functional.one_hot(labels, 5).float(), 1.0)
    torch.testing.assert_close(gan.synthesize(gan.draw(z, labels)), (expected + 1) / 2, atol=1e-5, rtol=1e-4)
    assert (
        len(gan.layers) == 16 and list(gan.layers)[0] == "whole.generator.layers.0.conv_0"
    )  # four in each of four blocks
    (tmp_path / "pytorch_model.bin").unlink()
    with pytest.raises(UnitscopeError, match="does not exist"):  # never random instead
        load_generator("pytorch-pretrained-biggan/biggan-deep-128", weights=tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("size", [128, 256, 512])
def test_the_package_s_sizes(size):
    pytest.importorskip("pytorch_pretrained_biggan")
    gan = load_generator(f"pytorch-pretrained-biggan/biggan-deep-{size}", pretrained=False, device="cpu")
    assert (
        gan.image_size == size and list(gan.layers.values())[-1].grid == (size, size) and gan.classes[1] == "goldfish"
    )


def test_without_the_package_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pytorch_pretrained_biggan", None)
    with pytest.raises(UnitscopeError, match="pip install pytorch-pretrained-biggan"):
        load_generator("pytorch-pretrained-biggan/biggan-deep-256", pretrained=False)
