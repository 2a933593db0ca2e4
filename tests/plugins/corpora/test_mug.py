"""MUG: sequences with and without sessions, tables of apexes, stills."""

from __future__ import annotations

from collections import Counter

import pytest

from ferbench import FerbenchError
from ferbench_corpora import MUG

MISSING = "no folder for this expression"


@pytest.fixture
def take(touch):
    def write(path, frames=5, first=0, name="img_{:04}.jpg"):
        touch(*(f"{path}/{name.format(frame)}" for frame in range(first, first + frames)))

    return write


def left_out(skipped):
    return [(what, reason) for what, reason in skipped if reason != MISSING]


@pytest.mark.parametrize("top", ["subjects3", "MUG/data/subjects3", "."])
def test_sequences(tmp_path, take, read, top):
    take(f"{top}/001/anger/take000", frames=7, first=3)
    take(f"{top}/001/Happiness/take001", frames=1)
    take(f"{top}/002/session0/fear/take000")
    take(f"{top}/003/session0/fear/take000", name="IMG_{}.JPEG")
    take(f"{top}/003/session1/fear/take000", name="{}.png")
    take(f"{top}/003/sadness/take000")
    clips, skipped = read(MUG(str(tmp_path)))
    assert {c.id: (c.subject, c.label, c.length, c.apex) for c in clips.values()} == {
        "001/anger/take000": ("001", "anger", 7, 3),
        "001/Happiness/take001": ("001", "happiness", 1, 0),
        "002/session0/fear/take000": ("002", "fear", 5, 2),
        "003/session0/fear/take000": ("003", "fear", 5, 2),
        "003/session1/fear/take000": ("003", "fear", 5, 2),
        "003/sadness/take000": ("003", "sadness", 5, 2),
    }
    assert Counter(what.partition("/")[0] for what, _ in skipped) == {"001": 5, "002": 6, "003": 5}
    assert not left_out(skipped)


def test_missing_expressions_are_named(tmp_path, take, read):
    for emotion in ("anger", "disgust", "fear", "happiness", "surprise"):
        take(f"subjects3/001/{emotion}/take000")
    assert read(MUG(str(tmp_path)))[1] == [("001/neutral", MISSING), ("001/sadness", MISSING)]


def test_folders_that_are_no_takes(tmp_path, take, touch, read):
    for name in ("take000", "take001nsg", "NSG_take002", "take003end", "take004_END"):
        take(f"subjects3/001/anger/{name}")
    touch("subjects3/001/anger/take005/readme.txt", "subjects3/001/anger/take006/._img_0000.jpg", "subjects3/001/anger/.DS_Store")
    touch("subjects3/001/fear/img_0000.jpg", "subjects3/001/laughter/take000/img_0000.jpg", "subjects3/001/notes.txt")
    clips, skipped = read(MUG(str(tmp_path)))
    assert list(clips) == ["001/anger/take000"]
    assert Counter(left_out(skipped)) == {
        ("001/anger/take001nsg", "junk take (named nsg or ...end)"): 1,
        ("001/anger/NSG_take002", "junk take (named nsg or ...end)"): 1,
        ("001/anger/take003end", "junk take (named nsg or ...end)"): 1,
        ("001/anger/take004_END", "junk take (named nsg or ...end)"): 1,
        ("001/anger/take005", "take without images"): 1,
        ("001/anger/take006", "take without images"): 1,
        ("001/fear", "expression folder without takes"): 1,
        ("001/laughter", "folder name is not an expression"): 1,
    }


def test_other_trees_of_people(tmp_path, take, touch, read):
    take("subjects3/001/anger/take000")
    take("old/001/anger/take000")
    take("old/001/anger/take001")
    touch("landmarks/001/points.txt", "landmarks/007/points.txt")
    clips, skipped = read(MUG(str(tmp_path)))
    assert [c.images[0].relative_to(tmp_path).parts[0] for c in clips.values()] == ["subjects3", "old"]
    assert left_out(skipped) == [("old/001/anger/take000", "second copy of a take")]
    assert not [what for what, _ in skipped if what.startswith("007")]


