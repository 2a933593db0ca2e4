"""Names that cannot be stored."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from ferbench.api.clips import Clip, Files, Skipped
from ferbench.api.text import escape_line, is_unicode
from ferbench.corpora.reading import NOT_UNICODE


def check_names(item: Clip | Skipped) -> Clip | Skipped:
    """The item; a clip with a name, a fact or a file that is not in UTF-8 is left out, since it could be neither stored nor printed."""
    if isinstance(item, Skipped):
        return Skipped(escape_line(item.what), escape_line(item.reason))
    texts = [value for value in item.facts.values() if type(value) is str]
    names = "".join((item.id, item.subject, item.label, str(item.video or ""), *item.facts, *texts))
    is_clean = is_unicode(names) and _are_unicode(item.images) and _are_unicode(item.landmarks)
    return item if is_clean else Skipped(escape_line(item.id), NOT_UNICODE)


def _are_unicode(files: Sequence[Path]) -> bool:
    if isinstance(files, Files):
        return is_unicode(str(files.folder)) and _are_names_unicode(files.names)
    return not files or is_unicode("".join(map(str, files)))


@lru_cache(2**12)  # frames of many clips have the same names
def _are_names_unicode(names: tuple[str, ...]) -> bool:
    return is_unicode("".join(names))
