"""The lines below a board: what its figures are, what they are of, and what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ferbench.benchmark.axes import AXES
from ferbench.report.published import describe_source, matching
from ferbench.report.results import Ranking
from ferbench.report.statistics.comparisons import LEVEL, least_p
from ferbench.report.statistics.intervals import missing_reason
from ferbench.store.records import PublishedRow
from ferbench.store.rows import DoneRow

REHEARSAL = "REHEARSAL on stand-in corpora: these results say nothing about the real ones"

FEW_OF_A_CLASS = 6  # people; with fewer of them among many, intervals cover 91 to 94 % instead of 95

Classes = Mapping[str, str]
"""From the name of a class to the heading of its column."""


def describe_board(
    ranking: Ranking, published: Sequence[PublishedRow], axes: Sequence[str], classes: Classes, *, compares: bool
) -> list[str]:
    """The lines below a board; `compares` is whether published figures are compared with measured ones."""
    first, results = ranking.rows[0], ranking.results
    precisions = " and ".join(sorted({row["precision"] for row in ranking.rows}))
    return [
        first["protocol"],
        *describe_leaks(first["leaks"]),
        _describe_shared_labels(results[0].labels if results else first["labels"], axes),
        *_describe_training_data(ranking),
        *_describe_certainty(ranking),
        *_describe_columns(ranking, classes),
        *_describe_left_out(ranking, axes),
        *_describe_published([row for result in results for row in matching(published, result)], compares),
        *describe_failed(ranking),
        f"fingerprint {first['fingerprint'][:12]}; computed in {precisions}",
    ]


def describe_failed(ranking: Ranking) -> list[str]:
    """The rows that failed, and why."""
    return [f"failed: {' '.join(row['labels'].values())}: {row['error']}: {row['message']} (log: {row['log']})" for row in ranking.failed]


def describe_leaks(leaks: Sequence[str]) -> list[str]:
    """A line that names the leaks that all rows of a board have; none if there are no leaks."""
    return [f"leaks allowed: {', '.join(leaks)}; not comparable with rows without them"] if leaks else []


def _describe_shared_labels(labels: Mapping[str, str], axes: Sequence[str]) -> str:
    """The labels of the other axes, without the corpora, which the line on the protocol names."""
    shared = [axis for axis in AXES if axis not in axes and AXES[axis].choice != "merged"]
    return "all rows: " + ", ".join(f"{axis} {labels[axis]}" for axis in shared)


def _describe_training_data(ranking: Ranking) -> Iterator[str]:
    """What the networks were trained on beforehand."""
    labels: dict[tuple[str, ...], dict[str, None]] = {}
    for row in (row for result in ranking.results for row in result.rows if row["trained_on"]):
        labels.setdefault(tuple(row["trained_on"]), {})[row["labels"]["backbone"]] = None
    if labels:
        yield "trained beforehand: " + "; ".join(f"{', '.join(names)} on {' and '.join(data)}" for data, names in labels.items())


def _describe_certainty(ranking: Ranking) -> Iterator[str]:
    """What the intervals are over, what the tie marks say, and the smallest difference that could have been seen."""
    if not ranking.results:
        return
    if reason := missing_reason(ranking.people):
        yield f"no intervals: {reason}"
    else:
        absent = f"; {ranking.absent_share:.1%} of draws lack a class" if ranking.absent_share else ""
        yield f"[ ]: 95 % interval over {ranking.units}{absent}"
    tied, known = sum(result.is_tied for result in ranking.results), all(row["people_known"] for row in ranking.rows)
    if (rows := len(ranking.results)) > 1:
        group = f"the {tied} rows marked ≈ cannot be separated" if tied > 1 else "★ is separated from all others"
        yield f"{group} at 5 %: permutation test of UAR over {'people' if known else 'clips'}, Holm-corrected p"
        if least_p(ranking.people, rows) * (rows - 1) > LEVEL:
            yield f"no row could have been separated: {ranking.people} people are too few for {rows} rows"
    if ranking.smallest_difference:
        points = 100 * ranking.smallest_difference
        yield f"smaller differences in UAR than about {points:.1f} points would be missed by most studies of {ranking.units}"
    if missing_reason(ranking.people):
        return
    limit = min(FEW_OF_A_CLASS, ranking.people)  # a class that everybody shows is no rare one
    if few := {name: count for name, count in ranking.people_by_class.items() if count < limit}:
        named = ", ".join(f"{name} {count}" for name, count in few.items())
        yield f"intervals are somewhat too narrow: classes that few people show: {named}"


def _describe_columns(ranking: Ranking, classes: Classes) -> Iterator[str]:
    headings = ", ".join(f"{heading} {name}" for name, heading in classes.items())
    seeds = "; seeds: figures are means over them, sd: of UAR over seeds" if any(len(result.rows) > 1 for result in ranking.results) else ""
    yield (
        f"in %: UAR: mean recall; val: UAR on validation people; WAR: accuracy over clips; F1: macro F1; recall of {headings}; "
        f"cover: frames with a face{seeds}; steps: of the optimizer; sec: seconds, including shared work"
    )


def _describe_left_out(ranking: Ranking, axes: Sequence[str]) -> Iterator[str]:
    rows = [row for result in ranking.results for row in result.rows]
    if rows and (untested := [name for name, value in rows[0]["recall"].items() if value is None]):
        count = len(rows[0]["recall"])
        yield f"UAR and F1 over {count - len(untested)} of {count} classes; not tested: {', '.join(untested)}"
    if lost := {clip for row in rows for clip in row["clips_lost"]}:
        yield f"left out: {len(lost)} clips without a readable frame; a row that lacks one is not scored on it"
    for result in ranking.results:
        if outside := _count_other_answers(result.rows):
            label = " ".join(result.labels[axis] for axis in axes) or result.labels["backbone"]
            names = ", ".join(f"{count} {name}" for name, count in outside.most_common())
            yield f"{outside.total()} answers of {label} are none of the classes ({names}); they count as wrong"


def _count_other_answers(rows: Sequence[DoneRow]) -> Counter[str]:
    """The answers of a system that are none of the classes, by name; none that was never given."""
    counts = Counter[str]()
    for row in rows:
        for line in row["confusion"]:
            counts.update(dict(zip(row["others"], line[len(row["classes"]) :], strict=False)))
    return +counts


def _describe_published(rows: Sequence[PublishedRow], compares: bool) -> Iterator[str]:
    sources: dict[tuple[object, ...], list[PublishedRow]] = {}
    for row in rows:
        sources.setdefault((row["source"], row["protocol"], row["problem"], row["clips"], row["accuracy"] is None), []).append(row)
    yield from map(describe_source, sources.values())
    if rows:
        yield f"published figures {'lie inside, above or below the measured interval' if compares else 'are not compared with stand-ins'}"
