"""The embedded zoo: weights and cards that come with the package, listed and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from unitscope.errors import MissingWeights, UnitscopeError
from unitscope.files import read_json, sha256
from unitscope.models.architectures import ARCHITECTURES, GENERATORS, build
from unitscope.models.weights import fit, read_state

ZOO = Path(__file__).with_name("zoo")
EMBEDDED = "critters/"  # what the file names of the critters' networks leave out; others lie in a folder of their own
HASH = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """One network of the zoo; `status` is "ready", "missing", or what is wrong with its file.

    `note` tells what its card says beside that, such as a training that goes on.
    """

    name: str
    parameters: int
    size: int  # bytes of the weight file, 0 where it is missing
    metrics: dict[str, float] = field(default_factory=dict)
    status: str = "ready"
    note: str = ""


def card(name: str) -> dict:
    """The model card of a network: data, recipe, seed, metrics, hash, licence.

    Raises
    ------
    MissingWeights
        If the zoo has no such card.
    UnitscopeError
        If it is not readable, or says nothing of the network's parameters or of the hash of its weights.
    """
    path = _file(name).with_suffix(".json")
    if not path.is_file():
        raise MissingWeights(f"the card of {name} is missing: {path} does not exist. {_remedy(name)}")
    try:
        about = read_json(path)
    except (ValueError, OSError, RecursionError) as error:
        raise UnitscopeError(f"the card {path} is corrupt ({error}). {_remedy(name)}") from error
    if not isinstance(about, dict):
        raise UnitscopeError(
            f"the card {path} must hold keys and values, got a {type(about).__name__}. {_remedy(name)}"
        )
    if not isinstance(about.get("sha256"), str) or not HASH.fullmatch(about["sha256"]):
        raise UnitscopeError(
            f"the card {path} must state the sha256 of the weights as 64 hexadecimal digits, got"
            f" {about.get('sha256')!r}. {_remedy(name)}"
        )
    if type(about.get("parameters")) is not int or not isinstance(about.get("metrics", {}), dict):
        raise UnitscopeError(
            f"the card {path} must state `parameters`, a number, and `metrics` by name. {_remedy(name)}"
        )
    return about


def zoo_weights(name: str) -> Path:
    """The weight file of an embedded network, after its hash was compared with the card.

    Raises
    ------
    MissingWeights
        If the file or its card is missing.
    UnitscopeError
        If the card is corrupt, or if the file is not the one that the card describes.
    """
    path = _file(name)
    if not path.is_file():
        raise MissingWeights(f"the weights of {name} are missing: {path} does not exist. {_remedy(name)}")
    stated, found = card(name)["sha256"], sha256(path)
    if found != stated:
        raise UnitscopeError(
            f"{path} is corrupt: its sha256 is {found[:12]}..., its card says {stated[:12]}.... Restore it from the "
            f"repository (git checkout), or: {_remedy(name)}"
        )
    return path


def list_zoo() -> list[Entry]:
    """Every embedded network in the order of the architectures; weight files are not opened, cards are."""
    return [_entry(name) for name in ARCHITECTURES]


def list_generators() -> list[Entry]:
    """Every generator of the zoo; "missing" where no training has been finished yet."""
    return [_entry(name) for name in GENERATORS]


def verify_generators() -> list[Entry]:
    """`verify` for the generators: a missing one stays "missing"."""
    return [_checked(entry) for entry in list_generators()]


def verify() -> list[Entry]:
    """Hash each file and load it into its network; `status` says what is wrong, "ready" if nothing is."""
    return [_checked(entry) for entry in list_zoo()]


def _file(name: str) -> Path:
    return ZOO / f"{name.removeprefix(EMBEDDED)}.safetensors"


def _remedy(name: str) -> str:
    return f"Train it with `unitscope zoo train {name}`, or name a file, {name}@FILE (in Python: weights='FILE')."


def _entry(name: str) -> Entry:
    path = _file(name)
    if not path.is_file() or not path.with_suffix(".json").is_file():
        return Entry(name, sum(p.numel() for p in build(name).parameters()), 0, {}, "missing")
    try:
        about = card(name)
    except UnitscopeError as error:
        return Entry(name, 0, path.stat().st_size, {}, str(error))
    return Entry(
        name, about["parameters"], path.stat().st_size, about.get("metrics", {}), note=str(about.get("status", ""))
    )


def _checked(entry: Entry) -> Entry:
    if entry.status != "ready":
        return entry
    try:
        path = zoo_weights(entry.name)
        fit(build(entry.name), read_state(path), path)
    except UnitscopeError as error:
        return Entry(entry.name, entry.parameters, entry.size, entry.metrics, str(error))
    return entry
