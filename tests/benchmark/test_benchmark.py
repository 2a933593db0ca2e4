"""A benchmark file as a whole: keys, combinations, --set, --only, rehearsal, published rows; and every mistake with its place."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest
from plugin_texts import aggregator_plugin

from ferbench import FerbenchError
from ferbench.api.recipe import Recipe
from ferbench.benchmark.grid import TOP_LEVEL_KEYS, load_benchmark
from ferbench.benchmark.sections import Rehearsal

ROOT = Path(__file__).parents[2]
FILE = {
    "dataset": "[ck+, {thesis: [ck+, mug]}]",
    "preprocessing": "{a: [gray, {resize: {size: 112}}]}",
    "protocol": "thesis",
    "backbone": "[{vgg16: {hidden: [32, 64]}}, {vgg16: {label: big}}, timm]",
    "loss": "[cross-entropy, weighted-cross-entropy]",
    "aggregator": "[majority, mean]",
}


@pytest.fixture
def load_with(tmp_path):
    """Loads the file above with some keys changed; one line a key, in the order above."""

    def call(changes=None, *, sets=(), only=(), plugins=()):
        file = tmp_path / "b.yaml"
        lines = [f"{key}: {value}" for key, value in {**FILE, **(changes or {})}.items() if value is not None]
        file.write_text("\n".join(lines) + "\n")
        return load_benchmark(file, sets=sets, only=only, plugins=plugins)

    return call


def labels(benchmark, axis) -> list[str]:
    return [choice.label for choice in benchmark.selected_choices(axis)]


def test_every_combination_once(load_with):
    benchmark = load_with({"seed": "[0, 1]"})
    cells = list(benchmark.cells())
    assert benchmark.size == len(cells) == 2 * 4 * 2 * 2 * 2
    assert len({tuple(cell.labels.values()) for cell in cells}) == len(cells)
    first = cells[0]
    assert first.labels == {
        "dataset": "ck+",
        "preprocessing": "a",
        "protocol": "thesis",
        "backbone": "vgg16(hidden=32)",
        "recipe": "default",
        "loss": "cross-entropy",
        "seed": "0",
        "aggregator": "majority",
    }
    assert (first.backbone.hidden, first.seed, first.aggregator.name) == (32, 0, "majority")
    assert [step.name for step in first.preprocessing] == ["gray", "resize"]
    assert [d.name for d in cells[-1].dataset] == ["ck+", "mug"]


def test_name_and_description(load_with):
    assert load_with().name == "b"
    assert load_with({"name": "my bench+2", "description": ">\n  for\n  two"}).description == "for two"
    assert load_with({"name": 3}).name == "3"
    assert load_with({"description": ""}).description == ""


@pytest.mark.parametrize(
    ("only", "default", "expected"),
    [
        ([], None, ["vgg16(hidden=32)", "vgg16(hidden=64)", "big", "timm"]),
        (["backbone=timm"], None, ["timm"]),
        (["backbone=big,timm"], None, ["big", "timm"]),
        (["backbone=vgg16"], None, ["vgg16(hidden=32)", "vgg16(hidden=64)", "big"]),
        (["backbone=vgg16(*"], None, ["vgg16(hidden=32)", "vgg16(hidden=64)"]),
        (["backbone=vgg16(hidden=64)"], None, ["vgg16(hidden=64)"]),
        (["backbone=big", "backbone=timm"], None, ["big", "timm"]),
        ([], "{backbone: timm}", ["timm"]),
        ([], "{backbone: [timm, big]}", ["big", "timm"]),
        (["backbone=big"], "{backbone: timm}", ["big"]),
        (["loss=cross-entropy"], "{backbone: timm}", ["timm"]),
    ],
)
def test_only(load_with, only, default, expected):
    benchmark = load_with({"only": default}, only=only)
    assert labels(benchmark, "backbone") == expected
    assert benchmark.size == len(list(benchmark.cells())) == 2 * len(expected) * len(labels(benchmark, "loss")) * 2


def test_only_several_takes_what_any_leaves(load_with):
    """Each combination once, in the order of the axes; --only narrows every one of them."""
    file = {"seed": "[0, 1, 2]", "only": "[{backbone: timm}, {seed: 1}, {seed: 1, backbone: big}]"}
    benchmark = load_with(file)
    everything = [(c.labels["backbone"], c.labels["seed"]) for c in load_with({"seed": "[0, 1, 2]"}).cells()]
    combinations = [(c.labels["backbone"], c.labels["seed"]) for c in benchmark.cells()]
    assert combinations == [(backbone, seed) for backbone, seed in everything if backbone == "timm" or seed == "1"]
    assert benchmark.size == len(combinations) < len(everything)
    narrowed = [(c.labels["backbone"], c.labels["seed"]) for c in load_with(file, only=["seed=0,1"]).cells()]
    assert set(narrowed) == {(b, s) for b, s in everything if s in "01"}
    assert {c.labels["seed"] for c in load_with(file, only=["backbone=big"]).cells()} == {"0", "1", "2"}


def test_only_takes_a_label_with_commas(load_with):
    benchmark = load_with(
        {"backbone": "{vgg16: {hidden: [1, 2], units: [3, 4]}}"}, only=["backbone=vgg16(hidden=1, units=4),vgg16(hidden=2, units=3)"]
    )
    assert labels(benchmark, "backbone") == ["vgg16(hidden=1, units=4)", "vgg16(hidden=2, units=3)"]


def test_only_a_seed(load_with):
    assert labels(load_with({"seed": "[0, 1]", "only": "{seed: 1}"}), "seed") == ["1"]
    assert labels(load_with({"seed": "[0, 1]"}, only=["seed=0"]), "seed") == ["0"]


def sizes(cells) -> set:
    return {(cell.backbone.name, cell.backbone.size) for cell in cells}


@pytest.mark.parametrize(
    ("sets", "read", "expected"),
    [
        (["recipe.lr=1e-4"], lambda c: {x.recipe.lr for x in c}, {1e-4}),
        (["loss.weights=inverse"], lambda c: {getattr(x.loss, "weights", None) for x in c}, {None, "inverse"}),
        (["backbone.units=8"], lambda c: {getattr(x.backbone, "units", None) for x in c}, {None, 8}),
        (["backbone.big.hidden=8"], lambda c: {x.backbone.hidden for x in c if x.labels["backbone"] == "big"}, {8}),
        (
            ["backbone.size=64", "backbone.timm.size=96"],
            sizes,
            {("vgg16", 64), ("timm", 96)},
        ),
        (["seed=[0,1]"], lambda c: {x.seed for x in c}, {0, 1}),
        (["backbone={timm: {size: 64}}"], sizes, {("timm", 64)}),
        (["backbone.size=64", "backbone=timm"], sizes, {("timm", 64)}),
        (["dataset.root=/x"], lambda c: {d.root for x in c for d in x.dataset}, {"/x"}),
        (["backbone.weights=a=b.pth"], lambda c: {x.backbone.weights for x in c}, {"a=b.pth"}),
        (["protocol.classes=[anger, fear]"], lambda c: {x.protocol.classes for x in c}, {("anger", "fear")}),
    ],
)
def test_set(load_with, sets, read, expected):
    assert read(list(load_with(sets=sets).cells())) == expected


REHEARSAL = "{people: 8, set: {recipe.lr: 0.5, backbone.units: 16, preprocessing.size: 32}}"


def test_rehearsal_changes_what_it_names_and_only_then(load_with):
    benchmark = load_with({"rehearsal": REHEARSAL})
    assert benchmark.rehearsal == Rehearsal(8, 0, {"recipe.lr": 0.5, "backbone.units": 16, "preprocessing.size": 32})
    assert {cell.recipe.lr for cell in benchmark.cells()} == {1e-3}
    cells = list(benchmark.with_rehearsal_settings().cells())
    assert {cell.recipe.lr for cell in cells} == {0.5}
    assert {cell.preprocessing[1].size for cell in cells} == {32}
    units = {cell.labels["backbone"]: getattr(cell.backbone, "units", None) for cell in cells}
    assert units == {"vgg16(hidden=32)": 16, "vgg16(hidden=64)": 16, "big": 16, "timm": None}


def test_rehearsal_is_set(load_with):
    rehearsal = load_with({"rehearsal": REHEARSAL}, sets=["rehearsal.people=5", "rehearsal.seed=2"]).rehearsal
    assert (rehearsal.people, rehearsal.seed, rehearsal.set["recipe.lr"]) == (5, 2, 0.5)
    assert load_with().rehearsal is None


def test_published(load_with):
    (row,) = load_with(
        {"published": "[{match: {backbone: big, aggregator: mean}, source: x, accuracy: 0.5, recall: {fear: 0.4}}]"}
    ).published
    assert (row.match, row.accuracy, row.war, row.recall) == ({"backbone": "big", "aggregator": "mean"}, 0.5, None, {"fear": 0.4})


def test_published_rows_name_a_seed_as_it_is_written(load_with):
    (row,) = load_with({"published": "[{match: {seed: 0}, source: x, uar: 0.5}]"}).published
    assert row.match == {"seed": "0"}


def test_set_may_change_what_published_rows_and_only_name(load_with):
    file = {"published": "[{match: {backbone: big}, source: x, uar: 0.5}]", "only": "{backbone: big}"}
    assert labels(load_with(file, sets=["backbone=timm"]), "backbone") == ["timm"]
    assert labels(load_with(file, sets=["backbone.hidden=[8, 16]"]), "backbone") == ["big(hidden=8)", "big(hidden=16)"]


@pytest.mark.parametrize(
    ("sets", "hidden", "lr"),
    [
        ([], {16}, {0.5}),
        (["recipe.lr=0.25"], {16}, {0.25}),
        (["backbone={vgg16: {label: mine}}"], {16}, {0.5}),
        (["backbone=timm", "backbone.hidden=4"], {4}, {0.5}),
    ],
)
def test_set_stands_over_the_rehearsal(load_with, sets, hidden, lr):
    block = {"rehearsal": "{set: {recipe.lr: 0.5, backbone.vgg16.hidden: 16}}", "backbone": "vgg16"}
    cells = list(load_with(block, sets=sets).with_rehearsal_settings().cells())
    assert {cell.backbone.hidden for cell in cells} == hidden
    assert {cell.recipe.lr for cell in cells} == lr


PLUGIN = aggregator_plugin("first", "return scores[0]")


def test_plugins_of_the_file_stand_beside_it(load_with, tmp_path):
    (tmp_path / "first.py").write_text(PLUGIN)
    benchmark = load_with({"plugins": "[first.py]", "aggregator": "[mean, first]"})
    assert labels(benchmark, "aggregator") == ["mean", "first"]


@pytest.mark.parametrize(
    ("changes", "sets", "expected"),
    [
        ({}, [], ["majority", "mean", "first"]),
        ({"aggregator": "first"}, [], ["first"]),
        ({}, ["aggregator=mean"], ["mean"]),
    ],
)
def test_aggregators_of_given_plugins_join(load_with, tmp_path, changes, sets, expected):
    (tmp_path / "first.py").write_text(PLUGIN)
    assert labels(load_with(changes, sets=sets, plugins=[tmp_path / "first.py"]), "aggregator") == expected


@pytest.mark.parametrize(
    ("changes", "line", "message"),
    [
        ({"backbones": "timm"}, 7, "unknown key 'backbones'; did you mean 'backbone'?"),
        ({"rehersal": "{}"}, 7, "unknown key 'rehersal'; did you mean 'rehearsal'?"),
        ({3: "x"}, 7, "unknown key '3'"),
        ({"protocol": None}, 1, "protocol is missing or empty"),
        ({"protocol": "thesys"}, 3, "unknown protocol 'thesys'; did you mean 'thesis'?"),
        ({"protocol": "{kfold: {k: 1}}"}, 3, "protocol kfold: k is 1: expected `int` >= 2"),
        ({"protocol": "{kfold: {classes: anger}}"}, 3, "classes is 'anger': expected `array`, got `str`"),
        ({"loss": "{weighted-cross-entropy: {beta: 2}}"}, 5, "beta is 2: expected `float` < 1.0"),
        ({"aggregator": "meen"}, 6, "unknown aggregator 'meen'; did you mean 'mean' or 'median'?"),
        ({"name": "../x"}, 7, "name is '../x': expected at most 100 letters"),
        ({"name": "[a]"}, 7, "name is ['a']: expected at most 100 letters"),
        ({"plugins": "first.py"}, 7, "plugins is 'first.py': expected a list of Python files"),
        ({"plugins": "[absent.py]"}, 7, "absent.py"),
        ({"only": "[timm]"}, 7, "only is 'timm': expected axis: choice"),
        ({"only": "[{backbone: timm}, {backbone: tim}]"}, 7, "unknown backbone 'tim'; did you mean 'timm'?"),
        ({"only": "{backbon: timm}"}, 7, "unknown axis 'backbon'; did you mean 'backbone'?"),
        ({"only": "{backbone: tim}"}, 7, "unknown backbone 'tim'; did you mean 'timm'?"),
        ({"only": "{backbone: []}"}, 7, "only: backbone is []: expected a choice"),
        ({"only": "{backbone: }"}, 7, "only: backbone is None: expected a choice"),
        ({"rehearsal": "3"}, 7, "rehearsal is 3: expected a mapping"),
        ({"rehearsal": "{people: many}"}, 7, "rehearsal: people is 'many': expected `int`"),
        ({"rehearsal": "{people: 0}"}, 7, "people is 0: expected `int` >= 1"),
        ({"rehearsal": "{peple: 8}"}, 7, "unknown parameter of rehearsal 'peple'; did you mean 'people'?"),
        ({"rehearsal": "{set: [a]}"}, 7, "rehearsal: set is ['a']"),
        (
            {"rehearsal": "\n  set:\n    recipe.lr: 1.0\n    backbone.hiden: 3"},
            10,
            "unknown path 'backbone.hiden'; did you mean 'backbone.hidden'",
        ),
        ({"rehearsal": "\n  set:\n    backbone.hidden: x"}, 9, "backbone vgg16: hidden is 'x': expected `int`"),
        ({"rehearsal": "{set: {name: x}}"}, 7, "unknown path 'name'"),
        ({"published": "3"}, 7, "published is 3: expected a list of rows"),
        ({"published": "{match: {}}"}, 7, "expected a list of rows"),
        ({"published": "[3]"}, 7, "published is 3: expected a mapping"),
        ({"published": "\n  - match: {backbone: big}"}, 8, "published lacks source"),
        (
            {"published": "\n  - match: {backbone: vgg17}\n    source: x\n    war: 0.5"},
            8,
            "unknown backbone 'vgg17'; known: vgg16(hidden=32), vgg16(hidden=64), big, timm",
        ),
        ({"published": "\n  - match: {backbon: big}\n    source: x\n    war: 0.5"}, 8, "unknown axis 'backbon'; did you mean 'backbone'?"),
        (
            {"published": "\n  - match: {}\n    source: x\n    acuracy: 1"},
            10,
            "unknown parameter of published 'acuracy'; did you mean 'accuracy'?",
        ),
        ({"published": "\n  - match: {}\n    source: x"}, 8, "it has no result: expected accuracy, war, uar or recall"),
        ({"published": "\n  - match: {}\n    source: x\n    accuracy: 0.5\n    war: 0.6"}, 8, "accuracy is given next to war or uar"),
        ({"published": "\n  - match: {}\n    source: x\n    recall: {fera: 0.5}"}, 10, "unknown class 'fera'; did you mean 'fear'?"),
        ({"published": "\n  - match: {}\n    source: x\n    accuracy: 75"}, 10, "published: accuracy is 75: expected `float` <= 1.0"),
        (
            {"published": "\n  - match: {}\n    source: x\n    recall: {fear: x}"},
            10,
            "published: recall is {'fear': 'x'}: expected `float`",
        ),
    ],
)
def test_mistakes_in_the_file(load_with, changes, line, message):
    with pytest.raises(FerbenchError) as caught:
        load_with(changes)
    assert message in caught.value.message
    assert caught.value.where.endswith(f"b.yaml:{line}")
    assert len(str(caught.value).splitlines()) <= 2


@pytest.mark.parametrize("text", ["", "3\n", "- dataset\n", "just words\n"])
def test_file_that_is_no_mapping(tmp_path, text):
    (tmp_path / "b.yaml").write_text(text)
    with pytest.raises(FerbenchError, match=r"b\.yaml(:1)?: expected a benchmark, which is a mapping of keys"):
        load_benchmark(tmp_path / "b.yaml")


@pytest.mark.parametrize(
    ("given", "where", "message"),
    [
        ({"sets": ["recipe.lr"]}, "--set", "'recipe.lr' is not a setting: expected PATH=VALUE"),
        ({"sets": ["=3"]}, "--set", "'=3' is not a setting: expected PATH=VALUE"),
        ({"sets": ["backbone=["]}, "--set backbone=[", "not valid YAML: expected the node content"),
        ({"sets": ["recipe.lr=fast"]}, "--set recipe.lr=fast", "recipe: lr is 'fast': expected `float`"),
        ({"sets": ["recipe.lr=.inf"]}, "--set recipe.lr=.inf", "recipe: lr is inf: expected `float` <= 1000"),
        ({"sets": ["recipe.rl=1"]}, "--set recipe.rl=1", "unknown path 'recipe.rl'; did you mean 'recipe.lr'"),
        ({"sets": ["recip.lr=1"]}, "--set recip.lr=1", "unknown path 'recip.lr'; did you mean 'recipe'?"),
        ({"sets": ["seed=x"]}, "--set seed=x", "seed is 'x': expected `int`"),
        ({"sets": ["name=x"]}, "--set name=x", "unknown path 'name'; known: dataset"),
        ({"sets": ["rehearsal.people=3"]}, "--set rehearsal.people=3", "unknown path 'rehearsal.people'"),
        ({"only": ["backbone"]}, "--only backbone", "no choice is named"),
        ({"only": ["backbone="]}, "--only backbone=", "no choice is named"),
        ({"only": ["backbon=timm"]}, "--only backbon=timm", "unknown axis 'backbon'; did you mean 'backbone'?"),
        ({"only": ["backbone=timm,vgg17"]}, "--only backbone=timm,vgg17", "unknown backbone 'vgg17'"),
    ],
)
def test_mistakes_on_the_command_line(load_with, given, where, message):
    with pytest.raises(FerbenchError) as caught:
        load_with(**given)
    assert message in caught.value.message
    assert caught.value.where == where
    assert len(str(caught.value).splitlines()) <= 2


MANY = list(range(1, 101))


@pytest.mark.parametrize(
    ("changes", "sets", "where", "message"),
    [
        ({"seed": list(range(1001))}, [], "b.yaml:7", "seed has too many choices: expected at most 1,000"),
        ({"backbone": f"{{vgg16: {{hidden: {MANY}, units: {MANY}}}}}"}, [], "b.yaml:4", "backbone has too many choices"),
        ({"backbone": [{"vgg16": {"hidden": MANY, "label": f"v{n}"}} for n in range(11)]}, [], "b.yaml:4", "backbone has too many choices"),
        ({"backbone": "[vgg16, {vgg16: {label: x}}]"}, [f"backbone.hidden={[*range(1, 800)]}"], "--set", "backbone has too many choices"),
        ({}, [f"recipe.{name}={MANY}" for name in ("epochs", "batch_size", "patience", "lr")], "b.yaml:1", "recipe has too many choices"),
        ({"seed": list(range(1000)), "recipe": f"{{epochs: {MANY}}}"}, [], "b.yaml:1", "3,200,000 combinations: expected at most"),
        ({"seed": list(range(1000)), "recipe": f"{{epochs: {MANY}}}", "only": "{dataset: ck+, backbone: big, loss: cross-entropy}"}, [],
         "b.yaml:1", "the benchmark has 200,000 rows: expected at most 100,000"),
        ({"seed": list(range(1000)), "rehearsal": f"{{set: {{recipe.epochs: {MANY}}}}}"}, [], "b.yaml:1", "3,200,000 combinations"),
    ],
)  # fmt: skip
def test_a_grid_that_would_fill_the_memory_is_refused(load_with, changes, sets, where, message):
    with pytest.raises(FerbenchError) as caught:
        load_with(changes, sets=sets)
    assert message in caught.value.message
    assert where in caught.value.where


def test_only_may_select_a_part_of_a_large_grid(load_with):
    grid = {"seed": list(range(1000)), "recipe": f"{{epochs: {MANY}}}"}
    assert load_with(grid, only=["seed=1"]).size == 3200
    alternatives = "[{seed: 1}, {seed: 2, backbone: big}]"
    assert load_with({**grid, "only": alternatives}).size == 3200 + 800


LONG = "x" * 70_000


@pytest.mark.parametrize(
    "given",
    [
        {"sets": [LONG]},
        {"sets": [f"{LONG}=3"]},
        {"sets": [f"backbone={LONG}"]},
        {"sets": [f"backbone.hidden={LONG}"]},
        {"sets": [f"backbone=[{LONG}"]},
        {"only": [LONG]},
        {"only": [f"backbone={LONG}"]},
        {"changes": {"only": f"{{backbone: {LONG}}}"}},
        {"changes": {"name": LONG}},
        {"changes": {"plugins": LONG}},
        {"changes": {"plugins": f"[{LONG}]"}},
        {"changes": {f"? {LONG}\n": "3"}},
        {"changes": {"rehearsal": f"{{people: {LONG}}}"}},
        {"changes": {"rehearsal": f"{{set: {{? {LONG} : 3}}}}"}},
        {"changes": {"published": f"[{{match: {{backbone: {LONG}}}, source: x, war: 0.5}}]"}},
        {"changes": {"backbone": f"[{', '.join(f'{{vgg16: {{label: {LONG[:500]}{n}}}}}' for n in range(100))}]"}, "only": ["backbone=x"]},
    ],
)
def test_messages_shorten_long_values(load_with, given):
    """In the message, the place and the list of labels."""
    with pytest.raises(FerbenchError) as caught:
        load_with(**given)
    assert len(str(caught.value)) < 5000
    assert " characters) ... " in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


def test_mistake_in_a_set_rehearsal_names_the_command_line(load_with):
    with pytest.raises(FerbenchError, match=r"^--set rehearsal\.people=x: rehearsal: people is 'x'"):
        load_with({"rehearsal": REHEARSAL}, sets=["rehearsal.people=x"])


@pytest.mark.parametrize("file", sorted((ROOT / "benchmarks").glob("*.yaml")), ids=lambda p: p.name)
def test_shipped_benchmarks_load(file):
    benchmark = load_benchmark(file)
    assert benchmark.name == file.stem
    assert benchmark.size > 1
    assert len(list(benchmark.with_rehearsal_settings().cells())) == benchmark.size


DOCS = (ROOT / "docs/benchmarks.md").read_text()
DOCUMENTED = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)


@pytest.mark.parametrize("block", DOCUMENTED, ids=range(len(DOCUMENTED)))
def test_documented_benchmarks_load(block, tmp_path):
    """A comment `# N rows` in a block says how many combinations it makes."""
    file = tmp_path / "example.yaml"
    file.write_text(block)
    benchmark = load_benchmark(file)
    rows = re.search(r"# (\d+) rows?$", block, re.MULTILINE)
    assert benchmark.size == len(list(benchmark.cells())) == (int(rows[1]) if rows else benchmark.size)
    assert benchmark.with_rehearsal_settings().size


@pytest.mark.parametrize(("option", "value"), re.findall(r"`--(set|only) ([^`]+)`", DOCS.partition("## Changes")[2]))
def test_documented_options_fit_the_last_example(option, value, tmp_path):
    file = tmp_path / "example.yaml"
    file.write_text(DOCUMENTED[-1].replace("loss: cross-entropy", "loss: [cross-entropy, weighted-cross-entropy]"))
    assert load_benchmark(file, **{"sets" if option == "set" else "only": shlex.split(value)}).size


def test_every_key_and_recipe_field_is_documented():
    for name in (*TOP_LEVEL_KEYS, *(field.name for field in fields(Recipe))):
        assert re.search(rf"^\| [^|]*`{name}`[^|]*\|", DOCS, re.MULTILINE), name


def test_settings_of_an_axis_are_checked_together(load_with):
    """Momentum was refused before the optimizer that uses it was set."""
    for sets in (["recipe.momentum=0.5", "recipe.optimizer=sgd"], ["recipe.optimizer=sgd", "recipe.momentum=0.5"]):
        (choice,) = load_with({}, sets=sets).choices["recipe"]
        assert (choice.value.optimizer, choice.value.momentum) == ("sgd", 0.5)
