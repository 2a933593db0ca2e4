"""The eight hooks of a plugin; each receives `register`, a function that takes one component class, or one model file."""

from __future__ import annotations

from collections.abc import Callable

import pluggy

from ferbench.api.components import Aggregator, Dataset, EmbeddingLoss, Loss, Preprocessor, Protocol, StandIn
from ferbench.api.models import ModelFile
from ferbench.api.networks import Backbone, Fusion

hookspec = pluggy.HookspecMarker("ferbench")
hookimpl = pluggy.HookimplMarker("ferbench")


@hookspec
def register_datasets(register: Callable[[type[Dataset]], None]) -> None:
    """Register corpora."""


@hookspec
def register_preprocessors(register: Callable[[type[Preprocessor]], None]) -> None:
    """Register steps between clip and crops."""


@hookspec
def register_backbones(register: Callable[[type[Backbone | Fusion]], None]) -> None:
    """Register networks."""


@hookspec
def register_losses(register: Callable[[type[Loss | EmbeddingLoss]], None]) -> None:
    """Register losses."""


@hookspec
def register_aggregators(register: Callable[[type[Aggregator]], None]) -> None:
    """Register ways from frame scores to one prediction."""


@hookspec
def register_protocols(register: Callable[[type[Protocol]], None]) -> None:
    """Register splits of people into training, validation and test."""


@hookspec
def register_standins(register: Callable[[type[StandIn]], None]) -> None:
    """Register renderers of stand-ins, each under the name of the dataset that it stands in for."""


@hookspec
def register_models(register: Callable[[ModelFile], None]) -> None:
    """Register files of trained networks, for `ferbench weights`."""
