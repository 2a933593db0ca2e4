"""Compares what two rows are made of, and says in words how they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

MOST_CLIPS = 3  # named for each kind of difference
SEPARATOR = "\0"  # joins the parts of a path: names may hold dots

Contents = Callable[[str], Mapping[str, object]]
"""From the digest of a corpus to what it held, by clip; empty if that is not stored."""


def count_differences(old: object, new: object) -> int:
    """In how many places two identities differ."""
    return len(_changed_paths(_flatten(old), _flatten(new)))


def describe_differences(old: object, new: object, contents: Contents) -> list[str]:
    """The differences between two identities, one line each: "loss.gamma 2.0 → 3.0"."""
    paths = _changed_paths(_flatten(old), _flatten(new))
    return [line for path in paths for line in _describe(path, old, new, contents)]


def _flatten(value: object, path: str = "") -> dict[str, object]:
    """Leaves by path. A list of plain values is one leaf."""
    if isinstance(value, list | tuple):
        if not any(isinstance(item, Mapping | list | tuple) for item in value):
            return {path: list(value)}
        value = {str(number): item for number, item in enumerate(value)}
    if not isinstance(value, Mapping):
        return {path: value}
    leaves: dict[str, object] = {}
    for name, item in value.items():
        leaves |= _flatten(item, f"{path}{SEPARATOR}{name}" if path else str(name))
    return leaves


def _changed_paths(old: Mapping[str, object], new: Mapping[str, object]) -> list[str]:
    """The paths that differ. All modules of one source are one difference; so is everything that belongs to another component."""
    differing = [path for path in {**old, **new} if old.get(path, ...) != new.get(path, ...)]
    paths = list(dict.fromkeys(_summarize(path, old, new) for path in differing))
    replaced = [path.removesuffix("class") for path in paths if _is_class(path)]  # another component: the rest follows from it
    return [path for path in paths if _is_class(path) or not any(path.startswith(head) for head in replaced)]


def _is_class(path: str) -> bool:
    return path.endswith(f"{SEPARATOR}class")


def _summarize(path: str, old: Mapping[str, object], new: Mapping[str, object]) -> str:
    """The path to report for a differing leaf: a source as a whole, and what only one of the two has as a whole."""
    head, source, _ = path.partition(f"{SEPARATOR}source{SEPARATOR}")
    if source:
        return f"{head}{SEPARATOR}source"
    parts = path.split(SEPARATOR)
    above = [SEPARATOR.join(parts[:number]) for number in range(1, len(parts))]
    if leaf := next((each for each in above if each in old or each in new), ""):  # a single value on one side, several on the other
        return leaf
    field = SEPARATOR.join(parts[:2])
    has_field = [any(leaf.startswith(f"{field}{SEPARATOR}") for leaf in leaves) for leaves in (old, new)]
    return field if parts[0] == "recipe" and has_field in ([True, False], [False, True]) else path


def _describe(path: str, old: object, new: object, contents: Contents) -> Iterator[str]:
    """The lines of one difference."""
    parts = path.split(SEPARATOR)
    before, after = _lookup(old, parts), _lookup(new, parts)
    name = _readable_path(parts, old, new)
    match parts[-1]:
        case "source":
            yield f"{name.removesuffix('.source')}: the code of {', '.join(_edited_modules(before, after))} changed"
        case "content":
            yield from _describe_clips(f"{parts[0]} {parts[1]}", contents(str(before)), contents(str(after)))
        case "class":
            yield f"{name} {_class_name(before)} → {_class_name(after)}"
        case "file" if before and after:
            yield f"{name}: the file's content changed"
        case "file":
            yield f"{name} {_brief(_lookup(old, parts[:-1]))} → {_brief(_lookup(new, parts[:-1]))}"
        case _:
            yield f"{name} {_brief(before)} → {_brief(after)}"


def _readable_path(parts: Sequence[str], old: object, new: object) -> str:
    """The path as a user would write it: "preprocessing.resize.size"."""
    names = [_step_name(parts[:number], new, old) if part.isdecimal() else part for number, part in enumerate(parts, 1)]
    return ".".join(name for name in names if name not in ("parameters", "class", "file", "step"))


def _step_name(parts: Sequence[str], *identities: object) -> str:
    """The name of the preprocessing step at a position."""
    steps = (_lookup(identity, parts) for identity in identities)
    return next((str(step["step"]) for step in steps if isinstance(step, Mapping) and "step" in step), parts[-1])


def _edited_modules(before: object, after: object) -> list[str]:
    old, new = (source if isinstance(source, Mapping) else {} for source in (before, after))
    return [module for module in sorted({*old, *new}) if old.get(module) != new.get(module)]


def _describe_clips(corpus: str, old: Mapping[str, object], new: Mapping[str, object]) -> Iterator[str]:
    if not old or not new:
        yield f"{corpus}: other content"
    changes = {
        "changed": [clip for clip in new if clip in old and old[clip] != new[clip]],
        "new": [clip for clip in new if clip not in old],
        "gone": [clip for clip in old if clip not in new],
    }
    for change, clips in changes.items():
        if clips:
            more = f", ... ({len(clips)})" if len(clips) > MOST_CLIPS else ""
            yield f"{corpus}: {change}: {', '.join(clips[:MOST_CLIPS])}{more}"


def _lookup(value: object, parts: Sequence[str]) -> object:
    """What is at a path; None if there is nothing."""
    for part in parts:
        if isinstance(value, list | tuple):
            value = value[int(part)] if int(part) < len(value) else None
        elif isinstance(value, Mapping):
            value = value.get(part)
        else:
            return None
    return value


def _class_name(name: object) -> str:
    return str(name).rpartition(".")[2] if name else "nothing"


def _brief(value: object) -> str:
    if isinstance(value, Mapping) and "file" in value:
        return f"file {str(value['file'])[:8]}"
    if isinstance(value, Mapping) and "class" in value:
        return str(value["class"])
    return "nothing" if value is None else str(value)
