"""Corpora, read from their official layouts; stand-ins of CK+, MUG, ISED and AFEW can be rendered."""

from __future__ import annotations

from collections.abc import Callable

import ferbench
from ferbench_corpora.acted import CREMAD, RAVDESS
from ferbench_corpora.ckplus import CKPlus
from ferbench_corpora.ised import ISED
from ferbench_corpora.london import London
from ferbench_corpora.mmi import MMI
from ferbench_corpora.mug import MUG
from ferbench_corpora.oulu import OuluCASIA
from ferbench_corpora.wild import AFEW, DFEW, FERV39k


@ferbench.hookimpl
def register_datasets(register: Callable[[type], None]) -> None:
    """Register eleven corpora."""
    for dataset in (CKPlus, MUG, ISED, London, MMI, OuluCASIA, AFEW, DFEW, FERV39k, RAVDESS, CREMAD):
        register(dataset)
