"""Official checkpoints against what the official code made of them: mapping, truncation, pictures, every feature map.

Largest relative errors (of the maximum) allowed: 1e-5, and 5e-5 where filters follow each other (StyleGAN3,
StyleGAN-XL). UNITSCOPE_OFFICIAL_GENERATORS may name a folder with more checkpoints of these kinds.
"""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from unitscope.errors import MissingWeights, UnitscopeError
from unitscope.models import downloads, load_generator
from unitscope.models.generators.official import convert, read_official
from unitscope.models.generators.official_catalogue import CATALOGUE

HERE = Path(__file__).parent / "official"
ELSEWHERE = os.environ.get("UNITSCOPE_OFFICIAL_GENERATORS", "")
SMALL = sorted(path.parent for path in HERE.glob("*/oracle.npz"))
MORE = sorted(path.parent for path in Path(ELSEWHERE).glob("*/oracle.npz")) if ELSEWHERE else []
BARS = {"stylegan2": 1e-5, "stylegan3": 5e-5, "stylegan-xl": 5e-5, "fastgan": 1e-5}
STYLED = [path for path in SMALL if "fastgan" not in path.name]


def generator(folder: Path, file: str = "blank.pkl"):
    return load_generator(f"stylegan:{folder / file}", device="cpu")


def relative(found: torch.Tensor, expected: np.ndarray) -> float:
    """The largest difference over the largest expected value."""
    assert tuple(found.shape) == expected.shape
    return float(np.abs(found.detach().numpy() - expected).max() / np.abs(expected).max())


def labels_of(oracle) -> torch.Tensor:
    c = torch.from_numpy(oracle["c"])
    return c.argmax(1) if c.shape[1] else torch.zeros(len(c), dtype=torch.int64)


def outputs(module: torch.nn.Module, run) -> dict[str, torch.Tensor]:
    """What every module gave during `run`, by path."""
    found: dict[str, torch.Tensor] = {}
    hooks = [
        part.register_forward_hook(lambda _m, _i, out, path=path: found.__setitem__(path, out))
        for path, part in module.named_modules()
    ]
    with torch.no_grad():
        run()
    for hook in hooks:
        hook.remove()
    return found


def styled_errors(gan, oracle) -> dict[str, float]:
    """The relative error of every entry of an oracle of StyleGAN2, StyleGAN3 or StyleGAN-XL."""
    z, labels, module = torch.from_numpy(oracle["z"]), labels_of(oracle), gan.module
    quiet = {"noise": "none"} if gan.config["family"] == "stylegan2" else {}
    styles = {"ws_psi1": (1.0, None), "ws_psi0.5": (0.5, None), "ws_psi0.5_cutoff3": (0.5, 3)}
    found = {name: relative(gan.styles(z, labels, *how), oracle[name]) for name, how in styles.items()}
    found["draw"] = relative(gan.draw(z, labels), oracle["ws_psi1"][:, 0])
    conditions = torch.from_numpy(oracle["c"])
    found["conditions"] = relative(gan.styles(z, conditions, 0.5), oracle["ws_psi0.5"])
    pictures = {
        "img_psi1_const": "ws_psi1",
        "img_psi1_none": "ws_psi1",
        "img_psi0.5_const": "ws_psi0.5",
        "img_ws_mixed_const": "ws_mixed",
    }
    for name in pictures.keys() & set(oracle.files):
        ws = torch.from_numpy(oracle[pictures[name]])[: len(oracle[name])]
        found[name] = relative(module.synthesis(ws, **(quiet if name.endswith("none") else {})), oracle[name])
    maps = outputs(module, lambda: module.synthesis(module.mapping.styles(z[:1], labels[:1])))
    for name in oracle.files:
        if name.startswith("feat/"):
            path, _, part = name.removeprefix("feat/").partition(":")
            whole = maps[path]
            found[name] = relative(whole[part == "img"] if isinstance(whole, tuple) else whole, oracle[name])
    return found


