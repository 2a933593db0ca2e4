"""What a run found, left out and computed: the lines that it prints, and the record that it stores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice
from typing import cast

from ferbench.api.clips import Clip
from ferbench.benchmark.grid import Benchmark
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.folds import Split
from ferbench.corpora.repeats import Repeats, find_repeats
from ferbench.plan.models import Row
from ferbench.store.entries import Store
from ferbench.store.records import CorpusSummary, PublishedRow, Record, StoredRecord, save_record
from ferbench.store.rows import FailedRow, StoredRow

MAX_NAMED = 3  # clips or files per reason; the record names all

Names = list[str]


def summarize_corpora(corpora: Mapping[str, tuple[Corpus, ...]], rows: Sequence[Row]) -> list[CorpusSummary]:
    """Summarize each corpus once, as the rows use it."""
    classes = {clip.id: clip.label for row in rows for clip in row.model.split.clips}
    unassigned = _unassigned(rows)
    distinct = {id(corpus): corpus for merged in corpora.values() for corpus in merged}.values()
    pairs = zip(distinct, find_repeats(distinct), strict=True)
    return [summarize_corpus(corpus, classes, unassigned, repeats) for corpus, repeats in pairs]


def summarize_corpus(
    corpus: Corpus,
    classes: Mapping[str, str] | None = None,
    unassigned: Mapping[str, Names] | None = None,
    repeats: Repeats | None = None,
) -> CorpusSummary:
    """Summarize a corpus; `classes` are those of the clips that rows use (default: every clip under its own label).

    `repeats` are those among all corpora of the run (default: among its own pictures).
    """
    classes = {clip.id: clip.label for clip in corpus.clips} if classes is None else classes
    repeats = repeats or find_repeats([corpus])[0]
    own = {clip.id for clip in corpus.clips}
    left_out = {reason: [clip for clip in clips if clip in own] for reason, clips in (unassigned or {}).items()}
    return {
        "corpus": corpus.name,
        "root": str(corpus.root),
        "standin": corpus.standin or None,
        "people": len({clip.subject for clip in corpus.clips}) if corpus.names_people else None,
        "clips": _count_labels(classes[clip] for clip in own if clip in classes),
        "unused": _count_labels(clip.label for clip in corpus.clips if clip.id not in classes),
        "skipped": _skipped(corpus),
        "truncated": list(corpus.truncated),
        "unreadable": list(corpus.unreadable),
        "repeated": {"pictures": repeats.pictures, "examples": repeats.examples},
        "unassigned": {reason: clips for reason, clips in left_out.items() if clips},
    }


def corpus_lines(corpora: Sequence[CorpusSummary], max_named: int | None = MAX_NAMED) -> Iterator[str]:
    """Render the summaries; at most `max_named` clips or files are named for each reason (None: all)."""
    for corpus in corpora:
        yield _clips_line(corpus)
        if corpus["unused"]:
            yield f"  other classes, not used: {_format_counts(corpus['unused'])}"
        for reason, names in corpus["skipped"].items():
            yield f"  skipped {len(names)}, {reason}: {_format_names(names, max_named)}"
        for reason, names in corpus["unassigned"].items():
            yield f"  clips left out by the {reason}: {len(names)}: {_format_names(names, max_named)}"
        if corpus["truncated"]:
            yield f"  videos that end early: {len(corpus['truncated'])}: {_format_names(corpus['truncated'], max_named)}"
        if corpus["unreadable"]:
            yield f"  files that cannot be read: {len(corpus['unreadable'])}: {_format_names(corpus['unreadable'], max_named)}"


def repeat_lines(corpora: Sequence[CorpusSummary]) -> Iterator[str]:
    """Warn of pictures that show two people or are in two corpora."""
    for corpus in corpora:
        pictures, examples = corpus["repeated"]["pictures"], corpus["repeated"]["examples"]
        if pictures:
            more = ", ..." if pictures > len(examples) else ""
            yield f"{corpus['corpus']}: {pictures} pictures are also those of another person or corpus: {', '.join(examples)}{more}"


def unreadable_lines(rows: Sequence[StoredRow], splits: Iterable[Split]) -> Iterator[str]:
    """List the frames that could not be decoded, and the clips without a readable frame, over all rows; the splits have their clips."""
    done = [row for row in rows if row["status"] == "done"]
    frames = dict.fromkeys((clip, *problem) for row in done for clip, problems in row["unreadable"].items() for problem in problems.items())
    clips = dict.fromkeys(clip for row in done for clip in row["clips_lost"])
    if frames:
        by_id = {clip.id: clip for split in {split.key: split for split in splits}.values() for clip in split.clips}
        names = [f"{clip} frame {frame} ({_file_name(by_id[clip], int(frame))}: {reason})" for clip, frame, reason in frames]
        yield f"unreadable frames left out: {len(frames)}: {_format_names(names, MAX_NAMED)}"
    if clips:
        yield f"clips without a readable frame left out: {len(clips)}: {_format_names(clips, MAX_NAMED)}"


def store_summary(
    benchmark: Benchmark, rows: Sequence[Row], failures: Sequence[FailedRow], corpora: Sequence[CorpusSummary], store: Store
) -> Record:
    """Write and return the record of a run."""
    record: StoredRecord = {
        "benchmark": benchmark.name,
        "rehearsal": any(row.model.has_standin for row in rows),
        "description": benchmark.description,
        "rows": [row.key for row in rows],
        "failures": {row["key"]: row for row in failures},
        "published": [cast("PublishedRow", asdict(row)) for row in benchmark.published],
        "corpora": list(corpora),
    }
    return save_record(record, store)


def _unassigned(rows: Sequence[Row]) -> dict[str, Names]:
    """The clips that a protocol leaves out of all parts of a fold, by protocol and fold."""
    splits = {row.model.split.key: (row.labels["protocol"], row.model.split) for row in rows}
    unassigned: dict[str, Names] = {}
    for label, split in splits.values():
        for place, clips in split.unassigned.items():
            unassigned.setdefault(f"protocol {label} ({place})", []).extend(clips)
    return unassigned


def _skipped(corpus: Corpus) -> dict[str, Names]:
    skipped: dict[str, Names] = {}
    for item in corpus.skipped:
        skipped.setdefault(item.reason, []).append(item.what)
    return skipped


def _file_name(clip: Clip, frame: int) -> str:
    return (clip.video or clip.images[frame]).name


def _clips_line(corpus: CorpusSummary) -> str:
    standin = f" ({corpus['standin']})" if corpus["standin"] else ""
    people = "unknown" if corpus["people"] is None else corpus["people"]
    clips = f"{sum(corpus['clips'].values())} clips of {people} people at {corpus['root']}{standin}"
    return f"{corpus['corpus']}: {clips}: {_format_counts(corpus['clips'])}"


def _count_labels(labels: Iterator[str]) -> dict[str, int]:
    return dict(sorted(Counter(labels).items()))


def _format_counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{label} {count}" for label, count in counts.items())


def _format_names(names: Collection[str], max_named: int | None) -> str:
    """The first names, and dots if there are more."""
    shown = list(islice(names, max_named))
    return ", ".join(shown) + (", ..." if len(shown) < len(names) else "")
