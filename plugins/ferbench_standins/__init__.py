"""Stand-ins of CK+, MUG, ISED and AFEW: parametric faces moved by FACS action units, in the corpora's own layouts."""

from __future__ import annotations

from collections.abc import Callable

import ferbench
from ferbench_standins.standins import AFEWStandIn, CKPlusStandIn, ISEDStandIn, MUGStandIn


@ferbench.hookimpl
def register_standins(register: Callable[[type[ferbench.StandIn]], None]) -> None:
    """Register four renderers."""
    for standin in (CKPlusStandIn, MUGStandIn, ISEDStandIn, AFEWStandIn):
        register(standin)
