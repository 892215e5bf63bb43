"""Published weights: from the caches, or downloaded whole or not at all; a quick word where there is no network."""

import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from huggingface_hub import constants
from unitscope.errors import MissingWeights, UnitscopeError
from unitscope.models import downloads
from unitscope.models.downloads import Remote, fetch

BODY = b"weights" * 1000
HASH = hashlib.sha256(BODY).hexdigest()[:8]
NOBODY = "http://127.0.0.1:9"  # the discard port: nothing listens


class Host(BaseHTTPRequestHandler):
    """Serves BODY under any name, less of it under `short`, nothing under `absent`."""

    def do_HEAD(self):
        self.send_response(404)
        self.end_headers()

    def do_GET(self):
        self.send_response(404 if "absent" in self.path else 200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY[:100] if "short" in self.path else BODY)

    def log_message(self, *args):
        """Keep quiet."""


@pytest.fixture
def host():
    server = HTTPServer(("127.0.0.1", 0), Host)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def caches(tmp_path, monkeypatch):
    monkeypatch.setenv("UNITSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "ENDPOINT", NOBODY)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def test_a_url_is_downloaded_once(host, tmp_path):
    path = fetch(Remote(url=f"{host}/net-{HASH}.pth"), "x")
    assert path.read_bytes() == BODY and path.parent == tmp_path / "cache" / "weights"
    assert fetch(Remote(url=f"{NOBODY}/net-{HASH}.pth"), "x") == path  # from the cache, nobody is asked


@pytest.mark.parametrize(
    ("name", "reason"), [("short.pth", "ended after 100"), ("net-00000000.pth", "hash"), ("absent.pth", "404")]
)
def test_a_bad_download_leaves_nothing(host, tmp_path, name, reason):
    with pytest.raises(UnitscopeError, match=reason):
        fetch(Remote(url=f"{host}/{name}"), "x")
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_files_that_torch_has_downloaded_are_used(tmp_path):
    kept = tmp_path / "torch" / "hub" / "checkpoints" / "net.pth"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(BODY)
    assert fetch(Remote(url=f"{NOBODY}/net.pth"), "x") == kept


def in_hub_cache(folder, repo: str, file: str) -> None:
    """A file as huggingface_hub caches it."""
    place = folder / f"models--{repo.replace('/', '--')}"
    (place / "snapshots" / "abc").mkdir(parents=True)
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text("abc")
    (place / "snapshots" / "abc" / file).write_bytes(BODY)


def test_files_in_the_hub_cache_are_used(tmp_path):
    in_hub_cache(tmp_path / "hub", "timm/net", "second.bin")
    assert fetch(Remote("timm/net", ["first.safetensors", "second.bin"]), "x").read_bytes() == BODY


@pytest.mark.parametrize("remote", [Remote("timm/net", ["model.safetensors"]), Remote(url=f"{NOBODY}/net.pth")])
def test_without_a_network_the_error_comes_at_once_and_helps(remote, tmp_path):
    start = time.monotonic()
    with pytest.raises(MissingWeights) as error:
        fetch(remote, "timm/net.tag")
    assert time.monotonic() - start < downloads.PATIENCE
    for part in ("timm/net.tag", "weights='FILE'", "embedded", str(tmp_path), str(remote)):
        assert part in str(error.value)


def test_a_cached_download_that_changed_is_refused(host, tmp_path):
    """With the hash in its name, and with the hash that was kept beside it."""
    for name in (f"net-{HASH}.pth", "plain.pth"):
        path = fetch(Remote(url=f"{host}/{name}"), "x")
        path.write_bytes(BODY[:-1] + b"!")
        with pytest.raises(UnitscopeError, match=f"weights of x are corrupt.*{name}.*Remove the file") as error:
            fetch(Remote(url=f"{NOBODY}/{name}"), "x")
        assert not isinstance(error.value, MissingWeights)
        path.unlink()
        assert fetch(Remote(url=f"{host}/{name}"), "x").read_bytes() == BODY


def test_a_changed_file_in_torchs_cache_is_refused(tmp_path):
    kept = tmp_path / "torch" / "hub" / "checkpoints" / f"net-{HASH}.pth"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(BODY)
    assert fetch(Remote(url=f"{NOBODY}/net-{HASH}.pth"), "x") == kept
    kept.write_bytes(b"evil")
    with pytest.raises(UnitscopeError, match="corrupt"):
        fetch(Remote(url=f"{NOBODY}/net-{HASH}.pth"), "x")


def test_a_changed_file_in_the_hub_cache_is_refused(tmp_path):
    in_hub_cache(tmp_path / "hub", "timm/net", "model.safetensors")
    place = tmp_path / "hub" / "models--timm--net"
    (place / "blobs").mkdir()
    blob = (place / "snapshots" / "abc" / "model.safetensors").rename(
        place / "blobs" / hashlib.sha256(BODY).hexdigest()
    )
    (place / "snapshots" / "abc" / "model.safetensors").symlink_to(blob)
    remote = Remote("timm/net", ["model.safetensors"])
    assert fetch(remote, "x").read_bytes() == BODY
    blob.write_bytes(BODY[1:])
    with pytest.raises(UnitscopeError, match="weights of x are corrupt"):
        fetch(remote, "x")


def test_offline_mode_is_obeyed(host, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UnitscopeError, match="HF_HUB_OFFLINE"):
        fetch(Remote(url=f"{host}/net.pth"), "x")


def test_networks_that_were_never_published():
    with pytest.raises(UnitscopeError, match="no published weights"):
        fetch(Remote(), "timm/net")
