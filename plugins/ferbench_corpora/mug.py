"""MUG: posed sequences neutral - apex - neutral, or its hand-annotated stills."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

from ferbench import Clip, Dataset, Fact, FerbenchError, File, Official, Skipped
from ferbench_corpora.tables import parse_table
from ferbench_corpora.tree import Tree, matches, read_file, skip_copies

EMOTIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
CODES = {emotion[:2]: emotion for emotion in EMOTIONS}  # an, di, fe, ha, ne, sa, su
PERSON = r"\d{3}"
STILL = r"(\d{3})_([a-z]{2})_\d+_\d+\.jpe?g"


@dataclass(frozen=True)
class MUG(Dataset):
    """MUG: posed sequences from neutral to apex and back; 52 people.

    The corpus has no apex indices: the middle frame is taken, unless `apexes` names a CSV with the columns `clip` (such as
    001/anger/take000) and `apex` (0-based). `kind: stills` reads the manually annotated images instead, each a clip of one frame.
    """

    kind: Literal["sequences", "stills"] = "sequences"
    apexes: File | None = None

    name = "mug"
    classes = EMOTIONS
    citation: ClassVar[str] = "N. Aifanti, C. Papachristou, A. Delopoulos: The MUG facial expression database. WIAMIS, 2010."
    license: ClassVar[str] = "signed agreement, non-commercial research"
    access: ClassVar[str] = (
        "MUG is available from the Multimedia Understanding Group, Aristotle University of Thessaloniki, after signing the agreement: "
        "https://mug.ee.auth.gr/fed/."
    )
    folders: ClassVar[tuple[str, ...]] = ("MUG",)
    official = Official(
        people=Fact(52, "description of the released part", recalled=True),
        sizes=Fact(((896, 896),), "description of the corpus", recalled=True),
    )

    def clips(self) -> Iterator[Clip | Skipped]:
        """Takes by person, expression and number; missing expression folders and junk takes are skipped."""
        tree = Tree(self.name, Path(self.root))
        yield from self._stills(tree) if self.kind == "stills" else self._sequences(tree)
        yield from tree.unreadable()

    def _stills(self, tree: Tree) -> Iterator[Clip | Skipped]:
        if self.apexes:
            raise FerbenchError("mug: `apexes` needs kind: sequences, as a still is its own apex", hint="remove one of the two")
        return _read_stills(tree)

    def _sequences(self, tree: Tree) -> Iterator[Clip | Skipped]:
        items = list(_read_trees(tree))
        if not items:
            raise tree.layout_error("subjects3/001/anger/take000/img_0000.jpg")
        lengths = {item.id: item.length for item in items if isinstance(item, Clip)}
        apexes = _read_apexes(self.apexes, lengths) if self.apexes else {}
        for item in items:
            yield replace(item, apex=apexes.get(item.id, item.length // 2)) if isinstance(item, Clip) else item


def _read_trees(tree: Tree) -> Iterator[Clip | Skipped]:
    """Everything in the folders of people; if two trees contain the same take, the first is read."""
    items = (item for top in tree.find_parents(PERSON, first="subjects3") for item in _read_people(tree, top))
    yield from skip_copies(items, lambda clip: Skipped(tree.relative(clip.images[0].parent), "second copy of a take"))


def _read_people(tree: Tree, top: Path) -> Iterator[Clip | Skipped]:
    """Empty if no person of this tree has a folder for an expression: then it contains something else, such as landmarks."""
    people = {person: _person_folders(tree, person) for person in tree.folders(top) if matches(person, PERSON)}
    if any(_is_expression(folder) for folders in people.values() for folder in folders):
        for person, folders in people.items():
            yield from _read_person(tree, top, person, folders)


def _person_folders(tree: Tree, person: Path) -> list[Path]:
    """A person's folders, including those in sessions."""
    return [path for folder in tree.folders(person) for path in (tree.folders(folder) if matches(folder, "session.*") else [folder])]


def _is_expression(folder: Path) -> bool:
    return folder.name.lower() in EMOTIONS


def _read_person(tree: Tree, top: Path, person: Path, folders: list[Path]) -> Iterator[Clip | Skipped]:
    present = {folder.name.lower() for folder in folders}
    yield from (Skipped(f"{person.name}/{emotion}", "no folder for this expression") for emotion in EMOTIONS if emotion not in present)
    for folder in folders:
        name, takes = folder.relative_to(top).as_posix(), tree.folders(folder)
        if not _is_expression(folder):
            yield Skipped(name, "folder name is not an expression")
        elif not takes:
            yield Skipped(name, "expression folder without takes")
        else:
            yield from (_read_take(tree, take, f"{name}/{take.name}", person.name, folder.name.lower()) for take in takes)


def _read_take(tree: Tree, folder: Path, name: str, person: str, emotion: str) -> Clip | Skipped:
    if matches(folder, ".*nsg.*|.*end"):
        return Skipped(name, "junk take (named nsg or ...end)")
    frames = tree.images(folder)
    return Clip(name, person, emotion, images=frames, length=len(frames)) if frames else Skipped(name, "take without images")


def _read_apexes(file: str, lengths: Mapping[str, int]) -> dict[str, int]:
    """Clip -> apex index from the CSV; raises FerbenchError for an unknown clip or an index outside it."""
    apexes: dict[str, int] = {}
    for line, clip, apex in _read_apex_rows(file):
        if clip in apexes:
            raise FerbenchError(f"mug: clip {clip!r} has a second apex: expected one row per clip", where=f"{file}:{line}")
        if clip not in lengths or not apex.isdecimal() or int(apex) >= lengths[clip]:
            expected = f"an index below {lengths[clip]}" if clip in lengths else "a clip such as 001/anger/take000, in the column `clip`"
            raise FerbenchError(f"mug: clip {clip!r}, apex {apex!r}: expected {expected}", where=f"{file}:{line}")
        apexes[clip] = int(apex)
    return apexes


def _read_apex_rows(file: str) -> list[tuple[int, str, str]]:
    """(line, clip, apex) of each row."""
    try:
        table = parse_table(read_file(Path(file)).decode("utf-8-sig"))
    except (OSError, ValueError, csv.Error) as error:
        raise FerbenchError(f"mug: apexes cannot be read: {error}", where=file, hint="expected a CSV in UTF-8") from error
    if not {"clip", "apex"} <= set(table.columns):
        raise FerbenchError(f"mug: apexes has the columns {table.columns}: expected `clip` and `apex`", where=f"{file}:1")
    return [(line, cells["clip"], cells["apex"]) for line, cells in table.rows]


def _read_stills(tree: Tree) -> Iterator[Clip | Skipped]:
    """All files in the folder of the first image named `NNN_ee_NNN_NNNN.jpg`, at most three folders down."""
    level = [tree.root]
    for _ in range(4):
        for content in map(tree.entries, level):
            if any(matches(path, STILL) for path in content):
                yield from (_read_still(path) for path in content if not tree.is_folder(path))
                return
        level = [subfolder for folder in level for subfolder in tree.folders(folder) if not matches(subfolder, PERSON)]
    raise tree.layout_error("manual/images/001_an_001_0001.jpg")


def _read_still(path: Path) -> Clip | Skipped:
    match = re.fullmatch(STILL, path.name, re.IGNORECASE)
    emotion = CODES.get(match[2].lower()) if match else None
    if match is None or emotion is None:
        return Skipped(path.name, "name is not NNN_ee_NNN_NNNN.jpg")
    return Clip(path.stem, match[1], emotion, images=(path,), length=1, apex=0)
