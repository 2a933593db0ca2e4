"""CK+: posed sequences from neutral to apex, about half of them with an emotion label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, ClassVar, Literal, get_args

from msgspec import Meta

from ferbench import Clip, Dataset, Fact, Official, Skipped, StandardProtocol
from ferbench_corpora.tree import Tree, images, matches, natural_sort

CODES: dict[float, str] = dict(enumerate(("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")))
SUBJECT = r"S\d{3}"
Emotion = Literal["anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise"]
EMOTIONS: tuple[Emotion, ...] = get_args(Emotion)
LABELS = {"anger": 45, "contempt": 18, "disgust": 59, "fear": 25, "happiness": 69, "sadness": 28, "surprise": 83}
PAPER, LISTS = "P. Lucey et al. 2010, and the read-me file of the corpus", "published loaders and lists of the labels"
FOLDS = "published code of the protocol"

Places = Sequence[tuple[Path, list[Path]]]
"""The folders of one sequence, each with its content."""


@dataclass(frozen=True)
class CKPlus(Dataset):
    """Extended Cohn-Kanade (CK+): 593 posed sequences of 123 people, 327 of them labeled, onset to apex.

    With `neutral_frames`, the first frames of each labeled sequence are a clip of their own with the label neutral, and are no longer part
    of the sequence. `neutral_of` lists the emotions whose sequences are divided so.
    """

    neutral_frames: Annotated[int, Meta(ge=0)] = 0
    neutral_of: tuple[Emotion, ...] = EMOTIONS

    name = "ck+"
    classes = EMOTIONS
    citation: ClassVar[str] = (
        "P. Lucey, J. F. Cohn, T. Kanade, J. Saragih, Z. Ambadar, I. Matthews: The Extended Cohn-Kanade Dataset (CK+): "
        "A complete dataset for action unit and emotion-specified expression. CVPR Workshops, 2010."
    )
    license: ClassVar[str] = "signed agreement, non-commercial research"
    access: ClassVar[str] = (
        "CK+ is available from the Affect Analysis Group, University of Pittsburgh, after signing the agreement at https://www.jeffcohn.net/Resources/."
    )
    folders: ClassVar[tuple[str, ...]] = ("CK+", "CKplus", "CK", "cohn-kanade")
    official = Official(
        people=Fact(118, LISTS),
        clips=Fact(327, PAPER),
        labels=Fact(LABELS, LISTS),
        skipped=Fact({"no emotion label": 593 - 327}, PAPER),
        sizes=Fact(((640, 480), (640, 490)), PAPER),
        protocols=(
            StandardProtocol(
                "ten folds (seven classes)",
                "modulo",
                {"k": 10, "classes": list(LABELS), "validation": 0},
                people=Fact(118, LISTS),
                clips=Fact(327, PAPER),
                tests=Fact((33, 39, 40, 35, 30, 37, 29, 29, 33, 22), FOLDS),
                by_position=True,
            ),
            StandardProtocol(
                "ten folds (six classes)",
                "modulo",
                {"k": 10, "classes": [label for label in LABELS if label != "contempt"], "validation": 0},
                people=Fact(106, LISTS),
                clips=Fact(309, LISTS),
                by_position=True,
            ),
        ),
    )

    def __post_init__(self) -> None:
        if self.neutral_of != EMOTIONS and not self.neutral_frames:
            raise ValueError("neutral_of has no effect without neutral_frames: expected neutral_frames of 1 or more")

    def clips(self) -> Iterator[Clip | Skipped]:
        """Sequences in the order of people and numbers; those without an emotion file are skipped."""
        tree = Tree(self.name, Path(self.root))
        sequences = _find_sequences(tree)
        if not any(images(content) for places in sequences.values() for _, content in places):
            raise tree.layout_error("cohn-kanade-images/S005/001/S005_001_00000001.png")
        for name in natural_sort(sequences, str):
            for item in _read_sequence(tree, name, sequences[name]):
                yield from self._divide(item)
        yield from tree.unreadable()

    def _divide(self, item: Clip | Skipped) -> Iterator[Clip | Skipped]:
        """The neutral frames of a sequence, and the others, as two clips."""
        if not self.neutral_frames or isinstance(item, Skipped) or item.label not in self.neutral_of:
            yield item
        elif item.length <= self.neutral_frames:
            yield Skipped(item.id, "too few frames to take the first ones as neutral")
        else:
            neutral, others = slice(self.neutral_frames), slice(self.neutral_frames, None)
            yield replace(_cut(item, neutral), id=f"{item.id}#neutral", label="neutral", apex=None)
            yield _cut(item, others)


def _find_sequences(tree: Tree) -> Mapping[str, Places]:
    """By name, such as S005/001: its folders in the trees of images, emotions, landmarks and anything else that has a folder per person."""
    sequences: dict[str, list[tuple[Path, list[Path]]]] = {}
    for top in tree.find_parents(SUBJECT, first="cohn-kanade-images"):
        for person in (folder for folder in tree.folders(top) if matches(folder, SUBJECT)):
            for folder in tree.folders(person):
                sequences.setdefault(f"{person.name.upper()}/{folder.name}", []).append((folder, tree.entries(folder)))
    return sequences


def _read_sequence(tree: Tree, name: str, places: Places) -> Iterator[Clip | Skipped]:
    """The clip of a sequence, from the content of its folders; further copies of its images are skipped."""
    with_images = [(folder, frames) for folder, content in places if (frames := images(content))]
    files = [path for _, content in places for path in content]
    labels = [path for path in files if path.name.lower().endswith("_emotion.txt") and not tree.is_folder(path)]
    emotions = {_parse_emotion(tree.read_text(label)) for label in labels}
    yield from (Skipped(tree.relative(folder), "second copy of a sequence") for folder, _ in with_images[1:])
    if not with_images:
        yield Skipped(name, "sequence without images")
    elif not labels:
        yield Skipped(name, "no emotion label")
    elif None in emotions:
        yield Skipped(name, "emotion label is not a number from 0 to 7")
    elif len(emotions) > 1:
        yield Skipped(name, "emotion labels contradict each other")
    else:
        yield _clip(name, str(*emotions), with_images[0][1], files)


def _clip(name: str, emotion: str, frames: tuple[Path, ...], files: Sequence[Path]) -> Clip:
    length, landmarks = len(frames), _landmarks(frames, files)
    return Clip(name, name.partition("/")[0], emotion, images=frames, length=length, apex=length - 1, landmarks=landmarks)


def _cut(clip: Clip, frames: slice) -> Clip:
    """Some of its frames; the last one is the apex."""
    images = clip.images[frames]
    return replace(clip, images=images, landmarks=clip.landmarks[frames], length=len(images), apex=len(images) - 1)


def _landmarks(frames: Sequence[Path], files: Sequence[Path]) -> tuple[Path, ...]:
    """The file of each frame, S005_001_00000011_landmarks.txt for S005_001_00000011.png; empty unless every frame has one."""
    by_name = {path.name.lower(): path for path in files if path.name.lower().endswith("_landmarks.txt")}
    landmarks = [by_name.get(f"{frame.stem.lower()}_landmarks.txt") for frame in frames]
    return tuple(filter(None, landmarks)) if all(landmarks) else ()


def _parse_emotion(text: str) -> str | None:
    """The emotion of a text such as `   3.0000000e+00`; None if it is empty or not a code."""
    try:
        return CODES.get(float(text))
    except ValueError:
        return None
