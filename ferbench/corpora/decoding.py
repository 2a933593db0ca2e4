"""The frames of a clip, from its image files or its video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ferbench.api.clips import Clip
from ferbench.corpora.images import DeepImage, Image, decode_image, reduce_depth
from ferbench.corpora.reading import Unreadable
from ferbench.corpora.verification import hold_indexed, read_indexed
from ferbench.corpora.videos import decode_frames

Decoded = tuple[dict[int, Image], dict[int, str]]
"""Images by frame index, and by index why each other frame cannot be decoded, without names of files, which no key counts."""


def decode(clip: Clip, indices: Sequence[int], digests: Sequence[str]) -> Decoded:
    """Decode the frames with these indices; `digests` are those of the clip's files when it was indexed, in the order of `clip_files`.

    Raises FerbenchError if a file that holds one of the frames changed since then.
    """
    return _decode_video(clip.video, indices, digests[-1]) if clip.video else _decode_images(clip.images, indices, digests)


def _decode_images(files: Sequence[Path], indices: Sequence[int], digests: Sequence[str]) -> Decoded:
    frames, problems = dict[int, DeepImage](), dict[int, str]()
    for index in indices:
        try:
            frames[index] = decode_image(read_indexed(files[index], digests[index]), files[index].name)
        except Unreadable as problem:
            problems[index] = problem.reason
    return reduce_depth(frames), problems


def _decode_video(video: Path, indices: Sequence[int], digest: str) -> Decoded:
    try:
        with hold_indexed(video, digest):
            frames = decode_frames(video, indices)
    except Unreadable as problem:
        return {}, dict.fromkeys(indices, problem.reason)
    return frames, dict.fromkeys(sorted(set(indices) - frames.keys()), "cannot be decoded")
