"""Landmarks that a corpus ships: two numbers per line, and nothing else becomes a point."""

from __future__ import annotations

import pytest
from indexed import digest_files

from ferbench import Clip
from ferbench.corpora.landmarks import read_landmarks


@pytest.fixture
def read(tmp_path):
    """Reads a clip whose first frame has two points, and whose second has the landmarks of this text."""

    def call(text: str):
        files = tuple(tmp_path / name for name in ("good.txt", "other.txt"))
        files[0].write_text("1 2\n3 4\n")
        files[1].write_text(text)
        clip = Clip("c", "p", "l", landmarks=files)
        return read_landmarks(clip, [0, 1], digest_files(clip))

    return call


@pytest.mark.parametrize("text", ["5 6\n7.5e+0 8\n", "\n  5   6 \n\n7.5\t8"])
def test_points(read, text):
    points, problems = read(text)
    assert points[1].tolist() == [[5, 6], [7.5, 8]]
    assert not problems


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("1 2 0.9\n3 4 0.8\n", "no landmarks ('1 2 0.9': expected x and y)"),  # three columns were other points
        ("1\n2\n3\n4\n", "no landmarks ('1': expected x and y)"),
        ("1 2\n3 4 5 6\n", "no landmarks ('3 4 5 6': expected x and y)"),
        ("1 2 3\n4\n", "no landmarks ('1 2 3': expected x and y)"),
        ("x y\n1 2\n", "no landmarks (could not convert string to float: 'x')"),
        ("1 2\n", "1 landmarks, but most frames of the clip have 2"),
        (" \n", "0 landmarks, but most frames of the clip have 2"),
    ],
)
def test_frames_with_anything_else_are_left_out(read, text, reason):
    points, problems = read(text)
    assert list(points) == [0]
    assert problems == {1: reason}