def fastgan_errors(gan, oracle) -> dict[str, float]:
    """The relative error of every entry of an oracle of FastGAN, whose modules are numbered or named otherwise."""
    z, labels, module = torch.from_numpy(oracle["z"]), labels_of(oracle), gan.module
    w = gan.draw(z, labels)
    found = {
        "ws": relative(w[:, None, : gan.z_dim], oracle["ws_psi1"]),
        "ws_psi0.5": relative(w[:, None, : gan.z_dim], oracle["ws_psi0.5"]),
    }
    found["img_none"] = relative(module.synthesis(w[: len(oracle["img_none"])]), oracle["img_none"])
    noises, maps = given_noises(oracle), outputs(module, lambda: module.synthesis(w[:1]))
    if noises:
        found["img_noise"] = relative(module.synthesis(w[:1], noises), oracle["img_noise"])
    for name in oracle.files:
        if name.startswith("feat/") and name != "feat/synthesis.embed":
            found[name] = min(relative(maps[path], oracle[name]) for path in ours(name.removeprefix("feat/"), maps))
        elif name == "feat/synthesis.embed":
            found[name] = relative(w[:1, gan.z_dim :], oracle[name])
    return found


def ours(path: str, maps) -> list[str]:
    """Our modules for one of the official code; two where it runs one module twice."""
    block, last = path.rpartition(".")[::2]
    if path == "synthesis.init.init.2":
        return ["synthesis.init"]
    if last == "act":
        return [name for name in (f"{block}.act1", f"{block}.act2") if name in maps]
    if last.isdecimal():
        return [f"{block}.act{1 if int(last) in (3, 4) else 2}"]
    return [f"{block}.bn1"] if last == "bn" else [path]


def given_noises(oracle) -> dict[str, torch.Tensor]:
    """The noise of an oracle by our names: noise/synthesis.feat_8.2#0 is feat_8.noise1."""
    found: dict[str, torch.Tensor] = {}
    for name in sorted(oracle.files):
        if name.startswith("noise/"):
            block, _, call = name.removeprefix("noise/synthesis.").partition(".")
            second = call in ("noise#1", "6#0")
            found[f"{block}.noise{2 if second else 1}"] = torch.from_numpy(oracle[name])
    return found


def errors(folder: Path, file: str = "blank.pkl") -> tuple[dict[str, float], float]:
    gan, oracle = generator(folder, file), np.load(folder / "oracle.npz")
    return (fastgan_errors if gan.config["family"] == "fastgan" else styled_errors)(gan, oracle), BARS[
        gan.config["family"]
    ]


@pytest.mark.parametrize("folder", SMALL, ids=lambda path: path.name)
def test_small_checkpoints_equal_the_official_code(folder):
    found, bar = errors(folder)
    assert len(found) > 6 and {name: error for name, error in found.items() if not error <= bar} == {}


@pytest.mark.skipif(not MORE, reason="UNITSCOPE_OFFICIAL_GENERATORS names no folder with checkpoints")
@pytest.mark.parametrize("folder", MORE, ids=lambda path: path.name)
def test_more_checkpoints_equal_the_official_code(folder):
    for file in sorted(folder.glob("blank*.pkl")):
        found, bar = errors(folder, file.name) if file.name != "blank_with_D_aug.pkl" else ({}, 0)
        print(f"{folder.name}/{file.name}: {max(found.values(), default=0):.1e} over {len(found)} entries")
        assert {name: error for name, error in found.items() if not error <= bar} == {}
        assert generator(folder, file.name).layers


@pytest.mark.parametrize("folder", SMALL, ids=lambda path: path.name)
def test_the_contract_holds(folder):
    gan = generator(folder)
    w = gan.sample(4, truncation=0.7)
    assert w.shape == (4, gan.w_dim) and gan.w_mean.shape == (len(gan.classes), gan.w_dim)
    leaf = w.clone().requires_grad_()
    images, maps = gan.synthesize_with_features(leaf)
    assert images.shape == (4, 3, gan.image_size, gan.image_size) and images.min() >= 0 and images.max() <= 1
    assert all(maps[name].shape == (4, layer.channels, *layer.grid) for name, layer in gan.layers.items())
    assert torch.autograd.grad(images.sum(), leaf)[0].abs().sum() > 0
    torch.testing.assert_close(
        gan.synthesize(w[:1]), images[:1], atol=1e-5, rtol=1e-4
    )  # others in the batch do not matter
    name = list(gan.layers)[1]
    assert list(gan.features(w, [name])) == [name]
    torch.testing.assert_close(gan.edit(w, {name: lambda m: m * 1.0}), images, atol=1e-6, rtol=1e-5)
    assert not torch.allclose(gan.edit(w, {name: lambda m: m * 0}), images, atol=1e-3)
    torch.testing.assert_close(gan.sample(2, truncation=0), gan.w_mean[gan.labels_of(2)])
    with pytest.raises(UnitscopeError, match=rf"float \(n, {gan.w_dim}\)"):
        gan.synthesize(torch.zeros(2, gan.w_dim + 1))


