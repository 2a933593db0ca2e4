"""What a run found, left out and made: the lines that it prints, and the record that it keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ferbench.benchmark.axes import AXES
from ferbench.benchmark.grid import Benchmark
from ferbench.corpora.index import Corpus
from ferbench.corpora.standins import describe_marker
from ferbench.plan.models import Row
from ferbench.store import records
from ferbench.store.entries import Store

NAMED = 3  # things left out that the summary names for each reason; the record names all


def found(corpora: Mapping[str, tuple[Corpus, ...]], rows: Sequence[Row]) -> list[dict[str, Any]]:
    """What each corpus holds: people, clips by class, clips of classes that no row uses, and everything left out with its reason."""
    used = {c.id: c.label for row in rows for c in row.model.split.clips}
    return [found_in(corpus, used) for corpus in {id(c): c for each in corpora.values() for c in each}.values()]


def found_in(corpus: Corpus, used: Mapping[str, str] | None = None) -> dict[str, Any]:
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


def summary(found: Sequence[Mapping[str, Any]], named: int | None = NAMED) -> Iterator[str]:
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


def unreadable(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Frames that could not be read, and clips of which none could, over all rows, in lines."""
    frames = {
        f"{clip} frame {frame} ({why})": None
        for row in rows
        for clip, bad in row.get("unreadable", {}).items()
        for frame, why in bad.items()
    }
    lost = dict.fromkeys(clip for row in rows for clip in row.get("clips_lost", []))
    for count, what, names in ((len(frames), "unreadable frames left out", frames), (len(lost), "clips left out, no frame readable", lost)):
        if count:
            yield f"{count} {what}: {', '.join(list(names)[:NAMED])}" + (", ..." if count > NAMED else "")


def save(
    benchmark: Benchmark, rows: Sequence[Row], failures: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]], store: Store
) -> dict[str, Any]:
    """Writes and returns the record; that of a rehearsal stands beside that of the real corpora."""
    record = {
        "benchmark": benchmark.name,
        "name": benchmark.name + ("-rehearsal" if any(row.model.has_standin for row in rows) else ""),
        "description": benchmark.description,
        "axes": list(AXES),
        "rows": [row.key for row in rows],
        "failures": {row["key"]: row for row in failures},
        "published": [asdict(row) for row in benchmark.published],
        "found": list(found),
    }
    return records.save(record, store)
