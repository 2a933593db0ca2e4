"""What may stand on an axis, and the choices that it makes."""

from __future__ import annotations

import pytest

from ferbench import FerbenchError
from ferbench.benchmark.axes import AXES
from ferbench.benchmark.choices import read_choices
from ferbench.benchmark.document import load_document
from ferbench.benchmark.settings import Setting, apply_settings
from ferbench.registry.plugins import load_plugins
from ferbench.registry.specs import Place


@pytest.fixture(scope="module")
def catalog():
    return load_plugins()


@pytest.fixture
def read_axis(tmp_path, catalog):
    """The choices that the YAML of one axis makes; `sets` are applied as (path, value)."""

    def call(text: str, *sets: tuple):
        file = tmp_path / "b.yaml"
        file.write_text(text)
        axis = text.partition(":")[0]
        before = {axis: read_choices(AXES[axis], load_document(file), catalog)}
        return apply_settings(before, [Setting(path, value, Place(f"--set {path}")) for path, value in sets], catalog)[axis]

    return call


def labels(choices) -> list[str]:
    return [choice.label for choice in choices]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("backbone: vgg16", ["vgg16"]),
        ("backbone: [vgg16, timm]", ["vgg16", "timm"]),
        ("backbone: {vgg16: {hidden: 3}, timm: }", ["vgg16", "timm"]),
        ("backbone: [{vgg16: {hidden: 3}}, timm]", ["vgg16", "timm"]),
        ("backbone: [{vgg16: {hidden: 3}}, vgg16]", ["vgg16(hidden=3)", "vgg16"]),
        ("backbone: [{vgg16: {hidden: 3, size: 64}}, {vgg16: {hidden: 4, size: 64}}]", ["vgg16(hidden=3)", "vgg16(hidden=4)"]),
        ("backbone: [{vgg16: {hidden: 3, label: a}}, {vgg16: {label: b}}]", ["a", "b"]),
        ("backbone: {vgg16: {hidden: [3, 4]}}", ["vgg16(hidden=3)", "vgg16(hidden=4)"]),
        ("backbone: {vgg16: {hidden: [3, 4], label: a}}", ["a(hidden=3)", "a(hidden=4)"]),
        (
            "backbone: {vgg16: {hidden: [3, 4], head: [full, linear]}}",
            ["vgg16(hidden=3, head=full)", "vgg16(hidden=3, head=linear)", "vgg16(hidden=4, head=full)", "vgg16(hidden=4, head=linear)"],
        ),
        ("backbone: {vgg16: {mean: [0.1, 0.2, 0.3]}}", ["vgg16"]),
        ("backbone: {vgg16: {mean: [[0, 0, 0], [1, 1, 1]]}}", ["vgg16(mean=[0, 0, 0])", "vgg16(mean=[1, 1, 1])"]),
        ("protocol: {kfold: {classes: [anger, fear]}}", ["kfold"]),
        ("dataset: [ck+, mug]", ["ck+", "mug"]),
        ("dataset: [[ck+, mug]]", ["ck+ + mug"]),
        ("dataset: {thesis: [ck+, mug]}", ["thesis"]),
        ("dataset: [ck+, {both: [ck+, {mug: {root: x}}]}]", ["ck+", "both"]),
        ("dataset: {ck+: {root: x}, both: [ck+, mug]}", ["ck+", "both"]),
        ("preprocessing: [[gray, crop], [gray]]", ["gray + crop", "gray"]),
        ("preprocessing: {a: [gray, crop], b: [gray]}", ["a", "b"]),
        ("preprocessing: [{a: [gray]}, [crop]]", ["a", "crop"]),
        ("preprocessing: gray", ["gray"]),
        ("preprocessing: {a: [gray, {resize: {size: [32, 64]}}]}", ["a(size=32)", "a(size=64)"]),
        ("preprocessing: [[gray], [gray, {resize: {size: [32, 64]}}]]", ["gray", "gray + resize(size=32)", "gray + resize(size=64)"]),
        (
            "backbone: {timm: {features: [{layer: layer2, grid: 4}, {layer: layer3}, null]}}",
            ["timm(features={layer: layer2, grid: 4})", "timm(features={layer: layer3})", "timm(features=None)"],
        ),
        ("recipe: {lr: 1e-3}", ["default"]),
        ("recipe: {lr: 1e-3, label: mine}", ["mine"]),
        ("recipe: {lr: [1e-3, 1e-2]}", ["default(lr=0.001)", "default(lr=0.01)"]),
        ("recipe: {a: {lr: 1e-3}, b: }", ["a", "b"]),
        ("recipe: [a: {lr: 1e-3}, b: {lr: [1e-2, 1e-1]}]", ["a", "b(lr=0.01)", "b(lr=0.1)"]),
        ("seed: 3", ["3"]),
        ("seed: [0, 1]", ["0", "1"]),
    ],
)
def test_labels(read_axis, text, expected):
    assert labels(read_axis(text)) == expected


