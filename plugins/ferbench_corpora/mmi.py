"""MMI: posed and spontaneous videos in sessions, each described in XML."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from xml.etree import ElementTree

from ferbench import Clip, Dataset, Skipped
from ferbench_corpora.folders import IMAGES, called, entries, folders, named, unlike

CODES = dict(enumerate(("anger", "disgust", "fear", "happiness", "sadness", "surprise"), 1))
VIDEO = r"(S\d+)-(\d+)\.(avi|mpg|mpeg|mp4)"
VIEWS = {"0": "front", "1": "profile", "2": "both"}


@dataclass(frozen=True)
class MMI(Dataset):
    """MMI: videos neutral - apex - neutral of some 75 people; those whose session tells one of six emotions.

    Sessions that show a frontal and a profile view side by side are skipped unless `both_views` is true.
    """

    both_views: bool = False

    name = "mmi"
    classes = tuple(CODES.values())
    citation: ClassVar[str] = "M. Pantic, M. Valstar, R. Rademaker, L. Maat: Web-based database for facial expression analysis. ICME, 2005."
    license: ClassVar[str] = "signed agreement, non-commercial research"
    access: ClassVar[str] = "MMI is opened by its authors to those who sign the agreement at https://mmifacedb.eu/."
    folders: ClassVar[tuple[str, ...]] = ("MMI", "mmi")

    def clips(self) -> Iterator[Clip | Skipped]:
        """Videos in the order of sessions; the name tells the person (S001-002.avi is of S001), the XML files the emotion and the view."""
        root = Path(self.root)
        sessions = [session for top in called(root, "Sessions") for session in folders(top) if session.name.isdecimal()]
        if not sessions:
            raise unlike(self.name, root, "Sessions/2/S001-002.avi and Sessions/2/session.xml")
        for session in sessions:
            yield from self._session(session)

    def _session(self, folder: Path) -> Iterator[Clip | Skipped]:
        name, content = f"session {folder.name}", entries(folder)
        videos = [p for p in content if named(p, VIDEO)]
        told = [tree for p in content if p.suffix.lower() == ".xml" and (tree := _parsed(p)) is not None]
        emotions = {tag.get("Value", "") for tree in told for tag in tree.iter("Metatag") if tag.get("Name") == "Emotion"}
        views = {VIEWS.get(track.get("view", ""), "") for tree in told for track in tree.iter("track")} - {""}
        label = CODES.get(int(next(iter(emotions)))) if len(emotions) == 1 and next(iter(emotions)).isdecimal() else None
        if not videos:
            stills = any(p.suffix.lower() in IMAGES for p in content)
            yield Skipped(name, "session of stills" if stills else "session without a video")
        elif not emotions:
            yield Skipped(name, "no emotion label")
        elif label is None:
            yield Skipped(name, "emotion labels contradict each other" if len(emotions) > 1 else "emotion label is no number from 1 to 6")
        elif "both" in views and not self.both_views:
            yield Skipped(name, "frontal and profile view in one picture")
        else:
            for video in videos:
                match = re.fullmatch(VIDEO, video.name, re.IGNORECASE)
                assert match is not None
                facts = {"session": folder.name, "view": "both" if "both" in views else next(iter(sorted(views)), "")}
                yield Clip(video.stem.upper(), match[1].upper(), label, video=video, facts=facts)


def _parsed(path: Path) -> ElementTree.Element | None:
    """The XML of a file; None where it is damaged, which then tells no emotion. Python's expat expands no external entity."""
    try:
        return ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, OSError, ValueError):
        return None
