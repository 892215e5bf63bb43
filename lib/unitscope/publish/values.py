"""Values that no chapter can run with, refused by the parameter's name before a kernel starts.

Names and types are checked in `parameters`; here it is what a value means: counts, seeds, networks, files, folders.
Paths are seen from the folder `book/`, as a chapter sees them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from os.path import expanduser
from pathlib import Path

from unitscope.errors import UnitscopeError
from unitscope.network_names import OWN, PYTHON, split_name

COUNTS = re.compile(r"n_\w+|k|steps|steps_edit|max_steps|sae_steps|trials|repeats|shots|units_each|worlds")
ALL = ("units", "most_units", "similarity_size")  # 0 stands for all, or for the network's own
NETWORKS = (
    "model", "classifier", "judge", "rival", "oracle", "encoder", "segmenter", "anchor", "perceptual", "dino", "clip",
    "networks", "controls", "others", "similarity", "judges", "human_judge",
)  # fmt: skip
GENERATORS = ("generator", "other_generator")
JUDGES = re.compile(r"(lpips|embed|clip):")  # in front of the network of a similarity
FOLDER = re.compile(r"(folder|readable):")
FEWEST_REFERENCES = 5  # units are split in up to five clusters


def refuse_senseless(root: Path, chapter: str, values: Mapping[str, object], defaults: Mapping[str, object]) -> None:
    """Check every value that is not the chapter's own default.

    Raises
    ------
    UnitscopeError
        For the first that cannot be run with, naming the parameter and what it takes.
    """
    for name, value in values.items():
        if value != defaults.get(name):
            for fault in faults(root / "book", name, value):
                raise UnitscopeError(f"parameter {name!r} of chapter {chapter!r} {fault}.")
    if fault := too_few(values):
        raise UnitscopeError(f"parameter {fault}")


def faults(book: Path, name: str, value: object) -> Iterator[str]:
    """What is wrong with one value."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        least = (
            0 if name == "seed" or name in ALL else 2 if name == "clusters" else 1 if COUNTS.fullmatch(name) else None
        )
        if least is not None and value < least:
            yield f"must be at least {least}, got {value}"
    for one in value if isinstance(value, list) else [value]:
        if name in NETWORKS and isinstance(one, str | Mapping) and one:
            yield from of_network(book, one)
        if name in GENERATORS and isinstance(one, str) and one.startswith(PYTHON):
            yield from of_own_code(book, one)
        if isinstance(one, str) and one and (name == "weights" or name.endswith("_weights")):
            yield from absent(book, one, Path.is_file, "file")
        if isinstance(one, str) and FOLDER.match(one):
            yield from absent(book, FOLDER.sub("", one, count=1), Path.is_dir, "folder")


def of_network(book: Path, spec: str | Mapping[str, str]) -> Iterator[str]:
    """Faults of a network's name, or of each network in a similarity such as "lpips:NAME + embed:NAME"."""
    if isinstance(spec, str) and " + " in spec:
        for part in spec.split(" + "):
            yield from of_network(book, part)
        return
    name, file = split_name(spec)
    name = JUDGES.sub("", name, count=1)
    yield from of_own_code(book, name) if name.startswith(PYTHON) else of_name(name)
    if file is not None:
        yield from absent(book, file, Path.is_file, "weight file")


def of_own_code(book: Path, name: str) -> Iterator[str]:
    """Faults of "python:FILE.py:FUNCTION"."""
    if not OWN.fullmatch(name):
        yield f"takes python:FILE.py:FUNCTION, got {name!r}"
        return
    yield from absent(book, name.removeprefix(PYTHON).rpartition(":")[0], Path.is_file, "file")


def of_name(name: str) -> Iterator[str]:
    """Faults of a name that says neither its source nor a network of the zoo; other names are known when they load."""
    if name.startswith(("critters/", "cifar10/")) or "/" not in name:
        from unitscope.metrics.lpips import PACKAGE_NETWORKS  # torch is slow to import: only where it is needed
        from unitscope.models.load import source_of

        if name in (*PACKAGE_NETWORKS, "colour", "label"):
            return
        try:
            source_of(name)
        except UnitscopeError as error:
            yield f"names no network: {str(error).rstrip('.')}"


def absent(book: Path, path: str, there: Callable[[Path], bool], kind: str) -> Iterator[str]:
    """Whether a file or folder is not there; the message has its full path."""
    whole = (book / expanduser(path)).resolve()
    if not there(whole):
        yield f"names a {kind} that is not there: {whole}"


def too_few(values: Mapping[str, object]) -> str:
    """What is wrong between two values."""
    n_ref, n_images, clusters = (values.get(name) for name in ("n_ref", "n_images", "clusters"))
    if isinstance(n_ref, int) and isinstance(n_images, int) and n_ref > n_images:
        return f"'n_ref' must be at most n_images, got n_ref={n_ref} and n_images={n_images}; lower n_ref."
    if isinstance(n_ref, int) and isinstance(clusters, int) and n_ref < max(FEWEST_REFERENCES, 2 * clusters):
        least = max(FEWEST_REFERENCES, 2 * clusters)
        return f"'n_ref' must be at least {least} (twice the clusters), got n_ref={n_ref} and clusters={clusters}."
    return ""