@pytest.mark.parametrize("folder", STYLED, ids=lambda path: path.name)
def test_w_for_each_layer(folder):
    gan = generator(folder)
    w = gan.sample(2)
    ws = w[:, None].repeat(1, gan.module.num_ws, 1)
    torch.testing.assert_close(gan.synthesize(ws), gan.synthesize(w))
    ws[:, -2] = gan.w_mean[0]
    assert not torch.allclose(gan.synthesize(ws), gan.synthesize(w), atol=1e-4)


@pytest.mark.parametrize("folder", [path for path in STYLED if "sg2" not in path.name], ids=lambda path: path.name)
def test_margins_align_maps_with_the_picture(folder):
    gan, oracle = generator(folder), np.load(folder / "oracle.npz")
    w = gan.draw(torch.from_numpy(oracle["z"])[:1], labels_of(oracle)[:1])
    name = next(iter(gan.layers))
    layer = gan.layer(name)
    assert layer.margin == 10 and layer.grid == (16, 16) and list(gan.layers.values())[-1].margin == 0
    cut = gan.features(w, [name])[name]
    assert relative(cut, oracle[f"feat/{name}"][..., 10:-10, 10:-10]) < 5e-5
    whole = gan.synthesize_with_features(w, [name], whole=True)[1][name]
    assert whole.shape[-1] == 36
    before = gan.synthesize(w)
    corner = torch.zeros(16, 16)
    corner[:4, :4] = 1  # a change at the upper left of the map
    change = (gan.edit(w, {name: lambda m: m + 3 * corner}) - before).abs().mean((0, 1))
    side = gan.image_size // 2
    assert change[:side, :side].sum() > 2 * change[side:, side:].sum()


@pytest.mark.parametrize("folder", SMALL, ids=lambda path: path.name)
def test_a_converted_file_loads_to_the_same_bits(folder, tmp_path):
    convert(folder / "blank.pkl", tmp_path / "out.safetensors")
    one, other = generator(folder), load_generator(f"stylegan:{tmp_path / 'out.safetensors'}", device="cpu")
    assert one.fingerprint() == other.fingerprint() and one.classes == other.classes
    w = one.sample(2, seed=4)
    assert torch.equal(w, other.sample(2, seed=4)) and torch.equal(one.synthesize(w), other.synthesize(w))


def test_weights_must_fit_to_the_last_tensor(tmp_path):
    from safetensors.torch import save_file

    found = read_official(HERE / "sg2ada_cond32_resnet" / "blank.pkl")
    about = {"unitscope-generator": json.dumps(found.config)}
    extra = {**found.tensors, "synthesis.b8.conv2.weight": torch.zeros(3)}
    lacking = {name: value for name, value in found.tensors.items() if name != "synthesis.b8.conv0.bias"}
    cut = {**found.tensors, "mapping.fc0.bias": torch.zeros(3)}
    for tensors, word in (
        (extra, "unexpected: synthesis.b8.conv2.weight"),
        (lacking, "missing: synthesis.b8.conv0.bias"),
        (cut, "mapping.fc0.bias"),
    ):
        save_file(tensors, tmp_path / "bad.safetensors", about)
        with pytest.raises(UnitscopeError, match=word):
            load_generator(f"stylegan:{tmp_path / 'bad.safetensors'}")


