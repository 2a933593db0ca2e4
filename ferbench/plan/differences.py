"""Compares the identities of two rows, and describes how they differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from ferbench.api.text import write_yaml

MAX_CLIPS = 3  # named for each kind of difference
SEPARATOR = "\0"  # joins the names of a path, which may contain dots

LoadContents = Callable[[str], Mapping[str, object]]
"""From the digest of a corpus to the digests of its clips; empty if they are not stored."""


def count_differences(old: object, new: object) -> int:
    """Count the places in which two identities differ."""
    return len(_changed_paths(_flatten(old), _flatten(new)))


def describe_differences(old: object, new: object, load_contents: LoadContents) -> list[str]:
    """Describe the differences between two identities, one line each: "loss.gamma 2.0 → 3.0"."""
    paths = _changed_paths(_flatten(old), _flatten(new))
    return [line for path in paths for line in _describe_path(path, old, new, load_contents)]


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
    paths = list(dict.fromkeys(_path_to_report(path, old, new) for path in differing))
    replaced = [path.removesuffix("class") for path in paths if _is_class(path)]  # another component, which has other parameters
    return [path for path in paths if _is_class(path) or not any(path.startswith(head) for head in replaced)]


def _is_class(path: str) -> bool:
    return path.endswith(f"{SEPARATOR}class")


def _path_to_report(path: str, old: Mapping[str, object], new: Mapping[str, object]) -> str:
    """The path to report for a differing leaf: a source as a whole, and what only one of the two has as a whole."""
    head, source, _ = path.partition(f"{SEPARATOR}source{SEPARATOR}")
    if source:
        return f"{head}{SEPARATOR}source"
    names = path.split(SEPARATOR)
    above = [SEPARATOR.join(names[:number]) for number in range(1, len(names))]
    if leaf := next((head for head in above if head in old or head in new), ""):  # a single value on one side, several on the other
        return leaf
    field = SEPARATOR.join(names[:2])
    has_field = [any(leaf.startswith(f"{field}{SEPARATOR}") for leaf in leaves) for leaves in (old, new)]
    return field if names[0] == "recipe" and has_field in ([True, False], [False, True]) else path


def _describe_path(path: str, old: object, new: object, load_contents: LoadContents) -> Iterator[str]:
    """The lines that describe the difference at a path."""
    names = path.split(SEPARATOR)
    before, after = _lookup(old, names), _lookup(new, names)
    name = _readable_path(names, old, new)
    match names[-1]:
        case "source":
            yield f"{name.removesuffix('.source')}: the code of {', '.join(_edited_modules(before, after))} changed"
        case "content":
            yield from _describe_clips(f"{names[0]} {names[1]}", load_contents(str(before)), load_contents(str(after)))
        case "class":
            yield f"{name} {_class_name(before)} → {_class_name(after)}"
        case "file" if before and after:
            yield f"{name}: the file's content changed"
        case "file":
            yield f"{name} {_shorten_value(_lookup(old, names[:-1]))} → {_shorten_value(_lookup(new, names[:-1]))}"
        case _:
            yield f"{name} {_shorten_value(before)} → {_shorten_value(after)}"


def _readable_path(path: Sequence[str], old: object, new: object) -> str:
    """The path as a user would write it: "preprocessing.resize.size"."""
    names = [_step_name(path[:number], new, old) if name.isdecimal() else name for number, name in enumerate(path, 1)]
    return ".".join(name for name in names if name not in ("parameters", "class", "file", "step"))


def _step_name(path: Sequence[str], *identities: object) -> str:
    """The name of the preprocessing step at a position."""
    steps = (_lookup(identity, path) for identity in identities)
    return next((str(step["step"]) for step in steps if isinstance(step, Mapping) and "step" in step), path[-1])


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
            more = f", ... ({len(clips)})" if len(clips) > MAX_CLIPS else ""
            yield f"{corpus}: {change}: {', '.join(clips[:MAX_CLIPS])}{more}"


def _lookup(value: object, path: Sequence[str]) -> object:
    """The value at a path; None if there is none."""
    for name in path:
        if isinstance(value, list | tuple):
            value = value[int(name)] if int(name) < len(value) else None
        elif isinstance(value, Mapping):
            value = value.get(name)
        else:
            return None
    return value


def _class_name(name: object) -> str:
    return str(name).rpartition(".")[2] if name else "nothing"


def _shorten_value(value: object) -> str:
    if isinstance(value, Mapping) and "file" in value:
        return f"file {str(value['file'])[:8]}"
    if isinstance(value, Mapping) and "class" in value:
        return str(value["class"])
    if isinstance(value, Mapping):
        return write_yaml(value)
    return "nothing" if value is None else str(value)
