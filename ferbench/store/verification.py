"""Verification of a store: every entry is intact, damaged or unreadable; what is named and not there is missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from ferbench.store.contents import ENTRY_STAGES, Contents, Obstacle, StoredFile, list_contents
from ferbench.store.entries import Store
from ferbench.store.files import read_json
from ferbench.store.needs import Needs, Problem, blocked_places, collect_needs, read_entry, read_or_report, read_record
from ferbench.store.rows import FailedRow
from ferbench.types import Progress

RECOMPUTED = ("crops", "features", "fits", "index", "tested")  # if they are missing, by the next run that needs them
READERS: Mapping[str, Callable[[StoredFile], object]] = {
    **dict.fromkeys(ENTRY_STAGES, read_entry),
    "records": read_record,
    "failures": lambda file: read_json(file.path, FailedRow),
}


@dataclass(frozen=True)
class Verification:
    """The number of files that were verified; problems; what a run computes again if it needs it, by stage; links and foreign files."""

    files: int
    problems: tuple[Problem, ...]
    recomputed: Mapping[str, int]
    obstacles: tuple[Obstacle, ...]


def verify_store(store: Store, progress: Progress) -> Verification:
    """Read all entries, records and failures, and look for what they name; changes nothing."""
    contents = list_contents(store)
    files = [file for file in contents.files if file.stage in READERS]
    needs = collect_needs(contents)
    problems = [*_read_all(files, progress), *blocked_places(contents, ENTRY_STAGES), *needs.problems]
    distinct = {(problem.stage, problem.name): problem for problem in problems}
    return Verification(len(files), tuple(distinct.values()), _count_missing(contents, needs), contents.obstacles)


def _read_all(files: list[StoredFile], progress: Progress) -> Iterator[Problem]:
    for number, file in enumerate(files, 1):
        problems: list[Problem] = []
        read_or_report(problems, file, READERS[file.stage])
        yield from problems
        progress(number, len(files))


def _count_missing(contents: Contents, needs: Needs) -> dict[str, int]:
    """How many entries rows were computed from and are not there: rows are complete without them."""
    missing = {stage: needs.keys[stage] - {file.name for file in contents.of(stage)} for stage in RECOMPUTED}
    return {stage: len(keys) for stage, keys in missing.items() if keys}
