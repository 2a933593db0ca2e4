"""Modules beside a plugin file: it can import them, they count in its keys, and two of one name are never mixed up."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from plugin_texts import aggregator_plugin

from ferbench import PluginError
from ferbench.api.errors import SystemProblem
from ferbench.registry.neighbors import NeighborFinder
from ferbench.registry.plugins import load_plugins
from ferbench.registry.specs import Spec
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content
from ferbench.store.keys import identify_component, make_key
from ferbench.store.sources import forget_sources


def lucky_plugin(name: str) -> str:
    body = ("from lucky_tools.deep import add", "return add(lucky_number.NUMBER)")
    return aggregator_plugin(name, *body, imports="import lucky_number")


FILES = {
    "lucky.py": lucky_plugin("lucky"),
    "lucky_number.py": "NUMBER = 7\n",
    "lucky_tools/__init__.py": "",
    "lucky_tools/deep.py": "from . import one\n\ndef add(x):\n    return x + one.ONE\n",
    "lucky_tools/one.py": "ONE = 1\n",
}


@pytest.fixture(autouse=True)
def clean():
    yield
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, NeighborFinder)]
    for name in [name for name in sys.modules if name.startswith("lucky")]:
        del sys.modules[name]
    forget_sources()


@pytest.fixture
def write(tmp_path):
    """Writes files, and returns the plugin."""

    def call(changes: dict[str, str] | None = None, folder: str = "one") -> Path:
        for name, text in {**FILES, **(changes or {})}.items():
            file = tmp_path / folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return tmp_path / folder / "lucky.py"

    return call


def load(*files: Path):
    return load_plugins(files).build("aggregator", Spec("lucky", {}))


def test_neighbors_are_imported_and_count(write):
    lucky = load(write())
    assert lucky([]) == 8
    expected = {"ferbench_plugin_lucky", "lucky_number", "lucky_tools.deep", "lucky_tools.one"}
    assert identify_component(lucky)["source"].keys() == expected  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("changes", "result", "is_equal"),
    [
        ({}, 8, True),
        ({"lucky_number.py": "# the number\nNUMBER = 7\n"}, 8, True),
        ({"lucky_number.py": "NUMBER = 8\n"}, 9, False),
        ({"lucky_tools/one.py": "ONE = 100\n"}, 107, False),
        ({"aside.py": "import lucky_number\n"}, 8, True),
    ],
)
def test_an_edited_neighbor_changes_key_and_result_in_one_process(write, changes, result, is_equal):
    before = load(write())
    key = make_key(identify_component(before))
    after = load(write(changes))
    assert after([]) == result
    assert (make_key(identify_component(after)) == key) is is_equal


def test_equal_code_in_another_folder_has_an_equal_key(write):
    keys = [make_key(identify_component(load(write(folder=folder)))) for folder in ("one", "two")]
    assert keys[0] == keys[1]


def test_neighbors_of_the_same_name_are_not_mixed_up(write, tmp_path):
    """One after the other, each plugin has its own; together, they are refused."""
    one, two = write(), write({"lucky_number.py": "NUMBER = 70\n"}, folder="two")
    assert [load(one)([]), load(two)([]), load(one)([])] == [8, 71, 8]
    other = two.rename(two.with_name("other.py"))
    other.write_text(lucky_plugin("other"))
    with pytest.raises(PluginError) as caught:
        load_plugins([one, other])
    beside, known = tmp_path / "two" / "lucky_number.py", tmp_path / "one" / "lucky_number.py"
    expected = f"{other}: the plugin imports `lucky_number`, but two modules have this name: {beside} and {known}"
    assert str(caught.value).splitlines()[0] == expected


def test_a_neighbor_does_not_hide_a_module_of_python(write):
    file = write({"lucky_number.py": "import statistics\nNUMBER = 7\n", "statistics.py": "MEAN = 0\n"})
    with pytest.raises(PluginError, match=r"(?s)imports `statistics`, but two modules have this name: .*rename statistics\.py"):
        load_plugins([file])


def test_plugins_of_one_folder_share_their_neighbors(write):
    one = write()
    two = one.with_name("second.py")
    two.write_text(lucky_plugin("second"))
    catalog = load_plugins([one, two])
    assert [catalog.build("aggregator", Spec(name, {}))([]) for name in ("lucky", "second")] == [8, 8]


BASE = aggregator_plugin("base", "return 1")
DERIVED = aggregator_plugin("derived", base='import_module("lucky_base").Base', imports="from importlib import import_module")


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a plugin package."""
    site = tmp_path / "site-packages"
    site.mkdir()
    monkeypatch.syspath_prepend(site)

    def call(name: str, text: str) -> None:
        metadata = site / f"{name}-1.0.dist-info"
        metadata.mkdir(exist_ok=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (metadata / "entry_points.txt").write_text(f"[ferbench]\n{name} = {name}\n")
        (site / f"{name}.py").write_text(text)
        os.utime(site / f"{name}.py", ns=(len(text), len(text)))  # bytecode of an earlier text is older

    return call


def test_an_edited_base_class_in_another_plugin_package_changes_key_and_result_in_one_process(install):
    install("lucky_base", BASE)
    install("lucky_derived", DERIVED)
    before = load_plugins().build("aggregator", Spec("derived", {}))
    key = make_key(identify_component(before))
    assert "lucky_base" in identify_component(before)["source"]  # type: ignore[operator]
    install("lucky_base", BASE.replace("return 1", "return 12"))
    after = load_plugins().build("aggregator", Spec("derived", {}))
    assert (before([]), after([])) == (1, 12)
    assert make_key(identify_component(after)) != key


def test_a_neighbor_that_is_edited_before_keys_are_made_and_imported_later_stops_the_run(write, tmp_path):
    """It was read when the plugin was loaded; an import inside a method, hours later, runs the new code."""
    lucky = load(plugin := write())
    (plugin.parent / "lucky_tools/one.py").write_text("ONE = 100\n")
    identify_component(lucky)
    store = Store(tmp_path / "store")
    with pytest.raises(SystemProblem, match=r"one\.py was edited while the run used it"):
        store.write("rows", "a" * 32, lambda: Content(facts=lucky([])))
    assert not store.has("rows", "a" * 32)


def test_a_neighbor_that_is_edited_and_imported_before_keys_are_made_stops_the_run(write):
    lucky = load(plugin := write())
    (plugin.parent / "lucky_tools/one.py").write_text("ONE = 100\n")
    assert lucky([]) == 107
    with pytest.raises(SystemProblem, match=r"one\.py was edited since it was loaded"):
        identify_component(lucky)
    again = load(plugin)
    assert again([]) == 107
    assert identify_component(again)


def test_a_plugin_file_may_be_edited_after_it_was_loaded(write, tmp_path):
    lucky = load(plugin := write())
    key = make_key(identify_component(lucky))
    plugin.write_text(aggregator_plugin("lucky", "return 5"))
    (plugin.parent / "lucky_number.py").write_text("NUMBER = 8\n")
    assert make_key(identify_component(lucky)) == key
    store = Store(tmp_path / "store")
    assert store.write("rows", key, lambda: Content(facts=lucky([]))).read_facts(int) == 8
    assert load(plugin)([]) == 5
