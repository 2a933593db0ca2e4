"""CK+: spellings of the folders, and sequences that are left out."""

from __future__ import annotations

from collections import Counter

import pytest

from ferbench import FerbenchError
from ferbench.registry.plugins import load_plugins
from ferbench.registry.specs import Spec
from ferbench_corpora import CKPlus


@pytest.fixture
def sequence(touch):
    """Writes one sequence, and its label where `labels` names a root for them."""

    def write(images, labels, person="S005", number="001", label="   3.0000000e+00\n", frames=3):
        stem = f"{person}_{number}_"
        touch(*(f"{images}/{person}/{number}/{stem}{frame:08}.png" for frame in range(1, frames + 1)))
        if labels:
            touch(f"{labels}/{person}/{number}/{stem}{frames:08}_emotion.txt", content=label)

    return write


@pytest.mark.parametrize("images", ["cohn-kanade-images", "extended-cohn-kanade-images/cohn-kanade-images", "Images", "."])
@pytest.mark.parametrize("labels", ["Emotion", "Emotion_labels", "Emotion_Labels/Emotion", "emotion", "CK+/Emotion_labels", "."])
def test_spellings(tmp_path, sequence, read, images, labels):
    sequence(images, labels)
    sequence(images, labels, "S010", "002", "   7.0000000e+00\n", frames=12)
    clips, skipped = read(CKPlus(str(tmp_path)))
    assert [(c.id, c.subject, c.label, c.apex, c.length) for c in clips.values()] == [
        ("S005/001", "S005", "disgust", 2, 3),
        ("S010/002", "S010", "surprise", 11, 12),
    ]
    assert not skipped


def test_letters_in_another_case(tmp_path, touch, read):
    touch("IMAGES/s005/001/S005_001_00000001.PNG", "IMAGES/s005/001/S005_001_00000002.PNG")
    touch("emotion/S005/001/S005_001_00000002_EMOTION.TXT", content="1")
    clips, skipped = read(CKPlus(str(tmp_path)))
    assert [(c.id, c.subject, c.label, c.length) for c in clips.values()] == [("S005/001", "S005", "anger", 2)]
    assert not skipped


def test_landmarks_and_action_units_beside(tmp_path, sequence, touch, read):
    sequence("cohn-kanade-images", "Emotion")
    touch("Landmarks/S005/001/S005_001_00000001_landmarks.txt", "FACS/S005/001/S005_001_00000003_facs.txt", content="1 2\n")
    assert read(CKPlus(str(tmp_path)))[1] == []


@pytest.mark.parametrize(
    ("label", "emotion"),
    [
        ("   0.0000000e+00\n", "neutral"),
        ("1", "anger"),
        ("2.0", "contempt"),
        ("4", "fear"),
        ("5", "happiness"),
        (" 6\r\n", "sadness"),
        ("\ufeff7", "surprise"),
    ],
)
def test_label_codes(tmp_path, sequence, read, label, emotion):
    sequence("cohn-kanade-images", "Emotion", label=label)
    clips, _ = read(CKPlus(str(tmp_path)))
    assert clips["S005/001"].label == emotion


@pytest.mark.parametrize("label", ["", "\n", "angry", "8", "-1", "3.5", "nan", "inf", "1 2", "\0\0"])
def test_malformed_labels(tmp_path, sequence, read, label):
    sequence("cohn-kanade-images", "Emotion", label=label)
    assert read(CKPlus(str(tmp_path))) == ({}, [("S005/001", "emotion label is not a number from 0 to 7")])


def test_hidden_files(tmp_path, sequence, touch, read):
    sequence("cohn-kanade-images", "Emotion")
    touch("cohn-kanade-images/S005/001/.DS_Store", "cohn-kanade-images/.DS_Store", "cohn-kanade-images/S005/001/._S005_001_00000001.png")
    touch("Emotion/S005/001/._S005_001_00000003_emotion.txt", "__MACOSX/cohn-kanade-images/S007/001/._S007_001_00000001.png")
    clips, skipped = read(CKPlus(str(tmp_path)))
    assert [path.name for path in clips["S005/001"].images] == [f"S005_001_{n:08}.png" for n in (1, 2, 3)]
    assert not skipped


def test_sequences_left_out(tmp_path, sequence, touch, read):
    for number in ("001", "002", "003", "004"):
        sequence("cohn-kanade-images", None, number=number)
    (tmp_path / "Emotion/S005/002").mkdir(parents=True)
    touch("Emotion/S005/003/Thumbs.db", "Emotion/S005/005/S005_005_00000009_emotion.txt", content="1")
    (tmp_path / "cohn-kanade-images/S005/006").mkdir()
    assert read(CKPlus(str(tmp_path))) == (
        {},
        [
            *((f"S005/00{n}", "no emotion label") for n in (1, 2, 3, 4)),
            ("S005/005", "sequence without images"),
            ("S005/006", "sequence without images"),
        ],
    )


