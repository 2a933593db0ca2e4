"""The JSON Schema of a benchmark YAML, for editors; made from the components' annotations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields

import msgspec

from ferbench.benchmark.axes import AXES, Axis
from ferbench.benchmark.grid import TOP_LEVEL_KEYS
from ferbench.benchmark.sections import Published, Rehearsal
from ferbench.registry.catalog import Catalog
from ferbench.registry.parameters import component_types, parameter_hints

Schema = dict[str, object]

DESCRIPTIONS = {
    "name": "Name of the benchmark in tables and in the store",
    "description": "What it is for",
    "plugins": "Plugin files, relative to this file",
    "only": "The choices that a plain run takes of an axis; of a list, the combinations that any item takes. --only overrides an axis",
    "keep": "The rows whose weights are stored: best (the best of each table), all, or patterns of labels",
    "rehearsal": "What a run on stand-in corpora changes",
    "published": "Reference rows from the literature, shown beside the rows they match",
} | {axis.name: axis.description for axis in AXES.values()}


def make_schema(catalog: Catalog) -> Schema:
    """A JSON Schema (2020-12) that knows every component of the catalog and its parameters."""
    definitions: Schema = {}
    types = {axis.name: _axis_schema(axis, catalog, definitions) for axis in AXES.values()} | _section_schemas()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ferbench benchmark",
        "type": "object",
        "properties": {key: {"description": DESCRIPTIONS[key]} | types[key] for key in TOP_LEVEL_KEYS},
        "required": [axis.name for axis in AXES.values() if axis.default is None],
        "additionalProperties": False,
        "$defs": definitions,
    }


def _section_schemas() -> dict[str, Schema]:
    """What the keys take that are no axes."""
    choices = {axis: _one_or_more({"type": ["string", "number"]}) for axis in AXES}
    return {
        "name": {"type": "string"},
        "description": {"type": "string"},
        "plugins": {"type": "array", "items": {"type": "string"}},
        "only": _one_or_more({"type": "object", "properties": choices, "additionalProperties": False}),
        "keep": {"type": "string"},
        "rehearsal": _object_schema(Rehearsal),
        "published": {"type": "array", "items": _object_schema(Published)},
    }


def _axis_schema(axis: Axis, catalog: Catalog, definitions: Schema) -> Schema:
    if axis.section:
        return _named_sections(_object_schema(axis.section, lists=True))
    if axis.number:
        return _one_or_more(msgspec.json.schema(axis.number))
    return _component_schema(axis, catalog, definitions)


def _named_sections(section: Schema) -> Schema:
    """One section, or several by their names."""
    named = {"type": "object", "additionalProperties": section}
    return {"anyOf": [section, named, {"type": "array", "items": named}]}


def _component_schema(axis: Axis, catalog: Catalog, definitions: Schema) -> Schema:
    """What an axis of components takes; each component, and a choice of one, is among the definitions."""
    entries = catalog.entries_of(axis.kind)
    names = [{"const": entry.name, "description": entry.summary} for entry in entries]
    for entry in entries:
        definitions[f"{axis.name}.{entry.name}"] = {**_object_schema(entry.component, lists=True), "description": entry.summary}
    by_name = {entry.name: {"$ref": f"#/$defs/{axis.name}.{entry.name}"} for entry in entries}
    definitions[axis.name] = {"anyOf": [*names, {"type": "object", "properties": by_name, "additionalProperties": False}]}
    single: Schema = {"$ref": f"#/$defs/{axis.name}"}
    steps: Schema = {"type": "array", "items": single, "minItems": 1}
    match axis.choice:
        case "single":
            return _one_or_more(single)
        case "piped":
            labeled = {"type": "object", "additionalProperties": steps}
            return {"anyOf": [labeled, {"type": "array", "items": {"anyOf": [steps, labeled]}}]}
        case "merged":
            either = {name: {"anyOf": [reference, steps]} for name, reference in by_name.items()}
            one = {"anyOf": [*names, {"type": "object", "properties": either, "additionalProperties": steps}]}
            return {"anyOf": [one, {"type": "array", "items": {"anyOf": [one, steps]}}]}


def _one_or_more(item: Schema) -> Schema:
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}


def _object_schema(cls: type, lists: bool = False) -> Schema:
    """The parameters of a dataclass; with `lists`, each also takes a list of values, which makes one choice of each."""
    properties: Schema = {}
    for name, hint in parameter_hints(cls).items():
        value = {"type": "array"} if component_types(hint) else _inline_definitions(msgspec.json.schema(hint), {})
        properties[name] = {"anyOf": [value, {"type": "array", "items": value}]} if lists else value
    if lists:
        properties["label"] = {"type": "string", "description": "What the tables call this choice"}
    required = [f.name for f in fields(cls) if f.init and f.default is MISSING and f.default_factory is MISSING]
    schema: Schema = {"type": ["object", "null"] if lists else "object", "properties": properties, "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def _inline_definitions(schema: object, definitions: Mapping[str, object]) -> object:
    """The schema without titles, and with the definitions under $defs where they are used."""
    if isinstance(schema, list):
        return [_inline_definitions(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    definitions = schema.get("$defs", definitions)
    if "$ref" in schema:
        return _inline_definitions(definitions[schema["$ref"].removeprefix("#/$defs/")], definitions)
    return {key: _inline_definitions(value, definitions) for key, value in schema.items() if key not in ("$defs", "title")}
