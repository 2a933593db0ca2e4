"""Clips as if they had just been indexed, for tests."""

from __future__ import annotations

from collections.abc import Sequence

from ferbench.api.clips import Clip
from ferbench.corpora import decoding
from ferbench.corpora.files import clip_files, record_file


def digest_files(clip: Clip) -> list[str]:
    """The digests of the files of a clip, as the index has them."""
    return [record_file(path).digest for path in clip_files(clip)]


def decode(clip: Clip, indices: Sequence[int]) -> decoding.Decoded:
    """Decode frames of a clip whose files did not change since it was indexed."""
    return decoding.decode(clip, indices, digest_files(clip))
