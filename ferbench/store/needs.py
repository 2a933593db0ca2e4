"""What the rows and records of a store need, read without tolerance: nothing may be deleted while one of them cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypedDict, TypeVar, cast

import msgspec

from ferbench.store import entry_format
from ferbench.store.contents import ENTRY_STAGES, STANDINS, Contents, StoredFile
from ferbench.store.entry_format import Damaged, Entry
from ferbench.store.files import read_json
from ferbench.store.records import RECORD_FOLDERS, PlannedWork
from ferbench.store.rows import InputKeys

T = TypeVar("T")
_ESSENTIAL = ("rows", "inputs", *RECORD_FOLDERS.values())  # folders whose files say what is needed


class _CorpusIdentity(TypedDict):
    content: str


class _Identity(TypedDict):
    dataset: dict[str, _CorpusIdentity]


class _RowNeeds(TypedDict):
    """The part of a row's facts that names entries."""

    all_fits: list[str]
    tested: str
    inputs: list[str]


class _RowRunNeeds(TypedDict):
    """The part of the rest of a row that names entries."""

    identity: _Identity


class _CorpusRoot(TypedDict):
    root: str


class _RecordNeeds(TypedDict):
    """The part of a record that names rows and stand-ins."""

    rows: list[str]
    failures: dict[str, object]
    corpora: list[_CorpusRoot]


@dataclass(frozen=True)
class Problem:
    """A file that is not as it was written, that cannot be read, or that another one names and that is not there."""

    stage: str
    name: str
    state: Literal["damaged", "unreadable", "missing"]
    reason: str

    def __str__(self) -> str:
        return f"{self.stage} {self.name} is {self.state}: {self.reason}"


@dataclass
class Needs:
    """The keys that rows and records need, by stage, and what keeps them from being complete."""

    keys: dict[str, set[str]] = field(default_factory=lambda: {stage: set() for stage in (*ENTRY_STAGES, STANDINS)})
    listed: dict[str, str] = field(default_factory=dict)  # a record of each row that records name
    failed: set[str] = field(default_factory=set)  # those of them that it names as failed
    inputs: dict[str, str] = field(default_factory=dict)  # a row of each entry of inputs
    benchmarks: set[str] = field(default_factory=set)  # names of records
    problems: list[Problem] = field(default_factory=list)


def collect_needs(contents: Contents, keeps_row: Callable[[StoredFile], bool] | None = None) -> Needs:
    """Read all records, rows, and what rows were computed from; rows that no record names count only if `keeps_row` says so."""
    needs = Needs()
    needs.problems += blocked_places(contents, _ESSENTIAL)
    for file in contents.of("records"):
        if record := read_or_report(needs.problems, file, read_record):
            _add_record(needs, file, record)
    _add_rows(needs, contents, keeps_row)
    _add_inputs(needs, contents)
    return needs


def collect_planned(needs: Needs, contents: Contents, since: float) -> None:
    """Add what runs that did not finish have planned since this time; what is not stored yet is no problem."""
    inputs = {file.name: file for file in contents.of("inputs")}
    for file in contents.of("plans"):
        plan = read_or_report(needs.problems, file, lambda file: read_json(file.path, PlannedWork)) if file.modified > since else None
        for stage, keys in cast("Mapping[str, list[str]]", plan or {}).items():
            needs.keys[stage].update(keys)
        needs.keys["weights"].update(plan["fits"] if plan else ())
        for key in plan["inputs"] if plan else ():
            if key in inputs and (read := read_or_report(needs.problems, inputs[key], _read_inputs)):
                needs.keys[read["stage"]].update(read["keys"].values())


def read_or_report(problems: list[Problem], file: StoredFile, read: Callable[[StoredFile], T]) -> T | None:
    """Return what `read` does; if the file is damaged or cannot be read, add this to the problems and return None."""
    try:
        return read(file)
    except FileNotFoundError:
        return None  # removed meanwhile, such as a checkpoint
    except OSError as error:
        problems.append(Problem(file.stage, file.name, "unreadable", f"{error.strerror or error} ({file.path})"))
    except (Damaged, msgspec.DecodeError) as error:
        problems.append(Problem(file.stage, file.name, "damaged", f"{error} ({file.path})"))
    return None


def read_entry(file: StoredFile) -> Entry:
    """Open and verify an entry; raises OSError or Damaged."""
    return entry_format.read_verified(file.path, file.stage, file.name)


def read_record(file: StoredFile) -> _RecordNeeds:
    """Read what a record names; raises OSError or msgspec.DecodeError."""
    return read_json(file.path, _RecordNeeds)


def standin_name(root: str) -> str:
    """The name that the folder of a corpus has if it is a stand-in in a store: this does not depend on where the store is."""
    return "/".join(Path(root).parts[-2:])


def blocked_places(contents: Contents, folders: Collection[str]) -> Iterator[Problem]:
    """Yield the links in these folders, and what cannot be looked at: files of the store may lie behind them."""
    for obstacle in contents.obstacles:
        stage, _, name = obstacle.place.partition("/")
        if obstacle.kind != "foreign" and stage in folders:
            yield Problem(stage, name, "unreadable", obstacle.reason)


def _add_record(needs: Needs, file: StoredFile, record: _RecordNeeds) -> None:
    needs.benchmarks.add(file.name)
    needs.listed |= dict.fromkeys(record["rows"], file.name)
    needs.failed.update(record["failures"])
    needs.keys[STANDINS].update(standin_name(corpus["root"]) for corpus in record["corpora"])


def _add_rows(needs: Needs, contents: Contents, keeps_row: Callable[[StoredFile], bool] | None) -> None:
    stored = {file.name for file in contents.of("rows")}
    for file in contents.of("rows"):
        entry = read_or_report(needs.problems, file, _read_row)
        if entry and (keeps_row is None or file.name in needs.listed or keeps_row(file)):
            row, corpora = entry
            needs.keys["rows"].add(file.name)
            needs.keys["fits"].update(row["all_fits"])
            needs.keys["weights"].update(row["all_fits"])
            needs.keys["tested"].add(row["tested"])
            needs.inputs |= dict.fromkeys(row["inputs"], file.name)
            needs.keys["index"].update(corpus["content"] for corpus in corpora)
    for key in sorted(needs.listed.keys() - needs.failed - stored):
        needs.problems.append(Problem("rows", key, "missing", f"the record {needs.listed[key]} names it"))


def _read_row(file: StoredFile) -> tuple[_RowNeeds, list[_CorpusIdentity]]:
    """What a row names, and its corpora."""
    entry = read_entry(file)
    return entry.read_facts(_RowNeeds), list(entry.read_run(_RowRunNeeds)["identity"]["dataset"].values())


def _add_inputs(needs: Needs, contents: Contents) -> None:
    stored = {file.name: file for file in contents.of("inputs")}
    for key, row in sorted(needs.inputs.items()):
        needs.keys["inputs"].add(key)
        if key not in stored:
            needs.problems.append(Problem("inputs", key, "missing", f"the row {row} was computed from it"))
        elif inputs := read_or_report(needs.problems, stored[key], _read_inputs):
            needs.keys.setdefault(inputs["stage"], set()).update(inputs["keys"].values())


def _read_inputs(file: StoredFile) -> InputKeys:
    return read_entry(file).read_facts(InputKeys)
