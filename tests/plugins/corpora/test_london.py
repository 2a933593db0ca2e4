"""The London set: two folders of photographs and a table of people."""

from __future__ import annotations

import pytest

from ferbench_corpora import London

TABLE = "face_id,face_age,face_gender,face_eth\n001,24,female,white\n2,,male,\n"


@pytest.mark.parametrize("top", ["", "London Set/"])
def test_layout(tmp_path, touch, read, top):
    touch(f"{top}neutral_front/001_03.jpg", f"{top}neutral_front/002_03.JPG", f"{top}Smiling_Front/001_08.jpeg")
    touch(f"{top}london_faces_info.csv", content="\ufeff" + TABLE)
    clips, skipped = read(London(str(tmp_path)))
    assert [(c.id, c.subject, c.label, c.length, c.apex) for c in clips.values()] == [
        ("001_03", "001", "neutral", 1, 0),
        ("002_03", "002", "neutral", 1, 0),
        ("001_08", "001", "smiling", 1, 0),
    ]
    assert clips["001_08"].facts == {"age": "24", "sex": "female", "ethnicity": "white"}
    assert clips["002_03"].facts == {"age": "", "sex": "male", "ethnicity": ""}
    assert not skipped


def test_files_that_are_no_photographs(tmp_path, touch, read):
    touch(*(f"neutral_front/{n}" for n in ("001_03.jpg", "001_03.tem", "002_03.TEM", "._001_03.jpg", ".DS_Store", "odd.jpg", "001_08.jpg")))
    touch("smiling_front/001_08.jpg", "__MACOSX/neutral_front/._001_03.jpg")
    clips, skipped = read(London(str(tmp_path)))
    assert list(clips) == ["001_03", "001_08"]
    assert sorted(skipped) == [("neutral_front/001_08.jpg", "name is not NNN_03.jpg"), ("neutral_front/odd.jpg", "name is not NNN_03.jpg")]


def test_without_table_and_smiles(tmp_path, touch, read):
    touch("neutral_front/001_03.jpg")
    clips, skipped = read(London(str(tmp_path)))
    assert clips["001_03"].facts == {}
    assert skipped == [("smiling_front", "no folder for this expression")]


def test_real_photographs(london, read):
    clips, skipped = read(London(str(london / "london")))
    assert {c.label for c in clips.values()} == {"neutral", "smiling"}
    assert all(c.facts["age"] for c in clips.values())
    assert not skipped
