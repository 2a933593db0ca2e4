"""What the loaders' tests share: empty files make a corpus, since a loader decodes nothing."""

from __future__ import annotations

import pytest

from ferbench import Clip, Skipped


@pytest.fixture
def touch(tmp_path):
    """Writes files under tmp_path, with their folders."""

    def write(*paths: str, content: str = "") -> str:
        for path in paths:
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, encoding="utf-8")
        return str(file)

    return write


@pytest.fixture
def read():
    """The clips of a dataset by id, and (what, reason) of everything it left out."""

    def of(dataset):
        found = list(dataset.clips())
        clips = {c.id: c for c in found if isinstance(c, Clip)}
        skipped = [(s.what, s.reason) for s in found if isinstance(s, Skipped)]
        assert len(clips) + len(skipped) == len(found), "ids are unique"
        return clips, skipped

    return of
