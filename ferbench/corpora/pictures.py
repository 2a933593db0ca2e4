"""What the pictures of a corpus look like: their sizes, and the frame rates of videos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

from ferbench.api.clips import Clip
from ferbench.corpora.images import decode_image
from ferbench.corpora.reading import Unreadable, translate_os_errors
from ferbench.corpora.videos import read_header
from ferbench.store.files import open_regular
from ferbench.types import Progress

THREADS = 8
CLIPS_AT_ONCE = 200


class Picture(NamedTuple):
    """Width and height of the first frame of a clip, and the frames per second if it is a video; or why it cannot be read."""

    size: tuple[int, int] | None
    rate: float | None = None
    problem: str = ""


@dataclass
class Pictures:
    """The number of clips by (width, height) and by frames per second, and the clips whose first frame cannot be read, with the reason."""

    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    rates: Counter[float] = field(default_factory=Counter)
    unreadable: list[str] = field(default_factory=list)

    def add(self, clip: Clip, picture: Picture) -> None:
        """Count a clip."""
        self.sizes.update([picture.size] if picture.size else [])
        self.rates.update([] if picture.rate is None else [picture.rate])
        self.unreadable += [f"{clip.id} ({picture.problem})"] if picture.problem else []


def look_at_pictures(clips: Sequence[Clip], progress: Progress | None = None) -> Pictures:
    """Read the first frame of each clip; of a video, only the header."""
    pictures = Pictures()
    for done, (clip, picture) in enumerate(zip(clips, _look_at_all(clips), strict=True), 1):
        pictures.add(clip, picture)
        if progress and (done % CLIPS_AT_ONCE == 0 or done == len(clips)):
            progress(done, len(clips))
    return pictures


def _look_at_all(clips: Sequence[Clip]) -> Iterator[Picture]:
    with ThreadPoolExecutor(THREADS) as pool:
        for start in range(0, len(clips), CLIPS_AT_ONCE):
            yield from pool.map(_look, clips[start : start + CLIPS_AT_ONCE])


def _look(clip: Clip) -> Picture:
    try:
        if clip.video:
            width, height, rate = read_header(clip.video)
            return Picture((width, height), round(rate, 2))
        with translate_os_errors(clip.images[0]), open_regular(clip.images[0]) as file:
            data = file.read()
        height, width = decode_image(data, clip.images[0].name).shape[:2]
        return Picture((width, height))
    except Unreadable as error:
        return Picture(None, problem=str(error))
