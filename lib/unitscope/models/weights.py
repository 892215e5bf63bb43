"""Weights from files into networks: read without running a pickle, fitted key by key.

A file is safetensors, or a torch file read with `weights_only=True`. fp16 weights become the network's own fp32.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from unitscope.errors import UnitscopeError

WRAPPERS = ("state_dict", "model_state_dict", "model")  # training checkpoints keep the weights under one of these
PARALLEL = "module."  # what nn.DataParallel puts before every key
VARIANCE = "running_var"
LARGEST = 1e10  # no weight is larger; a flipped exponent bit makes numbers of 1e18 and more
COUNTER = "num_batches_tracked"  # absent from old checkpoints, without effect in evaluation
SHOWN = 8  # keys that an error lists of each kind

State = dict[str, Tensor]
Convert = Callable[[State, nn.Module], State]


def read_state(path: str | Path) -> State:
    """The tensors of a weight file by name, on the CPU.

    Raises
    ------
    UnitscopeError
        If the file is absent, truncated or corrupt, or holds anything that would have to be unpickled.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        what = "is no regular file" if path.exists() else "does not exist"
        raise UnitscopeError(f"weight file {path.absolute()} {what}.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file can break the readers in any way, and each means the same
        raise UnitscopeError(
            f"weight file {path} cannot be read ({_first_line(error)}). "
            f"If it is truncated or corrupt, fetch it again; if it holds more than tensors, save network.state_dict() "
            f"with safetensors instead: no pickle is run here."
        ) from error
    return _tensors(state, path)


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)


def _tensors(state: object, path: Path) -> State:
    """A checkpoint's tensors by name, without the wrapping of training loops and of nn.DataParallel."""
    for wrapper in WRAPPERS:
        if isinstance(state, Mapping) and isinstance(state.get(wrapper), Mapping):
            state = state[wrapper]
    if not isinstance(state, Mapping) or not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise UnitscopeError(f"weight file {path} holds no state dict (tensors by name); save network.state_dict().")
    if all(key.startswith(PARALLEL) for key in state):
        return {key.removeprefix(PARALLEL): value for key, value in state.items()}
    return dict(state)


def fit(network: nn.Module, state: State, origin: str | Path, convert: Convert | None = None) -> None:
    """Load `state` into `network`; every key must be there with the right shape and with plausible numbers.

    Parameters
    ----------
    origin : where the weights come from, for the error.
    convert : makes the network's own keys of an older or foreign format; asked only if the keys differ.

    Raises
    ------
    UnitscopeError
        Listing the missing and unexpected keys and the differing shapes, or what makes the numbers implausible.
    """
    faults = mismatches(network, state)
    if faults and convert is not None:
        state = _converted(convert, state, network)
        faults = mismatches(network, state)
    if faults:
        raise UnitscopeError(f"weights {origin} do not fit {type(network).__name__}: {'; '.join(faults)}.")
    own = network.state_dict()
    doubts = implausible(own, state)
    if doubts:
        raise UnitscopeError(f"weights {origin} cannot be right: {'; '.join(doubts)}. Fetch or save the file again.")
    network.load_state_dict({key: value.reshape(own[key].shape) for key, value in state.items()}, strict=False)


def _converted(convert: Convert, state: State, network: nn.Module) -> State:
    """The converted weights, or the weights as they came where the converter does not know them."""
    try:
        return convert(dict(state), network)
    except (KeyError, IndexError, RuntimeError, TypeError, AttributeError):
        return state


def implausible(own: State, state: State) -> list[str]:
    """What no trained network holds, one entry for each kind of fault; `own` says which tensors hold fractions.

    Other kinds of numbers than the network's (integers, complex), NaN and infinity, numbers beyond LARGEST, variances
    below zero.
    """
    kinds: dict[str, list[str]] = {}
    for key, value in state.items():
        fractions = own[key].is_floating_point()
        if value.is_complex() or value.is_floating_point() != fractions or value.layout != torch.strided:
            wanted = "fractions" if fractions else "integers"
            kinds.setdefault(f"numbers of another kind than the network's {wanted}", []).append(
                f"{key} ({value.dtype})"
            )
        elif fractions and value.numel():
            low, high = (bound.item() for bound in (value if value.dtype == torch.float64 else value.float()).aminmax())
            if not math.isfinite(low) or not math.isfinite(high):
                kinds.setdefault("numbers that are not finite in", []).append(key)
            elif max(-low, high) > LARGEST:
                kinds.setdefault(f"numbers beyond {LARGEST:.0e} in", []).append(f"{key} ({max(-low, high):.1e})")
            elif key.rpartition(".")[2] == VARIANCE and low < 0:
                kinds.setdefault("a negative variance in", []).append(f"{key} ({low:.3g})")
    return [f"{kind} {_listed(keys)}" for kind, keys in kinds.items()]


def mismatches(network: nn.Module, state: State) -> list[str]:
    """What keeps `state` from fitting `network`, one entry for each kind of fault; empty if it fits."""
    own = network.state_dict()
    missing = [key for key in own if key not in state and not key.endswith(COUNTER)]
    unexpected = [key for key in state if key not in own]
    shapes = [
        f"{key} {tuple(value.shape)} instead of {tuple(own[key].shape)}"
        for key, value in state.items()
        if key in own and value.shape != own[key].shape and not value.numel() == own[key].numel() == 1
    ]
    kinds = {"missing": missing, "unexpected": unexpected, "other shapes": shapes}
    return [f"{kind}: {_listed(entries)}" for kind, entries in kinds.items() if entries]


def _listed(entries: Sequence[str]) -> str:
    more = f", ... ({len(entries)} in all)" if len(entries) > SHOWN else ""
    return ", ".join(entries[:SHOWN]) + more
