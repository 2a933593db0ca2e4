"""Maintenance of a store: what it holds, what of it nobody needs, and the removal of that."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ferbench.api.errors import FerbenchError
from ferbench.store.contents import ENTRY_STAGES, STANDINS, Contents, Obstacle, StoredFile, list_contents
from ferbench.store.entries import USE, Store
from ferbench.store.needs import Needs, collect_needs, collect_planned

MIN_AGE = 3600.0  # seconds; what is younger is not deleted
MAX_UNFINISHED_AGE = 7 * 24 * 3600.0  # seconds, of checkpoints and plans
SHORT_KEY = 6  # characters of a key in the name of a figure
LEFTOVER = "left by a killed process"
NOT_LISTED = "not in the last run of any benchmark"
NO_ROW = "no row needs it"
LEFTOVERS = ("partial", "leases")  # only a process that runs needs them
KEPT = ("duplicates", "folds", "records", "digests", "costs")  # small, and needed to name or forecast rows


@dataclass(frozen=True)
class StoredEntry:
    """A file of the store, or a stand-in; `unneeded_reason` is empty if something needs it. Nothing deletes it while it `is_young`."""

    stage: str
    path: Path
    bytes: int
    unneeded_reason: str = ""
    is_young: bool = False


@dataclass(frozen=True)
class Survey:
    """What a store holds, and what is not the store's; `problem` is an error that keeps everything from being deleted."""

    entries: tuple[StoredEntry, ...]
    obstacles: tuple[Obstacle, ...]
    problem: FerbenchError | None = None

    @property
    def garbage(self) -> list[StoredEntry]:
        """What can be deleted."""
        return [entry for entry in self.entries if entry.unneeded_reason and not entry.is_young]

    @property
    def spared(self) -> list[StoredEntry]:
        """What nobody needs and is too young to be deleted."""
        return [entry for entry in self.entries if entry.unneeded_reason and entry.is_young]


@dataclass(frozen=True)
class Deletion:
    """What was deleted, and what could not be, with the reason."""

    deleted: tuple[StoredEntry, ...]
    failed: tuple[tuple[StoredEntry, str], ...]


def survey_store(store: Store, all_rows: bool = True) -> Survey:
    """List everything in a store. If `all_rows` is False, only the rows of each benchmark's last run are needed."""
    contents, now = list_contents(store), time.time()
    needs = collect_needs(contents, None if all_rows else lambda file: _is_young(file, now))
    collect_planned(needs, contents, now - MAX_UNFINISHED_AGE)
    problem = _refuse(store, needs) if needs.problems else None
    find_reason = (lambda _: "") if problem else _Reasons(contents, needs, now).find
    entries = [StoredEntry(file.stage, file.path, file.bytes, find_reason(file), _is_young(file, now)) for file in contents.files]
    return Survey(tuple(entries), contents.obstacles, problem)


def delete_garbage(store: Store, all_rows: bool = True) -> tuple[Survey, Deletion]:
    """Delete what nobody needs, and return what was there before.

    Raises FerbenchError if another command uses the store, or if a row, a record or what rows were computed from cannot be read.
    """
    with store.exclude_others():
        survey = survey_store(store, all_rows)
        if survey.problem:
            raise survey.problem
        return survey, _delete(store, survey.garbage)


@dataclass(frozen=True)
class _Reasons:
    """Says why files are not needed."""

    contents: Contents
    needs: Needs
    now: float

    def find(self, file: StoredFile) -> str:
        """Why nobody needs a file; empty if it is needed."""
        checks = {
            "checkpoints": self._check_checkpoint,
            "plans": self._check_age,
            "failures": self._check_failure,
            "logs": self._check_failure,
            "figures": self._check_figure,
            **dict.fromkeys(LEFTOVERS, self._check_leftover),
            **dict.fromkeys(KEPT, lambda _: ""),
        }
        return checks.get(file.stage, self._check_key)(file)

    def _check_key(self, file: StoredFile) -> str:
        if file.name in self.needs.keys[file.stage]:
            return ""
        return NOT_LISTED if file.stage in ("rows", STANDINS) else NO_ROW

    def _check_checkpoint(self, file: StoredFile) -> str:
        if file.name.partition("-")[0] in self._stored["fits"]:
            return "its fit is stored"
        return self._check_age(file)

    def _check_age(self, file: StoredFile) -> str:
        return "untouched for a week" if self.now - file.modified > MAX_UNFINISHED_AGE else ""

    def _check_failure(self, file: StoredFile) -> str:
        """A record keeps its own failures; the others keep later runs from trying a row again."""
        if file.name in self.needs.failed:
            return ""
        if file.name not in self.needs.listed:
            return NOT_LISTED
        return "its row is stored" if file.name in self._stored["rows"] else ""

    def _check_figure(self, file: StoredFile) -> str:
        """The name of a figure ends with the first characters of the key of its row or fit."""
        folder, _, name = file.name.rpartition("/")
        if folder not in self.needs.benchmarks:
            return "its benchmark has no record"
        return "" if name.rpartition("-")[2] in self._short_keys else NO_ROW

    def _check_leftover(self, file: StoredFile) -> str:
        """While a command uses the store, a file that is young may be in use."""
        return "" if self._is_used and self.now - file.modified < MIN_AGE else LEFTOVER

    @cached_property
    def _stored(self) -> dict[str, set[str]]:
        return {stage: {file.name for file in self.contents.of(stage)} for stage in ("rows", "fits")}

    @cached_property
    def _short_keys(self) -> set[str]:
        return {key[:SHORT_KEY] for stage in ("rows", "fits") for key in self.needs.keys[stage]}

    @cached_property
    def _is_used(self) -> bool:
        return any(lease.name.startswith(USE) for lease in self.contents.of("leases"))


def _is_young(file: StoredFile, now: float) -> bool:
    return file.stage not in LEFTOVERS and now - file.modified < MIN_AGE


def _refuse(store: Store, needs: Needs) -> FerbenchError:
    first, *others = needs.problems
    more = f" (and {len(others)} more)" if others else ""
    hint = (
        "nothing is deleted, since it may be needed; `ferbench store verify` lists all problems. "
        "Run the benchmark again, or delete the file if you do not need it"
    )
    return FerbenchError(f"it is unknown what the rows in {store.root} need: {first}{more}", hint=hint)


def _delete(store: Store, entries: Sequence[StoredEntry]) -> Deletion:
    """Delete rows first: if this is stopped, no row lacks what it needs."""
    deleted, failed = [], []
    for entry in entries:
        try:
            shutil.rmtree(entry.path) if entry.path.is_dir() else entry.path.unlink()
        except FileNotFoundError:
            pass
        except OSError as error:
            failed.append((entry, f"{error.strerror or error}"))
        else:
            deleted.append(entry)
    _remove_empty_folders(store, [entry.path.parent for entry in deleted if entry.stage in (*ENTRY_STAGES, STANDINS, "figures")])
    return Deletion(tuple(deleted), tuple(failed))


def _remove_empty_folders(store: Store, folders: Iterable[Path]) -> None:
    for folder in dict.fromkeys(folders):
        with suppress(OSError):  # it holds other files
            while folder != store.root:
                folder.rmdir()
                folder = folder.parent
