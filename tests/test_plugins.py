"""Plugins: found by one path, mistakes reported on their author's line; keys from what a component is."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from ferbench import FerbenchError, File, PluginError, components
from ferbench.identity import component_identity, key, source_digest
from ferbench.manager import load_plugins

HEAD = """\
from dataclasses import dataclass
import ferbench
@ferbench.hookimpl
def register_aggregators(register):
    register(Mine)
"""
BODY = "    name = 'mine'\n    def __call__(self, scores): return scores[0]\n"

MISTAKES = [
    (HEAD + "class Mine:\n" + BODY, "plugin.py:5: plugin .* Mine is no subclass of ferbench.Aggregator"),
    (HEAD + "class Mine(ferbench.Aggregator):\n    name = 'mine'\n", "plugin.py:5: plugin .* Mine lacks __call__"),
    (HEAD + "class Mine(ferbench.Aggregator):\n" + BODY.replace("'mine'", "'My One'"), "plugin.py:5: .* needs a class attribute `name`"),
    (HEAD + "class Mine(ferbench.Aggregator):\n    cut: float = 0.1\n" + BODY, "plugin.py:5: .* has parameters but no @dataclass"),
    (HEAD + "@dataclass(frozen=True)\nclass Mine(ferbench.Aggregator):\n    label: str = ''\n" + BODY, "has a parameter `label`"),
    (
        HEAD + "class Mine(ferbench.Aggregator):\n" + BODY.replace("mine", "mean"),
        "two plugins register the aggregator 'mean': ferbench-thesis and",
    ),
    (HEAD.replace("register_aggregators", "register_votes"), "unknown hook 'register_votes'"),
    (HEAD.replace("(register):", "(registry):"), "plugin .*plugin.py: .*registry"),
    ("import ferbench\n1 / 0\n", "plugin.py:2: the plugin cannot be imported: ZeroDivisionError"),
    ("import nothing_of_that_name\n", "plugin.py:1: the plugin cannot be imported: ModuleNotFoundError"),
    ("def f(:\n", "plugin.py:1: the plugin cannot be imported: SyntaxError"),
    (HEAD, "plugin.py:[345]: plugin .* register_aggregators failed: NameError"),
]


@pytest.mark.parametrize(("text", "message"), MISTAKES, ids=[message[-30:] for _, message in MISTAKES])
def test_mistakes_are_reported_on_the_authors_line(tmp_path, text, message):
    file = tmp_path / "plugin.py"
    file.write_text(text)
    with pytest.raises(PluginError, match=message):
        load_plugins([file])


def test_plugin_file_registers(tmp_path):
    file = tmp_path / "plugin.py"
    file.write_text(HEAD + "class Mine(ferbench.Aggregator):\n" + BODY)
    assert load_plugins([file, file]).get("aggregator", "mine").plugin == str(file)


def test_plugin_that_cannot_be_imported_stops_only_what_needs_it(monkeypatch):
    from ferbench import manager

    def fail():
        raise ImportError("no module named missing")

    real = manager.entry_points(group="ferbench")
    monkeypatch.setattr(manager, "entry_points", lambda group: [*real, SimpleNamespace(name="broken", load=fail)])
    catalog = load_plugins()
    assert catalog.broken == {"broken": "ImportError: no module named missing"}
    assert catalog.get("aggregator", "mean")
    with pytest.raises(FerbenchError, match="plugin broken could not be imported: ImportError: no module named missing"):
        catalog.get("aggregator", "theirs")


@dataclass(frozen=True)
class Weighted(components.Aggregator):
    """With a file."""

    weights: File | None = None
    power: float = 1.0
    name = "weighted"

    def __call__(self, scores):
        return scores[0]


def test_a_file_counts_with_its_content(tmp_path):
    first, second, other = tmp_path / "a", tmp_path / "b", tmp_path / "c"
    first.write_text("same")
    second.write_text("same")
    other.write_text("other")
    a, b, c = (component_identity(Weighted(str(path))) for path in (first, second, other))
    assert a == b != c
    assert component_identity(Weighted(power=2)) != component_identity(Weighted())


def test_root_of_a_corpus_does_not_count():
    corpus = load_plugins().get("dataset", "london").component
    assert component_identity(corpus(root="a")) == component_identity(corpus(root="b"))


def test_source_digest_follows_imports_inside_the_package(tmp_path):
    package = tmp_path / "sourcery"
    package.mkdir()
    texts = {
        "__init__": "",
        "main": "from sourcery.helper import f\nimport json\n",
        "helper": "from . import deep\nf = 1\n",
        "deep": "g = 2\n",
        "aside": "h = 3\n",
    }

    def digest(**changes):
        for name, text in {**texts, **changes}.items():
            (package / f"{name}.py").write_text(text)
        code = "from ferbench.identity import source_digest; print(source_digest('sourcery.main'))"
        return subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True).stdout

    before = digest()
    assert digest(deep="g = 4\n") != before
    assert digest(helper="from . import deep\nf = 5\n") != before
    assert digest(aside="h = 9\n") == before
    assert digest(deep="# a comment\n\ng    = 2\n") == before


def test_keys_are_equal_in_every_process():
    code = "from ferbench.identity import key; print(key({'b': 1, 'a': [1.5, 'x']}, ('t',)))"
    for seed in ("0", "1"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        out = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout.strip()
        assert out == key({"a": [1.5, "x"], "b": 1}, ("t",))
    assert source_digest("ferbench.metrics") == source_digest("ferbench.metrics")


@pytest.mark.parametrize("command", [["--help"], ["plugins"], ["run", "--help"]])
def test_light_commands_import_nothing_heavy(command):
    code = f"import sys, ferbench.cli\ntry: ferbench.cli.main({command})\nexcept SystemExit: pass\nprint(*sys.modules, file=sys.stderr)"
    loaded = set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stderr.split())
    assert "ferbench.cli" in loaded
    assert not loaded & {"torch", "torchvision", "timm", "cv2", "pandas", "sklearn", "matplotlib", "scipy", "numpy"}


def test_plugins_as_json(capsys):
    from ferbench.cli import main

    assert main(["plugins", "--format", "json"]) == 0
    kinds = {entry["kind"] for entry in json.loads(capsys.readouterr().out)}
    assert kinds == {"dataset", "preprocessor", "backbone", "loss", "aggregator", "protocol"}
