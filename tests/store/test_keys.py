"""Keys: equal where nothing changed that matters, different where something did."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

import ferbench
from ferbench import File
from ferbench.api.errors import SystemProblem
from ferbench.store import named_files
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content
from ferbench.store.files import digest_file
from ferbench.store.keys import content_parameters, file_parameters, identify_component, make_key
from ferbench.store.named_files import check_named_files, forget_named_files


@pytest.fixture(autouse=True)
def forget():
    yield
    forget_named_files()


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


def test_changed_file_is_seen_when_plugins_are_loaded_again(tmp_path):
    file = tmp_path / "one.pth"
    file.write_bytes(b"before")
    before = make_key(identify_component(Net(str(file))))
    file.write_bytes(b"after")
    os.utime(file, ns=(1, 1))
    forget_named_files()
    assert make_key(identify_component(Net(str(file)))) != before


@pytest.mark.parametrize("replacement", [b"new one", b"other size", None])
def test_a_file_that_changes_while_it_is_used_keeps_everything_from_being_stored(tmp_path, replacement):
    file, times = tmp_path / "one.pth", (10**18, 10**18)  # long ago
    file.write_bytes(b"the old")
    os.utime(file, ns=times)
    key, store = make_key(identify_component(Net(str(file)))), Store(tmp_path / "runs")
    store.write("features", key, Content)
    if replacement:
        (tmp_path / "new.pth").write_bytes(replacement)
        os.utime(tmp_path / "new.pth", ns=times)
        (tmp_path / "new.pth").replace(file)
    else:
        file.unlink()
    for use in (lambda: store.write("features", "b" * 32, Content), lambda: identify_component(Net(str(file)))):
        with pytest.raises(SystemProblem, match=r"one\.pth changed while the run used it"):
            use()
    assert store.keys("features") == [key]


def test_a_file_that_appears_while_its_name_is_used_is_a_change(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    identify_component(Net("imagenet"))
    check_named_files()
    (tmp_path / "imagenet").write_bytes(b"weights")
    with pytest.raises(SystemProblem, match="imagenet changed"):
        check_named_files()


def test_a_file_that_is_touched_or_replaced_by_an_equal_one_stays_the_same(tmp_path):
    file = tmp_path / "one.pth"
    file.write_bytes(b"weights")
    identify_component(Net(str(file)))
    os.utime(file, ns=(10**18, 10**18))
    check_named_files()
    (tmp_path / "copy.pth").write_bytes(b"weights")
    (tmp_path / "copy.pth").replace(file)
    check_named_files()


def test_a_settled_file_is_read_once(tmp_path, monkeypatch):
    file = tmp_path / "one.pth"
    file.write_bytes(b"weights")
    monkeypatch.setattr(named_files, "RECENT", 0)
    identify_component(Net(str(file)))
    monkeypatch.setattr(named_files, "digest_stream", lambda _: pytest.fail("it was read again"))
    identify_component(Net(str(file)))
    check_named_files()


def test_a_file_that_was_just_written_is_read_again(tmp_path, monkeypatch):
    """On a disk that counts in seconds, a second change would not show."""
    file = tmp_path / "one.pth"
    file.write_bytes(b"weights")
    now = time.time_ns()
    monkeypatch.setattr(named_files, "take_fingerprint", lambda _: (7, now, now, 1))
    identify_component(Net(str(file)))
    file.write_bytes(b"weightz")
    with pytest.raises(SystemProblem, match="changed"):
        check_named_files()


def test_path_in_a_plain_text_parameter_is_text(tmp_path):
    for name in ("one", "copy"):
        (tmp_path / name).write_bytes(b"same")
    assert not same(Net(text=str(tmp_path / "one")), Net(text=str(tmp_path / "copy")))


def test_file_parameters():
    assert file_parameters(Net) == {"weights", "other"}
    assert content_parameters(Net) == {"weights", "other"}
    assert file_parameters(Corpus) == {"root"}
    assert not content_parameters(Corpus)


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