@pytest.mark.parametrize("numbers", [(9, 10, 100), (9998, 9999, 10000, 10001), ("0009", "0010", "10000")])
def test_frames_in_the_order_of_their_numbers(tmp_path, touch, read, numbers):
    touch(*(f"subjects3/001/fear/take000/img_{number}.jpg" for number in reversed(numbers)))
    clips, _ = read(MUG(str(tmp_path)))
    assert [p.stem for p in clips["001/fear/take000"].images] == [f"img_{number}" for number in numbers]


@pytest.mark.parametrize("text", ["clip,apex\n{},4\n", "\ufeffclip,note,apex\r\n\r\n{}, x , 4 \r\n"])
def test_apexes_from_a_table(tmp_path, take, touch, read, text):
    take("subjects3/001/anger/take000")
    take("subjects3/001/fear/take000")
    table = touch("apexes.csv", content=text.format("001/anger/take000"))
    clips, _ = read(MUG(str(tmp_path), apexes=table))
    assert [c.apex for c in clips.values()] == [4, 2]


@pytest.mark.parametrize(
    "row",
    [
        *(f"001/anger/take000,{apex}" for apex in ("5", "-1", "1.5", "²", "")),
        "001/anger/take000",
        "001/anger/other,1",
        "x",
        "001/fear/take000,2",
    ],
)
def test_wrong_apexes(tmp_path, take, touch, read, row):
    take("subjects3/001/anger/take000")
    take("subjects3/001/fear/take000")
    table = touch("apexes.csv", content=f"clip,apex\n001/fear/take000,1\n\n{row}\n")
    with pytest.raises(FerbenchError, match=r"apexes\.csv:4"):
        read(MUG(str(tmp_path), apexes=table))


@pytest.mark.parametrize("content", ["", "clip;apex\na;1\n", "001/anger/take000,1\n"])
def test_apexes_without_their_columns(tmp_path, take, touch, read, content):
    take("subjects3/001/anger/take000")
    with pytest.raises(FerbenchError, match="expected `clip` and `apex`"):
        read(MUG(str(tmp_path), apexes=touch("apexes.csv", content=content)))


def test_apexes_that_are_no_text(tmp_path, take, read):
    take("subjects3/001/anger/take000")
    (tmp_path / "apexes.csv").write_bytes(b"\xff\xfe\x00\x81")
    for file in ("apexes.csv", "missing.csv", "subjects3"):
        with pytest.raises(FerbenchError, match="apexes cannot be read"):
            read(MUG(str(tmp_path), apexes=str(tmp_path / file)))


@pytest.mark.parametrize("folder", ["manual/images", "Manual/Images", "MUG/manual/images", "."])
def test_stills(tmp_path, touch, take, read, folder):
    take("subjects3/001/anger/take000")
    names = ("001_an_001_0001.jpg", "049_SU_002_0100.JPG", "001_xx_001_0001.jpg", "._001_an_001_0001.jpg", "readme.txt")
    touch(*(f"{folder}/{name}" for name in names))
    clips, skipped = read(MUG(str(tmp_path), kind="stills"))
    assert {c.id: (c.subject, c.label, c.length, c.apex) for c in clips.values()} == {
        "001_an_001_0001": ("001", "anger", 1, 0),
        "049_SU_002_0100": ("049", "surprise", 1, 0),
    }
    reason = "name is not NNN_ee_NNN_NNNN.jpg"
    assert sorted(skipped) == [("001_xx_001_0001.jpg", reason), ("readme.txt", reason)]


def test_stills_that_are_not_there(tmp_path, take, read):
    take("subjects3/001/anger/take000")
    with pytest.raises(FerbenchError, match=r"expected manual/images/001_an_001_0001\.jpg"):
        read(MUG(str(tmp_path), kind="stills"))


def test_stills_take_no_apexes(tmp_path, touch):
    touch("001_an_001_0001.jpg")
    with pytest.raises(FerbenchError, match="a still is its own apex"):
        list(MUG(str(tmp_path), kind="stills", apexes="apexes.csv").clips())
