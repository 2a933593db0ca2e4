"""Names that cannot be stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from ferbench.api.clips import Clip, Files, Skipped
from ferbench.api.text import escape_line, is_unicode
from ferbench.corpora.reading import NOT_UNICODE


def check_names(item: Clip | Skipped) -> Clip | Skipped:
    """The item; a clip with a name, a fact or a file that is not in UTF-8 is left out, since it could be neither stored nor printed."""
    if isinstance(item, Skipped):
        return Skipped(escape_line(item.what), escape_line(item.reason))
    files = (*_parts(item.images), *_parts(item.landmarks), str(item.video or ""))
    names = "".join(
        (item.id, item.subject, item.label, *files, *item.facts, *[value for value in item.facts.values() if type(value) is str])
    )
    return item if is_unicode(names) else Skipped(escape_line(item.id), NOT_UNICODE)


def _parts(files: Sequence[Path]) -> Iterable[str]:
    """The parts of the paths of these files."""
    return (str(files.folder), *files.names) if isinstance(files, Files) else map(str, files)
