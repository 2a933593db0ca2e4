"""Names that cannot be stored."""

from __future__ import annotations

from ferbench.api.clips import Clip, Skipped
from ferbench.api.text import escape_line, is_unicode
from ferbench.corpora.files import file_names
from ferbench.corpora.reading import NOT_UNICODE


def check_names(item: Clip | Skipped) -> Clip | Skipped:
    """The item; a clip with a name, or a file, that is not in UTF-8 is left out, since it could be neither stored nor printed."""
    if isinstance(item, Skipped):
        return Skipped(escape_line(item.what), escape_line(item.reason))
    names = "".join((item.id, item.subject, item.label, *file_names(item)))
    return item if is_unicode(names) else Skipped(escape_line(item.id), NOT_UNICODE)
