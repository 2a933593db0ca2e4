"""What a run found, left out and made: the lines that it prints, and the record that it keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import islice

from ferbench.benchmark.axes import AXES
from ferbench.benchmark.grid import Benchmark
from ferbench.benchmark.sections import Published
from ferbench.corpora.corpus import Corpus
from ferbench.corpora.standins import describe_marker
from ferbench.plan.models import Row
from ferbench.store.entries import Store
from ferbench.store.records import CorpusSummary, PublishedRow, Record, StoredRecord, save_record
from ferbench.store.rows import FailedRow, StoredRow

NAMED = 3  # things left out that are named for each reason; the record names all

Names = list[str]


def summarize_corpora(corpora: Mapping[str, tuple[Corpus, ...]], rows: Sequence[Row]) -> list[CorpusSummary]:
    """Each corpus once, as the rows use it."""
    classes = {clip.id: clip.label for row in rows for clip in row.model.split.clips}
    unassigned = _unassigned(rows)
    distinct = {id(corpus): corpus for merged in corpora.values() for corpus in merged}.values()
    return [summarize_corpus(corpus, classes, unassigned) for corpus in distinct]


def summarize_corpus(
    corpus: Corpus, classes: Mapping[str, str] | None = None, unassigned: Mapping[str, Names] | None = None
) -> CorpusSummary:
    """`classes` are those of the clips that rows use; by default every clip is used under its own label."""
    classes = {clip.id: clip.label for clip in corpus.clips} if classes is None else classes
    own = {clip.id for clip in corpus.clips}
    left_out = {reason: [clip for clip in clips if clip in own] for reason, clips in (unassigned or {}).items()}
    return {
        "corpus": corpus.name,
        "root": str(corpus.root),
        "standin": describe_marker(corpus.marker) if corpus.marker else None,
        "people": len({clip.subject for clip in corpus.clips}),
        "clips": _count(classes[clip] for clip in own if clip in classes),
        "unused": _count(clip.label for clip in corpus.clips if clip.id not in classes),
        "skipped": _skipped(corpus),
        "truncated": list(corpus.truncated),
        "unreadable": list(corpus.unreadable),
        "unassigned": {reason: clips for reason, clips in left_out.items() if clips},
    }


def corpus_lines(corpora: Sequence[CorpusSummary], most: int | None = NAMED) -> Iterator[str]:
    """The summaries in lines; `most` things are named for each reason (None: all)."""
    for corpus in corpora:
        yield _clips_line(corpus)
        if corpus["unused"]:
            yield f"  other classes, not used: {_counts(corpus['unused'])}"
        for reason, names in corpus["skipped"].items():
            yield f"  skipped {len(names)}, {reason}: {_names(names, most)}"
        for reason, names in corpus["unassigned"].items():
            yield f"  clips left out by the {reason}: {len(names)}: {_names(names, most)}"
        if corpus["truncated"]:
            yield f"  videos that end early: {len(corpus['truncated'])}: {_names(corpus['truncated'], most)}"
        if corpus["unreadable"]:
            yield f"  files that cannot be read: {len(corpus['unreadable'])}: {_names(corpus['unreadable'], most)}"


def unreadable_lines(rows: Sequence[StoredRow]) -> Iterator[str]:
    """The frames that could not be decoded, and the clips without any frame left, over all rows."""
    done = [row for row in rows if row["status"] == "done"]
    frames = {
        f"{clip} frame {frame} ({reason})": None
        for row in done
        for clip, problems in row["unreadable"].items()
        for frame, reason in problems.items()
    }
    clips = dict.fromkeys(clip for row in done for clip in row["clips_lost"])
    if frames:
        yield f"unreadable frames left out: {len(frames)}: {_names(frames, NAMED)}"
    if clips:
        yield f"clips without a readable frame left out: {len(clips)}: {_names(clips, NAMED)}"


def save(
    benchmark: Benchmark, rows: Sequence[Row], failures: Sequence[FailedRow], corpora: Sequence[CorpusSummary], store: Store
) -> Record:
    """Write and return the record of a run."""
    record: StoredRecord = {
        "benchmark": benchmark.name,
        "rehearsal": any(row.model.has_standin for row in rows),
        "description": benchmark.description,
        "axes": list(AXES),
        "rows": [row.key for row in rows],
        "failures": {row["key"]: row for row in failures},
        "published": [_published(row) for row in benchmark.published],
        "corpora": list(corpora),
    }
    return save_record(record, store)


def _published(row: Published) -> PublishedRow:
    figures = asdict(row)
    return {
        "match": figures["match"],
        "source": figures["source"],
        "accuracy": figures["accuracy"],
        "war": figures["war"],
        "uar": figures["uar"],
        "recall": figures["recall"],
    }


def _unassigned(rows: Sequence[Row]) -> dict[str, Names]:
    """The clips that a protocol puts in no part of a fold, by protocol and fold."""
    splits = {row.model.split.key: (row.labels["protocol"], row.model.split) for row in rows}
    unassigned: dict[str, Names] = {}
    for label, split in splits.values():
        for place, clips in split.unassigned.items():
            unassigned.setdefault(f"protocol {label} ({place})", []).extend(clips)
    return unassigned


def _skipped(corpus: Corpus) -> dict[str, Names]:
    skipped: dict[str, Names] = {}
    for thing in corpus.skipped:
        skipped.setdefault(thing.reason, []).append(thing.what)
    return skipped


def _clips_line(corpus: CorpusSummary) -> str:
    standin = f" ({corpus['standin']})" if corpus["standin"] else ""
    clips = f"{sum(corpus['clips'].values())} clips of {corpus['people']} people at {corpus['root']}{standin}"
    return f"{corpus['corpus']}: {clips}: {_counts(corpus['clips'])}"


def _count(labels: Iterator[str]) -> dict[str, int]:
    return dict(sorted(Counter(labels).items()))


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{label} {count}" for label, count in counts.items())


def _names(names: Collection[str], most: int | None) -> str:
    """The first names, and dots if there are more."""
    shown = list(islice(names, most))
    return ", ".join(shown) + (", ..." if len(shown) < len(names) else "")
