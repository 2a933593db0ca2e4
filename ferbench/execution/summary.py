"""What a run found, left out and made: the lines that it prints, and the record that it keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

from ferbench.benchmark.axes import AXES
from ferbench.benchmark.grid import Benchmark
from ferbench.benchmark.sections import Published
from ferbench.corpora.index import Corpus
from ferbench.corpora.standins import describe_marker
from ferbench.plan.models import Row
from ferbench.store.entries import Store
from ferbench.store.records import CorpusSummary, PublishedRow, Record, StoredRecord, save_record
from ferbench.store.rows import FailedRow, StoredRow

NAMED = 3  # things left out that the summary names for each reason; the record names all


def found(corpora: Mapping[str, tuple[Corpus, ...]], rows: Sequence[Row]) -> list[CorpusSummary]:
    """What each corpus holds: people, clips by class, clips of classes that no row uses, and everything left out with its reason."""
    used = {c.id: c.label for row in rows for c in row.model.split.clips}
    return [found_in(corpus, used) for corpus in {id(c): c for each in corpora.values() for c in each}.values()]


def found_in(corpus: Corpus, used: Mapping[str, str] | None = None) -> CorpusSummary:
    """What one corpus holds; `used` gives the class of each clip that rows use (default: every clip under its own label)."""
    used = {c.id: c.label for c in corpus.clips} if used is None else used
    unused = Counter(c.label for c in corpus.clips if c.id not in used)
    skipped: dict[str, list[str]] = {}
    for thing in corpus.skipped:
        skipped.setdefault(thing.reason, []).append(thing.what)
    return {
        "corpus": corpus.name,
        "root": str(corpus.root),
        "standin": describe_marker(corpus.marker) if corpus.marker else None,
        "people": len({c.subject for c in corpus.clips}),
        "clips": dict(sorted(Counter(used[c.id] for c in corpus.clips if c.id in used).items())),
        "unused": dict(sorted(unused.items())),
        "skipped": skipped,
        "cut": list(corpus.cut),
    }


def summary(found: Sequence[CorpusSummary], named: int | None = NAMED) -> Iterator[str]:
    """What was found and skipped, in lines; `named` things are named for each reason (None: all)."""
    for each in found:
        classes = ", ".join(f"{label} {count}" for label, count in each["clips"].items())
        place = f" ({each['standin']})" if each["standin"] else ""
        yield f"{each['corpus']}: {sum(each['clips'].values())} clips of {each['people']} people at {each['root']}{place}: {classes}"
        if each["unused"]:
            yield "  other classes, not used: " + ", ".join(f"{label} {count}" for label, count in each["unused"].items())
        for reason, things in each["skipped"].items():
            more = ", ..." if len(things[:named]) < len(things) else ""
            yield f"  skipped {len(things)}, {reason}: {', '.join(things[:named])}{more}"
        if cut := each["cut"]:
            yield f"  {len(cut)} videos end early: {', '.join(cut[:named])}" + (", ..." if len(cut[:named]) < len(cut) else "")


def unreadable(rows: Sequence[StoredRow]) -> Iterator[str]:
    """Frames that could not be read, and clips of which none could, over all rows, in lines."""
    done = [row for row in rows if row["status"] == "done"]
    frames = {
        f"{clip} frame {frame} ({reason})": None
        for row in done
        for clip, problems in row["unreadable"].items()
        for frame, reason in problems.items()
    }
    lost = dict.fromkeys(clip for row in done for clip in row["clips_lost"])
    for count, what, names in ((len(frames), "unreadable frames left out", frames), (len(lost), "clips left out, no frame readable", lost)):
        if count:
            yield f"{count} {what}: {', '.join(list(names)[:NAMED])}" + (", ..." if count > NAMED else "")


def save(benchmark: Benchmark, rows: Sequence[Row], failures: Sequence[FailedRow], found: Sequence[CorpusSummary], store: Store) -> Record:
    """Write and return the record of a run."""
    record: StoredRecord = {
        "benchmark": benchmark.name,
        "rehearsal": any(row.model.has_standin for row in rows),
        "description": benchmark.description,
        "axes": list(AXES),
        "rows": [row.key for row in rows],
        "failures": {row["key"]: row for row in failures},
        "published": [_published(row) for row in benchmark.published],
        "found": list(found),
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
