"""A copy of CK+ made of nothing but its counts: people, labels and fold sizes are those of the corpus, names and pictures are made up."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import cv2
import numpy as np

from ferbench_corpora import CKPlus

OFFICIAL = CKPlus.official
PEOPLE = 118
ONLY_CONTEMPT = 12  # the first people: they are left out with six classes
CODES = {"anger": 1, "contempt": 2, "disgust": 3, "fear": 4, "happiness": 5, "sadness": 6, "surprise": 7}
PICTURE = cv2.imencode(".png", np.zeros((490, 640), np.uint8))[1].tobytes()


def person_name(position: int) -> str:
    """The name of the person at this position in the order."""
    return f"S{8 * position + 5:03}"


def write_ckplus(folder: Path, without: Collection[str] = ()) -> Path:
    """Write the copy without these people, or without the labels of these sequences, such as S005/001."""
    unlabeled = [f"{person_name(n % PEOPLE)}/{n // PEOPLE + 101}" for n in range(593 - 327)]
    sequences = [*plan_sequences(), *((sequence, "") for sequence in unlabeled)]
    for sequence, label in sequences:
        if sequence.partition("/")[0] not in without:
            _write_sequence(folder, sequence, "" if sequence in without else label)
    return folder


def plan_sequences() -> Iterator[tuple[str, str]]:
    """(name, label) of the 327 labeled sequences, person by person."""
    counts = dict(OFFICIAL.labels.value)
    counts["contempt"] -= ONLY_CONTEMPT
    labels = iter([label for _, label in sorted(((n + 0.5) / count, label) for label, count in counts.items() for n in range(count))])
    for position, size in enumerate(_clips_by_position()):
        for number in range(1, size + 1):
            yield f"{person_name(position)}/{number:03}", "contempt" if position < ONLY_CONTEMPT else next(labels)


def _clips_by_position() -> list[int]:
    """The number of labeled sequences of each person."""
    by_fold = [iter(_clips_per_person(fold)) for fold in range(10)]
    return [next(by_fold[position % 10]) for position in range(PEOPLE)]


def _clips_per_person(fold: int) -> list[int]:
    positions = range(fold, PEOPLE, 10)
    few = sum(position < ONLY_CONTEMPT for position in positions)
    others, size = len(positions) - few, OFFICIAL.protocols[0].tests.value[fold] - few
    return [1] * few + [size // others + (n < size % others) for n in range(others)]


def _write_sequence(folder: Path, sequence: str, label: str) -> None:
    stem = f"{sequence.replace('/', '_')}_00000001"
    images = folder / "cohn-kanade-images" / sequence
    images.mkdir(parents=True)
    (images / f"{stem}.png").write_bytes(PICTURE + sequence.encode())  # what follows the end of a PNG does not matter
    if label:
        emotion = folder / "Emotion" / sequence
        emotion.mkdir(parents=True)
        (emotion / f"{stem}_emotion.txt").write_text(f"   {CODES[label]:.7e}\n")
