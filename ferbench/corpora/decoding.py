"""The frames of a clip, from its image files or its video."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ferbench.api.clips import Clip
from ferbench.corpora.images import DeepImage, Image, decode_image, reduce_depth
from ferbench.corpora.reading import Unreadable, read_bytes
from ferbench.corpora.videos import decode_frames

Decoded = tuple[dict[int, Image], dict[int, str]]
"""Images by frame index, and by index the reason for each frame that cannot be decoded."""


def decode(clip: Clip, indices: Sequence[int], digests: Sequence[str]) -> Decoded:
    """Decode the frames with these indices; `digests` are those of the clip's files when it was indexed."""
    return _decode_video(clip.video, indices) if clip.video else _decode_images(clip.images, indices)


def _decode_images(files: Sequence[Path], indices: Sequence[int]) -> Decoded:
    frames, problems = dict[int, DeepImage](), dict[int, str]()
    for index in indices:
        try:
            frames[index] = decode_image(read_bytes(files[index]), files[index].name)
        except Unreadable as problem:
            problems[index] = str(problem)
    return reduce_depth(frames), problems


def _decode_video(video: Path, indices: Sequence[int]) -> Decoded:
    try:
        frames = decode_frames(video, indices)
    except Unreadable as problem:
        return {}, dict.fromkeys(indices, str(problem))
    return frames, {index: f"{video.name}: frame {index} cannot be decoded" for index in sorted(set(indices) - frames.keys())}
