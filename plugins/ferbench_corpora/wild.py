"""Corpora cut from films, with splits of their own: AFEW, DFEW, FERV39k. None of them names people, so each clip counts as a person."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ferbench import Clip, Dataset, Fact, FerbenchError, Official, Skipped, StandardProtocol
from ferbench_corpora.tables import parse_table
from ferbench_corpora.tree import Tree, matches, skip_copies

LABELS = {
    "angry": "anger", "disgust": "disgust", "fear": "fear", "happy": "happiness",
    "neutral": "neutral", "sad": "sadness", "surprise": "surprise",
}  # fmt: skip
CLASSES = tuple(sorted(LABELS.values()))
SPLIT = r"(train|val)(_afew)?"
SPLITS = {"tra": "train", "val": "validation"}  # by the first letters of the folder
VIDEOS = (".avi", ".mp4", ".mov", ".mkv", ".webm")
EMOTIW = "EmotiW 2016: 773 training and 383 validation clips"
DFEW_COUNT = "published results on the single-labeled clips"
FERV39K_COUNT = "Y. Wang et al. 2022: 31,088 training and 7,847 test clips"


def _published_split(label: str, clips: Fact[int], tests: Fact[Sequence[int]] | None = None) -> StandardProtocol:
    return StandardProtocol(label, "fixed", {"classes": list(CLASSES), "held_out": 0}, clips=clips, tests=tests)


@dataclass(frozen=True)
class AFEW(Dataset):
    """Acted Facial Expressions in the Wild (AFEW): film clips as videos or frames; splits `train` and `validation`."""

    name = "afew"
    names_people = False
    classes = CLASSES
    citation: ClassVar[str] = (
        "A. Dhall, R. Goecke, S. Lucey, T. Gedeon: Collecting large, richly annotated facial-expression databases from movies. "
        "IEEE MultiMedia, 2012."
    )
    license: ClassVar[str] = "signed agreement, non-commercial research"
    access: ClassVar[str] = "AFEW is available from its authors after signing the agreement at https://cs.anu.edu.au/few/."
    folders: ClassVar[tuple[str, ...]] = ("AFEW", "afew", "EmotiW")
    official = Official(
        clips=Fact(773 + 383, EMOTIW),
        labels=Fact({"anger": 197, "disgust": 114, "fear": 127, "happiness": 213, "neutral": 207, "sadness": 178, "surprise": 120}, EMOTIW),
        sizes=Fact(((720, 576),), "description of the corpus", recalled=True),
        rates=Fact((25.0,), "description of the corpus", recalled=True),
        protocols=(_published_split("training and validation set (seven classes)", clips=Fact(1156, EMOTIW), tests=Fact((383,), EMOTIW)),),
    )

    def clips(self) -> Iterator[Clip | Skipped]:
        """By split, emotion and number; if a clip exists as a video and as frames, the first in the tree is read."""
        tree = Tree(self.name, Path(self.root))
        tops = tree.find_folders(SPLIT, first="afew")
        folders = [(SPLITS[top.name.lower()[:3]], folder) for top in tops for folder in tree.folders(top)]
        if not any(folder.name.lower() in LABELS for _, folder in folders):
            raise tree.layout_error("Train_AFEW/Angry/000046280.avi and Val_AFEW/Angry/000149120.avi")
        items = (item for split, folder in folders for item in _read_expression(tree, folder, split))
        yield from skip_copies(items, lambda clip: Skipped(clip.id, "second copy of a clip"))
        yield from tree.unreadable()


@dataclass(frozen=True)
class DFEW(Dataset):
    """Dynamic Facial Expressions in the Wild (DFEW): 11,697 film clips as face crops, in five folds."""

    name = "dfew"
    names_people = False
    classes = CLASSES
    citation: ClassVar[str] = (
        "X. Jiang, Y. Zong, W. Zheng, C. Tang, W. Xia, C. Lu, J. Liu: DFEW: A large-scale database for recognizing dynamic facial "
        "expressions in the wild. ACM Multimedia, 2020."
    )
    license: ClassVar[str] = "signed agreement, non-commercial research"
    access: ClassVar[str] = "DFEW is available from its authors after signing the agreement at https://dfew-dataset.github.io/."
    folders: ClassVar[tuple[str, ...]] = ("DFEW", "dfew")
    official = Official(
        clips=Fact(11_697, DFEW_COUNT),
        protocols=(_published_split("five published folds (seven classes)", clips=Fact(11_697, DFEW_COUNT)),),
    )

    def clips(self) -> Iterator[Clip | Skipped]:
        """In the order of numbers; the fact `fold`, 1 to 5, is the fold in which a clip is tested."""
        tree = Tree(self.name, Path(self.root))
        folders = {folder.name.lstrip("0"): folder for folder in tree.find_folders(r"\d{5}")}
        lists = _find_dfew_lists(tree)
        if not lists or not folders:
            raise tree.layout_error("Clip/jpg_256/00001/ and EmoLabel_DataSplit/test(single-labeled)/set_1.csv")
        rows = dict(sorted((row for path in lists for row in _read_dfew_list(tree, path)), key=lambda row: int(row[0])))
        for number, (fold, code) in rows.items():
            yield _dfew_clip(tree, number, fold, code, folders.get(number))
        unlisted = [number for number in folders if number not in rows]
        yield from (Skipped(f"{int(number):05d}", "not in a list of single-labeled clips") for number in unlisted)
        yield from tree.unreadable()


DFEW_CODES = dict(enumerate(("happiness", "sadness", "neutral", "anger", "surprise", "disgust", "fear"), 1))


@dataclass(frozen=True)
class FERV39k(Dataset):
    """FERV39k: 38,935 clips of 22 scenes as face crops; splits `train` and `test`."""

    name = "ferv39k"
    names_people = False
    classes = CLASSES
    citation: ClassVar[str] = (
        "Y. Wang, Y. Sun, Y. Huang, Z. Liu, S. Gao, W. Zhang, W. Ge, W. Zhang: FERV39k: A large-scale multi-scene dataset for facial "
        "expression recognition in videos. CVPR, 2022."
    )
    license: ClassVar[str] = "signed agreement, non-commercial research"
    access: ClassVar[str] = (
        "FERV39k is available from its authors after signing the agreement at https://wangyanckxx.github.io/Proj_CVPR2022_FERV39k.html."
    )
    folders: ClassVar[tuple[str, ...]] = ("FERV39k", "ferv39k")
    official = Official(
        clips=Fact(38_935, FERV39K_COUNT),
        protocols=(_published_split("training and test set (seven classes)", Fact(38_935, FERV39K_COUNT), Fact((7_847,), FERV39K_COUNT)),),
    )

    def clips(self) -> Iterator[Clip | Skipped]:
        """The clips that train_All.csv and test_All.csv list, in their order: scene, expression and number."""
        tree = Tree(self.name, Path(self.root))
        found = tree.find_folders(r"2_ClipsforFaceCrop|All_scenes")  # at once: so the thousands of folders of the first are not searched
        tops = [folder for folder in found if matches(folder, "2_ClipsforFaceCrop")]
        files = [path for folder in found if folder not in tops for path in tree.entries(folder)]
        lists = {path.name.lower().removesuffix("_all.csv"): path for path in files if matches(path, r"(train|test)_All\.csv")}
        if not tops or not lists:
            raise tree.layout_error("2_ClipsforFaceCrop/Action/Happy/0267/ and 4_setups/All_scenes/train_All.csv")
        yield from (Skipped(f"{split}_All.csv", "no such list") for split in ("train", "test") if split not in lists)
        for split, path in sorted(lists.items()):
            names = [line.split()[0].strip("/,") for line in tree.read_text(path).splitlines() if line.strip()]
            yield from (_ferv39k_clip(tree, tops[0], name, split) for name in names)
        yield from tree.unreadable()


def _read_expression(tree: Tree, folder: Path, split: str) -> Iterator[Clip | Skipped]:
    """AFEW: the clips in the folder of an expression."""
    label = LABELS.get(folder.name.lower())
    if label is None:
        yield Skipped(tree.relative(folder), "folder name is not an expression")
        return
    for path in tree.entries(folder):
        yield _afew_clip(tree, path, f"{split}/{label}", label, split)


def _afew_clip(tree: Tree, path: Path, parent: str, label: str, split: str) -> Clip | Skipped:
    """A video, or a folder of frames."""
    is_folder = tree.is_folder(path)
    frames = tree.images(path) if is_folder else ()
    if is_folder and not frames:
        return Skipped(f"{parent}/{path.name}", "folder without frames")
    if not is_folder and path.suffix.lower() not in VIDEOS:
        return Skipped(f"{parent}/{path.name}", "neither a video nor a folder of frames")
    name = f"{parent}/{path.name if is_folder else path.stem}"
    return Clip(name, name, label, images=frames, video=None if is_folder else path, length=len(frames), facts={"split": split})


def _find_dfew_lists(tree: Tree) -> list[Path]:
    tops = [folder for parent in tree.find_folders("EmoLabel_DataSplit", depth=1) for folder in tree.folders(parent)]
    return [path for top in tops if matches(top, "test.*single.*") for path in tree.entries(top) if matches(path, r"set_\d\.csv")]


def _read_dfew_list(tree: Tree, file: Path) -> Iterator[tuple[str, tuple[int, int]]]:
    """(number, (fold, code)) of each row."""
    text, fold = tree.read_text(file), int(file.stem[-1])
    table = parse_table(text)
    if file not in tree.problems and not {"video_name", "label"} <= set(table.columns):
        raise FerbenchError(f"dfew: the list has the columns {table.columns}: expected `video_name` and `label`", where=f"{file}:1")
    for line, cells in table.rows:
        number, code = cells["video_name"], cells["label"]
        if not number.isdecimal() or not code.isdecimal():
            raise FerbenchError(f"dfew: video_name {number!r}, label {code!r}: expected two numbers", where=f"{file}:{line}")
        yield number.lstrip("0"), (fold, int(code))


def _dfew_clip(tree: Tree, number: str, fold: int, code: int, folder: Path | None) -> Clip | Skipped:
    name, label = f"{int(number):05d}", DFEW_CODES.get(code)
    frames = tree.images(folder) if folder else ()
    if label is None:
        return Skipped(name, "label is not a number from 1 to 7")
    if not frames:
        return Skipped(name, "no frames")
    return Clip(name, name, label, images=frames, length=len(frames), facts={"fold": fold})


def _ferv39k_clip(tree: Tree, top: Path, name: str, split: str) -> Clip | Skipped:
    """The clip at Scene/Expression/Number."""
    parts = name.split("/")
    label = LABELS.get(parts[-2].lower()) if len(parts) == 3 else None
    if label is None or ".." in parts:
        return Skipped(name, "is not Scene/Expression/Number of a list")
    frames = tree.images(os.path.join(top, *parts))  # noqa: PTH118 (quicker, for thousands of clips)
    if not frames:
        return Skipped(name, "no frames")
    return Clip(name, name, label, images=frames, length=len(frames), facts={"split": split, "scene": parts[0]})
