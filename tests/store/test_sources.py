"""Digests of source code: equal if only comments, docstrings or layout changed."""

from __future__ import annotations

import subprocess
import sys
from itertools import count

import pytest

from ferbench.store.sources import digest_code, digest_sources

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
        return {module.removeprefix(name): digest for module, digest in digest_sources(f"{name}.vote").items()}

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


@pytest.fixture
def make_packages(tmp_path, monkeypatch):
    """Makes two packages with a module of this text, whose helpers differ."""

    def make(names: tuple[str, str], module: str, text: str) -> None:
        for number, name in enumerate(names):
            (tmp_path / name).mkdir()
            (tmp_path / name / "__init__.py").write_text("")
            (tmp_path / name / "helper.py").write_text(f"HELP = {number}\n")
            (tmp_path / name / module).write_text(text)
        monkeypatch.syspath_prepend(tmp_path)

    return make


def test_absolute_imports_count(make_packages):
    make_packages(("absolute_1", "absolute_2"), "vote.py", "import absolute_1.helper\nimport absolute_2.helper\n")
    one, two = digest_sources("absolute_1.vote"), digest_sources("absolute_2.vote")
    assert one["absolute_1.vote"] == two["absolute_2.vote"]
    assert one["absolute_1.helper"] != two["absolute_2.helper"]


def test_code_of_a_stage_is_that_of_the_listed_modules(make_packages):
    """A module that is imported but not listed does not count."""
    make_packages(("stage_1", "stage_2"), "stage.py", "from . import helper\n")
    assert digest_code("stage_1.stage") == digest_code("stage_2.stage")
    assert digest_code("stage_1.stage", "stage_1.helper") != digest_code("stage_2.stage", "stage_2.helper")


def test_reading_source_imports_nothing_heavy():
    program = (
        "import sys; from ferbench.store.sources import digest_sources; from ferbench.registry.plugins import load_plugins\n"
        "for entry in load_plugins().entries.values(): digest_sources(entry.component.__module__)\n"
        "print(sorted({'torch', 'timm', 'cv2', 'sklearn', 'pandas', 'torchvision'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_module_without_a_source_file_is_an_error():
    with pytest.raises(ModuleNotFoundError, match=r"no source file of ferbench\.stages\.none"):
        digest_code("ferbench.stages.crops", "ferbench.stages.none")
