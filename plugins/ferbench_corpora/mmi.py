"""MMI: posed and spontaneous videos in sessions, each described in XML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, NamedTuple
from xml.etree import ElementTree

from ferbench import Clip, Dataset, Skipped
from ferbench_corpora.tree import Tree, images, matches

CODES = dict(enumerate(("anger", "disgust", "fear", "happiness", "sadness", "surprise"), 1))
VIDEO = r"(S\d+)-(\d+)\.(avi|mpg|mpeg|mp4)"
VIEWS = {"0": "front", "1": "profile", "2": "both"}


@dataclass(frozen=True)
class MMI(Dataset):
    """MMI: videos from neutral to apex and back, about 75 people; sessions with one of six emotions.

    Sessions that show a frontal and a profile view side by side are skipped unless `both_views` is true.
    """

    both_views: bool = False

    name = "mmi"
    classes = tuple(CODES.values())
    citation: ClassVar[str] = "M. Pantic, M. Valstar, R. Rademaker, L. Maat: Web-based database for facial expression analysis. ICME, 2005."
    license: ClassVar[str] = "signed agreement, non-commercial research"
    access: ClassVar[str] = "MMI is available from its authors after signing the agreement at https://mmifacedb.eu/."
    folders: ClassVar[tuple[str, ...]] = ("MMI", "mmi")

    def clips(self) -> Iterator[Clip | Skipped]:
        """Videos by session; the file name gives the person (S001 for S001-002.avi), the XML files the emotion and the view."""
        tree = Tree(self.name, Path(self.root))
        sessions = [session for top in tree.find_folders("Sessions") for session in tree.folders(top) if session.name.isdecimal()]
        if not sessions:
            raise tree.layout_error("Sessions/2/S001-002.avi and Sessions/2/session.xml")
        for session in sessions:
            yield from self._read_session(tree, session)
        yield from tree.unreadable()

    def _read_session(self, tree: Tree, folder: Path) -> Iterator[Clip | Skipped]:
        content = tree.entries(folder)
        videos = [path for path in content if matches(path, VIDEO)]
        description = _describe_session([tree.read_bytes(path) for path in content if path.suffix.lower() == ".xml"])
        if problem := self._problem(videos, description, has_stills=bool(images(content))):
            yield Skipped(f"session {folder.name}", problem)
            return
        facts = {"session": folder.name, "view": "both" if "both" in description.views else min(description.views, default="")}
        for video in videos:
            person = video.name.partition("-")[0].upper()
            yield Clip(video.stem.upper(), person, CODES[int(description.emotions[0])], video=video, facts=facts)

    def _problem(self, videos: Sequence[Path], description: Description, has_stills: bool) -> str:
        """Why a session is skipped; empty if it is not."""
        emotions = description.emotions
        if not videos:
            return "session of stills" if has_stills else "session without a video"
        if not emotions:
            return "no emotion label"
        if len(emotions) > 1:
            return "emotion labels contradict each other"
        if not emotions[0].isdecimal() or int(emotions[0]) not in CODES:
            return "emotion label is not a number from 1 to 6"
        return "frontal and profile view in one picture" if "both" in description.views and not self.both_views else ""


class Description(NamedTuple):
    """The emotions (as codes) and views that the XML files of a session name, each once, sorted."""

    emotions: list[str]
    views: list[str]


def _describe_session(files: Sequence[bytes]) -> Description:
    roots = [root for file in files if (root := _parse(file)) is not None]
    emotions = {tag.get("Value", "") for root in roots for tag in root.iter("Metatag") if tag.get("Name") == "Emotion"}
    views = {VIEWS.get(track.get("view", ""), "") for root in roots for track in root.iter("track")} - {""}
    return Description(sorted(emotions), sorted(views))


def _parse(xml: bytes) -> ElementTree.Element | None:
    """The root of an XML file; None if it is damaged. Python's expat expands no external entities."""
    try:
        return ElementTree.fromstring(xml)
    except (ElementTree.ParseError, ValueError):
        return None
