"""Corpora cut from films, with splits of their own: AFEW, DFEW, FERV39k. None tells who is seen: each clip counts as a person."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from ferbench import Clip, Dataset, FerbenchError, Skipped
from ferbench_corpora.folders import called, entries, folders, holding, images, named, unlike

LABELS = {
    "angry": "anger", "disgust": "disgust", "fear": "fear", "happy": "happiness",
    "neutral": "neutral", "sad": "sadness", "surprise": "surprise",
}  # fmt: skip
CLASSES = tuple(sorted(LABELS.values()))
SPLIT = r"(train|val)(_afew)?"
VIDEOS = (".avi", ".mp4", ".mov", ".mkv", ".webm")


@dataclass(frozen=True)
class AFEW(Dataset):
    """Acted Facial Expressions in the Wild (AFEW): clips of films, in videos or folders of frames; splits `train` and `validation`."""

    name = "afew"
    classes = CLASSES
    citation: ClassVar[str] = (
        "A. Dhall, R. Goecke, S. Lucey, T. Gedeon: Collecting large, richly annotated facial-expression databases from movies. "
        "IEEE MultiMedia, 2012."
    )
    license: ClassVar[str] = "signed agreement, non-commercial research"
    access: ClassVar[str] = "AFEW is sent by its authors to those who sign the agreement at https://cs.anu.edu.au/few/."
    folders: ClassVar[tuple[str, ...]] = ("AFEW", "afew", "EmotiW")

    def clips(self) -> Iterator[Clip | Skipped]:
        """By split, emotion and number; where a clip is there as a video and as frames, what comes first in the tree is read."""
        root, seen = Path(self.root), set()
        found = [(split, place) for top in holding(root, SPLIT, first="afew") for place in folders(top) if (split := _split(place))]
        if not any(name.name.lower() in LABELS for _, place in found for name in folders(place)):
            raise unlike(self.name, root, "Train_AFEW/Angry/000046280.avi and Val_AFEW/Angry/000149120.avi")
        for split, place in found:
            for folder in folders(place):
                label = LABELS.get(folder.name.lower())
                if label is None:
                    yield Skipped(folder.relative_to(root).as_posix(), "folder is named like no expression")
                    continue
                for thing in map(_clip, entries(folder)):
                    name = f"{split}/{label}/{thing.id if isinstance(thing, Clip) else thing.what}"
                    if isinstance(thing, Skipped):
                        yield replace(thing, what=name)
                    elif name in seen:
                        yield Skipped(name, "second copy of a clip")
                    else:
                        seen.add(name)
                        yield replace(thing, id=name, subject=name, label=label, facts={"split": split})


@dataclass(frozen=True)
class DFEW(Dataset):
    """Dynamic Facial Expressions in the Wild (DFEW): 11,697 clips of films as folders of face crops, in five folds of its own."""

    name = "dfew"
    classes = CLASSES
    citation: ClassVar[str] = (
        "X. Jiang, Y. Zong, W. Zheng, C. Tang, W. Xia, C. Lu, J. Liu: DFEW: A large-scale database for recognizing dynamic facial "
        "expressions in the wild. ACM Multimedia, 2020."
    )
    license: ClassVar[str] = "signed agreement, non-commercial research"
    access: ClassVar[str] = "DFEW is sent by its authors to those who sign the agreement at https://dfew-dataset.github.io/."
    folders: ClassVar[tuple[str, ...]] = ("DFEW", "dfew")

    def clips(self) -> Iterator[Clip | Skipped]:
        """In the order of numbers; the fold in which a clip is tested is its fact `fold`, 1 to 5."""
        root = Path(self.root)
        tops = [place for top in called(root, "EmoLabel_DataSplit", depth=1) for place in folders(top) if named(place, "test.*single.*")]
        tests = [path for place in tops for path in entries(place) if named(path, r"set_\d\.csv")]
        places = {p.name.lstrip("0"): p for p in called(root, r"\d{5}")}
        if not tests or not places:
            raise unlike(self.name, root, "Clip/jpg_256/00001/ and EmoLabel_DataSplit/test(single-labeled)/set_1.csv")
        rows = dict(sorted((row for path in tests for row in _dfew(path)), key=lambda row: int(row[0])))
        for number, (fold, code) in rows.items():
            name, label = f"{int(number):05d}", DFEW_CODES.get(code)
            frames = images(entries(places[number])) if number in places else ()
            if not frames or label is None:
                yield Skipped(name, "no frames" if label else "label is no number from 1 to 7")
            else:
                yield Clip(name, name, label, images=frames, length=len(frames), facts={"fold": fold})
        listed = set(rows)
        yield from (Skipped(f"{int(number):05d}", "in no list of single-labelled clips") for number in places if number not in listed)


DFEW_CODES = dict(enumerate(("happiness", "sadness", "neutral", "anger", "surprise", "disgust", "fear"), 1))


@dataclass(frozen=True)
class FERV39k(Dataset):
    """FERV39k: 38,935 clips of videos in 22 scenes as folders of face crops; splits `train` and `test`."""

    name = "ferv39k"
    classes = CLASSES
    citation: ClassVar[str] = (
        "Y. Wang, Y. Sun, Y. Huang, Z. Liu, S. Gao, W. Zhang, W. Ge, W. Zhang: FERV39k: A large-scale multi-scene dataset for facial "
        "expression recognition in videos. CVPR, 2022."
    )
    license: ClassVar[str] = "signed agreement, non-commercial research"
    access: ClassVar[str] = (
        "FERV39k is sent by its authors to those who sign the agreement at https://wangyanckxx.github.io/Proj_CVPR2022_FERV39k.html."
    )
    folders: ClassVar[tuple[str, ...]] = ("FERV39k", "ferv39k")

    def clips(self) -> Iterator[Clip | Skipped]:
        """What the lists train_All.csv and test_All.csv name, in their order: scene, expression and number, split by spaces or not."""
        root = Path(self.root)
        tops = called(root, "2_ClipsforFaceCrop")
        lists = [path for place in called(root, "All_scenes") for path in entries(place)]
        named_lists = {match[1].lower(): p for p in lists if (match := re.fullmatch(r"(train|test)_All\.csv", p.name, re.IGNORECASE))}
        if not tops or not named_lists:
            raise unlike(self.name, root, "2_ClipsforFaceCrop/Action/Happy/0267/ and 4_setups/All_scenes/train_All.csv")
        yield from (Skipped(f"{split}_All.csv", "no such list") for split in ("train", "test") if split not in named_lists)
        for split, path in sorted(named_lists.items()):
            for line in _text(path).splitlines():
                if line.strip():
                    yield _listed(tops[0], line.split()[0].strip("/,"), split)


def _split(place: Path) -> str:
    """Which split a folder holds; empty for none."""
    match = re.fullmatch(SPLIT, place.name, re.IGNORECASE)
    return {"train": "train", "val": "validation"}[match[1].lower()] if match else ""


def _clip(path: Path) -> Clip | Skipped:
    """A video, or a folder of frames; its place in the corpus is not yet told."""
    if path.is_dir():
        frames = images(entries(path))
        return Clip(path.name, "", "", images=frames, length=len(frames)) if frames else Skipped(path.name, "folder without frames")
    if path.suffix.lower() in VIDEOS:
        return Clip(path.stem, "", "", video=path)
    return Skipped(path.name, "neither a video nor a folder of frames")


def _dfew(path: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """(number, (fold, code)) of each row."""
    fold = int(path.stem[-1])
    table = csv.DictReader(_text(path).splitlines())
    if not {"video_name", "label"} <= set(table.fieldnames or ()):
        raise FerbenchError(f"dfew: the list has the columns {table.fieldnames}: expected `video_name` and `label`", where=f"{path}:1")
    for row in table:
        number, code = (row["video_name"] or "").strip(), (row["label"] or "").strip()
        if not number.isdecimal() or not code.isdecimal():
            raise FerbenchError(f"dfew: video_name {number!r}, label {code!r}: expected two numbers", where=f"{path}:{table.line_num}")
        yield number.lstrip("0"), (fold, int(code))


def _listed(top: Path, name: str, split: str) -> Clip | Skipped:
    """The clip at Scene/Expression/Number."""
    parts = name.split("/")
    label = LABELS.get(parts[-2].lower()) if len(parts) == 3 else None
    if label is None or ".." in parts:
        return Skipped(name, "is no Scene/Expression/Number of a list")
    folder = top.joinpath(*parts)
    frames = images(entries(folder)) if folder.is_dir() else ()
    if not frames:
        return Skipped(name, "no frames")
    return Clip(name, name, label, images=frames, length=len(frames), facts={"split": split, "scene": parts[0]})


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise FerbenchError(f"the list cannot be read: {error.strerror}", where=str(path)) from error
