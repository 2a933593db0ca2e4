"""All registered components, by kind and name."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field

from ferbench.api.components import Component, Dataset
from ferbench.api.errors import FerbenchError, PluginError, location, shorten
from ferbench.api.models import ModelFile
from ferbench.registry.contracts import KINDS, find_contract_problem
from ferbench.registry.parameters import build, describe_unknown
from ferbench.registry.specs import Spec


@dataclass(frozen=True)
class CatalogEntry:
    """One registered component class and the plugin that it comes from."""

    kind: str
    name: str
    component: type[Component]
    plugin: str

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.component) or "").partition("\n")[0]


@dataclass
class Catalog:
    """All registered components and model files; `broken` names plugins that could not be loaded, with the reason."""

    entries: dict[tuple[str, str], CatalogEntry] = field(default_factory=dict)
    models: dict[str, ModelFile] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    def add(self, kind: str, component: type[Component], plugin: str, where: str) -> None:
        """Register a component class; raises PluginError if it breaks the contract, or if its name is taken."""
        if problem := find_contract_problem(KINDS[kind], component):
            name = getattr(component, "__name__", component)
            place = (location(component) if isinstance(component, type) else "") or where
            raise PluginError(f"plugin {plugin}: {name} {problem}", where=place)
        if other := self.entries.get((kind, component.name)):
            raise PluginError(
                f"two plugins register the {kind} {component.name!r}: {other.plugin} and {plugin}",
                where=where,
                hint="rename one of them, or leave out a plugin: FERBENCH_PLUGINS selects the installed plugins to load",
            )
        self.entries[kind, component.name] = CatalogEntry(kind, component.name, component, plugin)

    def add_model(self, model: ModelFile, plugin: str, where: str) -> None:
        """Register a model file; raises PluginError if it is none, or if another one has its name."""
        if not isinstance(model, ModelFile):
            raise PluginError(f"plugin {plugin}: {shorten(model)} is not a ferbench.ModelFile", where=where)
        if self.models.setdefault(model.name, model) != model:
            raise PluginError(f"two plugins register the model {model.name!r}", where=where, hint="rename one of them")

    def get_model(self, name: str) -> ModelFile:
        """Return the model file of that name; raises FerbenchError with the nearest names."""
        if name not in self.models:
            raise FerbenchError(describe_unknown("model", name, list(self.models)), hint="see `ferbench weights`")
        return self.models[name]

    def entries_of(self, kind: str) -> list[CatalogEntry]:
        """Return all components of a kind, by name."""
        return sorted((entry for entry in self.entries.values() if entry.kind == kind), key=lambda entry: entry.name)

    def get_entry(self, kind: str, name: str, where: str = "") -> CatalogEntry:
        """Return the component of that name; raises FerbenchError with the nearest names."""
        if (kind, name) not in self.entries:
            broken = "".join(f"; plugin {plugin} could not be loaded: {reason}" for plugin, reason in self.broken.items())
            names = [entry.name for entry in self.entries_of(kind)]
            raise FerbenchError(describe_unknown(kind, name, names), where=where, hint=f"see `ferbench plugins`{broken}")
        return self.entries[kind, name]

    def datasets(self) -> list[type[Dataset]]:
        """Return the dataset classes, by name."""
        return [entry.component for entry in self.entries_of("dataset") if issubclass(entry.component, Dataset)]

    def build(self, kind: str, spec: Spec) -> Component:
        """Build the component that a spec describes; raises FerbenchError with the place of the error."""
        return build(self.get_entry(kind, spec.name, str(spec.place)).component, spec, f"{kind} {spec.name}", self)
