"""Plugins: found, registered, and answered for what is wrong with them by file and line."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

import ferbench.registry.plugins
from ferbench import FerbenchError, PluginError
from ferbench.benchmark.grid import load_benchmark
from ferbench.registry.plugins import load_plugins
from ferbench.registry.specs import Spec

HEAD = """\
from dataclasses import dataclass
import ferbench

@ferbench.hookimpl
def register_aggregators(register):
    register(Mine)

"""
MINE = '''\
class Mine(ferbench.Aggregator):
    """Mine."""
    name = "mine"
    def __call__(self, scores):
        return scores[0]
'''


@pytest.fixture
def plugin(tmp_path):
    """Writes a plugin file."""

    def call(text: str = HEAD + MINE, name: str = "mine.py") -> Path:
        (tmp_path / name).write_text(text)
        return tmp_path / name

    return call


@pytest.fixture
def installed(monkeypatch):
    """Makes exactly these modules the installed plugins: name -> module, or the exception of its import."""

    def call(**modules: ModuleType | BaseException):
        class Entry:
            def __init__(self, name: str) -> None:
                self.name = name

            def load(self) -> ModuleType:
                module_or_error = modules[self.name]
                if isinstance(module_or_error, BaseException):
                    raise module_or_error
                return module_or_error

        monkeypatch.setattr(ferbench.registry.plugins, "entry_points", lambda group: [Entry(name) for name in modules])

    return call


@pytest.fixture
def installed_package(tmp_path, monkeypatch):
    """Installs packages, each with one plugin, as a package manager would: metadata and a module in a folder of sys.path."""

    def call(package: str, plugin: str, text: str) -> str:
        module_name = package.replace("-", "_")
        metadata = tmp_path / f"{module_name}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[ferbench]\n{plugin} = {module_name}\n")
        (tmp_path / f"{module_name}.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, module_name, raising=False)
        return module_name

    yield call
    for name in [name for name in sys.modules if name.startswith("installed_")]:
        del sys.modules[name]


def module(text: str, name: str = "made_up_plugin") -> ModuleType:
    new = ModuleType(name)
    sys.modules[name] = new
    exec(compile(text, f"{name}.py", "exec"), new.__dict__)
    return new


def test_file(plugin):
    file = plugin()
    entry = load_plugins([file]).get_entry("aggregator", "mine")
    assert (entry.plugin, entry.summary, entry.component.__name__) == (str(file), "Mine.", "Mine")
    assert "mine" not in {entry.name for entry in load_plugins().entries_of("aggregator")}


def test_file_given_twice_is_one_plugin(plugin, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert load_plugins([plugin(), Path("mine.py")]).get_entry("aggregator", "mine")


def test_dataclass_in_a_file_has_its_parameters(plugin):
    text = MINE.replace("class Mine", "@dataclass(frozen=True)\nclass Mine").replace(
        '    name = "mine"\n', '    name = "mine"\n    cut: float = 0.1\n'
    )
    catalog = load_plugins([plugin("from __future__ import annotations\n" + HEAD + text)])
    assert catalog.build("aggregator", Spec("mine", {"cut": 0.3})).cut == 0.3


def test_installed(installed):
    installed(first=module(HEAD + MINE))
    catalog = load_plugins()
    assert [(e.name, e.plugin) for e in catalog.entries_of("aggregator")] == [("mine", "first")]


def test_builtin_plugins_are_found_like_any_other():
    from importlib.metadata import entry_points

    names = {entry.name for entry in entry_points(group="ferbench")}
    catalog = load_plugins()
    assert catalog.broken == {}
    assert {entry.plugin for entry in catalog.entries.values()} <= names


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (HEAD + MINE.replace("ferbench.Aggregator", "object"), 8, "Mine is not a subclass of ferbench.Aggregator"),
        (HEAD + MINE.replace("__call__", "call"), 8, "Mine lacks __call__"),
        (HEAD + MINE.replace('    name = "mine"\n', ""), 8, "Mine needs a class attribute `name`"),
        (HEAD + MINE.replace('    name = "mine"\n', '    name = "mine"\n    cut: float = 0.1\n'), 8, "has parameters but no @dataclass"),
        (HEAD.replace("(Mine)", "('mine')") + MINE, 6, "is not a subclass of ferbench.Aggregator"),
        (HEAD + "register_agregators = None\n", 6, "register_aggregators failed: NameError: name 'Mine' is not defined"),
        (HEAD.replace("    register(Mine)", "    1 / 0"), 6, "register_aggregators failed: ZeroDivisionError: division by zero"),
        (HEAD.replace("register_aggregators", "register_agregators") + MINE, None, "register_agregators"),
        (HEAD.replace("aggregators(register)", "aggregators(catalog)") + MINE, None, "catalog"),
        (HEAD.replace("aggregators(register)", "aggregators(register, more)") + MINE, None, "more"),
        (
            "import ferbench\nimport no_such_package\n",
            2,
            "the plugin cannot be imported: ModuleNotFoundError: No module named 'no_such_package'",
        ),
        ("import ferbench\n\nclass Mine(:\n", 3, "the plugin cannot be imported: SyntaxError"),
        ("import ferbench\n\nferbench.NoSuchBase\n", 3, "AttributeError: module 'ferbench' has no attribute 'NoSuchBase'"),
    ],
)
def test_mistakes_in_a_file(plugin, text, line, message):
    file = plugin(text)
    with pytest.raises(PluginError) as caught:
        load_plugins([file])
    shown = str(caught.value)
    assert message in shown
    assert str(file) in shown
    assert f"{file}:{line}" in shown or line is None
    assert len(shown.splitlines()) <= 2


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("register_aggregators", "register_agregators", "the hooks are register_datasets, register_preprocessors"),
        ("aggregators(register)", "aggregators(catalog)", "CONTRIBUTING.md shows the hooks"),
    ],
)
def test_wrong_hooks_are_answered_with_the_right_ones(plugin, old, new, hint):
    with pytest.raises(PluginError) as caught:
        load_plugins([plugin(HEAD.replace(old, new) + MINE)])
    assert hint in caught.value.hint


def test_two_plugins_of_one_name(plugin, installed):
    one, two = plugin(name="one.py"), plugin(name="two.py")
    with pytest.raises(PluginError) as caught:
        load_plugins([one, two])
    assert f"two plugins register the aggregator 'mine': {one} and {two}" in caught.value.message
    assert caught.value.where == f"{two}:6"
    installed(theirs=module(HEAD + MINE))
    with pytest.raises(PluginError, match=r"two plugins register the aggregator 'mine': theirs and .*one.py"):
        load_plugins([one])


def test_order_of_installation_does_not_matter(installed):
    first, second = module(HEAD + MINE, "first_plugin"), module(HEAD + MINE.replace('"mine"', '"other"'), "second_plugin")
    installed(b=first, a=second)
    assert [(e.name, e.plugin) for e in load_plugins().entries_of("aggregator")] == [("mine", "b"), ("other", "a")]


def test_two_files_of_one_name(plugin, tmp_path):
    (tmp_path / "other").mkdir()
    two = plugin(HEAD + MINE.replace('"mine"', '"other"'), "other/mine.py")
    with pytest.raises(FerbenchError, match=r"two plugin files have the same name: .*mine\.py and .*other/mine\.py"):
        load_plugins([plugin(), two])


@pytest.mark.parametrize("name", ["absent.py", "."])
def test_no_such_file(tmp_path, name):
    with pytest.raises(FerbenchError, match="--plugin: no plugin file"):
        load_plugins([tmp_path / name])


def test_file_that_is_no_python(plugin):
    with pytest.raises(FerbenchError, match=r"mine\.txt is not a Python file"):
        load_plugins([plugin(name="mine.txt")])


@pytest.fixture
def one_broken(installed):
    """The real plugins and one that cannot be imported."""
    from importlib.metadata import entry_points

    real = {entry.name: entry.load() for entry in entry_points(group="ferbench")}
    installed(theirs=ImportError("libtheirs.so: cannot open"), **real)


FILE = "dataset: ck+\npreprocessing: [[gray]]\nprotocol: thesis\nbackbone: vgg16\nloss: cross-entropy\naggregator: mean\n"


def test_plugin_that_cannot_be_imported_stops_only_what_needs_it(one_broken, tmp_path):
    assert load_plugins().broken == {"theirs": "ImportError: libtheirs.so: cannot open"}
    (tmp_path / "b.yaml").write_text(FILE)
    assert load_benchmark(tmp_path / "b.yaml").size == 1
    (tmp_path / "b.yaml").write_text(FILE.replace("mean", "their-vote"))
    with pytest.raises(FerbenchError) as caught:
        load_benchmark(tmp_path / "b.yaml")
    assert caught.value.where.endswith("b.yaml:6")
    assert "unknown aggregator 'their-vote'" in caught.value.message
    assert "plugin theirs could not be loaded: ImportError: libtheirs.so: cannot open" in caught.value.hint


def test_plugins_command_warns_of_a_broken_one(one_broken, capsys):
    from ferbench.cli.main import main

    assert main(["plugins"]) == 1
    shown = capsys.readouterr()
    assert "warning: plugin theirs cannot be loaded: ImportError: libtheirs.so" in shown.err
    assert "vgg16" in shown.out


@pytest.mark.parametrize(
    "hook",
    [
        "@ferbench.hookimpl(tryfirst=True)\ndef register_aggregators(register):\n    register(Mine)\n",
        "@ferbench.hookimpl(trylast=True)\ndef register_aggregators(register):\n    register(Mine)\n",
        "@ferbench.hookimpl(wrapper=True)\ndef register_aggregators(register):\n    register(Mine)\n    return (yield)\n",
        "@ferbench.hookimpl(hookwrapper=True)\ndef register_aggregators(register):\n    yield\n    register(Mine)\n",
        "@ferbench.hookimpl(specname='register_aggregators')\ndef votes(register):\n    register(Mine)\n",
        "def add(register):\n    register(Mine)\n@ferbench.hookimpl\ndef register_aggregators(register):\n    add(register)\n",
    ],
)
def test_options_of_hooks_are_those_of_pluggy(plugin, installed, hook):
    """Each class is known by the plugin that registers it, whichever others there are."""
    installed(theirs=module(HEAD + MINE.replace('"mine"', '"other"')))
    file = plugin("import ferbench\n" + hook + MINE)
    registered = [(entry.name, entry.plugin) for entry in load_plugins([file]).entries_of("aggregator")]
    assert registered == [
        ("mine", str(file)),
        ("other", "theirs"),
    ]


def test_error_behind_the_yield_of_a_wrapper_names_its_line(plugin):
    hook = "@ferbench.hookimpl(wrapper=True)\ndef register_aggregators(register):\n    result = yield\n    1 / 0\n    return result\n"
    file = plugin("import ferbench\n" + hook)
    with pytest.raises(PluginError, match="register_aggregators failed: ZeroDivisionError") as caught:
        load_plugins([file])
    assert caught.value.where == f"{file}:5"


def test_plugin_that_ends_the_process_when_imported(plugin, installed):
    installed(theirs=SystemExit(3))
    assert load_plugins().broken == {"theirs": "SystemExit: 3"}
    with pytest.raises(PluginError, match="the plugin cannot be imported: SystemExit: 3"):
        load_plugins([plugin("import sys\nsys.exit(3)\n")])


def test_two_packages_with_a_plugin_of_one_name_stop_only_what_needs_it(installed_package, tmp_path, capsys):
    from ferbench.cli.main import main

    installed_package("installed-one", "votes", HEAD + MINE)
    installed_package("installed-two", "votes", HEAD + MINE.replace('"mine"', '"other"'))
    problem = "installed-one and installed-two both install a plugin of this name: uninstall one of them"
    catalog = load_plugins()
    assert catalog.broken == {"votes": problem}
    assert catalog.get_entry("backbone", "vgg16")
    with pytest.raises(FerbenchError) as caught:
        catalog.get_entry("aggregator", "mine")
    assert f"plugin votes could not be loaded: {problem}" in caught.value.hint
    assert main(["plugins"]) == 1
    shown = capsys.readouterr()
    assert f"warning: plugin votes cannot be loaded: {problem}" in shown.err
    assert "vgg16" in shown.out


def test_one_module_under_two_names_is_loaded_once(installed):
    mine = module(HEAD + MINE)
    installed(a=mine, b=mine)
    catalog = load_plugins()
    assert [entry.plugin for entry in catalog.entries_of("aggregator")] == ["a"]
    assert catalog.broken == {"b": "its module is also the plugin a: uninstall one of them"}


@pytest.mark.parametrize(
    ("chosen", "expected"), [("", []), (" , ", []), ("one", ["mine"]), (" two, one ,two", ["mine", "other"]), (None, ["mine", "other"])]
)
def test_the_environment_chooses_installed_plugins(installed, monkeypatch, chosen, expected):
    installed(one=module(HEAD + MINE, "module_one"), two=module(HEAD + MINE.replace('"mine"', '"other"'), "module_two"))
    monkeypatch.delenv("FERBENCH_PLUGINS", raising=False)
    if chosen is not None:
        monkeypatch.setenv("FERBENCH_PLUGINS", chosen)
    assert [entry.name for entry in load_plugins().entries_of("aggregator")] == expected


def test_plugin_that_is_not_chosen_is_not_imported(installed, plugin, monkeypatch):
    installed(one=module(HEAD + MINE), two=ImportError("never seen"))
    monkeypatch.setenv("FERBENCH_PLUGINS", "one")
    other = plugin(HEAD + MINE.replace('"mine"', '"other"'))
    catalog = load_plugins([other])  # plugin files are loaded in any case
    assert catalog.broken == {}
    assert [entry.name for entry in catalog.entries_of("aggregator")] == ["mine", "other"]


def test_unknown_plugin_in_the_environment(monkeypatch):
    monkeypatch.setenv("FERBENCH_PLUGINS", "ferbench-basics,ferbench-thesys")
    with pytest.raises(FerbenchError) as caught:
        load_plugins()
    assert str(caught.value).startswith("FERBENCH_PLUGINS: unknown installed plugin 'ferbench-thesys'; did you mean 'ferbench-thesis'")


def test_an_edit_in_the_same_second_is_loaded(tmp_path, monkeypatch):
    """Python's bytecode cache takes equal size and second for no change: the row of the new source was computed by the old code."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "vote.py"
    for number in (1, 2):
        file.write_text(TEXT.replace("NUMBER", str(number)))
        os.utime(file, (1_000_000_000, 1_000_000_000))
        assert load_plugins([file]).get_entry("aggregator", "vote").component()(None) == number
    assert not (tmp_path / "__pycache__").exists()


TEXT = """
import ferbench

@ferbench.hookimpl
def register_aggregators(register):
    register(Vote)

class Vote(ferbench.Aggregator):
    "A number."
    name = "vote"

    def __call__(self, scores):
        return NUMBER
"""