def test_configurations_that_make_no_network_are_one_error(tmp_path):
    from safetensors.torch import save_file

    found = read_official(HERE / "sg3r_cond" / "blank.pkl")
    for key, value in {"family": ["x"], "mapping": None, "layers": {"L0": {}}, "input": {"channels": 10**9}}.items():
        save_file(
            found.tensors,
            tmp_path / "bad.safetensors",
            {"unitscope-generator": json.dumps({**found.config, key: value})},
        )
        with pytest.raises(UnitscopeError):
            load_generator(f"stylegan:{tmp_path / 'bad.safetensors'}", device="cpu")


def test_files_that_are_none(tmp_path):
    with pytest.raises(UnitscopeError, match="does not exist"):
        load_generator(f"stylegan:{tmp_path / 'none.pkl'}")
    with pytest.raises(UnitscopeError, match="does not exist"):
        load_generator(f"stylegan:{tmp_path / 'none.safetensors'}")
    (tmp_path / "no.safetensors").write_bytes(b"nothing")
    with pytest.raises(UnitscopeError, match="zoo convert"):
        load_generator(f"stylegan:{tmp_path / 'no.safetensors'}")
    with pytest.raises(UnitscopeError, match="must end in .safetensors"):
        convert(HERE / "sg3r_cond" / "blank.pkl", tmp_path / "out.pt")


def test_published_names_are_looked_for_and_the_error_says_where(tmp_path, monkeypatch):
    monkeypatch.setenv("UNITSCOPE_CACHE", str(tmp_path))
    monkeypatch.setattr(downloads, "_reach", unreachable)
    with pytest.raises(MissingWeights) as failed:
        load_generator("stylegan-xl/imagenet256")
    for part in (
        "imagenet256.pkl",
        str(tmp_path / "weights" / "stylegan-xl"),
        CATALOGUE["stylegan-xl/imagenet256"].url,
        "no route",
        "weights='FILE'",
    ):
        assert part in str(failed.value)
    with pytest.raises(UnitscopeError, match="did you mean 'stylegan-xl/imagenet256'"):
        load_generator("stylegan-xl/imagenet265")
    place = tmp_path / "weights" / "stylegan3" / "stylegan3-r-ffhqu-256x256.pkl"
    place.parent.mkdir(parents=True)
    place.write_bytes((HERE / "sg3r_cond" / "blank.pkl").read_bytes())
    found = load_generator("stylegan3/r-ffhqu-256x256", device="cpu")
    assert found.name == "stylegan3/r-ffhqu-256x256" and len(found.classes) == 6
    assert (
        load_generator("stylegan-xl/imagenet256", weights=HERE / "xl_super32to64" / "blank.pkl", device="cpu").classes[
            3
        ]
        == "3"
    )
    with pytest.raises(MissingWeights):  # the file says the architecture
        load_generator("stylegan-xl/imagenet256", pretrained=False)
    with pytest.raises(UnitscopeError, match="weights= does not go with"):
        load_generator("stylegan:a.pkl", weights="b.pkl")


def unreachable(url: str) -> None:
    raise OSError("no route")


def test_no_two_published_files_share_a_place():
    places = [(remote.folder, remote.url.rpartition("/")[2]) for remote in CATALOGUE.values()]
    assert len(set(places)) == len(places) and all(remote.url.startswith("https://") for remote in CATALOGUE.values())


@pytest.mark.parametrize(
    "folder",
    [path for path in SMALL if path.name in ("sg2ada_cond32_resnet", "xl_super32to64", "fastgan_cond")],
    ids=lambda path: path.name,
)
def test_random_twins_follow_the_seed(folder):
    trained = generator(folder)
    twins = [
        load_generator(f"stylegan:{folder / 'blank.pkl'}", pretrained=False, seed=seed, device="cpu")
        for seed in (0, 0, 1)
    ]
    assert (
        twins[0].fingerprint() == twins[1].fingerprint() and len({gan.fingerprint() for gan in (trained, *twins)}) == 3
    )
    w = twins[0].sample(40, 3)
    assert twins[0].synthesize(w[:2]).isfinite().all() and list(twins[0].layers) == list(trained.layers)
    assert (w.mean(0) - twins[0].w_mean[3]).norm() < w.std(0).norm()
