"""Oulu-CASIA: posed sequences from neutral to apex, by two cameras under three lights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from ferbench import Clip, Dataset, Skipped
from ferbench_corpora.folders import entries, folders, holding, images, named, unlike

LABELS = {
    "anger": "anger", "disgust": "disgust", "fear": "fear", "happiness": "happiness", "sadness": "sadness", "surprise": "surprise",
    "sadnesss": "sadness",
}  # fmt: skip
PERSON = r"P\d{3}"


@dataclass(frozen=True)
class OuluCASIA(Dataset):
    """Oulu-CASIA NIR&VIS: 480 posed sequences of 80 people for each camera and light, onset to apex.

    `camera`: "VL" (visible light) or "NI" (near infrared). `light`: "Strong", "Weak" or "Dark".
    """

    camera: Literal["VL", "NI"] = "VL"
    light: Literal["Strong", "Weak", "Dark"] = "Strong"

    name = "oulu-casia"
    classes = tuple(dict.fromkeys(LABELS.values()))
    citation: ClassVar[str] = (
        "G. Zhao, X. Huang, M. Taini, S. Z. Li, M. Pietikäinen: Facial expression recognition from near-infrared videos. "
        "Image and Vision Computing, 2011."
    )
    license: ClassVar[str] = "signed agreement, non-commercial research"
    access: ClassVar[str] = (
        "Oulu-CASIA is sent by the Center for Machine Vision and Signal Analysis of the University of Oulu on a signed agreement."
    )
    folders: ClassVar[tuple[str, ...]] = ("Oulu-CASIA", "OuluCASIA", "Oulu_CASIA", "OriginalImg")

    def clips(self) -> Iterator[Clip | Skipped]:
        """Sequences of the one camera and light by person and expression; the last frame is the apex."""
        root = Path(self.root)
        places = [place for place in holding(root, PERSON, first="", depth=4) if self._wanted(place)]
        if not places:
            raise unlike(self.name, root, f"OriginalImg/{self.camera}/{self.light}/P001/Anger/000.jpeg")
        for person in (p for p in folders(places[0]) if named(p, PERSON)):
            for folder in folders(person):
                name, label = f"{person.name.upper()}/{folder.name}", LABELS.get(folder.name.lower())
                frames = images(entries(folder))
                if label is None:
                    yield Skipped(name, "folder is named like no expression")
                elif not frames:
                    yield Skipped(name, "sequence without images")
                else:
                    yield Clip(name, person.name.upper(), label, images=frames, length=len(frames), apex=len(frames) - 1)

    def _wanted(self, place: Path) -> bool:
        return named(place, self.light) and named(place.parent, f"{self.camera}(_.*)?")
