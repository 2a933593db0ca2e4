"""Keys: equal where nothing changed that matters, different where something did."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import ferbench
from ferbench import File
from ferbench.store.files import digest_file
from ferbench.store.keys import file_parameters, identify_component, make_key


@dataclass(frozen=True)
class Net(ferbench.Frozen):
    weights: File = "random"
    other: File | None = None
    text: str = ""
    seed: int = 0
    inner: Net | None = None
    options: dict[str, float] = field(default_factory=dict)

    is_calibrated = False

    def build(self, crops):
        return None


@dataclass(frozen=True)
class Twin(Net):
    pass


@dataclass(frozen=True)
class Corpus(ferbench.Dataset):
    subset: str = "all"

    def clips(self):
        return iter(())


def same(one, two) -> bool:
    return make_key(identify_component(one)) == make_key(identify_component(two))


@pytest.mark.parametrize(
    ("one", "two", "equal"),
    [
        (Net(), Net(), True),
        (Net(seed=0), Net(seed=1), False),
        (Net(), Twin(), False),
        (Net(inner=Net(seed=1)), Net(inner=Net(seed=1)), True),
        (Net(inner=Net(seed=1)), Net(inner=Net(seed=2)), False),
        (Net(inner=Net()), Net(), False),
        (Net(options={"a": 1, "b": 2}), Net(options={"b": 2, "a": 1}), True),
        (Net(options={"a": 1}), Net(options={"a": 2}), False),
        (Corpus("/here"), Corpus("/there"), True),
        (Corpus("/here"), Corpus("/here", "some"), False),
    ],
)
def test_components(one, two, equal):
    assert same(one, two) is equal


@pytest.mark.parametrize("name", ["weights", "other"])
def test_file_counts_with_its_content_and_not_its_path(tmp_path, name):
    one, copy, edited = tmp_path / "one.pth", tmp_path / "copy.pth", tmp_path / "edited.pth"
    one.write_bytes(b"weights")
    copy.write_bytes(b"weights")
    edited.write_bytes(b"weightz")
    assert same(Net(**{name: str(one)}), Net(**{name: str(copy)}))
    assert not same(Net(**{name: str(one)}), Net(**{name: str(edited)}))
    assert str(tmp_path) not in str(identify_component(Net(**{name: str(one)})))


def test_changed_file_is_seen(tmp_path):
    file = tmp_path / "one.pth"
    file.write_bytes(b"before")
    before = make_key(identify_component(Net(str(file))))
    file.write_bytes(b"after")
    os.utime(file, ns=(1, 1))
    assert make_key(identify_component(Net(str(file)))) != before


def test_path_in_a_plain_text_parameter_is_text(tmp_path):
    for name in ("one", "copy"):
        (tmp_path / name).write_bytes(b"same")
    assert not same(Net(text=str(tmp_path / "one")), Net(text=str(tmp_path / "copy")))


def test_file_parameters():
    assert file_parameters(Net) == {"weights", "other"}
    assert file_parameters(Corpus) == {"root"}


def test_file_digest(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert digest_file(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb924"  # SHA-256 of nothing


PROGRAM = """
from ferbench.store.keys import identify_component, make_key
from ferbench.registry.plugins import load_plugins
from ferbench.registry.specs import Spec
catalog = load_plugins()
net = catalog.build("backbone", Spec("vgg16", {"weights": "random"}))
protocol = catalog.build("protocol", Spec("kfold", {"labels": {"b": "x", "a": "y", "c": "z"}}))
print(make_key(identify_component(net.frozen()), identify_component(protocol), {"b": 1, "a": {"d", "d"} and 2}, 0.1, None, "é"))
"""


def test_equal_in_every_process(tmp_path):
    keys = set()
    for seed, folder in (("1", tmp_path), ("2", Path.home())):
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
        keys.add(done.stdout.strip())
    assert len(keys) == 1
    assert len(keys.pop()) == 32


@pytest.mark.parametrize(
    ("one", "two", "equal"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ((1, 2), [1, 2], True),
        ([1, 2], [2, 1], False),
        ([[1], 2], [1, [2]], False),
        (["a", "b"], ["ab"], False),
        (1, "1", False),
        (None, "None", False),
        (0.1, 0.1 + 1e-18, True),
        (0.1, 0.1 + 1e-16, False),
    ],
)
def test_canonical(one, two, equal):
    assert (make_key(one) == make_key(two)) is equal
