"""Explains why a row was computed: the nearest row stored before it, how the two differ, and which work they share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from ferbench.api.errors import FerbenchError
from ferbench.corpora.corpus import load_contents
from ferbench.plan.differences import count_differences, describe_differences
from ferbench.plan.models import STAGES
from ferbench.store.entries import Store
from ferbench.store.rows import InputKeys, RowDescription


@dataclass(frozen=True)
class Explanation:
    """A row and the nearest stored one: how they differ, the stages that they share, in whole or in part, and those that were computed."""

    row: str
    labels: Mapping[str, str]
    nearest: str | None
    differences: tuple[str, ...] = ()
    reused: tuple[str, ...] = ()
    computed: tuple[str, ...] = ()


def find_row(rows: Sequence[RowDescription], prefix: str) -> int:
    """The position of the row whose key begins with `prefix`; raises FerbenchError if none or several do."""
    matches = [number for number, row in enumerate(rows) if row["key"].startswith(prefix.lower())]
    if len(matches) != 1:
        problem = f"the keys of {len(matches)} rows begin with {prefix!r}" if matches else f"no row's key begins with {prefix!r}"
        raise FerbenchError(problem, hint="`ferbench leaderboard --format csv` lists the keys; or give a benchmark YAML")
    return matches[0]


def explain(row: RowDescription, others: Sequence[RowDescription], store: Store) -> Explanation:
    """Compare `row` with the nearest of the `others`, which are oldest first; ties go to the latest."""
    stages = [stage for stage in STAGES if stage in row["stages"]]
    if not others:
        return Explanation(row["key"], row["labels"], None, computed=(*stages, "row"))
    nearest = min(reversed(others), key=lambda other: count_differences(other["identity"], row["identity"]))
    differences = describe_differences(nearest["identity"], row["identity"], lambda digest: load_contents(digest, store))
    reused = [share for stage in stages if (share := _describe_share(stage, nearest, row, store))]
    computed = [stage for stage in stages if nearest["stages"].get(stage) != row["stages"][stage]]
    return Explanation(
        row["key"],
        row["labels"],
        nearest["key"],
        tuple(differences or _describe_relabeling(nearest, row)),
        tuple(reused),
        (*computed, "row"),
    )


def describe_explanations(explanations: Iterable[Explanation]) -> Iterator[str]:
    """Explanations as lines; rows with the same explanation are grouped."""
    groups: dict[object, list[Explanation]] = {}
    for explanation in explanations:
        reason = (explanation.nearest, explanation.differences, explanation.reused, explanation.computed)
        groups.setdefault(reason, []).append(explanation)
    if not groups:
        yield "all rows are stored: nothing to compute"
    for group in groups.values():
        yield from (f"row {member.row[:12]}: {' '.join(member.labels.values())}" for member in group)
        yield from _describe_reason(group[0])


def _describe_reason(explanation: Explanation) -> Iterator[str]:
    if explanation.nearest is None:
        yield "  no stored row to compare with"
        return
    yield f"  nearest stored row: {explanation.nearest[:12]}"
    yield from (f"  {difference}" for difference in explanation.differences)
    yield f"  reused: {', '.join(explanation.reused) or 'nothing'}; computed: {', '.join(explanation.computed)}"


def _describe_relabeling(nearest: RowDescription, row: RowDescription) -> list[str]:
    """How two rows of equal identity differ: in a label or in their benchmark."""
    labels = [f"{axis} is called {label!r}" for axis, label in row["labels"].items() if label != nearest["labels"].get(axis)]
    return labels or [f"benchmark {nearest['benchmark']} → {row['benchmark']}"]


def _describe_share(stage: str, old: RowDescription, new: RowDescription, store: Store) -> str:
    """The stage if all of its work is shared, or how much of it is shared; empty if nothing is."""
    if old["stages"].get(stage) == new["stages"][stage]:
        return stage
    if stage == "fits":
        shared = len(set(old["fits"]) & set(new["fits"]))
        return f"{shared} of {len(new['fits'])} fits" if shared else ""
    keys = _stored_keys(stage, new, store)
    shared = len(keys & _stored_keys(stage, old, store))
    noun = "groups of clips" if len(keys) <= len(_stored_keys("crops", new, store)) else "groups of clips and views"
    return f"{stage} of {shared} of {len(keys)} {noun}" if shared else ""


def _stored_keys(stage: str, row: RowDescription, store: Store) -> set[str]:
    """The keys of a stage's entries that a row is computed from."""
    keys: set[str] = set()
    for digest in row["inputs"]:
        entry = store.find("inputs", digest)
        inputs = entry.read_facts(InputKeys) if entry else None
        if inputs and inputs["stage"] == stage:
            keys.update(inputs["keys"].values())
    return keys
