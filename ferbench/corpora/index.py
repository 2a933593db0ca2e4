"""Index: which clips a corpus holds and what their files contain; unchanged files are not read again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ferbench.api.clips import Clip, Skipped
from ferbench.api.components import Dataset
from ferbench.api.errors import FerbenchError, plugin_call
from ferbench.corpora.standins import find_marker
from ferbench.store.entries import Store, read_json, to_json
from ferbench.store.keys import component_identity, file_digest, key


@dataclass(frozen=True)
class Corpus:
    """A corpus as found on disk: clips (ids and subjects carry its name), the digest of each clip's content, what was left out."""

    name: str
    root: Path
    clips: tuple[Clip, ...]
    digests: Mapping[str, str]
    skipped: tuple[Skipped, ...]
    cut: tuple[str, ...]  # videos that end before their headers say
    marker: Path | None  # of a stand-in

    @property
    def standin(self) -> bool:
        """Whether ferbench rendered it, or a part of it."""
        return self.marker is not None

    @cached_property
    def digest(self) -> str:
        """Identity of the corpus' content, labels included."""
        return key(self.contents)

    @property
    def contents(self) -> dict[str, list]:
        """What identifies each clip."""
        return {c.id: [c.subject, c.label, c.apex, self.digests[c.id]] for c in self.clips}


def data_folder() -> Path:
    """Where corpora are looked for: FERBENCH_DATA, else ./data."""
    return Path(os.environ.get("FERBENCH_DATA") or "data").expanduser()


def locate(dataset: Dataset) -> Path | None:
    """The corpus' folder: its `root`, or one of its `folders` (case ignored) in the data folder; None where neither is there."""
    if dataset.root:
        root = _given_root(dataset)
        return root if root.is_dir() else None
    wanted = [name.lower() for name in dataset.folders]
    present = sorted(data_folder().iterdir()) if data_folder().is_dir() else []
    found = [(wanted.index(p.name.lower()), p) for p in present if p.name.lower() in wanted and p.is_dir()]
    return min(found)[1] if found else None


def missing_error(dataset: Dataset, where: str = "") -> FerbenchError:
    """What to tell where a corpus is not there: where it was looked for and how to obtain it."""
    place = _given_root(dataset) if dataset.root else data_folder() / dataset.folders[0]
    unset = "" if os.environ.get("FERBENCH_DATA") else " (FERBENCH_DATA is not set)"
    return FerbenchError(
        f"the corpus {dataset.name} is not at {place}{unset}",
        where=where,
        hint=f"{dataset.access} Then set FERBENCH_DATA to the folder that holds it, or `--set dataset.{dataset.name}.root=FOLDER`.",
    )


def _given_root(dataset: Dataset) -> Path:
    return Path(dataset.root.replace("${FERBENCH_DATA}", str(data_folder()))).expanduser()


def index(dataset: Dataset, store: Store) -> Corpus:
    """Reads what is in a corpus; `dataset.root` is its folder. Raises FerbenchError where it holds no labelled clip."""
    with plugin_call(f"dataset {dataset.name}"):
        found = [_checked(thing) for thing in dataset.clips()]
    skipped = [s for s in found if isinstance(s, Skipped)]
    files = _Files(Path(dataset.root), store)
    clips, digests, cut = [], {}, []
    files.read([c for c in found if isinstance(c, Clip)])
    for clip in (c for c in found if isinstance(c, Clip)):
        length, problem = files.length(clip)
        if not problem and clip.landmarks and len(clip.landmarks) != length:
            problem = f"{len(clip.landmarks)} files of landmarks for {length} frames"
        if not problem and clip.apex is not None and not 0 <= clip.apex < length:
            problem = f"apex {clip.apex} (from 0) lies outside its {length} frames"
        if problem:
            skipped.append(Skipped(clip.id, problem))
            continue
        clip = replace(clip, id=f"{dataset.name}/{clip.id}", subject=f"{dataset.name}/{clip.subject}", length=length)
        clips.append(clip)
        digests[clip.id] = files.digest(clip)
        cut += files.cut(clip)
    if not clips:
        reasons = f"; left out: {len(skipped)} ({skipped[0].what}: {skipped[0].reason}, ...)" if skipped else ""
        raise FerbenchError(
            f"the corpus {dataset.name} at {dataset.root} holds no labelled clip{reasons}",
            hint=f"`ferbench corpus check {dataset.name} {dataset.root}` lists what was found; docs/corpora.md shows the layout",
        )
    _unique(dataset, clips)
    marker = find_marker(path.parent for clip in clips for path in (*clip.images, *filter(None, [clip.video])))
    corpus = Corpus(dataset.name, Path(dataset.root), tuple(clips), digests, tuple(skipped), tuple(cut), marker)
    store.make("index", corpus.digest, _write, corpus)
    return corpus


