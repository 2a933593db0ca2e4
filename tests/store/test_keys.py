"""Keys: equal where nothing changed that matters, different where something did."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

import ferbench
from ferbench import File
from ferbench.store.keys import code_digest, component_identity, file_digest, file_parameters, key, source_digests


@dataclass(frozen=True)
class Net(ferbench.Frozen):
    weights: File = "random"
    other: File | None = None
    text: str = ""
    seed: int = 0
    inner: Net | None = None
    options: dict[str, float] = field(default_factory=dict)

    calibrated = False

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
    return key(component_identity(one)) == key(component_identity(two))


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
    assert str(tmp_path) not in str(component_identity(Net(**{name: str(one)})))


def test_changed_file_is_seen(tmp_path):
    file = tmp_path / "one.pth"
    file.write_bytes(b"before")
    before = key(component_identity(Net(str(file))))
    file.write_bytes(b"after")
    os.utime(file, ns=(1, 1))
    assert key(component_identity(Net(str(file)))) != before


def test_path_in_a_plain_text_parameter_is_text(tmp_path):
    for name in ("one", "copy"):
        (tmp_path / name).write_bytes(b"same")
    assert not same(Net(text=str(tmp_path / "one")), Net(text=str(tmp_path / "copy")))


def test_file_parameters():
    assert file_parameters(Net) == {"weights", "other"}
    assert file_parameters(Corpus) == {"root"}


def test_file_digest(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert file_digest(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb924"  # SHA-256 of nothing


FILES = {
    "__init__.py": "from .vote import vote\n",
    "vote.py": "from . import near\nfrom .sub.far import far\n\ndef vote(x):\n    import json\n    return near.near(x) + far(x)\n",
    "near.py": "def near(x):\n    return x + 1\n",
    "sub/__init__.py": "",
    "sub/far.py": "from ..deep import DEEP\n\ndef far(x):\n    return x * DEEP\n",
    "deep.py": "DEEP = 2\n",
    "aside.py": "ASIDE = 3\n",
}
numbers = count()


@pytest.fixture
def digest(tmp_path, monkeypatch):
    """The source digest of `vote` in a new package of the files above, some changed."""

    def call(changes: dict[str, str]) -> dict[str, str]:
        name = f"made_up_package_{next(numbers)}"
        for path, text in {**FILES, **changes}.items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        return {module.removeprefix(name): digest for module, digest in source_digests(f"{name}.vote").items()}

    return call


@pytest.mark.parametrize(
    ("path", "text", "equal"),
    [
        ("vote.py", FILES["vote.py"], True),
        ("vote.py", "# a comment\n" + FILES["vote.py"].replace("\n\n", "\n\n\n\n").replace("vote(x)", "vote( x )") + "# another\n", True),
        ("vote.py", FILES["vote.py"].replace("near.near(x) +", "near.near(x) -"), False),
        ("near.py", "def near(x):\n    return x + 2\n", False),
        ("near.py", "# new comment\ndef near(x):  # here\n    return (x + 1)\n", True),
        ("sub/far.py", FILES["sub/far.py"].replace("*", "/"), False),
        ("deep.py", "DEEP = 3\n", False),
        ("aside.py", "ASIDE = 4\n", True),
    ],
)
def test_source(digest, path, text, equal):
    before, after = digest({}), digest({path: text})
    changed = f".{path.removesuffix('.py').replace('/', '.')}"
    assert {module for module in before if before[module] != after[module]} == (set() if equal else {changed})
    assert before.keys() == after.keys() == {".vote", ".near", ".deep", ".sub.far"}


@pytest.mark.parametrize("how", ["import other_package", "from other_package import helper", "import other_package.helper"])
def test_other_packages_do_not_count(digest, tmp_path, how):
    other = tmp_path / "other_package"
    other.mkdir()
    (other / "__init__.py").write_text("")
    text = {"near.py": f"{how}\n\ndef near(x):\n    return x\n"}
    (other / "helper.py").write_text("HELP = 1\n")
    before = digest(text)
    (other / "helper.py").write_text("HELP = 2\n")
    assert digest(text) == before


def test_modules_that_import_each_other_end(digest):
    assert digest({"near.py": "from . import vote\n"}) != digest({})


def test_absolute_imports_count(tmp_path, monkeypatch):
    for name, value in (("absolute_1", 1), ("absolute_2", 2)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
        (tmp_path / name / "helper.py").write_text(f"HELP = {value}\n")
        (tmp_path / name / "vote.py").write_text("import absolute_1.helper\nimport absolute_2.helper\n")
    monkeypatch.syspath_prepend(tmp_path)
    one, two = source_digests("absolute_1.vote"), source_digests("absolute_2.vote")
    assert set(one.values()) != set(two.values())


def test_code_of_a_stage_is_these_modules_alone():
    assert code_digest("ferbench.report.metrics") != code_digest("ferbench.stages.scores")
    assert code_digest("ferbench.report.metrics") != code_digest("ferbench.report.metrics", "ferbench.stages.scores")


PROGRAM = """
from ferbench.store.keys import component_identity, key
from ferbench.registry.plugins import load_plugins
from ferbench.registry.specs import Spec
catalog = load_plugins()
net = catalog.build("backbone", Spec("vgg16", {"weights": "random"}))
protocol = catalog.build("protocol", Spec("kfold", {"labels": {"b": "x", "a": "y", "c": "z"}}))
print(key(component_identity(net.frozen()), component_identity(protocol), {"b": 1, "a": {"d", "d"} and 2}, 0.1, None, "é"))
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
    assert (key(one) == key(two)) is equal


def test_reading_source_imports_nothing_heavy():
    program = (
        "import sys; from ferbench.store.keys import source_digests; from ferbench.registry.plugins import load_plugins\n"
        "for entry in load_plugins().entries.values(): source_digests(entry.component.__module__)\n"
        "print(sorted({'torch', 'timm', 'cv2', 'sklearn', 'pandas', 'torchvision'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
