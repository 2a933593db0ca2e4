"""CK+: posed sequences from neutral to apex, with emotion labels for about half of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from ferbench import Clip, Dataset, Rehearsable, Skipped
from ferbench_corpora.folders import entries, folders, holding, images, unlike

EMOTIONS = ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")  # by code, 0 to 7
SUBJECT = r"S\d{3}"


@dataclass(frozen=True)
class CKPlus(Dataset, Rehearsable):
    """Extended Cohn-Kanade (CK+): 593 posed sequences of 123 people, 327 of them labelled, onset to apex."""

    name = "ck+"
    classes = ("anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
    citation: ClassVar[str] = (
        "P. Lucey, J. F. Cohn, T. Kanade, J. Saragih, Z. Ambadar, I. Matthews: The Extended Cohn-Kanade Dataset (CK+): "
        "A complete dataset for action unit and emotion-specified expression. CVPR Workshops, 2010."
    )
    licence: ClassVar[str] = "signed agreement, non-commercial research"
    access: ClassVar[str] = "CK+ is sent by the Affect Analysis Group, University of Pittsburgh, to those who sign its agreement."
    folders: ClassVar[tuple[str, ...]] = ("CK+", "CKplus", "CK", "cohn-kanade")

    def clips(self) -> Iterator[Clip | Skipped]:
        """Sequences in the order of people and numbers; those without an emotion file are skipped."""
        root = Path(self.root)
        sequences, labels = _sequences(root), _label_files(root)
        if not sequences:
            raise unlike(self.name, root, "cohn-kanade-images/S005/001/S005_001_00000001.png")
        for sequence in sequences:
            yield _clip(sequence, labels.get((sequence.parent.name, sequence.name)))

    @classmethod
    def render(cls, folder: Path, people: int, seed: int, progress: Callable[[int, int], None]) -> None:
        """Faces moved by action units, in CK+'s layout."""
        from ferbench_corpora.standin import ckplus

        ckplus.write(folder, people, seed, progress)


def _sequences(root: Path) -> list[Path]:
    """Folders `S005/001` with image files, under whichever folder holds people with images."""
    for people in holding(root, SUBJECT):
        found = [s for p in folders(people) if re.fullmatch(SUBJECT, p.name, re.IGNORECASE) for s in folders(p) if images(s)]
        if found:
            return found
    return []


def _label_files(root: Path) -> dict[tuple[str, str], Path]:
    """(person, sequence) -> emotion file, under any folder whose name begins with "emotion"; empty label folders say nothing."""
    tops = [p for p in [root, *folders(root)] if p.name.lower().startswith("emotion")] + [
        q for p in folders(root) if not re.fullmatch(SUBJECT, p.name) for q in folders(p) if q.name.lower().startswith("emotion")
    ]
    found = {}
    for top in dict.fromkeys(tops):
        for people in holding(top, SUBJECT):
            for sequence in (s for person in folders(people) for s in folders(person)):
                files = [f for f in entries(sequence) if f.name.endswith("_emotion.txt")]
                if files:
                    found[sequence.parent.name, sequence.name] = files[-1]
    return found


def _clip(sequence: Path, label: Path | None) -> Clip | Skipped:
    name = f"{sequence.parent.name}/{sequence.name}"
    if label is None:
        return Skipped(name, "no emotion label")
    text = label.read_text(errors="replace").strip()
    try:
        emotion = EMOTIONS[int(float(text))]
    except (ValueError, IndexError):
        return Skipped(f"{name} ({label.name}: {text[:20]!r})", "emotion label is no number from 0 to 7")
    frames = images(sequence)
    return Clip(name, sequence.parent.name, emotion, images=frames, length=len(frames), apex=len(frames) - 1)
