"""What the store commands report, as lines and as data for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from ferbench.cli.tables import describe_unneeded
from ferbench.plan.forecast import format_size
from ferbench.store.contents import Obstacle
from ferbench.store.merge import Merge
from ferbench.store.upkeep import Deletion, StoredEntry, Survey
from ferbench.store.verification import Verification

Data = dict[str, object]


def verification_lines(verification: Verification) -> list[str]:
    """Every problem, then the counts."""
    states = [problem.state for problem in verification.problems]
    counts = ", ".join(f"{states.count(state)} {state}" for state in ("damaged", "unreadable", "missing"))
    recompute = "; the next run that needs damaged entries recomputes them" if "damaged" in states else ""
    absent = f"; recomputed when needed: {_count_stages(verification.recomputed)}" if verification.recomputed else ""
    summary = f"{verification.files:,} entries: {counts}{recompute}{absent}"
    return [*map(str, verification.problems), *obstacle_lines(verification.obstacles), summary]


def verification_data(verification: Verification) -> Data:
    """The problems by state."""
    problems: dict[str, list[Data]] = {"damaged": [], "unreadable": [], "missing": []}
    for problem in verification.problems:
        problems[problem.state].append({"stage": problem.stage, "key": problem.name, "problem": problem.reason})
    others = [asdict(obstacle) for obstacle in verification.obstacles]
    return {"entries": verification.files, **problems, "recomputed": dict(verification.recomputed), "others": others}


def garbage_lines(survey: Survey) -> list[str]:
    """What can be deleted."""
    if not survey.garbage:
        return [*_kept_lines(survey), "nothing to delete" if survey.spared else "nothing to delete: every entry is needed"]
    total = f"{_total(survey.garbage)} can be deleted; add --delete to delete them"
    return [*describe_unneeded(survey.garbage), *_kept_lines(survey), total]


def deletion_lines(survey: Survey, deletion: Deletion) -> list[str]:
    """What was deleted, and what could not be."""
    if not survey.garbage:
        return garbage_lines(survey)
    failed = [f"{entry.path} could not be deleted: {problem}" for entry, problem in deletion.failed]
    return [*describe_unneeded(deletion.deleted), *failed, *_kept_lines(survey), f"{_total(deletion.deleted)} deleted"]


def gc_data(survey: Survey, deletion: Deletion | None) -> Data:
    """What was deleted, or can be."""
    return {
        "deleted": deletion is not None,
        "entries": [_entry_data(entry) for entry in (deletion.deleted if deletion else survey.garbage)],
        "failed": [{**_entry_data(entry), "problem": problem} for entry, problem in (deletion.failed if deletion else ())],
        "spared": [_entry_data(entry) for entry in survey.spared],
        "others": [asdict(obstacle) for obstacle in survey.obstacles],
    }


def merge_lines(merge: Merge) -> list[str]:
    """What was taken and what was not."""
    differences = [
        f"{each.stage} {each.key} differs: {each.ours} here, {each.theirs} there; the one here is kept" for each in merge.differences
    ]
    records = [f"the other record {name} is newer and replaces the one here" for name in merge.replaced]
    records += [f"the other record {name} is older and is not taken" for name in merge.older]
    counts = f"taken: {_count_stages(merge.taken) or 'nothing'}; in both: {_count_stages(merge.kept) or 'nothing'}"
    return [*map(str, merge.problems), *differences, *records, *obstacle_lines(merge.obstacles), f"{counts}; {len(differences)} differ"]


def merge_data(merge: Merge) -> Data:
    """A merge for JSON."""
    return {**asdict(merge), "taken": dict(merge.taken), "kept": dict(merge.kept)}


def obstacle_lines(obstacles: Sequence[Obstacle]) -> list[str]:
    """Links, files of other programs, and what cannot be looked at."""
    return [f"{obstacle.place} is left alone: {obstacle.reason}" for obstacle in obstacles]


def _kept_lines(survey: Survey) -> list[str]:
    young = f"{len(survey.spared):,} ({_total(survey.spared)}) are not needed, but are kept: they are younger than an hour"
    return [*([young] if survey.spared else []), *obstacle_lines(survey.obstacles)]


def _entry_data(entry: StoredEntry) -> Data:
    return {"stage": entry.stage, "path": str(entry.path), "bytes": entry.bytes, "reason": entry.unneeded_reason}


def _count_stages(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {stage}" for stage, number in counts.items())


def _total(entries: Sequence[StoredEntry]) -> str:
    return format_size(sum(entry.bytes for entry in entries))
