"""MUG: posed sequences neutral - apex - neutral, or its hand-annotated stills."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

from ferbench import Clip, Dataset, FerbenchError, File, Skipped
from ferbench_corpora.folders import entries, folders, holding, images, named, unlike

EMOTIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
CODES = {emotion[:2]: emotion for emotion in EMOTIONS}  # an, di, fe, ha, ne, sa, su
PERSON = r"\d{3}"
STILL = r"(\d{3})_([a-z]{2})_\d+_\d+\.jpe?g"


@dataclass(frozen=True)
class MUG(Dataset):
    """MUG: sequences of posed expressions that run neutral, apex, neutral; 52 people released.

    Nobody ships apex indices: the middle frame is taken, unless `apexes` names a CSV with the columns `clip` (such as
    001/anger/take000) and `apex` (0-based). `kind: stills` reads the manually annotated images instead, each a clip of one frame.
    """

    kind: Literal["sequences", "stills"] = "sequences"
    apexes: File | None = None

    name = "mug"
    classes = EMOTIONS
    citation: ClassVar[str] = "N. Aifanti, C. Papachristou, A. Delopoulos: The MUG facial expression database. WIAMIS, 2010."
    license: ClassVar[str] = "signed agreement, non-commercial research"
    access: ClassVar[str] = (
        "MUG is sent by the Multimedia Understanding Group, Aristotle University of Thessaloniki, on a signed agreement: "
        "https://mug.ee.auth.gr/fed/."
    )
    folders: ClassVar[tuple[str, ...]] = ("MUG",)

    def clips(self) -> Iterator[Clip | Skipped]:
        """Takes by person, expression and number; missing expression folders and junk takes are skipped by name."""
        root = Path(self.root)
        if self.kind == "stills":
            if self.apexes:
                raise FerbenchError("mug: apexes is for kind: sequences; a still is its own apex", hint="leave out one of the two")
            yield from _stills(self.name, root)
            return
        found = list(_takes(root))
        if not found:
            raise unlike(self.name, root, "subjects3/001/anger/take000/img_0000.jpg")
        lengths = {thing.id: thing.length for thing in found if isinstance(thing, Clip)}
        apexes = _apexes(self.apexes, lengths) if self.apexes else {}
        yield from (replace(t, apex=apexes.get(t.id, t.length // 2)) if isinstance(t, Clip) else t for t in found)


def _takes(root: Path) -> Iterator[Clip | Skipped]:
    """Everything in the folders of people; where two trees hold the same take, the first is read."""
    seen = set()
    for top in holding(root, PERSON, first="subjects3"):
        for thing in _of_people(top):
            if isinstance(thing, Clip) and thing.id in seen:
                yield Skipped(thing.images[0].parent.relative_to(root).as_posix(), "second copy of a take")
            else:
                yield thing
                seen.update([thing.id] if isinstance(thing, Clip) else [])


def _of_people(top: Path) -> Iterator[Clip | Skipped]:
    """Nothing, where no person of this tree has a folder for an expression: it holds something else, such as landmarks."""
    people = {person: _inside(person) for person in folders(top) if named(person, PERSON)}
    if any(_is_expression(folder) for inside in people.values() for folder in inside):
        for person, inside in people.items():
            yield from _of_person(top, person, inside)


def _inside(person: Path) -> list[Path]:
    """A person's folders; those of a session stand for the session."""
    return [q for p in folders(person) for q in (folders(p) if named(p, "session.*") else [p])]


def _is_expression(folder: Path) -> bool:
    return folder.name.lower() in EMOTIONS


def _of_person(top: Path, person: Path, inside: list[Path]) -> Iterator[Clip | Skipped]:
    present = {folder.name.lower() for folder in inside}
    yield from (Skipped(f"{person.name}/{emotion}", "no folder for this expression") for emotion in EMOTIONS if emotion not in present)
    for folder in inside:
        where, takes = folder.relative_to(top).as_posix(), folders(folder)
        if not _is_expression(folder):
            yield Skipped(where, "folder is named like no expression")
        elif not takes:
            yield Skipped(where, "expression folder without takes")
        else:
            yield from (_take(f"{where}/{take.name}", person.name, folder.name.lower(), take) for take in takes)


def _take(name: str, person: str, emotion: str, folder: Path) -> Clip | Skipped:
    if named(folder, ".*nsg.*|.*end"):
        return Skipped(name, "junk take (named nsg or ...end)")
    frames = images(entries(folder))
    return Clip(name, person, emotion, images=frames, length=len(frames)) if frames else Skipped(name, "take without images")


def _apexes(file: str, lengths: Mapping[str, int]) -> dict[str, int]:
    """Clip -> apex index from the CSV; raises FerbenchError for an unknown clip or an index outside it."""
    apexes: dict[str, int] = {}
    for line, clip, apex in _rows(file):
        if clip in apexes:
            raise FerbenchError(f"mug: clip {clip!r} has a second apex: expected one row a clip", where=f"{file}:{line}")
        if clip not in lengths or not apex.isdecimal() or int(apex) >= lengths[clip]:
            expected = f"an index below {lengths[clip]}" if clip in lengths else "a clip such as 001/anger/take000, in the column `clip`"
            raise FerbenchError(f"mug: clip {clip!r}, apex {apex!r}: expected {expected}", where=f"{file}:{line}")
        apexes[clip] = int(apex)
    return apexes


def _rows(file: str) -> list[tuple[int, str, str]]:
    """(line, clip, apex) of each row."""
    try:
        with Path(file).open(newline="", encoding="utf-8-sig") as text:
            table = csv.DictReader(text)
            if not {"clip", "apex"} <= set(table.fieldnames or ()):
                raise FerbenchError(f"mug: apexes has the columns {table.fieldnames}: expected `clip` and `apex`", where=f"{file}:1")
            return [(table.line_num, (row["clip"] or "").strip(), (row["apex"] or "").strip()) for row in table]
    except (OSError, ValueError, csv.Error) as error:
        raise FerbenchError(f"mug: apexes cannot be read: {error}", where=file, hint="expected a CSV in UTF-8") from error


def _stills(corpus: str, root: Path) -> Iterator[Clip | Skipped]:
    """Every file beside the first image named `NNN_ee_NNN_NNNN.jpg`, at most three folders down."""
    level = [root]
    for _ in range(4):
        for content in map(entries, level):
            if any(named(p, STILL) for p in content):
                yield from (_still(p) for p in content if p.is_file())
                return
        level = [p for folder in level for p in folders(folder) if not named(p, PERSON)]
    raise unlike(corpus, root, "manual/images/001_an_001_0001.jpg")


def _still(path: Path) -> Clip | Skipped:
    match = re.fullmatch(STILL, path.name, re.IGNORECASE)
    emotion = CODES.get(match[2].lower()) if match else None
    if match is None or emotion is None:
        return Skipped(path.name, "name is not NNN_ee_NNN_NNNN.jpg")
    return Clip(path.stem, match[1], emotion, images=(path,), length=1, apex=0)
