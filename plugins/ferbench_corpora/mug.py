"""MUG: posed sequences neutral - apex - neutral, or its hand-annotated stills."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from ferbench import Clip, Dataset, FerbenchError, File, Rehearsable, Skipped
from ferbench_corpora.folders import entries, folders, holding, images, unlike

EMOTIONS = ("anger", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
CODES = {emotion[:2]: emotion for emotion in EMOTIONS}  # an, di, fe, ha, ne, sa, su
PERSON = r"\d{3}"


@dataclass(frozen=True)
class MUG(Dataset, Rehearsable):
    """MUG: sequences of posed expressions that run neutral, apex, neutral; 52 people released.

    Nobody ships apex indices: the middle frame is taken, unless `apexes` names a CSV with the columns `clip` (such as
    001/anger/take000) and `apex` (0-based). `kind: stills` reads the manually annotated images instead, each a clip of one frame.
    """

    kind: Literal["sequences", "stills"] = "sequences"
    apexes: File | None = None

    name = "mug"
    classes = EMOTIONS
    citation: ClassVar[str] = "N. Aifanti, C. Papachristou, A. Delopoulos: The MUG facial expression database. WIAMIS, 2010."
    licence: ClassVar[str] = "signed agreement, non-commercial research"
    access: ClassVar[str] = (
        "MUG is sent by the Multimedia Understanding Group, Aristotle University of Thessaloniki, on a signed agreement."
    )
    folders: ClassVar[tuple[str, ...]] = ("MUG",)

    def clips(self) -> Iterator[Clip | Skipped]:
        """Takes by person, expression and number; missing expression folders and junk takes are skipped by name."""
        root = Path(self.root)
        if self.kind == "stills":
            yield from _stills(self.name, root)
            return
        tops = [top for top in holding(root, PERSON) if any(_expressions(p) for p in folders(top) if re.fullmatch(PERSON, p.name))]
        if not tops:
            raise unlike(self.name, root, "subjects3/001/anger/take000/img_0000.jpg")
        found = [thing for top in tops for thing in _people(top)]
        apexes = _apexes(self.apexes, {c.id: c.length for c in found if isinstance(c, Clip)}) if self.apexes else {}
        for thing in found:
            yield thing if isinstance(thing, Skipped) else _with_apex(thing, apexes.get(thing.id))

    @classmethod
    def render(cls, folder: Path, people: int, seed: int, progress: Callable[[int, int], None]) -> None:
        """Faces moved by action units, in MUG's layout."""
        from ferbench_corpora.standin import mug

        mug.write(folder, people, seed, progress)


def _people(top: Path) -> Iterator[Clip | Skipped]:
    for person in (p for p in folders(top) if re.fullmatch(PERSON, p.name)):
        sessions = [p for p in folders(person) if p.name.lower().startswith("session")]
        for base in sessions or [person]:
            found = _expressions(base)
            where = base.relative_to(top).as_posix()
            yield from (Skipped(f"{where}/{emotion}", "no folder for this expression") for emotion in EMOTIONS if emotion not in found)
            for emotion, folder in sorted(found.items()):
                yield from _takes(top, person.name, emotion, folder)


def _expressions(base: Path) -> dict[str, Path]:
    """Emotion -> its folder, in any case of letters; under a person or a session of theirs."""
    nested = [q for p in folders(base) if p.name.lower().startswith("session") for q in folders(p)]
    return {p.name.lower(): p for p in [*folders(base), *nested] if p.name.lower() in EMOTIONS}


def _takes(top: Path, person: str, emotion: str, folder: Path) -> Iterator[Clip | Skipped]:
    takes = folders(folder)
    if not takes:
        yield Skipped(folder.relative_to(top).as_posix(), "expression folder without takes")
    for take in takes:
        name, frames = take.relative_to(top).as_posix(), images(take)
        if "nsg" in take.name.lower() or take.name.lower().endswith("end"):
            yield Skipped(name, "junk take (named nsg or ...end)")
        elif not frames:
            yield Skipped(name, "take without images")
        else:
            yield Clip(name, person, emotion, images=frames, length=len(frames))


def _with_apex(clip: Clip, apex: int | None) -> Clip:
    """A neutral take has no peak that the middle could miss, so it is treated alike."""
    chosen = clip.length // 2 if apex is None else apex
    return Clip(clip.id, clip.subject, clip.label, images=clip.images, length=clip.length, apex=chosen)


def _apexes(file: str, lengths: Mapping[str, int]) -> dict[str, int]:
    """Clip -> apex index from the CSV; raises FerbenchError for an unknown clip or an index outside it."""
    try:
        with Path(file).open(newline="") as text:
            rows = list(csv.DictReader(text))
    except OSError as error:
        raise FerbenchError(f"mug: apexes cannot be read: {error.strerror}", where=file) from error
    apexes = {}
    for line, row in enumerate(rows, 2):
        clip, apex = row.get("clip") or "", row.get("apex") or ""
        if clip not in lengths or not apex.isdigit() or int(apex) >= lengths[clip]:
            expected = f"an index below {lengths[clip]}" if clip in lengths else "a clip such as 001/anger/take000, in the column `clip`"
            raise FerbenchError(f"mug: clip {clip!r}, apex {apex!r}: expected {expected}", where=f"{file}:{line}")
        apexes[clip] = int(apex)
    return apexes


def _stills(corpus: str, root: Path) -> Iterator[Clip | Skipped]:
    """`manual/images/NNN_ee_NNN_NNNN.jpg`."""
    folder = next((p for p in (root / "manual/images", root / "images", root) if p.is_dir() and images(p)), None)
    if folder is None:
        raise unlike(corpus, root, "manual/images/001_an_001_0001.jpg")
    for path in (p for p in entries(folder) if p.is_file()):
        match = re.fullmatch(r"(\d{3})_([a-z]{2})_\d+_\d+\.jpe?g", path.name, re.IGNORECASE)
        emotion = CODES.get(match[2].lower()) if match else None
        if match is None or emotion is None:
            yield Skipped(path.name, "name is not NNN_ee_NNN_NNNN.jpg")
        else:
            yield Clip(path.stem, match[1], emotion, images=(path,), length=1, apex=0)
