"""The embedded zoo: what is there loads, what is missing or corrupt says how to get it back."""

import pytest
import torch
from safetensors.torch import save_file
from unitscope.errors import MissingWeights, UnitscopeError
from unitscope.files import read_json, sha256, write_json
from unitscope.models import list_zoo, load_model, verify, zoo
from unitscope.models.architectures import build

NAME = "critters/resnet_s"


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A zoo of one network, of seed 5."""
    monkeypatch.setattr(zoo, "ZOO", tmp_path)
    state = {
        key: value.half() if value.is_floating_point() else value
        for key, value in build(NAME, seed=5).state_dict().items()
    }
    path = tmp_path / "resnet_s.safetensors"
    save_file(state, path)
    write_json(
        path.with_suffix(".json"), {"name": NAME, "parameters": 7, "metrics": {"top1": 0.96}, "sha256": sha256(path)}
    )
    return tmp_path


def statuses(entries) -> dict[str, str]:
    return {entry.name: entry.status for entry in entries}


def test_embedded_weights_are_loaded(shelf):
    model = load_model(NAME, device="cpu")
    torch.testing.assert_close(model.module.fc.weight, build(NAME, seed=5).fc.weight, atol=1e-3, rtol=1e-3)
    assert model.module.fc.weight.dtype == torch.float32


def test_listing_shows_the_card_and_what_is_missing(shelf):
    entry = next(entry for entry in list_zoo() if entry.name == NAME)
    assert (entry.parameters, entry.metrics, entry.status) == (7, {"top1": 0.96}, "ready")
    assert entry.size == (shelf / "resnet_s.safetensors").stat().st_size
    assert set(statuses(list_zoo()).values()) == {"ready", "missing"}
    other = next(entry for entry in list_zoo() if entry.name == "critters/resnet")
    assert other.parameters == sum(weight.numel() for weight in build("critters/resnet").parameters())


def test_one_flipped_bit_is_found(shelf):
    path = shelf / "resnet_s.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(UnitscopeError, match="corrupt.*unitscope zoo train critters/resnet_s"):
        load_model(NAME, device="cpu")
    assert "corrupt" in statuses(verify())[NAME]
    assert statuses(list_zoo())[NAME] == "ready"  # a listing opens no files


def test_a_file_of_another_network_is_found_although_its_hash_is_right(shelf):
    path = shelf / "resnet_s.safetensors"
    save_file(build("critters/resnet").state_dict(), path)
    write_json(path.with_suffix(".json"), {**read_json(path.with_suffix(".json")), "sha256": sha256(path)})
    assert "do not fit" in statuses(verify())[NAME]


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_missing_files_say_how_to_make_them(shelf, suffix):
    (shelf / f"resnet_s{suffix}").unlink()
    with pytest.raises(MissingWeights, match="missing.*unitscope zoo train critters/resnet_s"):
        load_model(NAME, device="cpu")
    assert statuses(verify())[NAME] == "missing"


def test_an_unreadable_card_is_found(shelf):
    (shelf / "resnet_s.json").write_text("{")
    with pytest.raises(UnitscopeError, match="card .* is corrupt"):
        load_model(NAME, device="cpu")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[]", "keys and values, got a list"),
        ('{"parameters": 7}', "state the sha256"),
        ('{"parameters": 7, "sha256": 5}', "state the sha256"),
        ('{"parameters": 7, "sha256": "abc"}', "state the sha256"),
        ('{"sha256": "HASH"}', "state `parameters`"),
        ('{"parameters": 7, "sha256": "HASH", "metrics": []}', "`metrics` by name"),
        (b"\xff\xfe\x00", "is corrupt"),
    ],
)
def test_cards_that_do_not_say_what_they_must(shelf, content, message):
    path = shelf / "resnet_s.json"
    stated = content if isinstance(content, bytes) else content.replace("HASH", "0" * 64).encode()
    path.write_bytes(stated)
    with pytest.raises(UnitscopeError, match=message) as error:
        load_model(NAME, device="cpu")
    assert not isinstance(error.value, MissingWeights) and str(path) in str(error.value)
    assert message in statuses(list_zoo())[NAME]
    assert statuses(verify())[NAME] == statuses(list_zoo())[NAME]


def test_networks_in_folders_of_their_own_are_listed_and_checked(shelf):
    path = shelf / "cifar10" / "resnet.safetensors"
    path.parent.mkdir()
    save_file(build("cifar10/resnet").state_dict(), path)
    write_json(path.with_suffix(".json"), {"parameters": 7, "sha256": sha256(path)})
    assert statuses(list_zoo())["cifar10/resnet"] == statuses(verify())["cifar10/resnet"] == "ready"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert "is corrupt" in statuses(verify())["cifar10/resnet"]


def test_a_network_of_real_images_comes_with_its_weights():
    model = load_model("cifar10/resnet", device="cpu")
    assert model.layer("layer1").channels == 256 and model.module.num_classes == 10


def test_the_shipped_zoo_is_whole():
    found = statuses(verify())
    assert set(found.values()) == {"ready"} and {"cifar10/resnet", NAME} <= set(found)
