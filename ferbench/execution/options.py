"""The runtime options of a run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """Runtime options; none is part of a key, except the precision of the device.

    `workers` 0 means one per core; `checkpoint_interval` is the seconds between checkpoints of a fit; `retry` tries rows again that failed
    in an earlier run; `figures` None draws them unless there are many; `compile` uses torch.compile; `rehash` reads all files of the
    corpora again; `allow_leaks` are the guards whose rows are marked instead of refused; `keep` says whose weights are stored, as in the
    YAML, which it overrides.
    """

    device: str = "auto"
    workers: int = 0
    rehearsal: bool = True
    checkpoint_interval: float = 60.0
    retry: bool = False
    figures: bool | None = None
    compile: bool = False
    rehash: bool = False
    allow_leaks: tuple[str, ...] = ()
    keep: str = ""
