"""What a model is computed from, as the store keeps it."""

from __future__ import annotations

from ferbench.plan.models import Model
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content
from ferbench.store.rows import InputKeys


def store_inputs(model: Model, store: Store) -> None:
    """Store the keys of the entries that a model is computed from, by group: `store gc` needs them, and `why` compares rows by them."""
    for keys_of_stage in model.inputs:
        inputs: InputKeys = {"stage": keys_of_stage.stage, "keys": dict(keys_of_stage.by_group)}
        store.ensure("inputs", keys_of_stage.digest, Content, facts=inputs)
