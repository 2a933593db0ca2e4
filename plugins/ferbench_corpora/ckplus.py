"""CK+: posed sequences from neutral to apex, with emotion labels for about half of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ferbench import Clip, Dataset, Skipped
from ferbench_corpora.folders import entries, folders, holding, images, named, natural, unlike

CODES: dict[float, str] = dict(enumerate(("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")))
SUBJECT = r"S\d{3}"


@dataclass(frozen=True)
class CKPlus(Dataset):
    """Extended Cohn-Kanade (CK+): 593 posed sequences of 123 people, 327 of them labelled, onset to apex."""

    name = "ck+"
    classes = ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
    citation: ClassVar[str] = (
        "P. Lucey, J. F. Cohn, T. Kanade, J. Saragih, Z. Ambadar, I. Matthews: The Extended Cohn-Kanade Dataset (CK+): "
        "A complete dataset for action unit and emotion-specified expression. CVPR Workshops, 2010."
    )
    license: ClassVar[str] = "signed agreement, non-commercial research"
    access: ClassVar[str] = (
        "CK+ is sent by the Affect Analysis Group, University of Pittsburgh, to those who sign the agreement at https://www.jeffcohn.net/Resources/."
    )
    folders: ClassVar[tuple[str, ...]] = ("CK+", "CKplus", "CK", "cohn-kanade")

    def clips(self) -> Iterator[Clip | Skipped]:
        """Sequences in the order of people and numbers; those without an emotion file are skipped."""
        root = Path(self.root)
        found = {name: [(folder, entries(folder)) for folder in places] for name, places in _sequences(root).items()}
        if not any(images(content) for places in found.values() for _, content in places):
            raise unlike(self.name, root, "cohn-kanade-images/S005/001/S005_001_00000001.png")
        for name in sorted(found, key=natural):
            yield from _read(root, name, found[name])


def _sequences(root: Path) -> dict[str, list[Path]]:
    """Sequence, such as S005/001, -> its folders in the trees of images, emotions, landmarks and whatever else sorts by people."""
    found: dict[str, list[Path]] = {}
    for top in holding(root, SUBJECT, first="cohn-kanade-images"):
        for person in (p for p in folders(top) if named(p, SUBJECT)):
            for sequence in folders(person):
                found.setdefault(f"{person.name.upper()}/{sequence.name}", []).append(sequence)
    return found


def _read(root: Path, name: str, places: list[tuple[Path, list[Path]]]) -> Iterator[Clip | Skipped]:
    """The clip of a sequence, from what each of its folders holds; a second set of images is no second clip."""
    pictures = [(folder, frames) for folder, content in places if (frames := images(content))]
    yield from (Skipped(folder.relative_to(root).as_posix(), "second copy of a sequence") for folder, _ in pictures[1:])
    labels = [p for _, content in places for p in content if p.name.lower().endswith("_emotion.txt") and p.is_file()]
    emotions = {_emotion(label) for label in labels}
    if not pictures:
        yield Skipped(name, "sequence without images")
    elif not labels:
        yield Skipped(name, "no emotion label")
    elif None in emotions:
        yield Skipped(name, "emotion label is no number from 0 to 7")
    elif len(emotions) > 1:
        yield Skipped(name, "emotion labels contradict each other")
    else:
        frames = pictures[0][1]
        marks = _landmarks(frames, [p for _, content in places for p in content])
        yield Clip(name, name.partition("/")[0], str(*emotions), images=frames, length=len(frames), apex=len(frames) - 1, landmarks=marks)


def _landmarks(frames: Sequence[Path], files: Sequence[Path]) -> tuple[Path, ...]:
    """The file of each frame, S005_001_00000011_landmarks.txt beside S005_001_00000011.png; none unless every frame has one."""
    marks = {p.name.lower(): p for p in files if p.name.lower().endswith("_landmarks.txt")}
    named = [marks.get(f"{frame.stem.lower()}_landmarks.txt") for frame in frames]
    return tuple(filter(None, named)) if all(named) else ()


def _emotion(label: Path) -> str | None:
    """What a file such as `   3.0000000e+00` says; None where it is empty or no code."""
    try:
        return CODES.get(float(label.read_text(encoding="utf-8-sig", errors="replace")))
    except ValueError:
        return None