def test_components(read_axis):
    one, two = read_axis("backbone: {vgg16: {hidden: [3, 4], size: 64, mean: [0.1, 0.2, 0.3]}}")
    assert (one.value.hidden, two.value.hidden) == (3, 4)
    assert one.value.size == 64
    assert one.value.mean == (0.1, 0.2, 0.3)
    assert one.names == ("vgg16",)


def test_merged_corpora(read_axis):
    single, merged = read_axis("dataset: [ck+, {both: [{ck+: {root: /x}}, mug]}]")
    assert [d.name for d in single.value] == ["ck+"]
    assert [(d.name, d.root) for d in merged.value] == [("ck+", "/x"), ("mug", "")]


def test_steps_in_order(read_axis):
    (choice,) = read_axis("preprocessing: {a: [gray, {resize: {size: 32}}, equalize, gray]}")
    assert [step.name for step in choice.value] == ["gray", "resize", "equalize", "gray"]
    assert choice.value[1].size == 32


def test_root_may_name_a_variable(read_axis, monkeypatch):
    monkeypatch.setenv("HERE", "/corpora")
    assert read_axis('dataset: {ck+: {root: "${HERE}/ck"}}')[0].value[0].root == "/corpora/ck"


def test_defaults_of_what_the_file_leaves_out(tmp_path, catalog):
    file = tmp_path / "b.yaml"
    file.write_text("name: x\n")
    assert labels(read_choices(AXES["seed"], load_document(file), catalog)) == ["0"]
    assert read_choices(AXES["recipe"], load_document(file), catalog)[0].value.lr == 1e-3


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("backbone: [vgg16, vgg16]", 1, "backbone 'vgg16' is listed twice"),
        ("backbone:\n  - vgg16: {label: a}\n  - timm: {label: a}", 3, "backbone 'a' is listed twice"),
        ("dataset: [[ck+, mug], [ck+, mug]]", 1, "dataset 'ck+ + mug' is listed twice"),
        ("dataset:\n  - ck+\n  - [mug, mug]", 3, "a corpus cannot be merged with itself"),
        ("seed: [0, 1, 0]", 1, "seed is [0, 1, 0]: a number is listed twice"),
        ("seed: true", 1, "seed is True: expected `int`, got `bool`"),
        ("seed: [0, false]", 1, "seed is False: expected `int`, got `bool`"),
        ("seed: 1.5", 1, "seed is 1.5: expected `int`, got `float`"),
        ("seed: x", 1, "seed is 'x': expected `int`"),
        ("preprocessing:\n  - gray\n  - crop", 2, "preprocessing holds 'gray': expected a list of steps"),
        ("preprocessing: [resize: {size: 3}]", 1, "expected a list of steps"),
        ("preprocessing: [3]", 1, "preprocessing holds 3: expected a list of steps"),
        ("preprocessing:\n  a: gray", 2, "preprocessing a is 'gray': expected a list of steps"),
        ("preprocessing: {a: []}", 1, "preprocessing holds an empty list: expected names"),
        ("preprocessing: [[gray, [crop]]]", 1, "expected a list of names, or names with parameters"),
        ("preprocessing: {}", 1, "preprocessing is missing or empty"),
        ("backbone: []", 1, "backbone is missing or empty: expected at least one choice"),
        ("backbone:", 1, "backbone is missing or empty"),
        ("backbone: [[vgg16, timm]]", 1, "backbone is ['vgg16', 'timm']: expected a name"),
        ("backbone: 3", 1, "backbone is 3: expected a name"),
        ("backbone: {vgg16: 3}", 1, "backbone vgg16 is 3: expected its parameters as key: value"),
        ("backbone:\n  - vgg16:\n      label: [a]", 3, "backbone vgg16: label is ['a']: expected a single line of text"),
        ("backbone:\n  - vgg16\n  - vgg61", 3, "unknown backbone 'vgg61'; did you mean 'vgg16'?"),
        ("backbone:\n  vgg16:\n    size: 64\n    hiden: 3", 4, "unknown parameter of backbone vgg16 'hiden'; did you mean 'hidden'?"),
        ("backbone:\n  vgg16:\n    hidden: many", 3, "backbone vgg16: hidden is 'many': expected `int`, got `str`"),
        ("backbone: {vgg16: {hidden: [3, many]}}", 1, "hidden is [3, 'many']: expected `int`"),
        ("backbone: {vgg16: {hidden: 0}}", 1, "hidden is 0: expected `int` >= 1"),
        ("backbone: {vgg16: {head: fancy}}", 1, "head is 'fancy': expected one of full, linear, logistic-regression"),
        ("backbone: {vgg16: {mean: [1, 2]}}", 1, "mean is [1, 2]: expected `array` of length 3, got 2"),
        ("preprocessing:\n  a:\n    - gray\n    - resize:\n        size: big", 5, "preprocessor resize: size is 'big'"),
        ("recipe: fast", 1, "recipe is 'fast': expected its fields as key: value"),
        ("recipe: {}", 1, "recipe is missing or empty"),
        ("recipe:\n  epochs: 3\n  learning_rate: 1", 3, "unknown parameter of recipe 'learning_rate'; known: optimizer, lr"),
        ("recipe:\n  a: {lr: 1}\n  b: {lr: fast}", 3, "recipe: lr is 'fast': expected `float`"),
        ("recipe: {epochs: true}", 1, "recipe: epochs is True: expected `int`, got `bool`"),
        ("recipe: {optimizer: adm}", 1, "optimizer is 'adm': expected one of adam, adamw, sgd"),
        # inside a parameter, with a line of its own
        (
            "recipe:\n  lr: 1\n  augmentation:\n    flip: 0.5\n    rotation: 200",
            5,
            "recipe augmentation: rotation is 200: expected `float` <= 180",
        ),
        ("recipe:\n  augmentation:\n    flip: 0.5\n    turn: 200", 4, "unknown parameter of recipe augmentation 'turn'"),
        ("backbone:\n  fusion:\n    of:\n      - lbp\n      - timm:\n          sise: 64", 6, "unknown parameter of backbone timm 'sise'"),
        ("backbone:\n  fusion:\n    of:\n      - lbp\n      - lpb", 5, "unknown backbone 'lpb'; did you mean 'lbp'"),
        ("backbone:\n  fusion:\n    of: lbp", 3, "backbone fusion: of is 'lbp': expected a list of names, or names with parameters"),
        ("backbone:\n  - vgg16: &x\n      hidden: many\n  - vgg16-reduced: *x", 3, "backbone vgg16: hidden is 'many'"),
        ("backbone:\n  - vgg16: &x\n      size: 64\n  - timm:\n      <<: *x\n      head: fancy", 6, "backbone timm: head is 'fancy'"),
    ],
)
def test_mistakes(read_axis, text, line, message):
    with pytest.raises(FerbenchError) as caught:
        read_axis(text)
    assert message in caught.value.message
    assert caught.value.where.endswith(f"b.yaml:{line}")
    assert len(str(caught.value).splitlines()) <= 2


