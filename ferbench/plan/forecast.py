"""What a run would do: what is stored, what would be made, what it would cost by this store's history, and what would cut it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ferbench.benchmark.axes import AXES
from ferbench.corpora.selection import select
from ferbench.plan.planner import Fit, Network, Row
from ferbench.store.costs import Cost, History
from ferbench.store.entries import Store

STAGES = ("crops", "features", "fits", "rows")
OPTIMISER = 5  # times a weight's 4 bytes: weights, gradients, two moments of Adam, the best epoch's
FLAGS = 3  # savings told
MANY = 2000  # rows above which no savings are looked for: each is a forecast of its own


@dataclass(frozen=True)
class Work:
    """What is made together and shared whole: the crops of a pipeline, the features of a frozen part, one fit.

    `seconds` and `bytes` are None where the like was never made in this store; `memory` is that of the fit.
    """

    stage: str
    entries: int
    missing: int
    seconds: float | None
    bytes: float | None
    memory: float | None = None


FUSED = Work("fits", 1, 1, 0.0, 0.0)  # a weighted mean of scores


@dataclass
class Forecast:
    """The rows of a benchmark and the work that the missing ones need; `rows` gives for each of them its labels and its work."""

    total: int = 0
    unrendered: tuple[str, ...] = ()  # corpora whose stand-ins are rendered first: until then nothing else can be counted
    stored: int = 0
    failed: int = 0
    works: dict[Any, Work] = field(default_factory=dict)
    users: dict[Any, int] = field(default_factory=dict)
    rows: list[tuple[Mapping[str, str], tuple[Any, ...]]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)  # keys of missing entries that some work counts already

    def seconds(self, works: Iterable[Any] | None = None) -> float | None:
        """Of all the work, or of these; None where a part of it is unknown."""
        times = [self.works[name].seconds for name in (self.works if works is None else works) if self.works[name].missing]
        return None if None in times else sum(filter(None, times))

    def unknown(self) -> list[str]:
        """Stages with work whose like was never done in this store."""
        return [s for s in STAGES if any(w.stage == s and w.missing and w.seconds is None for w in self.works.values())]

    def table(self) -> list[dict[str, Any]]:
        """By stage: entries, stored, missing, by how many rows a piece of work is shared, seconds and bytes of what is missing."""
        lines = []
        for stage in STAGES[:-1]:
            names = [name for name, work in self.works.items() if work.stage == stage]
            if not names:
                continue
            works = [self.works[name] for name in names]
            missing = [work for work in works if work.missing]
            entries, lacking = sum(w.entries for w in works), sum(w.missing for w in works)
            line: dict[str, Any] = {"stage": stage, "entries": entries, "missing": lacking, "stored": entries - lacking}
            line["shared"] = sum(self.users[n] for n in names) / len(names)
            for what in ("seconds", "bytes"):
                values = [getattr(work, what) for work in missing]
                line[what] = None if None in values else sum(values)
            lines.append(line)
        rows = {"entries": self.total, "missing": len(self.rows), "stored": self.stored}
        return [*lines, {"stage": "rows", **rows, "shared": None, "seconds": 0.0, "bytes": 0.0}]

    def memory(self) -> float | None:
        """Bytes of the largest fit to be made."""
        known = [work.memory for work in self.works.values() if work.stage == "fits" and work.missing]
        return max(filter(None, known), default=None)

    def savings(self) -> list[tuple[str, float]]:
        """The flags that keep one choice of an axis and save most: (flag, seconds that are left)."""
        if self.seconds() is None or len(self.rows) > MANY:
            return []
        left = []
        for axis in AXES:
            choices = dict.fromkeys(labels[axis] for labels, _ in self.rows)
            for choice in choices if len(choices) > 1 else ():
                kept = {name: None for labels, works in self.rows if labels[axis] == choice for name in works}
                left.append((f"--only '{axis}={choice}'", self.seconds(kept) or 0.0))
        best = {flag.partition("=")[0]: (flag, seconds) for flag, seconds in sorted(left, key=lambda x: -x[1])}
        return sorted((each for each in best.values() if each[1] < (self.seconds() or 0)), key=lambda x: x[1])[:FLAGS]

    def within(self, budget: float) -> tuple[list[Mapping[str, str]], list[Mapping[str, str]]]:
        """Labels of the missing rows that fit into so many seconds, in the order in which they are made, and of the others."""
        spent, done = 0.0, dict[Any, None]()
        fit: list[Mapping[str, str]] = []
        over: list[Mapping[str, str]] = []
        for labels, works in self.rows:
            new = [name for name in works if name not in done]
            more = self.seconds(new)
            if more is None or spent + more > budget:
                over.append(labels)
                continue
            spent += more
            done.update(dict.fromkeys(new))
            fit.append(labels)
        return fit, over


def forecast(rows: Iterable[Row], history: History, store: Store, retry: bool = False) -> Forecast:
    """Looks at every row once and keeps of it only what is missing."""
    made = Forecast()
    frames: dict[int, tuple[Any, dict[str, int]]] = {}  # by crops mapping, which is kept so that its id stays its own
    for row in rows:
        made.total += 1
        if store.has("rows", row.key):
            made.stored += 1
            continue
        if not retry and (store.root / "failures" / f"{row.key}.json").is_file():
            made.failed += 1
            continue
        network = row.network
        if id(network.crops) not in frames:
            frames[id(network.crops)] = (network.crops, _frames(network))
        names = tuple(dict.fromkeys(_works(made, network, frames[id(network.crops)][1], history, store)))
        for name in names:
            made.users[name] = made.users.get(name, 0) + 1
        made.rows.append((row.labels, names))
    return made


def _works(made: Forecast, network: Network, frames: Mapping[str, int], history: History, store: Store) -> Iterable[Any]:
    """The names of what a network needs, noted where they are new."""

    def noted(stage: str, keys: Mapping[str, str]) -> Any:
        if (name := (stage, id(keys))) not in made.works:
            missing = [clip for clip, key in keys.items() if key not in made.seen and not store.has(stage, key)]
            made.seen.update(keys[clip] for clip in missing)
            units, cost = sum(frames[clip] for clip in missing), history.a_unit(stage, network.kinds[stage])
            known = (None, None) if cost is None else (cost.seconds * units, cost.bytes * units)
            made.works[name] = Work(stage, len(keys), len(missing), *known)
        return name

    yield noted("crops", network.crops)
    for member in network.members:
        yield from _works(made, member, frames, history, store)
    for job in network.fits:
        if job.key not in made.works and store.has("fits", job.key):
            continue
        if "features" in network.kinds:
            for keys in (job.features, *job.views):
                yield noted("features", keys)
        if job.key not in made.works:
            made.works[job.key] = FUSED if job.members else _fit(job, network, frames, history)
        yield job.key


def _fit(job: Fit, network: Network, frames: Mapping[str, int], history: History) -> Work:
    fold = job.split.folds[job.fold]
    trained = sum(frames[clip] for clip in fold.train)
    cost = history.a_unit("fits", network.kinds["fits"])
    if cost is None:
        return Work("fits", 1, 1, None, None)
    units = trained * job.cell.recipe.epochs
    return Work("fits", 1, 1, cost.seconds * units, cost.bytes * units, _memory(network, fold, len(job.views), frames, cost, history))


def _memory(network: Network, fold: Any, views: int, frames: Mapping[str, int], cost: Cost, history: History) -> float:
    inputs = history.a_unit("features" if "features" in network.kinds else "crops", network.kinds.get("features", network.kinds["crops"]))
    all_frames = sum(frames[clip] for part in (*[fold.train] * (1 + views), fold.validation, fold.test) for clip in part)
    return (inputs.bytes if inputs else 0) * all_frames + 4 * OPTIMISER * cost.weights


def _frames(network: Network) -> dict[str, int]:
    """How many frames of each clip the pipeline takes; nothing is decoded."""
    return {clip.id: len(select(clip, network.cell.preprocessing)) for clip in network.split.clips}


def duration(seconds: float | None) -> str:
    """For people: 0.4 s, 12 s, 3 min, 2 h 5 min."""
    if seconds is None:
        return "?"
    if seconds < 90:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def size(amount: float | None) -> str:
    """Bytes for people: 12 kB, 3.4 GB."""
    if amount is None:
        return "?"
    for unit in ("B", "kB", "MB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}"
        amount /= 1000
    return f"{amount:.1f} GB"
