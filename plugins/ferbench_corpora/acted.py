"""Acted corpora under open licenses, as videos: RAVDESS and CREMA-D."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from ferbench import Clip, Dataset, Fact, Official, Skipped
from ferbench_corpora.tree import Tree, skip_copies

ACTOR = r"Actor_\d{2}"
RAVDESS_CODES = dict(enumerate(("neutral", "calm", "happiness", "sadness", "anger", "fear", "disgust", "surprise"), 1))
MODALITIES = {"audio-video": 1, "video": 2}
CHANNELS = {"speech": 1, "song": 2}
CREMAD_CODES = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happiness", "NEU": "neutral", "SAD": "sadness"}
ZENODO = "description on Zenodo: per actor 60 videos of speech; expressions but neutral in two intensities"
SUMMARY = "summaryTable.csv of the corpus"
LEVELS = {"LO": "low", "MD": "medium", "HI": "high", "XX": "unspecified"}


@dataclass(frozen=True)
class RAVDESS(Dataset):
    """RAVDESS: 24 actors speak or sing eight expressions (CC BY-NC-SA 4.0).

    Every recording is published with and without sound: `modality` says which files are read. `channel` is speech, song, or both.
    """

    modality: Literal["audio-video", "video"] = "video"
    channel: Literal["speech", "song", "both"] = "speech"

    name = "ravdess"
    classes = tuple(RAVDESS_CODES.values())
    citation: ClassVar[str] = (
        "S. R. Livingstone, F. A. Russo: The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS). PLoS ONE, 2018."
    )
    license: ClassVar[str] = "CC BY-NC-SA 4.0"
    access: ClassVar[str] = "Free download from Zenodo: doi:10.5281/zenodo.1188976."
    folders: ClassVar[tuple[str, ...]] = ("RAVDESS", "ravdess")
    official = Official(
        people=Fact(24, ZENODO),
        clips=Fact(1440, ZENODO),
        labels=Fact({label: 96 if label == "neutral" else 192 for label in classes}, ZENODO),
        each=Fact({label: 4 if label == "neutral" else 8 for label in classes}, ZENODO),
        names=Fact(tuple(f"{number:02}" for number in range(1, 25)), ZENODO),
        sizes=Fact(((1280, 720),), "S. R. Livingstone, F. A. Russo 2018", recalled=True),
        rates=Fact((29.97,), "S. R. Livingstone, F. A. Russo 2018", recalled=True),
    )

    def clips(self) -> Iterator[Clip | Skipped]:
        """By actor and file name, which contains modality, channel, emotion, intensity, statement, repetition, actor."""
        tree = Tree(self.name, Path(self.root))
        people = tree.find_folders(ACTOR)
        if not people:
            raise tree.layout_error("Actor_01/02-01-06-01-02-01-12.mp4")
        items = (self._read_name(path) for person in people for path in tree.entries(person))
        yield from skip_copies(items, lambda clip: Skipped(tree.relative(clip.video or tree.root), "second copy of a recording"))
        yield from tree.unreadable()

    def _read_name(self, path: Path) -> Clip | Skipped:
        name = f"{path.parent.name}/{path.name}"
        if not re.fullmatch(r"\d{2}(-\d{2}){6}\.mp4", path.name, re.IGNORECASE):
            return Skipped(name, "name is not seven numbers and .mp4")
        modality, channel, emotion, intensity, _, _, actor = map(int, path.stem.split("-"))
        if modality != MODALITIES[self.modality]:
            return Skipped(name, f"modality is not {self.modality}")
        if self.channel != "both" and channel != CHANNELS[self.channel]:
            return Skipped(name, f"channel is not {self.channel}")
        if emotion not in RAVDESS_CODES:
            return Skipped(name, "emotion is not a number from 1 to 8")
        facts = {"sex": "female" if actor % 2 == 0 else "male", "intensity": {1: "normal", 2: "strong"}.get(intensity, "")}
        return Clip(path.stem, f"{actor:02d}", RAVDESS_CODES[emotion], video=path, facts=facts)


@dataclass(frozen=True)
class CREMAD(Dataset):
    """CREMA-D: 7,442 videos of 91 actors, twelve sentences, six expressions (ODbL)."""

    name = "crema-d"
    classes = tuple(CREMAD_CODES.values())
    citation: ClassVar[str] = (
        "H. Cao, D. G. Cooper, M. K. Keutmann, R. C. Gur, A. Nenkova, R. Verma: CREMA-D: Crowd-sourced emotional multimodal actors "
        "dataset. IEEE Transactions on Affective Computing, 2014."
    )
    license: ClassVar[str] = "Open Database License (ODbL) 1.0"
    access: ClassVar[str] = "Free download from https://github.com/CheyneyComputerScience/CREMA-D (with Git LFS)."
    folders: ClassVar[tuple[str, ...]] = ("CREMA-D", "CREMAD", "cremad")
    official = Official(
        people=Fact(91, SUMMARY),
        clips=Fact(7442, SUMMARY),
        labels=Fact({label: 1087 if label == "neutral" else 1271 for label in classes}, SUMMARY),
        names=Fact(tuple(map(str, range(1001, 1092))), SUMMARY),
        sizes=Fact(((480, 360),), "description of the corpus", recalled=True),
        rates=Fact((29.97,), "description of the corpus", recalled=True),
    )

    def clips(self) -> Iterator[Clip | Skipped]:
        """The videos of VideoFlash by name: actor, sentence, emotion, level; with age and sex of the actor if the table exists."""
        tree = Tree(self.name, Path(self.root))
        tops = tree.find_folders("VideoFlash")
        if not tops:
            raise tree.layout_error("VideoFlash/1001_DFA_ANG_XX.flv")
        rows = tree.read_table(tree.entries(tops[0].parent), "videodemographics.csv")
        people = {row["ActorID"]: {"age": row.get("Age", ""), "sex": row.get("Sex", "").lower()} for row in rows if row.get("ActorID")}
        yield from (_read_cremad_name(path, people) for path in tree.entries(tops[0]))
        yield from tree.unreadable()


def _read_cremad_name(path: Path, people: Mapping[str, Mapping[str, str]]) -> Clip | Skipped:
    match = re.fullmatch(r"(\d{4})_([A-Z]{3})_([A-Z]{3})_([A-Z]{2,})\.(flv|mp4|avi)", path.name, re.IGNORECASE)
    label = CREMAD_CODES.get(match[3].upper()) if match else None
    if match is None or label is None:
        return Skipped(path.name, "name is not NNNN_SSS_EEE_LL.flv with a known emotion")
    level = LEVELS.get(match[4][:2].upper(), "unspecified")
    return Clip(path.stem, match[1], label, video=path, facts={"sentence": match[2].upper(), "level": level, **people.get(match[1], {})})