def test_components_inside_components(read_axis):
    (choice,) = read_axis("backbone: {fusion: {of: [lbp, {fusion: {of: [hog, {vgg16: {hidden: 3}}]}}]}}")
    outer, inner = choice.value, choice.value.of[1]
    assert [member.name for member in outer.of] == ["lbp", "fusion"]
    assert [member.name for member in inner.of] == ["hog", "vgg16"]
    assert inner.of[1].hidden == 3


NETS = "backbone: [vgg16, vgg16-reduced]"


@pytest.mark.parametrize(
    ("sets", "hidden"),
    [
        ([("backbone.hidden", 5)], {"vgg16": 5, "vgg16-reduced": 5}),
        ([("backbone.vgg16.hidden", 5)], {"vgg16": 5, "vgg16-reduced": 4096}),
        ([("backbone.hidden", 5), ("backbone.vgg16.hidden", 6)], {"vgg16": 6, "vgg16-reduced": 5}),
        ([("backbone.vgg16.hidden", 6), ("backbone.hidden", 5)], {"vgg16": 5, "vgg16-reduced": 5}),
        ([("backbone.vgg16.hidden", [5, 6])], {"vgg16(hidden=5)": 5, "vgg16(hidden=6)": 6, "vgg16-reduced": 4096}),
        ([("backbone.hidden", [5, 6]), ("backbone.hidden", 7)], {"vgg16": 7, "vgg16-reduced": 7}),
        (
            [("backbone.hidden", [5, 6]), ("backbone.vgg16-reduced.hidden", 7)],
            {"vgg16(hidden=5)": 5, "vgg16(hidden=6)": 6, "vgg16-reduced": 7},
        ),
        ([("backbone", "timm"), ("backbone", "vgg16"), ("backbone.hidden", 7)], {"vgg16": 7}),
    ],
)
def test_settings(read_axis, sets, hidden):
    assert {choice.label: choice.value.hidden for choice in read_axis(NETS, *sets)} == hidden


