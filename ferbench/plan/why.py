"""Why a row was computed: the nearest stored row, what differs from it, and which of its work was shared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ferbench.api.errors import FerbenchError
from ferbench.corpora.index import contents
from ferbench.store.entries import Store, read_json

NAMED = 3  # clips named for each kind of difference
STAGES = ("crops", "features", "fits")


@dataclass(frozen=True)
class Explanation:
    """A row against the nearest stored one: what differs (old → new), stages that are shared whole or in part, and the others."""

    row: str
    labels: Mapping[str, str]
    nearest: str | None
    differences: tuple[str, ...] = ()
    reused: tuple[str, ...] = ()
    made: tuple[str, ...] = ()


def stored_rows(store: Store) -> list[dict[str, Any]]:
    """All finished rows in the store, in the order in which they were made."""
    paths = sorted((store.root / "rows").glob("*/*/row.json"), key=lambda path: path.stat().st_mtime_ns)
    return [row for path in paths if (row := store.side(str(path.relative_to(store.root))))]


def chosen(rows: Sequence[dict[str, Any]], name: str) -> int:
    """Which of the rows is meant by the start of a key; raises FerbenchError where it is none or several."""
    found = [number for number, row in enumerate(rows) if row["key"].startswith(name.lower())]
    if len(found) != 1:
        what = f"{len(found)} rows have a key that begins with {name!r}" if found else f"no row's key begins with {name!r}"
        raise FerbenchError(what, hint="`ferbench leaderboard --format csv` lists the keys; a benchmark YAML explains what it would make")
    return found[0]


def explain(row: Mapping[str, Any], others: Sequence[Mapping[str, Any]], store: Store) -> Explanation:
    """`row` as stored, or as it would be; `others` in the order in which they were made: of equally near ones the latest counts."""
    stages = [stage for stage in STAGES if stage in row["stages"]]
    if not others:
        return Explanation(row["key"], row["labels"], None, made=(*stages, "row"))
    flat = _flat(row["identity"])
    nearest = min(reversed(others), key=lambda other: len(_changed(_flat(other["identity"]), flat)))
    changed = _changed(_flat(nearest["identity"]), flat)
    differences = [text for axis in changed for text in _told(axis, nearest["identity"], row["identity"], store)]
    if not differences:
        differences = [
            f"{axis} is called {row['labels'][axis]!r}" for axis in row["labels"] if row["labels"][axis] != nearest["labels"].get(axis)
        ]
        differences = differences or [f"benchmark {nearest['benchmark']} → {row['benchmark']}"]
    reused = [text for stage in stages if (text := _shared(stage, nearest, row, store))]
    made = [stage for stage in stages if nearest["stages"].get(stage) != row["stages"][stage]]
    return Explanation(row["key"], row["labels"], nearest["key"], tuple(differences), tuple(reused), (*made, "row"))


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """The places that differ; all of one source count as one, and so does all of another component."""
    places = list(dict.fromkeys(_place(path, old, new) for path in {**old, **new} if old.get(path, ...) != new.get(path, ...)))
    other = [place.removesuffix("class") for place in places if place.endswith("\0class")]  # another component: the rest follows from it
    return [place for place in places if place.endswith("\0class") or not any(place.startswith(head) for head in other)]


def _place(path: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """The path; for a part of a source the source, for a part of what one has and the other has not, that."""
    head, found, _ = path.partition("\0source\0")
    if found:
        return f"{head}\0source"
    parts = path.split("\0")
    above = ["\0".join(parts[:number]) for number in range(1, len(parts))]
    if not_there := next((each for each in above if each in old or each in new), ""):  # a value there, several here
        return not_there
    whole = "\0".join(path.split("\0")[:2])
    there = [any(each.startswith(f"{whole}\0") for each in leaves) for leaves in (old, new)]
    return whole if path.startswith("recipe\0") and there in ([True, False], [False, True]) else path


def _flat(value: Any, path: str = "") -> dict[str, Any]:
    """Leaves by their path; its parts are joined by NUL, since names hold dots. A list of plain values is one leaf."""
    if isinstance(value, list | tuple) and not any(isinstance(each, Mapping | list | tuple) for each in value):
        return {path: list(value)}
    if isinstance(value, list | tuple):
        value = {str(number): each for number, each in enumerate(value)}
    if not isinstance(value, Mapping):
        return {path: value}
    leaves: dict[str, Any] = {}
    for name, each in value.items():
        leaves |= _flat(each, f"{path}\0{name}" if path else str(name))
    return leaves


def _told(place: str, old: Any, new: Any, store: Store) -> Iterator[str]:
    """One difference in words."""
    parts = place.split("\0")
    before, after = _at(old, parts), _at(new, parts)
    named = [_step(parts[:number], new, old) if part.isdecimal() else part for number, part in enumerate(parts, 1)]
    name = ".".join(part for part in named if part not in ("parameters", "class", "file", "step"))
    if parts[-1] == "source":
        changed = sorted({*(before or {}), *(after or {})})
        edited = [module for module in changed if (before or {}).get(module) != (after or {}).get(module)]
        yield f"{name.removesuffix('.source')}: the code of {', '.join(edited)} changed"
    elif parts[-1] == "content":
        yield from _clips(f"{parts[0]} {parts[1]}", contents(before, store), contents(after, store))
    elif parts[-1] == "class":
        yield f"{name} {_last(before)} → {_last(after)}"
    elif parts[-1] == "file":
        yield (
            f"{name}: the file's content changed"
            if before and after
            else f"{name} {_short(_at(old, parts[:-1]))} → {_short(_at(new, parts[:-1]))}"
        )
    else:
        yield f"{name} {_short(before)} → {_short(after)}"


def _step(parts: Sequence[str], *identities: Any) -> str:
    """The name of a preprocessing step, by its place."""
    return next((str(step["step"]) for each in identities if isinstance(step := _at(each, parts), Mapping) and "step" in step), parts[-1])


def _last(name: str | None) -> str:
    return name.rpartition(".")[2] if name else "nothing"


def _clips(corpus: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if not old or not new:
        yield f"{corpus}: other content"
    for what, clips in (
        ("changed", [clip for clip in new if clip in old and old[clip] != new[clip]]),
        ("new", [clip for clip in new if clip not in old]),
        ("gone", [clip for clip in old if clip not in new]),
    ):
        if clips:
            more = f", ... ({len(clips)})" if len(clips) > NAMED else ""
            yield f"{corpus}: {what}: {', '.join(clips[:NAMED])}{more}"


def _shared(stage: str, old: Mapping[str, Any], new: Mapping[str, Any], store: Store) -> str:
    """The stage where its work is shared whole, or how many clips' of it are."""
    if old["stages"].get(stage) == new["stages"][stage]:
        return stage
    if stage == "fits":
        shared = len(set(old["fits"]) & set(new["fits"]))
        return f"{shared} of {len(new['fits'])} fits" if shared else ""
    keys = set(_keys(stage, new, store))
    shared = len(keys & set(_keys(stage, old, store)))
    clips = "clips" if len(keys) <= len(set(_keys("crops", new, store))) else "clips and views"
    return f"{stage} of {shared} of {len(keys)} {clips}" if shared else ""


