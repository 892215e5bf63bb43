"""Published weights: found in the local caches, else downloaded, else an error that says what to do."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import huggingface_hub
from huggingface_hub import constants, hf_hub_download, try_to_load_from_cache

from unitscope.errors import MissingWeights, UnitscopeError
from unitscope.files import BLOCK, atomic, cache_folder, sha256
from unitscope.progress import progress

PATIENCE = 5.0  # seconds to wait for a host before it counts as out of reach
STALLED = 30.0  # seconds without a byte after which a download is given up
NAMED_HASH = re.compile(r"-([0-9a-f]{8,64})\.")  # torch.hub's file names state the start of their hash
WHOLE_HASH = re.compile(r"[0-9a-f]{64}")
BESIDE = ".sha256"  # ending of the file with the hash of a download whose name has none


@dataclass(frozen=True)
class Remote:
    """Where weights are published: a file of a Hugging Face repository (the first that exists), or a URL.

    `folder` keeps files of one name apart in the cache.
    """

    repo: str = ""
    files: Sequence[str] = ()
    url: str = ""
    folder: str = ""

    def __str__(self) -> str:
        return f"{' or '.join(self.files)} of huggingface.co/{self.repo}" if self.repo else self.url


def fetch(remote: Remote, spec: str) -> Path:
    """A local file with the published weights of `spec`.

    Raises
    ------
    MissingWeights
        If they are neither cached nor within reach; the call returns within seconds where there is no network.
    UnitscopeError
        If a cached file is not what was downloaded: its hash is compared each time.
    """
    if not remote.repo and not remote.url:
        raise MissingWeights(
            f"{spec} has no published weights; name a file, {spec}@FILE (in Python: weights='FILE'), or pass "
            "pretrained=False."
        )
    path = cached(remote)
    if path:
        _check_hash(path, spec)
        return path
    try:
        _reach(constants.ENDPOINT if remote.repo else remote.url)
        return _from_hub(remote) if remote.repo else _from_url(remote.url, _own_place(remote))
    except (OSError, ValueError, RuntimeError) as error:
        folder = constants.HF_HUB_CACHE if remote.repo else _own_place(remote).parent
        raise MissingWeights(
            f"the weights of {spec} are missing: {remote} is not in {folder} and cannot be downloaded "
            f"({str(error).splitlines()[0]}). Fetch the file elsewhere and name it, {spec}@FILE (in Python: "
            f"weights='FILE'); the networks of the preset 'embedded' (critters/...) need no download."
        ) from error


def cached(remote: Remote) -> Path | None:
    """The file of `remote` in the local caches; None if it is in none."""
    found = [try_to_load_from_cache(remote.repo, file) for file in remote.files] if remote.repo else []
    paths = [Path(path) for path in found if isinstance(path, str)]
    if remote.url and not remote.repo:
        places = [_own_place(remote)] if remote.folder else [_own_place(remote), _place(remote.url, _torch_cache())]
        paths = [path for path in places if path.is_file()]
    return paths[0] if paths else None


def stated_hash(path: Path) -> str:
    """The start of a file's SHA-256, as far as it is known: empty if it is not.

    It stands in the name (name-0123abcd.pth, as torch.hub has it), in the name of the file that a link of the Hugging
    Face cache leads to, or in the file that `_from_url` wrote beside a download.
    """
    named, blob, beside = NAMED_HASH.search(path.name), path.resolve().name, path.with_name(path.name + BESIDE)
    if named:
        return named[1]
    if WHOLE_HASH.fullmatch(blob):
        return blob
    text = beside.read_text(encoding="ascii", errors="replace").strip() if beside.is_file() else ""
    return text if WHOLE_HASH.fullmatch(text) else ""


def _check_hash(path: Path, spec: str) -> None:
    stated = stated_hash(path)
    if stated and not (found := sha256(path)).startswith(stated):
        raise UnitscopeError(
            f"the weights of {spec} are corrupt: the sha256 of {path} is {found[:12]}... and must start with "
            f"{stated[:12]}. Remove the file, and it is fetched again."
        )


def _place(url: str, folder: Path | None = None) -> Path:
    return (folder or cache_folder() / "weights") / url.rsplit("/", 1)[1]


def _own_place(remote: Remote) -> Path:
    return _place(remote.url, cache_folder() / "weights" / remote.folder)


def _torch_cache() -> Path:
    """Where torch.hub, timm and torchvision keep what they downloaded."""
    import torch

    return Path(torch.hub.get_dir()) / "checkpoints"


def _reach(url: str) -> None:
    """Ask the host for an answer, whatever it is.

    Raises
    ------
    OSError
        If none comes in time, or if the user has forbidden to ask (HF_HUB_OFFLINE).
    """
    if constants.HF_HUB_OFFLINE:
        raise OSError("HF_HUB_OFFLINE is set")
    try:
        urlopen(Request(url, method="HEAD"), timeout=PATIENCE).close()
    except HTTPError:
        return  # an answer all the same


def _from_hub(remote: Remote) -> Path:
    for file in remote.files:
        try:
            return Path(hf_hub_download(remote.repo, file))
        except huggingface_hub.errors.EntryNotFoundError as error:
            absent = error
    raise OSError(str(absent))


def _from_url(url: str, path: Path) -> Path:
    """Download to `path`; a hash in the name (name-0123abcd.pth) is checked, as torch.hub does.

    Where the name has none, the hash of what came is kept beside it, so that later damage is noticed.
    """
    with urlopen(url, timeout=STALLED) as answer, atomic(path) as part:
        total = int(answer.headers.get("Content-Length") or 0)
        with open(part, "wb") as file, progress(total=total, label=path.name) as bar:
            while block := answer.read(BLOCK):
                file.write(block)
                bar.update(len(block))
        if total and part.stat().st_size != total:
            raise OSError(f"the download ended after {part.stat().st_size} of {total} bytes")
        stated, found = NAMED_HASH.search(path.name), sha256(part)
        if stated and not found.startswith(stated[1]):
            raise OSError(f"the download's hash is not {stated[1]}...")
        if not stated:
            with atomic(path.with_name(path.name + BESIDE)) as beside:
                beside.write_text(found + "\n", encoding="ascii")
    return path