def identity(dataset: Dataset, corpus: Corpus) -> dict[str, object]:
    """What a corpus is to those who compare rows: how it was read, and what it holds (an entry of the store)."""
    return {**component_identity(dataset), "content": corpus.digest, "stand-in": corpus.standin}


def contents(digest: str, store: Store) -> dict[str, list]:
    """What a corpus of this digest held: clip -> its subject, label, apex and content; empty where that is not stored."""
    folder = store.find("index", digest)
    return read_json(folder / "clips.json") if folder else {}


def _write(folder: Path, corpus: Corpus) -> dict[str, object]:
    (folder / "clips.json").write_bytes(to_json(corpus.contents))
    return {"corpus": corpus.name, "clips": len(corpus.clips)}


def _checked(thing: Clip | Skipped) -> Clip | Skipped:
    """What a dataset yields; TypeError where it is something else."""
    if isinstance(thing, Clip):
        if not all(isinstance(text, str) for text in (thing.id, thing.subject, thing.label)):
            raise TypeError(f"{thing.id!r}: id, subject and label are texts; got {thing.subject!r} and {thing.label!r}")
        if not all(isinstance(path, Path) for path in (*thing.images, *thing.landmarks, *filter(None, [thing.video]))):
            raise TypeError(f"{thing.id}: images, landmarks and video are pathlib.Path")
    elif not isinstance(thing, Skipped):
        raise TypeError(f"clips() yields {thing!r}: expected a Clip or a Skipped")
    return thing


def _unique(dataset: Dataset, clips: list[Clip]) -> None:
    seen: set[str] = set()
    for clip in clips:
        if clip.id in seen:
            raise FerbenchError(f"the dataset plugin {dataset.name} gives the clip id {clip.id!r} twice", where=dataset.root)
        seen.add(clip.id)


class _Files:
    """Digests and frame counts of a corpus' files, remembered by size and time of change."""

    def __init__(self, root: Path, store: Store) -> None:
        self.root, self.store = root, store
        self.memory = f"digests/{key(str(root.resolve()))}.json"
        self.known: dict[str, list] = store.side(self.memory) or {}

    def read(self, clips: Sequence[Clip]) -> None:
        """Digests of files that are new or changed, and frames of videos whose dataset does not count them, on all cores."""
        wanted = {str(path): path for c in clips for path in (*c.images, *c.landmarks, *filter(None, [c.video]))}
        stats = {name: _stat(path) for name, path in wanted.items()}
        stale = {name: stat for name, stat in stats.items() if name not in self.known or self.known[name][0] != stat}
        with ThreadPoolExecutor() as pool:
            digests = pool.map(lambda name: _digest(wanted[name]), stale)
            for (name, stat), digest in zip(stale.items(), digests, strict=True):
                self.known[name] = [stat, digest]
            uncounted = [v for c in clips if (v := c.video) and not c.length and len(self.known[str(v)]) < 4]
            for video, counted in zip(uncounted, pool.map(_count, uncounted), strict=True):
                self.known[str(video)][2:] = counted
        if stale or uncounted:
            self.store.save(self.memory, to_json(self.known))

    def digest(self, clip: Clip) -> str:
        files = [self.known[str(path)][1] for path in (clip.images or (clip.video,))]
        return key(files, *[[self.known[str(path)][1] for path in clip.landmarks]] * bool(clip.landmarks))

    def length(self, clip: Clip) -> tuple[int, str]:
        """(frames, "") or (0, why the clip's video cannot be read)."""
        if clip.video is None:
            return len(clip.images), "" if clip.images else "no frames"
        counted = clip.length or self.known[str(clip.video)][2]
        return (counted, "") if isinstance(counted, int) else (0, f"video cannot be read ({counted})")

    def cut(self, clip: Clip) -> list[str]:
        """The clip, where its video has clearly fewer frames than its header promises."""
        known = self.known[str(clip.video)] if clip.video else []
        if len(known) < 4:  # an image sequence, or its dataset counts
            return []
        from ferbench.corpora.decoding import SURE

        return [f"{clip.id} ({known[2]} of {known[3]} frames)"] if known[2] < SURE * known[3] else []


def _stat(path: Path) -> list[int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return [stat.st_size, stat.st_mtime_ns]


def _digest(path: Path) -> str:
    try:
        return file_digest(path)
    except OSError as error:
        return f"unreadable: {error.strerror}"


def _count(video: Path) -> tuple[int | str, int]:
    """Frames and what the header promises, or why there is none."""
    from ferbench.corpora.decoding import Unreadable, counted

    try:
        return counted(video)
    except Unreadable as error:
        return str(error), 0
