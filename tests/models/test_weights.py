"""Weight files: what fits is loaded, what does not is refused with its reason, and no pickle runs."""

import pickle

import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from unitscope.errors import UnitscopeError
from unitscope.models.weights import fit, mismatches, read_state


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())


def state_of(network: nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in network.state_dict().items()}


def test_fp16_weights_come_back_as_fp32(network, tmp_path):
    halves = {key: value.half() if value.is_floating_point() else value for key, value in state_of(network).items()}
    save_file(halves, tmp_path / "w.safetensors")
    with torch.no_grad():
        network[0].weight.zero_()
    fit(network, read_state(tmp_path / "w.safetensors"), "w")
    assert network[0].weight.dtype == torch.float32
    assert torch.equal(network[0].weight, halves["0.weight"].float())


@pytest.mark.parametrize("wrap", [
    lambda state: state,
    lambda state: {"state_dict": state, "epoch": 3},
    lambda state: {"model": {f"module.{key}": value for key, value in state.items()}},
])  # fmt: skip
def test_torch_files_are_unwrapped(network, tmp_path, wrap):
    torch.save(wrap(state_of(network)), tmp_path / "w.pth")
    found = read_state(tmp_path / "w.pth")
    assert found.keys() == network.state_dict().keys()
    assert torch.equal(found["0.weight"], network[0].weight)


def test_counters_of_batch_norm_may_be_missing(network):
    state = state_of(network)
    del state["1.num_batches_tracked"]
    fit(network, state, "w")


def test_a_misfit_lists_what_is_wrong(network):
    state = state_of(network)
    state["extra"] = state.pop("0.bias")
    state["1.weight"] = torch.zeros(7)
    with pytest.raises(UnitscopeError) as error:
        fit(network, state, "file.pth")
    for part in ("file.pth", "missing: 0.bias", "unexpected: extra", r"other shapes: 1.weight (7,) instead of (4,)"):
        assert part in str(error.value)


def test_a_misfit_changes_nothing(network):
    state = {key: value + 1 for key, value in state_of(network).items() if key != "0.bias"}
    before = state_of(network)
    with pytest.raises(UnitscopeError):
        fit(network, state, "w")
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_many_faults_are_counted():
    network = nn.Sequential(*[nn.Linear(1, 1) for _ in range(20)])
    assert "(40 in all)" in mismatches(network, {})[0]


def test_numbers_that_are_not_finite_are_refused(network):
    state = state_of(network)
    state["0.weight"][0, 0, 0, 0] = float("nan")
    with pytest.raises(UnitscopeError, match="not finite in 0.weight"):
        fit(network, state, "w")


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("0.weight", lambda w: w.int(), "another kind than the network's fractions 0.weight .torch.int32"),
        ("0.weight", lambda w: w.to(torch.complex64), "another kind .* 0.weight .torch.complex64"),
        ("0.weight", lambda w: w.bool(), "another kind .* 0.weight .torch.bool"),
        ("0.weight", lambda w: w.to_sparse(), "another kind .* 0.weight"),
        ("1.num_batches_tracked", lambda w: w.float(), "network's integers 1.num_batches_tracked"),
        ("1.running_var", lambda w: w - 1.5, "negative variance in 1.running_var .-0.5"),
        ("0.bias", lambda w: w * 0 + 1e30, r"beyond 1e\+10 in 0.bias .1.0e\+30"),
        ("0.bias", lambda w: w * 0 - 1e30, r"beyond 1e\+10 in 0.bias"),
        ("0.bias", lambda w: w / 0, "not finite in 0.bias"),
        ("0.bias", lambda w: w.double() * 0 + 1e300, r"beyond 1e\+10 in 0.bias"),
    ],
)
def test_numbers_that_no_network_holds_are_refused_in_words(network, key, change, message):
    before, state = state_of(network), state_of(network)
    state[key] = change(state[key])
    with pytest.raises(UnitscopeError, match=f"file.pth cannot be right.*{message}"):
        fit(network, state, "file.pth")
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn])
def test_all_kinds_of_fractions_are_taken(network, kind):
    state = {key: value.to(kind) if value.is_floating_point() else value for key, value in state_of(network).items()}
    fit(network, state, "w")
    assert torch.equal(network[0].weight, state["0.weight"].float())


def test_foreign_keys_are_converted_only_if_they_differ(network):
    foreign = {f"old.{key}": value for key, value in state_of(network).items()}
    fit(network, foreign, "w", lambda state, model: {key.removeprefix("old."): value for key, value in state.items()})
    fit(network, state_of(network), "w", lambda state, model: pytest.fail("asked without need"))
    with pytest.raises(UnitscopeError, match="unexpected: old"):
        fit(network, foreign, "w", lambda state, model: {"0.weight": state["nothing of the kind"]})


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
@pytest.mark.parametrize("kept", [0, 0.5, "garbage"])
def test_broken_files_are_named(network, tmp_path, suffix, kept):
    path = tmp_path / f"w{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(state_of(network), path)
    whole = path.read_bytes()
    path.write_bytes(b"not weights at all" * 9 if kept == "garbage" else whole[: int(kept * len(whole))])
    with pytest.raises(UnitscopeError, match=f"w{suffix} cannot be read .*truncated or corrupt"):
        read_state(path)


class Trap:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


@pytest.mark.parametrize("save", [torch.save, lambda value, path: path.write_bytes(pickle.dumps(value, protocol=2))])
def test_no_pickle_runs(tmp_path, save):
    save({"weight": Trap(tmp_path / "mark")}, tmp_path / "w.pth")
    with pytest.raises(UnitscopeError, match="no pickle is run"):
        read_state(tmp_path / "w.pth")
    assert not (tmp_path / "mark").exists()


def test_files_without_a_state_dict(tmp_path):
    torch.save([torch.zeros(1)], tmp_path / "w.pth")
    with pytest.raises(UnitscopeError, match="no state dict"):
        read_state(tmp_path / "w.pth")
    with pytest.raises(UnitscopeError, match="does not exist"):
        read_state(tmp_path / "nowhere.pth")