def test_setting_by_label(read_axis):
    text = "backbone: [{vgg16: {label: a}}, {vgg16: {label: b}}]"
    assert [c.value.hidden for c in read_axis(text, ("backbone.b.hidden", 5))] == [4096, 5]
    assert labels(read_axis(text, ("backbone.hidden", 5))) == ["a", "b"]


@pytest.mark.parametrize("path", ["preprocessing.size", "preprocessing.resize.size", "preprocessing.a.size"])
def test_setting_of_a_step(read_axis, path):
    choices = read_axis("preprocessing: {a: [gray, {resize: {size: 64}}], b: [gray]}", (path, 32))
    assert choices[0].value[1].size == 32
    assert labels(choices) == ["a", "b"]


def test_later_setting_replaces_expanded_choices(read_axis):
    text = "preprocessing: {a: [gray, {resize: {size: [32, 64]}}]}"
    assert [(c.label, c.value[1].size) for c in read_axis(text, ("preprocessing.resize.size", 16))] == [("a", 16)]
    recipes = read_axis("recipe: {a: {lr: 1}, b: {lr: 2}}", ("recipe.lr", [3.0, 4.0]), ("recipe.b.lr", 5.0), ("recipe.epochs", 6))
    assert [(c.label, c.value.lr, c.value.epochs) for c in recipes] == [("a(lr=3.0)", 3, 6), ("a(lr=4.0)", 4, 6), ("b", 5, 6)]


