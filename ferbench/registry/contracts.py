"""The kinds of component, and the contract of each."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, fields
from typing import ClassVar, get_origin

from ferbench.api.components import Aggregator, Component, Dataset, EmbeddingLoss, Loss, Preprocessor, Protocol, StandIn
from ferbench.api.errors import shorten
from ferbench.api.networks import Backbone, Fusion
from ferbench.api.official import Official
from ferbench.registry.specs import RESERVED
from ferbench.store.keys import find_identity_problem, type_hints

COMPONENT_NAME = r"[a-z0-9][a-z0-9+_-]*"


@dataclass(frozen=True)
class Kind:
    """A kind of component: its plural, as in the name of the hook, and its base classes; a component has one of these."""

    name: str
    plural: str
    bases: tuple[type[Component], ...]


KINDS = {
    kind.name: kind
    for kind in (
        Kind("dataset", "datasets", (Dataset,)),
        Kind("preprocessor", "preprocessors", (Preprocessor,)),
        Kind("backbone", "backbones", (Backbone, Fusion)),
        Kind("loss", "losses", (Loss, EmbeddingLoss)),
        Kind("aggregator", "aggregators", (Aggregator,)),
        Kind("protocol", "protocols", (Protocol,)),
        Kind("stand-in", "standins", (StandIn,)),
    )
}


def find_contract_problem(kind: Kind, component: object) -> str:
    """Say how a class breaks the contract of its kind; empty if it does not."""
    if not (isinstance(component, type) and issubclass(component, kind.bases)):
        return f"is not a subclass of {' or '.join(f'ferbench.{base.__name__}' for base in kind.bases)}"
    if not re.fullmatch(COMPONENT_NAME, str(getattr(component, "name", ""))):
        return "needs a class attribute `name` of lowercase letters, digits, '-', '_' or '+'"
    if abstract := inspect.isabstract(component) and sorted(getattr(component, "__abstractmethods__", ())):
        return f"lacks {', '.join(abstract)}"
    return _parameter_problem(component) or _fact_problem(kind, component) or _step_problem(component)


def _parameter_problem(component: type) -> str:
    if problem := find_identity_problem(component):
        return problem
    return (
        f"has a parameter `{RESERVED}`, which is reserved for the label of a choice"
        if RESERVED in {field.name for field in fields(component)}
        else ""
    )


def _fact_problem(kind: Kind, component: type) -> str:
    """Name the class facts of the base class that are missing; those that it gives a value are optional."""
    bases = [base for base in kind.bases if issubclass(component, base)]
    facts = [fact for base in bases for fact, hint in type_hints(base).items() if get_origin(hint) is ClassVar and not hasattr(base, fact)]
    missing = [fact for fact in facts if getattr(component, fact, None) is None]
    if missing:
        return f"lacks the class attributes {', '.join(missing)}"
    official = component.official if issubclass(component, Dataset) else None
    return "" if isinstance(official, Official | None) else f"has `official` {shorten(official)}: expected a ferbench.Official"


def _step_problem(component: type) -> str:
    """Refuse a step that does nothing."""
    is_idle = issubclass(component, Preprocessor) and (component.select, component.__call__) == (Preprocessor.select, Preprocessor.__call__)
    return "overrides neither `select` nor `__call__`" if is_idle else ""
