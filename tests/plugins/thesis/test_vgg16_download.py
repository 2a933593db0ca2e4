"""The ImageNet weights of VGG16 are downloaded once, and only with the right hash; a server on this machine stands in for PyTorch's."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from hashlib import sha256
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch

from ferbench import FerbenchError
from ferbench_thesis import vgg16_weights

FILE = "vgg16-397923af.pth"


class CountingHandler(SimpleHTTPRequestHandler):
    def do_GET(self):
        self.server.requests += 1
        super().do_GET()

    def log_message(self, *_):
        pass


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server of a small state dict, whose address and hash replace the real ones; torch's download folder is empty."""
    (tmp_path / "server").mkdir()
    torch.save({"features.0.weight": torch.ones(2)}, tmp_path / "server" / FILE)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(CountingHandler, directory=str(tmp_path / "server")))
    server.requests = 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    hashed = sha256((tmp_path / "server" / FILE).read_bytes()).hexdigest()
    address = f"http://127.0.0.1:{server.server_port}/{FILE}"
    monkeypatch.setattr(vgg16_weights, "IMAGENET", replace(vgg16_weights.IMAGENET, url=address, sha256=hashed))
    vgg16_weights.download.cache_clear()
    yield server
    vgg16_weights.download.cache_clear()
    server.shutdown()
    server.server_close()


@pytest.fixture
def cached_file(tmp_path):
    """Where torch keeps the weights."""
    return tmp_path / "torch" / "hub" / "checkpoints" / FILE


def test_weights_are_downloaded_into_torch_s_folder(server, cached_file):
    assert vgg16_weights.load_state("imagenet")["features.0.weight"].tolist() == [1, 1]
    assert cached_file.is_file()
    vgg16_weights.load_state("imagenet")
    assert server.requests == 1


def test_a_file_with_the_right_hash_is_used(server, cached_file, tmp_path):
    cached_file.parent.mkdir(parents=True)
    cached_file.write_bytes((tmp_path / "server" / FILE).read_bytes())
    vgg16_weights.load_state("imagenet")
    assert server.requests == 0


def test_a_damaged_file_is_downloaded_again(server, cached_file):
    cached_file.parent.mkdir(parents=True)
    cached_file.write_bytes(b"half a file")
    assert "features.0.weight" in vgg16_weights.load_state("imagenet")
    assert server.requests == 1


def test_a_download_with_another_hash_is_refused(server, cached_file, monkeypatch):
    monkeypatch.setattr(vgg16_weights, "IMAGENET", replace(vgg16_weights.IMAGENET, sha256="0" * 64))
    with pytest.raises(FerbenchError, match=r"not at .*, and http://.* could not be downloaded .*hash") as error:
        vgg16_weights.load_state("imagenet")
    assert len(str(error.value).splitlines()) == 2
    assert not cached_file.exists()
