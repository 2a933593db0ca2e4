"""The JSON Schema of a benchmark YAML, for editors; made from the components' annotations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

import msgspec

from ferbench.api.recipe import Recipe
from ferbench.benchmark.axes import AXES, COMPOSED, KIND_OF
from ferbench.benchmark.grid import KEYS, Published, Rehearsal
from ferbench.registry.catalog import Catalog, composed_of, parameter_hints

DESCRIPTIONS = {
    "name": "Name of the benchmark in tables and in the store",
    "description": "What it is for",
    "plugins": "Plugin files, relative to this file",
    "dataset": "Corpora; a list inside merges several into one",
    "preprocessing": "Pipelines: each a list of steps, named or not",
    "protocol": "Which classes, and which people train, validate and test",
    "backbone": "Networks",
    "recipe": "How networks are trained; several under names of their own",
    "loss": "Losses",
    "seed": "Seeds of initialisation and order of batches",
    "aggregator": "From frame scores to one prediction a clip",
    "only": "The choices that a plain run takes of an axis; of a list, the combinations that any item takes. --only overrides an axis",
    "rehearsal": "What a run on stand-in corpora changes",
    "published": "Reference rows from the literature, shown beside the rows they match",
}


def schema(catalog: Catalog) -> dict[str, Any]:
    """A JSON Schema (2020-12) that knows every component of the catalog and its parameters."""
    properties: dict[str, Any] = {key: {"description": DESCRIPTIONS[key]} for key in KEYS}
    properties["name"] |= {"type": "string"}
    properties["description"] |= {"type": "string"}
    properties["plugins"] |= {"type": "array", "items": {"type": "string"}}
    properties["seed"] |= _one_or_more({"type": "integer"})
    properties["recipe"] |= _recipe()
    definitions: dict[str, Any] = {}
    for axis in KIND_OF:
        properties[axis] |= _axis(axis, catalog, definitions)
    named = {axis: _one_or_more({"type": ["string", "number"]}) for axis in AXES}
    properties["only"] |= _one_or_more({"type": "object", "properties": named, "additionalProperties": False})
    properties["rehearsal"] |= _object(Rehearsal)
    properties["published"] |= {"type": "array", "items": _object(Published)}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "ferbench benchmark",
        "type": "object",
        "properties": properties,
        "required": ["dataset", "preprocessing", "protocol", "backbone", "loss", "aggregator"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def _axis(axis: str, catalog: Catalog, definitions: dict[str, Any]) -> dict[str, Any]:
    """What an axis takes; each component, and a choice of one, stands among the definitions."""
    entries = catalog.of(KIND_OF[axis])
    names = [{"const": e.name, "description": e.summary} for e in entries]
    definitions |= {f"{axis}.{e.name}": {**_object(e.component, lists=True), "description": e.summary} for e in entries}
    pattern = {e.name: {"$ref": f"#/$defs/{axis}.{e.name}"} for e in entries}
    definitions[axis] = {"anyOf": [*names, {"type": "object", "properties": pattern, "additionalProperties": False}]}
    single = {"$ref": f"#/$defs/{axis}"}
    if axis not in COMPOSED:
        return _one_or_more(single)
    steps = {"type": "array", "items": single, "minItems": 1}
    labelled = {"type": "object", "additionalProperties": steps}
    if axis == "preprocessing":
        return {"anyOf": [labelled, {"type": "array", "items": {"anyOf": [steps, labelled]}}]}
    one = {
        "anyOf": [
            *names,
            {"type": "object", "properties": {n: {"anyOf": [p, steps]} for n, p in pattern.items()}, "additionalProperties": steps},
        ]
    }
    return {"anyOf": [one, {"type": "array", "items": {"anyOf": [one, steps]}}]}


def _recipe() -> dict[str, Any]:
    plain = _object(Recipe, lists=True)
    named = {"type": "object", "additionalProperties": plain}
    return {"anyOf": [plain, named, {"type": "array", "items": named}]}


def _one_or_more(item: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}


def _object(cls: type, lists: bool = False) -> dict[str, Any]:
    """The parameters of a dataclass; with `lists`, each also takes a list of values, which makes one choice of each."""
    properties = {}
    for name, hint in parameter_hints(cls).items():
        value = {"type": "array"} if composed_of(hint) else _inlined(msgspec.json.schema(hint))
        properties[name] = {"anyOf": [value, {"type": "array", "items": value}]} if lists else value
    if lists:
        properties["label"] = {"type": "string", "description": "What the tables call this choice"}
    required = [f.name for f in fields(cls) if f.init and f.default is MISSING and f.default_factory is MISSING]
    kind: dict[str, Any] = {"type": ["object", "null"] if lists else "object", "properties": properties, "additionalProperties": False}
    return {**kind, "required": required} if required else kind


def _inlined(schema: Any, defined: Mapping[str, Any] | None = None) -> Any:
    """Without titles, and what stands under $defs written out where it is used."""
    if isinstance(schema, list):
        return [_inlined(each, defined) for each in schema]
    if not isinstance(schema, dict):
        return schema
    defined = schema.get("$defs", defined or {})
    if "$ref" in schema:
        return _inlined(defined[schema["$ref"].removeprefix("#/$defs/")], defined)
    return {key: _inlined(value, defined) for key, value in schema.items() if key not in ("$defs", "title")}