def test_copies_of_images_and_labels(tmp_path, sequence, read):
    sequence("extended-cohn-kanade-images/cohn-kanade-images", "Emotion")
    sequence("cropped", "Emotion_labels")
    clips, skipped = read(CKPlus(str(tmp_path)))
    assert clips["S005/001"].images[0].parent == tmp_path / "extended-cohn-kanade-images/cohn-kanade-images/S005/001"
    assert skipped == [("cropped/S005/001", "second copy of a sequence")]


def test_labels_that_contradict_each_other(tmp_path, sequence, read):
    sequence("cohn-kanade-images", "Emotion")
    sequence("cohn-kanade-images", "Emotion_old", label="5")
    assert read(CKPlus(str(tmp_path))) == ({}, [("S005/001", "emotion labels contradict each other")])


def test_people_in_two_folders(tmp_path, sequence, read):
    sequence("part1", "Emotion")
    sequence("part2", "Emotion", "S010")
    assert list(read(CKPlus(str(tmp_path)))[0]) == ["S005/001", "S010/001"]


def test_a_tree_of_labels_alone_is_not_the_corpus(tmp_path, touch, read):
    touch("Emotion/S005/001/S005_001_00000003_emotion.txt", content="1")
    with pytest.raises(FerbenchError, match=r"expected cohn-kanade-images/S005/001/S005_001_00000001\.png"):
        read(CKPlus(str(tmp_path)))


def test_593_sequences_of_which_327_are_labeled(tmp_path, sequence, read):
    for number in range(593):
        labels = "Emotion" if number < 327 else None
        sequence("cohn-kanade-images", labels, f"S{number // 5:03}", f"{number % 5 + 1:03}", frames=1)
    clips, skipped = read(CKPlus(str(tmp_path)))
    assert len(clips) == 327
    assert Counter(reason for _, reason in skipped) == {"no emotion label": 266}


def test_first_frames_become_neutral_clips(tmp_path, sequence, touch, read):
    sequence("cohn-kanade-images", "Emotion", frames=5)
    touch(*(f"Landmarks/S005/001/S005_001_{frame:08}_landmarks.txt" for frame in range(1, 6)))
    sequence("cohn-kanade-images", "Emotion", number="002", label="2", frames=3)
    sequence("cohn-kanade-images", "Emotion", number="003", label="0", frames=3)
    sequence("cohn-kanade-images", "", number="004")
    sequence("cohn-kanade-images", "Emotion", number="005", label="1", frames=2)
    clips, skipped = read(CKPlus(str(tmp_path), neutral_frames=2))
    assert [(c.id, c.subject, c.label, c.length, c.apex) for c in clips.values()] == [
        ("S005/001#neutral", "S005", "neutral", 2, None),
        ("S005/001", "S005", "disgust", 3, 2),
        ("S005/002#neutral", "S005", "neutral", 2, None),
        ("S005/002", "S005", "contempt", 1, 0),
        ("S005/003", "S005", "neutral", 3, 2),
    ]
    assert skipped == [("S005/004", "no emotion label"), ("S005/005", "too few frames to take the first ones as neutral")]
    for clip, numbers in (("S005/001#neutral", (1, 2)), ("S005/001", (3, 4, 5))):
        assert [path.name for path in clips[clip].images] == [f"S005_001_{number:08}.png" for number in numbers]
        assert [path.name for path in clips[clip].landmarks] == [f"S005_001_{number:08}_landmarks.txt" for number in numbers]


def test_neutral_clips_of_some_emotions(tmp_path, sequence, read):
    sequence("cohn-kanade-images", "Emotion")
    sequence("cohn-kanade-images", "Emotion", number="002", label="2")
    clips, _ = read(CKPlus(str(tmp_path), neutral_frames=1, neutral_of=("disgust",)))
    assert {name: clip.length for name, clip in clips.items()} == {"S005/001#neutral": 1, "S005/001": 2, "S005/002": 3}


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"neutral_of": ["fear"]}, "neutral_of has no effect without neutral_frames"),
        ({"neutral_frames": 1, "neutral_of": ["bored"]}, "neutral_of is .*bored"),
        ({"neutral_frames": -1}, "neutral_frames is -1"),
    ],
)
def test_parameters_of_neutral_clips(parameters, message):
    with pytest.raises(FerbenchError, match=message):
        load_plugins().build("dataset", Spec("ck+", parameters))