def _keys(stage: str, row: Mapping[str, Any], store: Store) -> Iterable[str]:
    for digest in row["inputs"]:
        folder = store.find("inputs", digest)
        held = read_json(folder / "keys.json") if folder else {}
        if held.get("stage") == stage:
            yield from held["keys"].values()


def _at(value: Any, parts: Sequence[str]) -> Any:
    for part in parts:
        if isinstance(value, list | tuple):
            value = value[int(part)] if int(part) < len(value) else None
        elif isinstance(value, Mapping):
            value = value.get(part)
        else:
            return None
    return value


def _short(value: Any) -> str:
    if isinstance(value, Mapping) and "file" in value:
        return f"file {value['file'][:8]}"
    if isinstance(value, Mapping) and "class" in value:
        return str(value["class"])
    return "nothing" if value is None else str(value)


def text(told: Iterable[Explanation]) -> Iterator[str]:
    """Explanations as lines; rows that differ alike stand together."""
    alike: dict[tuple[Any, ...], list[Explanation]] = {}
    for each in told:
        alike.setdefault((each.nearest, each.differences, each.reused, each.made), []).append(each)
    if not alike:
        yield "nothing to make: every row is stored"
    for group in alike.values():
        first = group[0]
        yield from (f"row {each.row[:12]}: {' '.join(each.labels.values())}" for each in group)
        if first.nearest is None:
            yield "  no row is stored that it could be compared with"
            continue
        yield f"  nearest stored row: {first.nearest[:12]}"
        yield from (f"  {difference}" for difference in first.differences)
        yield f"  reused: {', '.join(first.reused) or 'nothing'}; made: {', '.join(first.made)}"
