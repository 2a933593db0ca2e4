"""The code that a key counts: no module whose change may change a stored result is left out."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from test_architecture import imports

from ferbench.corpora.folds import FOLDS
from ferbench.plan import keys

# What holds data, errors and files, but computes nothing that is stored.
CONTRACTS = {
    "ferbench.types", "ferbench.api.components", "ferbench.api.errors", "ferbench.api.networks", "ferbench.api.recipe",
    "ferbench.corpora.corpus", "ferbench.plan.memo", "ferbench.plan.models", "ferbench.training.checkpoints", "ferbench.training.history",
}  # fmt: skip

# Each list of modules, and the stages whose outputs it reads: their keys count their own code.
STAGES = {
    "crops": (keys.CROPS, ()),
    "features": (keys.FEATURES, (*keys.CROPS, *keys.VIEWS)),
    "views": (keys.VIEWS, ()),
    "fits": (keys.FITS, (*keys.CROPS, *keys.FEATURES, *keys.VIEWS)),
    "fits on crops": (keys.CROP_FITS, keys.CROPS),
    "fused fits": (keys.FUSED_FITS, keys.FITS),
    "rows": (keys.ROWS, (*keys.CROPS, *keys.FITS)),
    "folds": (FOLDS, ()),
}


@pytest.mark.parametrize("stage", STAGES)
def test_a_key_counts_each_module_that_its_stage_imports(stage):
    listed, inputs = STAGES[stage]
    known = {*listed, *inputs} | CONTRACTS
    forgotten = {
        f"{module} imports {name}"
        for module in listed
        for name in map(find_module, imports(find_file(module)))
        if name and not name.startswith("ferbench.store.") and name not in known
    }
    assert not forgotten


@pytest.mark.parametrize(
    ("stage", "helper"), [("crops", "ferbench.api.clips"), ("folds", "ferbench.api.splitting"), ("fits", "ferbench.api.heads")]
)
def test_a_key_counts_what_ferbench_offers_to_plugins(stage, helper):
    assert helper in STAGES[stage][0]


def find_module(name: str) -> str | None:
    """The module of the core that an imported dotted name is in."""
    if not name.startswith("ferbench."):
        return None
    try:
        is_module = importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # an attribute of a module
        is_module = False
    return name if is_module else name.rpartition(".")[0]


def find_file(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    return Path(str(spec.origin))
