"""Digests of source code: equal if only comments, docstrings or layout changed."""

from __future__ import annotations

import importlib
import subprocess
import sys
from itertools import count

import pytest

from ferbench.api.errors import SystemProblem
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content
from ferbench.store.sources import digest_sources, forget_sources, note_modules

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
    forget_sources()

    def call(changes: dict[str, str]) -> dict[str, str]:
        name = f"made_up_package_{next(numbers)}"
        for path, text in {**FILES, **changes}.items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        return {module.replace(name, ""): digest for module, digest in digest_sources(f"{name}.vote").items()}

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


@pytest.mark.parametrize("how", ["import other_package", "from other_package import helper", "import other_package.helper as h"])
@pytest.mark.parametrize(
    ("folder", "counts"), [("site-packages", False), ("dist-packages", False), ("target", False), ("mine", True), ("beside", True)]
)
def test_other_packages_count_if_they_are_not_installed(digest, tmp_path, monkeypatch, how, folder, counts):
    other = tmp_path / folder / "other_package"
    other.mkdir(parents=True)
    if folder in ("target", "beside"):  # of `pip install --target`
        record = tmp_path / folder / "any-1.0.dist-info" / "RECORD"
        record.parent.mkdir()
        record.write_text(f"{'other_package' if folder == 'target' else 'another'}/__init__.py,sha256=0,0\n")
    monkeypatch.syspath_prepend(tmp_path / folder)
    (other / "__init__.py").write_text("from other_package import helper\n")
    text = {"near.py": f"def near(x):\n    {how}\n    return x\n"}
    (other / "helper.py").write_text("HELP = 1\n")
    before = digest(text)
    (other / "helper.py").write_text("HELP = 2\n")
    forget_sources()
    after = digest(text)
    assert ("other_package.helper" in after) is counts
    assert (after != before) is counts


def test_namespace_packages_and_files_that_are_not_python_count(digest, tmp_path):
    (tmp_path / "loose" / "deep").mkdir(parents=True)
    (tmp_path / "loose" / "deep" / "tools.py").write_text("from . import broken\n")
    (tmp_path / "loose" / "deep" / "broken.py").write_text("this is not Python\n")
    before = digest({"near.py": "from loose.deep import tools\n"})
    assert {"loose.deep.tools", "loose.deep.broken"} <= set(before)
    (tmp_path / "loose" / "deep" / "broken.py").write_text("neither is this\n")
    forget_sources()
    assert digest({"near.py": "from loose.deep import tools\n"})["loose.deep.broken"] != before["loose.deep.broken"]


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


def test_the_core_does_not_count(digest):
    """Its stages have version numbers."""
    with_core = digest({"near.py": "import ferbench\nfrom ferbench.api import heads\n\ndef near(x):\n    return x\n"})
    assert with_core.keys() == digest({}).keys()


def test_nothing_is_imported(make_packages):
    make_packages(("untouched_1", "untouched_2"), "vote.py", "import untouched_2.helper\nfrom untouched_2 import vote\n")
    assert "untouched_2.vote" in digest_sources("untouched_1.vote")
    assert not [name for name in sys.modules if name.startswith("untouched")]


def test_reading_source_imports_nothing_heavy():
    program = (
        "import sys; from ferbench.store.sources import digest_sources; from ferbench.registry.plugins import load_plugins\n"
        "for entry in load_plugins().entries.values(): digest_sources(entry.component.__module__)\n"
        "print(sorted({'torch', 'timm', 'cv2', 'sklearn', 'pandas', 'torchvision'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_module_that_was_edited_since_it_was_loaded_is_an_error(tmp_path, monkeypatch):
    """A run that indexes for minutes before it makes keys would store what the old code computes under the key of the new one."""
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "installed_module.py"
    file.write_text("ANSWER = 1\n")
    importlib.import_module("installed_module")
    note_modules(["installed_module"])
    file.write_text("ANSWER = 2000\n")
    with pytest.raises(SystemProblem, match=r"installed_module\.py was edited since it was loaded"):
        digest_sources("installed_module")
    forget_sources()
    assert digest_sources("installed_module")


def test_a_module_that_is_edited_before_a_late_import_stops_the_run(tmp_path, monkeypatch):
    """An import inside a function may run hours after the keys were made."""
    monkeypatch.syspath_prepend(tmp_path)
    plugin, late = tmp_path / "early_module.py", tmp_path / "late_module.py"
    plugin.write_text("def load():\n    import late_module\n    return late_module.ANSWER\n")
    late.write_text("ANSWER = 1\n")
    forget_sources()
    early = importlib.import_module("early_module")
    assert set(digest_sources("early_module")) == {"early_module", "late_module"}
    late.write_text("ANSWER = 2000\n")
    store = Store(tmp_path / "store")
    store.write("fits", "a" * 32, Content)  # nobody has imported it yet
    for key in ("b" * 32, "c" * 32):
        with pytest.raises(SystemProblem, match=r"late_module\.py was edited while the run used it"):
            store.write("fits", key, lambda: Content({}, {"answer": early.load()}))
        assert not store.has("fits", key)
    forget_sources()
    store.write("fits", "b" * 32, Content)


def test_a_module_may_be_edited_after_a_late_import(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "patient_module.py").write_text("def load():\n    import tardy_module\n")
    late = tmp_path / "tardy_module.py"
    late.write_text("ANSWER = 1\n")
    early = importlib.import_module("patient_module")
    digest_sources("patient_module")
    store = Store(tmp_path / "store")
    store.write("fits", "a" * 32, lambda: early.load() or Content())
    late.write_text("ANSWER = 2000\n")
    assert store.write("fits", "b" * 32, Content)


def test_a_module_of_no_plugin_that_was_edited_since_it_was_loaded_is_an_error(tmp_path, monkeypatch):
    """A plugin may import modules that are not installed, and of no plugin's package."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "installed_plugin.py").write_text("import my_laboratory\n")
    laboratory = tmp_path / "my_laboratory.py"
    laboratory.write_text("ANSWER = 1\n")
    forget_sources()
    importlib.import_module("installed_plugin")
    note_modules(["installed_plugin"])
    laboratory.write_text("ANSWER = 2000\n")
    with pytest.raises(SystemProblem, match=r"my_laboratory\.py was edited since it was loaded"):
        digest_sources("installed_plugin")
    forget_sources()
    assert importlib.import_module("installed_plugin").my_laboratory.ANSWER == 2000
    assert digest_sources("installed_plugin")


def test_modules_that_no_plugin_uses_stay_in_memory(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("quiet_plugin", "my_notebook"):
        (tmp_path / f"{name}.py").write_text("ANSWER = 1\n")
    plugin, notebook = map(importlib.import_module, ("quiet_plugin", "my_notebook"))
    note_modules(["quiet_plugin"])
    (tmp_path / "my_notebook.py").write_text("ANSWER = 2000\n")
    forget_sources()
    assert (sys.modules["quiet_plugin"], sys.modules["my_notebook"]) == (plugin, notebook)
    note_modules(["quiet_plugin"])
    (tmp_path / "quiet_plugin.py").write_text("ANSWER = 2000\n")
    forget_sources()
    assert sys.modules.get("quiet_plugin") is None
    assert sys.modules["my_notebook"] is notebook
