"""What may be registered, and how parameters are checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest
from msgspec import Meta

import ferbench
from ferbench import FerbenchError, PluginError
from ferbench.api.recipe import Recipe, Schedule
from ferbench.registry.catalog import Catalog
from ferbench.registry.contracts import KINDS
from ferbench.registry.parameters import build, check_value, describe_unknown, is_valid
from ferbench.registry.specs import Place, Spec


@dataclass(frozen=True)
class Trim(ferbench.Aggregator):
    """Drops the most extreme frames.

    More about it.
    """

    name = "trim"
    cut: Annotated[float, Meta(ge=0, lt=0.5)] = 0.1
    side: Literal["both", "upper"] = "both"
    weights: tuple[float, ...] = ()

    def __call__(self, scores):
        return scores.mean(0)


class Plain(ferbench.Aggregator):
    name = "plain"

    def __call__(self, scores):
        return scores.mean(0)


@dataclass(frozen=True)
class Step(ferbench.Preprocessor):
    """Only selects."""

    name = "step"

    def select(self, clip, indices):
        return indices[:1]


def make_class(base, **members):
    return type("Changed", (base,), {"__module__": __name__, **members})


@pytest.fixture
def catalog():
    new = Catalog()
    new.add("aggregator", Trim, "mine", "here:1")
    new.add("aggregator", Plain, "mine", "here:2")
    return new


def test_register(catalog):
    assert [entry.name for entry in catalog.entries_of("aggregator")] == ["plain", "trim"]
    assert catalog.entries_of("loss") == []
    entry = catalog.get_entry("aggregator", "trim")
    assert (entry.component, entry.plugin, entry.summary) == (Trim, "mine", "Drops the most extreme frames.")


def test_build(catalog):
    assert catalog.build("aggregator", Spec("trim")) == Trim()
    assert catalog.build("aggregator", Spec("trim", {"cut": 0.2, "weights": [1, 2]})) == Trim(cut=0.2, weights=(1.0, 2.0))
    assert isinstance(catalog.build("aggregator", Spec("plain")), Plain)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"cut": "much"}, "aggregator trim: cut is 'much': expected `float`, got `str`"),
        ({"cut": 0.5}, "aggregator trim: cut is 0.5: expected `float` < 0.5"),
        ({"cut": True}, "cut is True: expected `float`, got `bool`"),
        ({"side": "left"}, "aggregator trim: side is 'left': expected one of both, upper"),
        ({"weights": [1, "a"]}, "weights is [1, 'a']: expected `float`, got `str`"),
        ({"cutt": 0.1}, "unknown parameter of aggregator trim 'cutt'; did you mean 'cut'?"),
        ({"name": "x"}, "unknown parameter of aggregator trim 'name'; known: cut, side, weights"),
    ],
)
def test_parameters_are_checked(catalog, parameters, message):
    with pytest.raises(FerbenchError) as caught:
        catalog.build("aggregator", Spec("trim", parameters, Place("b.yaml", {(): 1, **{(name,): 7 for name in parameters}})))
    assert message in caught.value.message
    assert caught.value.where == "b.yaml:7"


def test_a_folder_is_no_file_unless_it_has_the_name_of_the_default(tmp_path, monkeypatch):
    @dataclass(frozen=True)
    class Named:
        weights: ferbench.File = "imagenet"
        others: tuple[ferbench.File, ...] = ()

    monkeypatch.chdir(tmp_path)
    (tmp_path / "imagenet").mkdir()
    (tmp_path / "mine").mkdir()
    assert build(Named, Spec("", {"weights": "imagenet", "others": ["here"]}, Place()), "it") == Named("imagenet", ("here",))
    for parameters in ({"weights": "mine"}, {"others": ["here", str(tmp_path / "mine")]}):
        with pytest.raises(FerbenchError, match=r"is the folder '.*mine': expected a file, or a name"):
            build(Named, Spec("", parameters, Place()), "it")


def test_parameter_that_is_missing():
    @dataclass(frozen=True)
    class Needy(Plain):
        name = "needy"
        file: str

    catalog = Catalog()
    catalog.add("aggregator", Needy, "mine", "")
    with pytest.raises(FerbenchError, match=r"b\.yaml:1: aggregator needy lacks file"):
        catalog.build("aggregator", Spec("needy", {}, Place("b.yaml", {(): 1})))


def test_unknown_name(catalog):
    catalog.broken["theirs"] = "ImportError: no module named them"
    with pytest.raises(FerbenchError) as caught:
        catalog.get_entry("aggregator", "trimm", "b.yaml:3")
    assert str(caught.value).startswith("b.yaml:3: unknown aggregator 'trimm'; did you mean 'trim'?")
    assert "plugin theirs could not be loaded: ImportError: no module named them" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "known", "message"),
    [
        ("vgg61", ["vgg16", "timm"], "unknown net 'vgg61'; did you mean 'vgg16'?"),
        ("x", ["vgg16", "timm"], "unknown net 'x'; known: vgg16, timm"),
        ("x", [], "unknown net 'x'; known: none"),
        (3, ["a"], "unknown net 3; known: a"),
    ],
)
def test_suggestions(name, known, message):
    assert describe_unknown("net", name, known) == message


def test_one_name_twice(catalog):
    with pytest.raises(PluginError, match="two plugins register the aggregator 'trim': mine and theirs") as caught:
        catalog.add("aggregator", Trim, "theirs", "theirs.py:5")
    assert caught.value.where == "theirs.py:5"


def test_one_name_in_two_kinds_is_allowed(catalog):
    catalog.add("preprocessor", make_class(Step, name="trim"), "mine", "")
    assert catalog.get_entry("preprocessor", "trim").component is not Trim


@pytest.mark.parametrize(
    ("kind", "component", "message"),
    [
        ("aggregator", Step, "Step is not a subclass of ferbench.Aggregator"),
        ("aggregator", "trim", "is not a subclass of ferbench.Aggregator"),
        ("aggregator", Trim(), "is not a subclass of ferbench.Aggregator"),
        ("aggregator", make_class(ferbench.Aggregator, name="x"), "Changed lacks __call__"),
        ("backbone", make_class(ferbench.Backbone, name="x"), "Changed lacks frozen, input, trainable"),
        ("loss", make_class(ferbench.Loss, name="x"), "lacks build, class_weights"),
        ("protocol", make_class(ferbench.Protocol, name="x"), "lacks folds"),
        ("dataset", make_class(ferbench.Dataset, name="x"), "lacks clips"),
        (
            "dataset",
            make_class(ferbench.Dataset, name="x", clips=lambda self: iter(()), classes=("a",), license="l"),
            "lacks the class attributes citation, access, folders",
        ),
        ("preprocessor", make_class(ferbench.Preprocessor, name="x"), "overrides neither `select` nor `__call__`"),
        ("aggregator", make_class(Plain, name=""), "needs a class attribute `name`"),
        ("aggregator", make_class(Plain, name="Two Words"), "needs a class attribute `name` of lowercase letters"),
        ("aggregator", make_class(ferbench.Aggregator, __call__=lambda self, s: s), "needs a class attribute `name`"),
        ("aggregator", make_class(Plain, __annotations__={"cut": float}, cut=0.1), "has parameters but no @dataclass(frozen=True)"),
        ("aggregator", dataclass(frozen=True)(make_class(Plain, __annotations__={"label": str}, label="")), "has a parameter `label`"),
    ],
)
def test_broken_contract(kind, component, message):
    with pytest.raises(PluginError) as caught:
        Catalog().add(kind, component, "theirs", "theirs.py:5")
    assert message in caught.value.message
    assert caught.value.message.startswith("plugin theirs: ")
    assert caught.value.where.startswith((f"{__file__}:", "theirs.py:5"))  # of the class, if it has a source


def test_every_kind_has_its_hook():
    from ferbench.registry import hookspecs

    hooks = {name for name in vars(hookspecs) if name.startswith("register_")}
    assert {f"register_{kind.plural}" for kind in KINDS.values()} | {"register_models"} == hooks


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (3, int, True),
        (3, float, True),
        (3.0, int, False),
        (True, int, False),
        ("3", int, False),
        (None, int | None, True),
        ([1], tuple[int, ...], True),
    ],
)
def test_fits(value, hint, expected):
    assert is_valid(value, hint) is expected


def test_annotation_that_cannot_be_checked_blames_the_plugin():
    with pytest.raises(PluginError, match=r"x: the annotation .* cannot be validated"):
        check_value({}, dict[int, object] | list[int] | tuple[int, ...], "x", Place())


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"augmentation": {"flip": 1, "rotatoin": 5}}, "unknown parameter of recipe augmentation 'rotatoin'; did you mean 'rotation'"),
        ({"augmentation": {"flip": 2}}, "recipe augmentation: flip is 2: expected `float` <= 1.0"),
        ({"schedule": {"kind": "stepp"}}, f"recipe schedule: kind is 'stepp': expected one of {', '.join(Schedule.fields)}"),
        ({"schedule": "step"}, r"recipe: schedule is 'step': expected its fields \(kind, every, factor\)"),
        ({"optimizer": "sgd", "momentum": 0, "nesterov": True}, "expected a momentum above 0"),
        ({"momentum": 0.9}, "momentum is 0.9 and optimizer is 'adam', which does not use it: set optimizer to sgd, or remove momentum"),
        ({"optimizer": "adamw", "nesterov": True}, "nesterov is true and optimizer is 'adamw', which does not use it"),
        ({"schedule": {"kind": "cosine", "every": 10}}, "every is 10 and kind is 'cosine', which does not use it: remove every"),
        ({"schedule": {"kind": "cosine", "factor": 0.1}}, "factor is 0.1 and kind is 'cosine', which does not use it: remove factor"),
    ],
)
def test_mistakes_inside_a_recipe(recipe, message):
    with pytest.raises(FerbenchError, match=message):
        build(Recipe, Spec("", recipe, Place("here")), "recipe")


@dataclass(frozen=True)
class Votes(Plain):
    """Asks several aggregators."""

    name = "votes"
    of: tuple[Trim, ...] = ()
    more: tuple[Trim | Plain, ...] = ()


def test_component_of_components_takes_only_what_is_annotated(catalog):
    catalog.add("aggregator", Votes, "mine", "")
    place = Place("b.yaml", {(): 1, ("of",): 2, ("of", 0): 3, ("of", 1): 4})
    built = catalog.build("aggregator", Spec("votes", {"of": ["trim", {"trim": {"cut": 0.2}}], "more": ["plain", "trim"]}, place))
    assert built == Votes(of=(Trim(), Trim(cut=0.2)), more=(Plain(), Trim()))
    with pytest.raises(FerbenchError) as caught:
        catalog.build("aggregator", Spec("votes", {"of": ["trim", "plain"]}, place))
    assert str(caught.value) == f"b.yaml:4: aggregator votes: of holds 'plain': expected a {__name__.partition('.')[0]}.Trim"


def test_roles_are_the_names_of_kinds():
    """So that components inside components are found by the role of their base class."""
    assert all(base.role == kind.name for kind in KINDS.values() for base in kind.bases)


@dataclass(frozen=True)
class Picky(Plain):
    """Fails when it is built."""

    name = "picky"
    cut: float = 0.0

    def __post_init__(self):
        if self.cut > 1:
            raise ValueError("a cut above 1")
        1 / self.cut


def test_error_of_a_constructor(catalog):
    catalog.add("aggregator", Picky, "mine", "")
    with pytest.raises(FerbenchError, match=r"^b\.yaml:1: aggregator picky: a cut above 1$"):
        catalog.build("aggregator", Spec("picky", {"cut": 2}, Place("b.yaml", {(): 1})))
    with pytest.raises(PluginError, match=rf"^{__file__}:\d+: aggregator picky failed: ZeroDivisionError"):
        catalog.build("aggregator", Spec("picky"))
