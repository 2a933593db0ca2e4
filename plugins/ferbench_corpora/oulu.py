"""Oulu-CASIA: posed sequences from neutral to apex, by two cameras under three lights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from ferbench import Clip, Dataset, Fact, Official, Skipped, StandardProtocol
from ferbench_corpora.tree import Tree, matches

LABELS = {
    "anger": "anger", "disgust": "disgust", "fear": "fear", "happiness": "happiness", "sadness": "sadness", "surprise": "surprise",
    "sadnesss": "sadness",
}  # fmt: skip
PERSON = r"P\d{3}"
PAPER = "G. Zhao et al. 2011: six expressions of 80 people, 320 x 240 pixels"


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
        "Oulu-CASIA is available from the Center for Machine Vision and Signal Analysis, University of Oulu, after signing the agreement."
    )
    folders: ClassVar[tuple[str, ...]] = ("Oulu-CASIA", "OuluCASIA", "Oulu_CASIA", "OriginalImg")
    official = Official(
        people=Fact(80, PAPER),
        clips=Fact(480, PAPER),
        labels=Fact(dict.fromkeys(classes, 80), PAPER),
        each=Fact(dict.fromkeys(classes, 1), PAPER),
        names=Fact(tuple(f"P{number:03}" for number in range(1, 81)), "folders of published loaders"),
        sizes=Fact(((320, 240),), PAPER),
        protocols=(
            StandardProtocol(
                "ten folds",
                "modulo",
                {"k": 10, "classes": list(classes), "validation": 0},
                people=Fact(80, PAPER),
                clips=Fact(480, PAPER),
                tests=Fact((48,) * 10, "published code of the protocol: every tenth person, of six sequences each"),
                by_position=True,
            ),
        ),
    )

    def clips(self) -> Iterator[Clip | Skipped]:
        """Sequences of one camera and light, by person and expression; the last frame is the apex."""
        tree = Tree(self.name, Path(self.root))
        tops = [folder for folder in tree.find_parents(PERSON, depth=4) if self._is_selected(folder)]
        if not tops:
            raise tree.layout_error(f"OriginalImg/{self.camera}/{self.light}/P001/Anger/000.jpeg")
        for person in (folder for folder in tree.folders(tops[0]) if matches(folder, PERSON)):
            yield from (_read_sequence(tree, person.name.upper(), folder) for folder in tree.folders(person))
        yield from tree.unreadable()

    def _is_selected(self, folder: Path) -> bool:
        return matches(folder, self.light) and matches(folder.parent, f"{self.camera}(_.*)?")


def _read_sequence(tree: Tree, person: str, folder: Path) -> Clip | Skipped:
    name, label, frames = f"{person}/{folder.name}", LABELS.get(folder.name.lower()), tree.images(folder)
    if label is None:
        return Skipped(name, "folder name is not an expression")
    if not frames:
        return Skipped(name, "sequence without images")
    return Clip(name, person, label, images=frames, length=len(frames), apex=len(frames) - 1)
