"""Settings: `PATH=VALUE` of `--set`, or of a rehearsal block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ferbench.api.errors import FerbenchError, shorten, shorten_text
from ferbench.benchmark.axes import AXES, Axis
from ferbench.benchmark.choices import Choice, Specs, check_count, expand_lists, hints_of, make_choices, read_choices
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
    """Return the choices with these settings: first those of whole axes, then `axis.parameter=value` or `axis.name.parameter=value`.

    The settings of an axis are checked together, so that their order does not matter unless they set the same parameter.
    """
    result = dict(choices)
    for setting in settings:
        axis = AXES.get(setting.axis)
        if axis is None or (axis.number and not setting.replaces_axis):
            raise FerbenchError(describe_unknown("path", setting.path, AXES), where=str(setting.place))
        if setting.replaces_axis:
            result[axis.name] = read_choices(axis, setting.document(), catalog)
    for name, axis in AXES.items():
        if on_parameters := [setting for setting in settings if setting.axis == name and not setting.replaces_axis]:
            result[name] = _set_parameters(axis, result[name], on_parameters, catalog)
    return result


def _set_parameters(axis: Axis, choices: tuple[Choice, ...], settings: Sequence[Setting], catalog: Catalog) -> tuple[Choice, ...]:
    for setting in settings:
        if not any(_accepts(axis, choice, spec, setting, catalog) for choice in choices for spec in choice.specs):
            known = _known_paths(axis, choices, setting.path.count(".") > 1, catalog)
            raise FerbenchError(describe_unknown("path", setting.path, known), where=str(setting.place))
    written: list[tuple[str, Specs]] = []
    for choice in choices:
        specs = tuple(_set_on_spec(axis, choice, spec, settings, catalog) for spec in choice.specs)
        expanded = [(choice.base, combination) for combination in expand_lists(axis, specs, catalog)]
        written += [item for item in expanded if item not in written]  # they may have differed only in what is now set
        check_count(axis, len(written), settings[0].place)
    return make_choices(axis, written, catalog)


def _set_on_spec(axis: Axis, choice: Choice, spec: Spec, settings: Sequence[Setting], catalog: Catalog) -> Spec:
    for setting in settings:
        if _accepts(axis, choice, spec, setting, catalog):
            spec = spec.with_parameter(setting.path.rpartition(".")[2], setting.value, setting.place)
    return spec


def _accepts(axis: Axis, choice: Choice, spec: Spec, setting: Setting, catalog: Catalog) -> bool:
    """Whether a setting is for this component: for all, or for those of a name or label."""
    _, *names, parameter = setting.path.split(".")
    target = ".".join(names)
    return target in ("", spec.name, choice.label, choice.base) and parameter in hints_of(axis, spec, catalog)


def _known_paths(axis: Axis, choices: Sequence[Choice], with_names: bool, catalog: Catalog) -> list[str]:
    specs = [spec for choice in choices for spec in choice.specs]
    paths = {".".join([axis.name, *[spec.name] * with_names, name]) for spec in specs for name in hints_of(axis, spec, catalog)}
    return sorted(paths)