def test_seeds_are_set(read_axis):
    assert [c.value for c in read_axis("seed: 3", ("seed", [0, 1]))] == [0, 1]


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("backbone.hiden", 3, "unknown path 'backbone.hiden'; did you mean 'backbone.hidden'"),
        ("backbone.vgg61.hidden", 3, "did you mean 'backbone.vgg16.hidden'"),
        ("backbon.hidden", 3, "unknown path 'backbon.hidden'; did you mean 'backbone'?"),
        ("backbone.a.b.hidden", 3, "unknown path 'backbone.a.b.hidden'"),
        ("seed.x", 3, "unknown path 'seed.x'; did you mean 'seed'?"),
        ("backbone.hidden", "x", "backbone vgg16: hidden is 'x': expected `int`"),
        ("backbone", None, "backbone is missing or empty"),
        ("backbone", "vgg61", "unknown backbone 'vgg61'; did you mean 'vgg16'?"),
        ("recipe", "slow", "recipe is 'slow': expected its fields as key: value"),
        ("preprocessing", ["gray"], "preprocessing holds 'gray': expected a list of steps"),
    ],
)
def test_setting_mistakes(read_axis, path, value, message):
    with pytest.raises(FerbenchError) as caught:
        read_axis(NETS, (path, value))
    assert message in caught.value.message
    assert caught.value.where == f"--set {path}"


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("vgg16", ["vgg16(hidden=3)", "vgg16(mean=[0, 0, 0])"]),
        ("vgg16(hidden=3)", ["vgg16(hidden=3)"]),
        ("vgg16(mean=[0, 0, 0])", ["vgg16(mean=[0, 0, 0])"]),
        ("*hidden*", ["vgg16(hidden=3)"]),
        ("t*", ["timm"]),
    ],
)
def test_only_means(read_axis, pattern, expected):
    text = "backbone: [{vgg16: {hidden: 3}}, {vgg16: {mean: [0, 0, 0]}}, timm]"
    assert [c.label for c in read_axis(text) if c.matches(pattern)] == expected


def test_only_means_a_written_label(read_axis):
    assert [c.matches("a") for c in read_axis("preprocessing: {a: [gray, {resize: {size: [32, 64]}}], b: [gray]}")] == [True, True, False]


@pytest.mark.parametrize(
    "text", ["backbone: [vgg16: {hidden: 3}, vgg16: {hidden: 4}]", "backbone:\n  - vgg16: {hidden: 3}\n  - vgg16: {hidden: 4}"]
)
def test_choices_that_a_setting_makes_equal_become_one(read_axis, text):
    """On one line and on several."""
    assert [(c.label, c.value.hidden) for c in read_axis(text, ("backbone.hidden", 5))] == [("vgg16", 5)]


LONG = "x" * 70_000


@pytest.mark.parametrize(
    "text",
    [
        f"backbone: {LONG}",
        f"backbone: {{vgg16: {LONG}}}",
        f"backbone: {{vgg16: {{hidden: {LONG}}}}}",
        f"backbone: {{vgg16: {{head: {LONG}}}}}",
        f"backbone: {{vgg16: {{? {LONG} : 3}}}}",
        f"backbone: {{vgg16: {{label: [{LONG}]}}}}",
        f"backbone: {{? {LONG} : }}",
        f"backbone: {{fusion: {{of: {LONG}}}}}",
        f"recipe: {LONG}",
        f"recipe: {{augmentation: {LONG}}}",
        f"seed: {LONG}",
        f"preprocessing: [{LONG}]",
        f"preprocessing: {{? {LONG} : gray}}",
        f"dataset: [[{LONG}, {LONG}]]",
    ],
)
def test_messages_shorten_long_values(read_axis, text):
    with pytest.raises(FerbenchError) as caught:
        read_axis(text)
    assert len(str(caught.value)) < 3000
    assert " characters) ... " in str(caught.value)


def test_labels_shorten_long_values(read_axis):
    first, second = read_axis(f"backbone: [{{vgg16: {{weights: {LONG}}}}}, {{vgg16: {{weights: random}}}}]")
    assert len(first.label) < 300
    assert first.value.weights == LONG
    assert second.label == "vgg16(weights=random)"


def test_labels_are_of_one_line(read_axis):
    first, _ = read_axis('backbone: [{vgg16: {weights: "a\\nb"}}, vgg16]')
    assert first.label == "vgg16(weights='a\\nb')"
