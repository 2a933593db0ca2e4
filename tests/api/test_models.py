"""Model files are found by their hash, and converted once."""

from __future__ import annotations

import hashlib
import importlib
import sys
from dataclasses import replace

import pytest
import torch

from ferbench import FerbenchError, ModelFile, models, weights

CONTENT = b"a network"


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("FERBENCH_DATA", str(tmp_path / "data"))
    (tmp_path / "data" / "models").mkdir(parents=True)
    return tmp_path


def count(path):
    return {"bytes": torch.tensor(list(path.read_bytes()))}


MODEL = ModelFile(
    "toy", "toy.bin", hashlib.sha256(CONTENT).hexdigest(), len(CONTENT), "toys", "CC0", "nobody", "toy-net",
    package="toy-models==1.0", member="toy_models/toy.bin", convert=count,
)  # fmt: skip


def test_a_file_is_found_by_its_content_whatever_its_name_is(folders):
    file = folders / "data" / "models" / "renamed.dat"
    file.write_bytes(CONTENT)
    (folders / "data" / "models" / "toy.bin").write_bytes(CONTENT[::-1])
    assert models.find(MODEL) == file


def test_a_missing_file_says_how_to_get_it(folders):
    with pytest.raises(FerbenchError, match=r"toy \(toy.bin\) is not on this machine") as caught:
        models.find(MODEL)
    assert f"`ferbench weights get toy`, or put it into {folders / 'cache' / 'ferbench' / 'models'}" in str(caught.value)


def test_a_file_with_another_content_is_named_with_both_hashes(folders):
    file = folders / "data" / "models" / "toy.bin"
    file.write_bytes(b"other")
    with pytest.raises(FerbenchError) as caught:
        models.find(MODEL)
    for text in (str(file), hashlib.sha256(b"other").hexdigest(), MODEL.sha256):
        assert text in str(caught.value)


def test_a_file_that_changes_is_read_again(folders):
    file = folders / "data" / "models" / "toy.bin"
    file.write_bytes(CONTENT)
    assert models.locate(MODEL) == file
    file.unlink()
    file.write_bytes(CONTENT[::-1])
    assert models.locate(MODEL) is None


def test_a_file_of_an_installed_package_is_found(folders, monkeypatch):
    site = folders / "site"
    (site / "toy_models-1.0.dist-info").mkdir(parents=True)
    (site / "toy_models-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: toy-models\nVersion: 1.0\n")
    (site / "toy_models").mkdir()
    (site / "toy_models" / "toy.bin").write_bytes(CONTENT)
    monkeypatch.syspath_prepend(site)
    assert models.find(MODEL) == site / "toy_models" / "toy.bin"


def test_a_file_is_converted_once_and_again_if_the_result_is_damaged(folders):
    calls = []
    (folders / "data" / "models" / "toy.bin").write_bytes(CONTENT)
    model = replace(MODEL, convert=lambda path: calls.append(path) or count(path))
    for _ in range(2):
        assert bytes(weights.load_model(model)["bytes"].tolist()) == CONTENT
    (converted,) = (folders / "cache" / "ferbench" / "models" / "converted").iterdir()
    assert len(calls) == 1
    converted.write_bytes(b"cut")
    assert bytes(weights.load_model(model)["bytes"].tolist()) == CONTENT
    assert len(calls) == 2


def test_a_file_is_converted_again_if_a_module_beside_the_conversion_changes(folders, monkeypatch):
    (folders / "data" / "models" / "toy.bin").write_bytes(CONTENT)
    package = folders / "site" / "toy_plugin"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (package / "models.py").write_text("def convert(path):\n    from toy_plugin.layout import read\n    return read(path)\n")
    reader = "import torch\ndef read(path):\n    return {'scale': torch.tensor(SCALE)}\n"
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for scale in (1, 255):
        (package / "layout.py").write_text(reader.replace("SCALE", str(scale)))
        for name in [name for name in sys.modules if name.startswith("toy_plugin")]:
            monkeypatch.delitem(sys.modules, name)
        model = replace(MODEL, convert=importlib.import_module("toy_plugin.models").convert)
        assert weights.load_model(model)["scale"].item() == scale


def test_a_cache_that_cannot_be_written_does_no_harm(folders):
    (folders / "data" / "models" / "toy.bin").write_bytes(CONTENT)
    (folders / "cache").write_text("a file where the folder should be")
    assert bytes(weights.load_model(MODEL)["bytes"].tolist()) == CONTENT


@pytest.mark.parametrize("fields", [{"sha256": "abc"}, {"package": "toy"}, {"member": ""}])
def test_a_model_without_a_whole_hash_or_version_is_refused(fields):
    with pytest.raises(ValueError, match="expected a sha256 of 64 hex digits"):
        replace(MODEL, **fields)
