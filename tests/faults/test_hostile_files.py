"""Weights, pictures and shards as chance and malice leave them: one clear error or the right result, and no code
runs.
"""

import json
import pickle
import random
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from unitscope.data import load_dataset
from unitscope.errors import UnitscopeError
from unitscope.extract import Pooled, stream
from unitscope.files import sha256, write_json
from unitscope.models import load_model, zoo
from unitscope.models.architectures import build
from unitscope.models.weights import fit, read_state

NAME = "critters/resnet_s"
ROUNDS = [pytest.param(20, id="quick"), pytest.param(400, id="long", marks=pytest.mark.long)]


def spoil(content: bytes, chance: random.Random) -> bytes:
    """One flipped bit, a cut, a hole of zeros, or foreign bytes."""
    kind, place = chance.choice(["flip", "flip", "cut", "hole", "foreign"]), chance.randrange(len(content))
    if kind == "flip":
        return content[:place] + bytes([content[place] ^ 1 << chance.randrange(8)]) + content[place + 1 :]
    if kind == "cut":
        return content[:place]
    filling = bytes(64) if kind == "hole" else chance.randbytes(64)
    return (content[:place] + filling + content[place + 64 :])[: len(content)]


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())


class Mark:
    """Leaves a file when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_damaged_weights_without_a_hash_load_whole_or_not_at_all(tmp_path, suffix, rounds):
    path, own, chance = tmp_path / f"w{suffix}", network(), random.Random(1)
    (save_file if suffix == ".safetensors" else torch.save)(own.state_dict(), path)
    whole = path.read_bytes()
    for _ in range(rounds):
        path.write_bytes(spoil(whole, chance))
        filled = network()
        try:
            fit(filled, read_state(path), path)
        except UnitscopeError as error:
            assert str(path) in str(error)
            assert all(torch.equal(value, own.state_dict()[key]) for key, value in filled.state_dict().items())
        else:  # a small change that no reader can see
            assert all(value.isfinite().all() for value in filled.state_dict().values())
            assert filled[1].running_var.min() >= 0


@pytest.mark.parametrize("rounds", [pytest.param(8, id="quick"), pytest.param(200, id="long", marks=pytest.mark.long)])
def test_damaged_weights_with_a_hash_never_load(tmp_path, monkeypatch, rounds):
    monkeypatch.setattr(zoo, "ZOO", tmp_path)
    path, chance = tmp_path / "resnet_s.safetensors", random.Random(2)
    save_file(build(NAME).state_dict(), path)
    write_json(path.with_suffix(".json"), {"parameters": 1, "sha256": sha256(path)})
    whole = path.read_bytes()
    for _ in range(rounds):
        spoilt = spoil(whole, chance)
        path.write_bytes(spoilt)
        if spoilt != whole:
            with pytest.raises(UnitscopeError, match="corrupt"):
                load_model(NAME, device="cpu")


@pytest.mark.parametrize("rounds", ROUNDS)
def test_damaged_cards_are_one_message(tmp_path, monkeypatch, rounds):
    monkeypatch.setattr(zoo, "ZOO", tmp_path)
    path, chance = tmp_path / "resnet_s.json", random.Random(3)
    whole = json.dumps({"parameters": 1, "sha256": "0" * 64, "metrics": {"top1": 0.5}}).encode()
    for _ in range(rounds):
        path.write_bytes(spoil(whole, chance))
        try:
            zoo.card(NAME)
        except UnitscopeError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize("name", ["w.pth", "w.pt", "w.bin", "w.safetensors", "w.npz", "w"])
@pytest.mark.parametrize("dump", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2)),
                                  lambda value, path: path.write_bytes(pickle.dumps(value, protocol=5))])  # fmt: skip
def test_pickles_in_disguise_run_nothing(tmp_path, name, dump):
    dump({"0.weight": Mark(tmp_path / "mark"), "state_dict": {"x": Mark(tmp_path / "mark")}}, tmp_path / name)
    with pytest.raises(UnitscopeError, match="no pickle is run"):
        load_model(NAME, weights=tmp_path / name, device="cpu")
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("rounds", ROUNDS)
@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "tif", "webp", "ppm"])
def test_damaged_pictures_are_read_named_or_left_out(tmp_path, suffix, rounds):
    chance, noise = random.Random(4), np.random.default_rng(0).integers(0, 256, (24, 20, 3), dtype=np.uint8)
    path = tmp_path / "tree" / "a" / f"x.{suffix}"
    path.parent.mkdir(parents=True)
    Image.fromarray(noise).save(path)
    Image.fromarray(noise).save(path.with_name("whole.png"))
    whole = path.read_bytes()
    for _ in range(rounds):
        path.write_bytes(spoil(whole, chance))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for skip in (False, True):
                try:
                    images = load_dataset(f"folder:{tmp_path / 'tree'}", size=16, skip_corrupt=skip)
                    found = images.load(range(len(images))).images
                    assert found.shape[1:] == (3, 16, 16) and 0 <= found.min() and found.max() <= 1
                except UnitscopeError as error:
                    assert not skip and path.name in str(error)


@pytest.mark.parametrize("rounds", [pytest.param(6, id="quick"), pytest.param(100, id="long", marks=pytest.mark.long)])
def test_damaged_shards_are_computed_again(tmp_path, rounds):
    chance = random.Random(5)
    images, model = load_dataset("critters/test", limit=4), load_model(NAME, pretrained=False, device="cpu")

    def run() -> torch.Tensor:
        return stream(model, images, ["layer1"], [Pooled("layer1")], shard=2, resume=tmp_path)[0]

    expected, shard = run(), sorted(Path(tmp_path).rglob("*.safetensors"))[0]
    whole = shard.read_bytes()
    for _ in range(rounds):
        shard.write_bytes(spoil(whole, chance))
        torch.testing.assert_close(run(), expected)
