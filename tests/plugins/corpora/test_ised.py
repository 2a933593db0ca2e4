"""ISED: videos, and the table that describes them, however MATLAB stored it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from scipy.io import savemat

from ferbench import FerbenchError
from ferbench.corpora.index import index_corpus
from ferbench.store.entries import Store
from ferbench_corpora import ISED

# person, id, video, peak, clip path, peak path, label, intensity, sex, spectacles, beard, occlusion, face box
ROWS = [
    (1.0, 1.0, 4.0, 39.0, "a", "b", 1.0, 3.0, "F", 0.0, 1.0, 0.0, [1.0, 2.0, 3.0, 4.0]),
    (2.0, 2.0, 1.0, 10.0, "a", "b", 4.0, 2.5, "M", 1.0, 0.0, 0.0, [1.0, 2.0, 3.0, 4.0]),
]


def cells(rows):
    table = np.empty((len(rows), len(rows[0])), object)
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            table[i, j] = value
    return table


def records(rows):
    table = np.empty((len(rows), 1), [(f"c{n}", object) for n in range(len(rows[0]))])
    for i, row in enumerate(rows):
        table[i, 0] = row
    return table


def changed(column, value):
    """The first row with another value."""
    return (*ROWS[0][:column], value, *ROWS[0][column + 1 :])


@pytest.fixture
def ised(tmp_path, touch):
    """A corpus with a table and videos."""

    def write(table, *videos, name="ISED_details.mat"):
        savemat(tmp_path / name, {"other": 1.0, "ISED_details": table})
        touch(*videos)
        return ISED(str(tmp_path))

    return write


@pytest.mark.parametrize("table", [cells(ROWS), records(ROWS)], ids=["cells", "struct"])
@pytest.mark.parametrize("folder", ["videos/PS {}", "videos/PS{}", "Videos/ps {:02}", "data/videos/PS_{}", "videos/{}", "PS {}"])
def test_tables_and_folders(ised, read, table, folder):
    clips, skipped = read(ised(table, f"{folder}/4.avi".format(1), f"{folder}/01.AVI".format(2), f"{folder}/.DS_Store".format(2)))
    assert [(c.id, c.subject, c.label, c.apex, c.video.name) for c in clips.values()] == [
        ("PS 1/4", "1", "happiness", 38, "4.avi"),
        ("PS 2/1", "2", "disgust", 9, "01.AVI"),
    ]
    assert clips["PS 1/4"].facts == {"intensity": 3, "sex": "F", "spectacles": 0, "beard": 1, "occlusion": 0}
    assert clips["PS 2/1"].facts["intensity"] == 2.5
    assert all(type(value) in (int, float, str) for clip in clips.values() for value in clip.facts.values())
    assert not skipped


def test_numeric_matrix(ised, read):
    numbers = np.array([[v if isinstance(v, float) else np.nan for v in row] for row in ROWS])
    clips, skipped = read(ised(numbers, "videos/PS 1/4.avi", "videos/PS 2/1.avi"))
    assert [(c.id, c.label, c.apex) for c in clips.values()] == [("PS 1/4", "happiness", 38), ("PS 2/1", "disgust", 9)]
    assert clips["PS 1/4"].facts == {"intensity": 3, "spectacles": 0, "beard": 1, "occlusion": 0}
    assert not skipped


def test_numbers_as_text_below_headings(ised, read):
    headings = tuple(f"column {n}" for n in range(13))
    clips, skipped = read(ised(cells([headings, ("1", "1", "4", "39", "", "", "1", *ROWS[0][7:])]), "videos/PS 1/4.avi"))
    assert [(c.id, c.label, c.apex) for c in clips.values()] == [("PS 1/4", "happiness", 38)]
    assert not skipped


def test_table_one_level_down_among_others(ised, touch, read):
    dataset = ised(cells(ROWS[:1]), "videos/PS 1/4.avi", "docs/readme.txt", name="details.MAT")
    touch("another.mat", content="never read")
    assert list(read(dataset)[0]) == ["PS 1/4"]


@pytest.mark.parametrize(
    ("row", "what", "reason"),
    [
        (changed(0, "PS"), "row 2 of ISED_details.mat", "row without person and video as numbers"),
        (changed(2, np.inf), "row 2 of ISED_details.mat", "row without person and video as numbers"),
        (changed(2, []), "row 2 of ISED_details.mat", "row without person and video as numbers"),
        (changed(2, 9.0), "PS 1/9", "video of a row in ISED_details.mat is missing"),
        (changed(6, 5.0), "PS 1/4", "label is not a number from 1 to 4"),
        (changed(6, []), "PS 1/4", "label is not a number from 1 to 4"),
        (changed(3, 0.0), "PS 1/4", "peak frame is not a number from 1"),
        (changed(3, np.nan), "PS 1/4", "peak frame is not a number from 1"),
    ],
)
def test_rows_left_out(ised, read, row, what, reason):
    clips, skipped = read(ised(cells([ROWS[1], row]), "videos/PS 1/4.avi", "videos/PS 2/1.avi"))
    assert list(clips) == ["PS 2/1"]
    assert skipped[0] == (what, reason)
    unused = [("PS 1/4.avi", "video without a row in ISED_details.mat")]
    assert skipped[1:] == ([] if what == "PS 1/4" else unused)


def test_second_rows_and_videos(ised, read):
    clips, skipped = read(ised(cells([ROWS[0], changed(6, 2.0)]), "videos/PS 1/4.avi", "videos/PS 1/4.mp4", "videos/PS 1/4 (1).avi"))
    assert [(c.label, c.video.name) for c in clips.values()] == [("happiness", "4.avi")]
    assert sorted(skipped) == [
        ("PS 1/4", "second row of a video"),
        ("PS 1/4 (1).avi", "video without a row in ISED_details.mat"),
        ("PS 1/4.mp4", "second video of a row in ISED_details.mat"),
    ]


def test_videos_that_cannot_be_read_are_skipped_by_the_index(ised, tmp_path):
    dataset = ised(cells(ROWS), "videos/PS 1/4.avi", "videos/PS 2/1.avi")
    assert len(list(dataset.clips())) == 2
    writer = cv2.VideoWriter(str(tmp_path / "videos/PS 2/1.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (32, 24))
    for _ in range(12):
        writer.write(np.zeros((24, 32, 3), np.uint8))
    writer.release()
    corpus = index_corpus(dataset, Store(tmp_path / "runs"))
    assert [(c.id, c.length) for c in corpus.clips] == [("ised/PS 2/1", 12)]
    assert [s.what for s in corpus.skipped] == ["PS 1/4"]
    assert "video cannot be read" in corpus.skipped[0].reason


HDF5 = b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + b"\0" * 400


@pytest.mark.parametrize(("content", "message"), [(b"", "cannot be read"), (b"no matrix", "cannot be read"), (HDF5, r"format 7\.3")])
def test_tables_that_cannot_be_read(tmp_path, touch, read, content, message):
    touch("videos/PS 1/4.avi")
    (tmp_path / "ISED_details.mat").write_bytes(content)
    with pytest.raises(FerbenchError, match=message):
        read(ISED(str(tmp_path)))


def test_table_without_rows(ised, read, tmp_path):
    savemat(tmp_path / "ISED_details.mat", {"empty": np.empty((0, 16))})
    (tmp_path / "videos/PS 1").mkdir(parents=True)
    (tmp_path / "videos/PS 1/4.avi").touch()
    with pytest.raises(FerbenchError, match="has no table"):
        read(ISED(str(tmp_path)))


@pytest.mark.parametrize("missing", ["ISED_details.mat", "videos/PS 1/4.avi"])
def test_half_a_corpus(ised, read, tmp_path, missing):
    dataset = ised(cells(ROWS), "videos/PS 1/4.avi", "peakImages/1_4_39.jpg")
    (tmp_path / missing).unlink()
    with pytest.raises(FerbenchError, match=r"expected ISED_details\.mat and videos/PS 1/4\.avi"):
        read(dataset)
