"""LPIPS as an embedding, held against the lpips package pair by pair."""

import lpips
import pytest
import torch
from huggingface_hub import constants
from torchvision.models import alexnet, get_model_weights
from unitscope.data.images import Batch, ImageSet
from unitscope.errors import MissingWeights, UnitscopeError
from unitscope.metrics.lpips import (
    GRADIENT_FLOOR,
    TRUNKS,
    Perceptual,
    distance,
    embed,
    embed_set,
    from_model,
    from_package,
    package_network,
    squared_distances,
    unit_maps,
)
from unitscope.models import downloads, load_model

SIZE = 40


class Noise(ImageSet):
    """Smooth random pictures."""

    def __init__(self, n, size=SIZE, seed=0):
        self.name, self.classes, self.image_size = "noise", (), size
        self.labels = torch.full((n,), -1)
        coarse = torch.rand(n, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
        self.images = torch.nn.functional.interpolate(coarse, size, mode="bilinear")

    def load(self, indices):
        order = self.check(indices)
        return Batch(self.images[order], self.labels[order], order)

    def fingerprint(self):
        return "noise"


@pytest.fixture(scope="module", params=["alex", "vgg", "squeeze"])
def package(request):
    torch.manual_seed(1)
    return lpips.LPIPS(net=request.param, pnet_rand=True, verbose=False)


@torch.no_grad()
def test_differences_of_the_embedding_are_the_packages_distance(package):
    images = Noise(4).images
    value, layers = package(images[:2], images[2:], retPerLayer=True, normalize=True)
    parts = embed(from_package(package), images)
    ours = [(part[:2] - part[2:]).double().square().sum(1) for part in parts]
    for mine, theirs in zip(ours, layers, strict=True):
        torch.testing.assert_close(mine, theirs.flatten().double(), rtol=1e-5, atol=1e-12)
    torch.testing.assert_close(sum(ours), value.flatten().double(), rtol=1e-5, atol=1e-12)


def test_the_distance_that_trainers_minimise_is_the_packages(package):
    images = Noise(4).images.requires_grad_()
    with torch.no_grad():
        value = package(images[:2], images[2:], normalize=True).flatten()
    network = from_package(package)
    ours = distance(*(unit_maps(network, half, GRADIENT_FLOOR) for half in (images[:2], images[2:])))
    torch.testing.assert_close(ours, value, rtol=1e-4, atol=1e-10)
    ours.sum().backward()
    assert images.grad.isfinite().all() and images.grad.abs().max() > 0


def test_empty_positions_have_finite_gradients():
    raw = torch.zeros(1, 3, 2, 2, requires_grad=True)
    network = Perceptual("zeros", lambda images: [images], None, torch.device("cpu"))
    unit_maps(network, raw, GRADIENT_FLOOR)[0].sum().backward()
    assert raw.grad.isfinite().all() and raw.grad.max() <= 1.001 / GRADIENT_FLOOR


@torch.no_grad()
def test_one_matrix_product_gives_all_pairs(package):
    images = Noise(5)
    table = squared_distances(embed_set(from_package(package), images, batch_size=2).vectors, rows=2)
    for a, b in ((0, 1), (0, 4), (3, 2)):
        theirs = package(images.images[a : a + 1], images.images[b : b + 1], normalize=True).item()
        assert table[a, b].item() == pytest.approx(theirs, rel=1e-4)
    assert torch.equal(table, table.T) and table.diagonal().eq(0).all()


@torch.no_grad()
def test_a_network_with_uniform_weights_is_the_packages_mode_without_heads():
    torch.manual_seed(2)
    package = lpips.LPIPS(net="alex", lpips=False, pnet_rand=True, verbose=False)
    trunk = alexnet(weights=None)
    trunk.features.load_state_dict({
        f"{number}.{kind}": value
        for name, value in package.net.state_dict().items()
        for number, kind in [name.split(".")[1:]]
    })  # fmt: skip
    shift, scale = package.scaling_layer.shift.flatten(), package.scaling_layer.scale.flatten()
    model = load_model(trunk, device="cpu", input_size=64, mean=((shift + 1) / 2).tolist(), std=(scale / 2).tolist())
    layers = [f"features.{number}" for number in (1, 4, 7, 9, 11)]
    assert list(model.layers)[:5] == layers
    images = Noise(4).images
    ours = sum((p[:2] - p[2:]).square().sum(1) for p in embed(from_model(model, layers, size=SIZE), images))
    torch.testing.assert_close(ours, package(images[:2], images[2:], normalize=True).flatten(), rtol=1e-5, atol=1e-10)


def test_every_image_passes_the_network_once():
    model = load_model("critters/alexnet", pretrained=False, device="cpu")
    seen = []
    model.module.features[0].register_forward_hook(lambda module, inputs, output: seen.append(len(inputs[0])))
    embed_set(from_model(model, size=32), Noise(7), batch_size=3)
    assert sum(seen) == 7


def test_layers_are_columns_and_add_up():
    model = load_model("critters/alexnet", pretrained=False, device="cpu")
    whole = embed_set(from_model(model, size=32), Noise(3))
    assert sum(whole.sizes) == whole.vectors.shape[1]
    parts = sum(squared_distances(whole.layer(number)) for number in range(len(whole.sizes)))
    torch.testing.assert_close(parts, squared_distances(whole.vectors), rtol=1e-4, atol=1e-6)
    with pytest.raises(UnitscopeError, match="layers 0..4"):
        whole.layer(5)


def test_half_precision_keeps_distances():
    model = load_model("critters/alexnet", pretrained=False, device="cpu")
    images = Noise(6)
    full, half = (
        squared_distances(embed_set(from_model(model, size=32), images, dtype=kind).vectors)
        for kind in (torch.float32, torch.float16)
    )
    torch.testing.assert_close(half, full, rtol=2e-3, atol=1e-5)


class Mark:
    """Leaves a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.fixture
def checkpoints(tmp_path, monkeypatch):
    """Torch's folder of downloads, empty; no host is in reach."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("UNITSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize("net", TRUNKS)
def test_no_pickle_behind_a_trunk_is_run(net, hashed, checkpoints, tmp_path, monkeypatch):
    """Neither under the published name nor where even the hash is made to agree."""
    url = get_model_weights(TRUNKS[net]).DEFAULT.url
    path = checkpoints / url.rpartition("/")[2]
    torch.save({"features.0.weight": Mark(tmp_path / "mark")}, path)
    if hashed:
        monkeypatch.setattr(downloads, "sha256", lambda _: downloads.stated_hash(path) + "0" * 56)
    with pytest.raises(UnitscopeError, match="no pickle is run" if hashed else f"lpips:{net} are corrupt.*sha256"):
        package_network(net)
    assert not (tmp_path / "mark").exists()


def test_trunks_come_from_torchs_own_file_and_heads_from_the_package(checkpoints, monkeypatch):
    torch.manual_seed(3)
    trunk = alexnet(weights=None)
    path = checkpoints / get_model_weights("alexnet").DEFAULT.url.rpartition("/")[2]
    torch.save(trunk.state_dict(), path)
    monkeypatch.setattr(downloads, "sha256", lambda _: downloads.stated_hash(path))
    theirs = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    for name, value in theirs.net.state_dict().items():
        value.copy_(trunk.state_dict()[f"features.{name.partition('.')[2]}"])
    images = Noise(2).images
    ours = [(part[:1] - part[1:]).square().sum() for part in embed(package_network("alex"), images)]
    torch.testing.assert_close(
        sum(ours), theirs(images[:1], images[1:], normalize=True).squeeze().detach(), rtol=1e-5, atol=1e-10
    )


def test_trunks_that_are_not_there_or_of_another_network(checkpoints, monkeypatch):
    with pytest.raises(MissingWeights, match="lpips:vgg are missing.*lpips:critters/alexnet"):
        package_network("vgg")
    path = checkpoints / get_model_weights("vgg16").DEFAULT.url.rpartition("/")[2]
    torch.save(alexnet(weights=None).state_dict(), path)
    monkeypatch.setattr(downloads, "sha256", lambda _: downloads.stated_hash(path))
    with pytest.raises(UnitscopeError, match="do not fit vgg16"):
        package_network("vgg")


def test_negative_heads_and_unknown_networks_are_refused():
    module = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    module.lins[0].model[-1].weight.data.fill_(-1)
    with pytest.raises(UnitscopeError, match="negative weights"):
        from_package(module)
    with pytest.raises(UnitscopeError, match="did you mean 'alex'"):
        package_network("alexx")
