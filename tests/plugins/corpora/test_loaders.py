"""Loaders on made-up trees: the official layouts and the ways in which copies differ."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from ferbench import Clip, FerbenchError, Skipped
from ferbench_corpora import ISED, MUG, CKPlus, London


def touch(path: Path, content: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def read(dataset):
    found = list(dataset.clips())
    return {c.id: c for c in found if isinstance(c, Clip)}, [(s.what, s.reason) for s in found if isinstance(s, Skipped)]


def sequence(images: Path, labels: Path | None, person="S005", number="001", code="3", frames=3):
    for frame in range(1, frames + 1):
        touch(images / person / number / f"{person}_{number}_{frame:08}.png")
    if labels:
        touch(labels / person / number / f"{person}_{number}_{frames:08}_emotion.txt", f"   {float(code):.7e}\n")


@pytest.mark.parametrize("images", ["cohn-kanade-images", "extended-cohn-kanade-images/cohn-kanade-images", "."])
@pytest.mark.parametrize("labels", ["Emotion", "Emotion_labels", "Emotion_Labels/Emotion", "emotion", "CK+/Emotion_labels"])
def test_ckplus_spellings(tmp_path, images, labels):
    sequence(tmp_path / images, tmp_path / labels, "S005", "001", "3")
    sequence(tmp_path / images, tmp_path / labels, "S010", "002", "7", frames=12)
    clips, skipped = read(CKPlus(str(tmp_path)))
    assert {c.id: (c.subject, c.label, c.apex, c.length) for c in clips.values()} == {
        "S005/001": ("S005", "disgust", 2, 3),
        "S010/002": ("S010", "surprise", 11, 12),
    }
    assert not skipped


def test_ckplus_leaves_out_what_it_cannot_use(tmp_path):
    images, labels = tmp_path / "cohn-kanade-images", tmp_path / "Emotion"
    sequence(images, labels)
    sequence(images, None, number="002")
    sequence(images, None, number="003")
    (labels / "S005/003").mkdir()
    sequence(images, None, number="004")
    touch(labels / "S005/004/S005_004_00000003_emotion.txt", "angry")
    touch(images / "S005/001/.DS_Store")
    touch(images / "S005/001/._S005_001_00000001.png")
    clips, skipped = read(CKPlus(str(tmp_path)))
    assert [path.name for path in clips["S005/001"].images] == [f"S005_001_{n:08}.png" for n in (1, 2, 3)]
    assert Counter(reason for _, reason in skipped) == {"no emotion label": 2, "emotion label is no number from 0 to 7": 1}


def test_ckplus_593_sequences_of_which_327_are_labelled(tmp_path):
    for number in range(593):
        sequence(
            tmp_path / "images", tmp_path / "Emotion" if number < 327 else None, f"S{number // 5:03}", f"{number % 5 + 1:03}", frames=1
        )
    clips, skipped = read(CKPlus(str(tmp_path)))
    assert len(clips) == 327
    assert Counter(reason for _, reason in skipped) == {"no emotion label": 266}


def take(top: Path, path: str, frames=5, first=0):
    for frame in range(first, first + frames):
        touch(top / path / f"img_{frame:04}.jpg")


def test_mug_sequences(tmp_path):
    top = tmp_path / "subjects3"
    take(top, "001/anger/take000", frames=7, first=3)
    take(top, "001/Happiness/take001")
    take(top, "002/session0/fear/take000")
    take(top, "001/anger/take002nsg")
    take(top, "001/anger/take003end")
    (top / "001/anger/take004").mkdir()
    clips, skipped = read(MUG(str(tmp_path)))
    assert {c.id: (c.subject, c.label, c.length, c.apex) for c in clips.values()} == {
        "001/anger/take000": ("001", "anger", 7, 3),
        "001/Happiness/take001": ("001", "happiness", 5, 2),
        "002/session0/fear/take000": ("002", "fear", 5, 2),
    }
    reasons = Counter(reason for _, reason in skipped)
    assert reasons == {"junk take (named nsg or ...end)": 2, "take without images": 1, "no folder for this expression": 5 + 6}


def test_mug_frames_in_the_order_of_their_numbers(tmp_path):
    for number in (10, 9, 100):
        touch(tmp_path / f"subjects3/001/fear/take000/img_{number}.jpg")
    clips, _ = read(MUG(str(tmp_path)))
    assert [p.name for p in clips["001/fear/take000"].images] == ["img_9.jpg", "img_10.jpg", "img_100.jpg"]


def test_mug_apexes_from_a_table(tmp_path):
    take(tmp_path / "subjects3", "001/anger/take000")
    table = touch(tmp_path / "apexes.csv", "clip,apex\n001/anger/take000,4\n")
    clips, _ = read(MUG(str(tmp_path), apexes=str(table)))
    assert clips["001/anger/take000"].apex == 4


@pytest.mark.parametrize("row", ["001/anger/take000,5", "001/anger/take000,-1", "001/anger/other,1", "001/anger/take000,", ""])
def test_mug_wrong_apexes(tmp_path, row):
    take(tmp_path / "subjects3", "001/anger/take000")
    table = touch(tmp_path / "apexes.csv", f"clip,apex\n001/anger/take000,1\n{row or 'x'}\n")
    with pytest.raises(FerbenchError, match=r"apexes\.csv:3"):
        read(MUG(str(tmp_path), apexes=str(table)))


def test_mug_stills(tmp_path):
    for name in ("001_an_001_0001.jpg", "049_su_002_0100.jpg", "001_xx_001_0001.jpg", "._001_an_001_0001.jpg"):
        touch(tmp_path / "manual/images" / name)
    clips, skipped = read(MUG(str(tmp_path), kind="stills"))
    assert {c.id: (c.subject, c.label) for c in clips.values()} == {
        "001_an_001_0001": ("001", "anger"),
        "049_su_002_0100": ("049", "surprise"),
    }
    assert [what for what, _ in skipped] == ["001_xx_001_0001.jpg"]


ROWS = [
    (1, 1, 4, 39, "a", "b", 1, 3, "F", 0, 1, 0),
    (2, 2, 1, 10, "a", "b", 4, 2, "M", 1, 0, 0),
    (3, 3, 9, 10, "a", "b", 2, 2, "M", 0, 0, 0),
]


def cells():
    table = np.empty((len(ROWS), 12), object)
    for i, row in enumerate(ROWS):
        table[i] = row
    return table


def records():
    names = [f"c{n}" for n in range(12)]
    table = np.empty((len(ROWS), 1), [(name, object) for name in names])
    for i, row in enumerate(ROWS):
        table[i, 0] = row
    return table


@pytest.mark.parametrize("table", [cells(), records()], ids=["cells", "struct"])
@pytest.mark.parametrize("folder", ["videos/PS {}", "videos/PS{}", "PS {}"])
def test_ised(tmp_path, table, folder):
    savemat(tmp_path / "ISED_details.mat", {"ISED_details": table})
    touch(tmp_path / folder.format(1) / "4.avi")
    touch(tmp_path / folder.format(2) / "1.avi")
    touch(tmp_path / folder.format(2) / "7.avi")
    clips, skipped = read(ISED(str(tmp_path)))
    assert {c.id: (c.subject, c.label, c.apex) for c in clips.values()} == {"PS 1/4": ("1", "happiness", 38), "PS 2/1": ("2", "disgust", 9)}
    assert clips["PS 1/4"].facts == {"intensity": 3, "sex": "F", "spectacles": 0, "beard": 1, "occlusion": 0}
    assert Counter(reason for _, reason in skipped) == {
        "video of a row in ISED_details.mat is missing": 1,
        "video without a row in ISED_details.mat": 1,
    }


def test_ised_numeric_matrix(tmp_path):
    numbers = [[float(v) if isinstance(v, int) else 0.0 for v in row] for row in ROWS]
    savemat(tmp_path / "ISED_details.mat", {"details": np.array(numbers)})
    touch(tmp_path / "videos/PS 1/4.avi")
    clips, _ = read(ISED(str(tmp_path)))
    assert clips["PS 1/4"].label == "happiness"
    assert clips["PS 1/4"].apex == 38


def test_ised_table_that_is_none(tmp_path):
    touch(tmp_path / "ISED_details.mat", "no matrix")
    touch(tmp_path / "videos/PS 1/4.avi")
    with pytest.raises(FerbenchError, match="table cannot be read"):
        read(ISED(str(tmp_path)))


def test_london(tmp_path):
    for name in ("001_03.jpg", "._001_03.jpg", "001_03.tem", "odd.jpg"):
        touch(tmp_path / "neutral_front" / name)
    touch(tmp_path / "smiling_front/001_08.jpg")
    touch(tmp_path / "london_faces_info.csv", "face_id,face_age,face_gender,face_eth\n001,24,female,white\n")
    clips, skipped = read(London(str(tmp_path)))
    assert {c.id: (c.subject, c.label) for c in clips.values()} == {"001_03": ("001", "neutral"), "001_08": ("001", "smiling")}
    assert clips["001_03"].facts == {"age": "24", "sex": "female", "ethnicity": "white"}
    assert skipped == [("neutral_front/odd.jpg", "name is not NNN_03.jpg")]


@pytest.mark.parametrize("dataset", [CKPlus, MUG, ISED, London])
def test_folder_without_the_layout(tmp_path, dataset):
    touch(tmp_path / "other/file.txt")
    with pytest.raises(FerbenchError, match="not in the layout that is read: expected"):
        read(dataset(str(tmp_path)))


@pytest.mark.parametrize("dataset", [CKPlus, MUG, ISED, London])
def test_order_of_the_file_system_does_not_matter(tmp_path, monkeypatch, dataset):
    sequence(tmp_path / "cohn-kanade-images", tmp_path / "Emotion")
    sequence(tmp_path / "cohn-kanade-images", tmp_path / "Emotion", "S010")
    take(tmp_path / "subjects3", "001/anger/take000")
    take(tmp_path / "subjects3", "002/anger/take000")
    savemat(tmp_path / "ISED_details.mat", {"ISED_details": cells()})
    touch(tmp_path / "videos/PS 1/4.avi")
    touch(tmp_path / "videos/PS 2/1.avi")
    for folder in ("neutral_front/001_03", "smiling_front/001_08", "smiling_front/002_08"):
        touch(tmp_path / f"{folder}.jpg")
    first = list(dataset(str(tmp_path)).clips())
    real = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: iter(sorted(real(self), reverse=True)))
    assert list(dataset(str(tmp_path)).clips()) == first
    assert len([c for c in first if isinstance(c, Clip)]) >= 2


@pytest.mark.slow
@pytest.mark.parametrize(("dataset", "allowed"), [(CKPlus, {"no emotion label"}), (MUG, {"no folder for this expression"}), (ISED, set())])
def test_stand_ins_are_read_back(tmp_path, dataset, allowed):
    dataset.render(tmp_path, 2, 0, lambda *_: None)
    clips, skipped = read(dataset(str(tmp_path)))
    assert len({c.subject for c in clips.values()}) == 2
    assert len(clips) >= 4
    assert {reason for _, reason in skipped} <= allowed
