"""CK+, MUG, ISED and the London set, read from their official layouts; stand-ins of the first three can be rendered."""

from __future__ import annotations

from collections.abc import Callable

import ferbench
from ferbench_corpora.ckplus import CKPlus
from ferbench_corpora.ised import ISED
from ferbench_corpora.london import London
from ferbench_corpora.mug import MUG


@ferbench.hookimpl
def register_datasets(register: Callable[[type], None]) -> None:
    """The four corpora."""
    for dataset in (CKPlus, MUG, ISED, London):
        register(dataset)
