"""The guards by name: what each finds in the folds of a protocol, what it expects instead, and how to get there."""

from __future__ import annotations

from typing import NamedTuple


class Guard(NamedTuple):
    """What a guard looks for, what it expects instead, and how to get there; the order of GUARDS is that of the errors."""

    finds: str
    expected: str
    fix: str


GUARDS = {
    "same-corpus": Guard("corpora with the same pictures", "different corpora", "name each corpus once"),
    "person": Guard(
        "people in two parts",
        "each person in one part of a fold",
        "correct the corpus's lists, or choose a protocol that splits people, not clips or images",
    ),
    "clip": Guard("clips in two parts, or copies of them", "each clip in one part of a fold", "leave the copies out"),
    "near-duplicate": Guard(
        "pairs of clips of different people in two parts that have a frame in common",
        "different frames in each part of a fold",
        "give both clips the same person, or leave one out",
    ),
    "validation-on-test": Guard(
        "validation clips that are also test clips, so that the checkpoint would be chosen on test data",
        "other clips for validation than for test",
        "choose a protocol that holds out training people",
    ),
    "untrained-class": Guard(
        "classes that are tested and have no training clip",
        "training clips of each class that is tested",
        "leave the class out of protocol.classes, or choose another split, such as another protocol.seed",
    ),
}
