"""Settings: `PATH=VALUE` of `--set`, or of a rehearsal block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ferbench.api.errors import FerbenchError, shorten, shorten_text
from ferbench.benchmark.axes import AXES, Axis
from ferbench.benchmark.choices import Choice, Specs, expand_lists, hints_of, make_choices, read_choices
from ferbench.benchmark.document import Document, parse_value
from ferbench.registry.catalog import Catalog
from ferbench.registry.parameters import describe_unknown
from ferbench.registry.specs import Place, Spec

Choices = Mapping[str, tuple[Choice, ...]]
"""The choices of each axis."""


@dataclass(frozen=True)
class Setting:
    """A path, the value that it is set to, and where that is written."""

    path: str
    value: object
    place: Place

    @property
    def axis(self) -> str:
        """The first part of the path."""
        return self.path.partition(".")[0]

    @property
    def replaces_axis(self) -> bool:
        """Whether it replaces an axis as a whole."""
        return self.path in AXES

    def document(self) -> Document:
        """A document with nothing but the value, under its path."""
        return Document(self.place, {self.path: self.value})


def parse_setting(text: str) -> Setting:
    """The setting in `PATH=VALUE`; raises FerbenchError if it is none."""
    path, equals, value = text.partition("=")
    if not equals or not path:
        raise FerbenchError(f"{shorten(text)} is not a setting: expected PATH=VALUE", where="--set", hint="write --set recipe.lr=0.001")
    option = f"--set {shorten_text(text)}"
    return Setting(path, parse_value(value, option), Place(option))


def apply_settings(choices: Choices, settings: Sequence[Setting], catalog: Catalog) -> dict[str, tuple[Choice, ...]]:
    """The choices with `axis.parameter=value` or `axis.name.parameter=value` set wherever a component has the parameter."""
    result = dict(choices)
    for setting in settings:
        axis = AXES.get(setting.axis)
        if axis is None or (axis.number and not setting.replaces_axis):
            raise FerbenchError(describe_unknown("path", setting.path, AXES), where=str(setting.place))
        if setting.replaces_axis:
            result[axis.name] = read_choices(axis, setting.document(), catalog)
        else:
            result[axis.name] = _set_parameter(axis, result[axis.name], setting, catalog)
    return result


def _set_parameter(axis: Axis, choices: tuple[Choice, ...], setting: Setting, catalog: Catalog) -> tuple[Choice, ...]:
    _, *names, parameter = setting.path.split(".")
    target = ".".join(names)
    written: list[tuple[str, Specs]] = []
    is_known = False
    for choice in choices:
        targets = [spec for spec in choice.specs if _accepts(axis, choice, spec, target, parameter, catalog)]
        is_known |= bool(targets)
        specs = tuple(spec.with_parameter(parameter, setting.value, setting.place) if spec in targets else spec for spec in choice.specs)
        expanded = [(choice.base, combination) for combination in expand_lists(axis, specs, catalog)]
        written += [each for each in expanded if each not in written]  # they may have differed in nothing but what is now set
    if not is_known:
        raise FerbenchError(
            describe_unknown("path", setting.path, _known_paths(axis, choices, bool(names), catalog)), where=str(setting.place)
        )
    return make_choices(axis, written, catalog)


def _accepts(axis: Axis, choice: Choice, spec: Spec, target: str, parameter: str, catalog: Catalog) -> bool:
    """Whether a setting is for this component: for all, or for those of a name or label."""
    return target in ("", spec.name, choice.label, choice.base) and parameter in hints_of(axis, spec, catalog)


def _known_paths(axis: Axis, choices: Sequence[Choice], with_names: bool, catalog: Catalog) -> list[str]:
    specs = [spec for choice in choices for spec in choice.specs]
    paths = {".".join([axis.name, *[spec.name] * with_names, name]) for spec in specs for name in hints_of(axis, spec, catalog)}
    return sorted(paths)
