"""Pictures, folders, videos and cameras that users name, and their frames."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from PIL import Image

from ferbench.corpora import sources
from ferbench.corpora.reading import Unreadable
from ferbench.corpora.sources import Source, find_sources, read_windows


def write_video(path, frames=20, rate=10, size=(64, 48)):
    """A video whose upper left corner is white."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*("MJPG" if path.suffix == ".avi" else "mp4v")), rate, size)
    assert writer.isOpened()
    for _ in range(frames):
        image = np.zeros((size[1], size[0], 3), np.uint8)
        image[: size[1] // 2, : size[0] // 2] = 255
        writer.write(image)
    writer.release()
    return path


def read_all(path, seconds=1.0):
    (source,) = find_sources(str(path))
    return list(read_windows(source, seconds))


def test_windows_of_a_video(tmp_path):
    windows = read_all(write_video(tmp_path / "a.mp4", frames=25))
    assert [len(window) for window in windows] == [10, 10, 5]
    frames = [frame for window in windows for frame in window]
    assert [frame.number for frame in frames] == list(range(25))
    assert [frame.time for frame in frames] == pytest.approx([number / 10 for number in range(25)], abs=1e-3)
    assert [len(window) for window in read_all(tmp_path / "a.mp4", 0)] == [25]


def test_large_frames_end_a_window(tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "MAX_WINDOW_BYTES", 4 * 64 * 48 * 3)
    assert [len(window) for window in read_all(write_video(tmp_path / "a.mp4", frames=10), 0)] == [4, 4, 2]


def test_times_of_a_video_with_a_variable_rate(tmp_path):
    pictures = [Image.fromarray(np.full((40, 40, 3), 40 * number, np.uint8)) for number in range(5)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=[100, 300, 50, 500, 100])
    ((*frames,),) = read_all(tmp_path / "a.gif", 0)
    assert [frame.time for frame in frames] == pytest.approx([0, 0.1, 0.4, 0.45, 0.95])


def test_a_video_that_is_marked_as_rotated_is_upright(tmp_path):
    data = bytearray(write_video(tmp_path / "a.mp4").read_bytes())
    matrix = data.index(b"tkhd") + 44
    data[matrix : matrix + 36] = np.array([0, 1 << 16, 0, -(1 << 16), 0, 0, 48 << 16, 0, 1 << 30], ">i4").tobytes()  # by 90 degrees
    (tmp_path / "turned.mp4").write_bytes(data)
    image = read_all(tmp_path / "turned.mp4")[0][0].image
    assert image.shape == (64, 48, 3)
    assert image[10, 37].min() > 200  # the corner, now on the right
    assert image[10, 10].max() < 50


def test_a_picture_is_turned_as_its_data_says(tmp_path):
    picture = Image.fromarray(np.zeros((30, 50, 3), np.uint8))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "a.jpg", exif=exif)
    assert read_all(tmp_path / "a.jpg")[0][0].image.shape == (50, 30, 3)


@pytest.mark.parametrize("seconds", [0, 0.2, 1.0, 60.0])
def test_a_video_that_ends_early_is_read_up_to_there(tmp_path, seconds):
    data = write_video(tmp_path / "a.avi", frames=100).read_bytes()
    (tmp_path / "cut.avi").write_bytes(data[: len(data) // 2])
    (source,) = find_sources(str(tmp_path / "cut.avi"))
    windows = []
    with pytest.raises(Unreadable, match=r"the video ends early: \d+ of 100 frames can be decoded; these are answered") as problem:
        windows.extend(read_windows(source, seconds))  # keeps what came before the error
    assert 20 < sum(map(len, windows)) < 80
    assert f": {sum(map(len, windows))} of 100" in str(problem.value)


def test_a_gif_that_ends_early_is_read_up_to_there(tmp_path):
    rng = np.random.default_rng(0)
    images = [Image.fromarray(rng.integers(0, 256, (40, 40), np.uint8)) for _ in range(10)]
    images[0].save(tmp_path / "a.gif", save_all=True, append_images=images[1:], duration=100)
    assert sum(map(len, read_all(tmp_path / "a.gif"))) == 10
    (tmp_path / "cut.gif").write_bytes((tmp_path / "a.gif").read_bytes()[:9000])
    windows = []
    with pytest.raises(Unreadable, match=r"the video ends early: \d frames can be decoded; these are answered"):
        windows.extend(read_windows(find_sources(str(tmp_path / "cut.gif"))[0], 1.0))
    assert 1 < sum(map(len, windows)) < 10


def test_folders_are_listed_in_natural_order(tmp_path):
    for name in ("10.png", "2.PNG", "b.mp4", "notes.txt"):
        (tmp_path / name).write_bytes(b"?")
    found = find_sources(str(tmp_path))
    assert [source.name.removeprefix(f"{tmp_path}/") for source in found] == ["2.PNG", "10.png", "b.mp4"]
    assert [source.kind for source in found] == ["image", "image", "video"]


def test_what_cannot_be_read_says_why(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.jpg").write_text("?")
    (tmp_path / "text.mp4").write_text("?")
    (tmp_path / "zero.png").touch()
    for name, reason in {
        "empty": "no picture or video in this folder",
        "nothing.jpg": "No such file or directory",
        "text.jpg": "OpenCV cannot decode it as an image",
        "text.mp4": "OpenCV cannot decode it as a video",
        "zero.png": "empty file",
    }.items():
        with pytest.raises(Unreadable, match=reason):
            read_all(tmp_path / name)


def test_a_camera_that_does_not_exist(tmp_path):
    assert find_sources("63") == [Source("63", "camera")]
    with pytest.raises(Unreadable, match="camera 63: there is no such camera"):
        list(read_windows(Source("63", "camera"), 1.0))


def test_frames_of_a_camera(monkeypatch):
    """Played by an object with OpenCV's methods: a camera of ten pictures that then goes away."""

    class Camera:
        left = 10

        def __init__(self, number, api):
            assert number == 0

        def isOpened(self):  # noqa: N802
            return True

        def read(self):
            self.left -= 1
            return (True, np.full((6, 8, 3), (255, 0, 0), np.uint8)) if self.left >= 0 else (False, None)

        def release(self):
            pass

    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    frames = [frame for window in read_windows(Source("0", "camera"), 60.0) for frame in window]
    assert [frame.number for frame in frames] == list(range(10))
    assert frames[0].image[0, 0].tolist() == [0, 0, 255]  # RGB
    assert all(first.time <= second.time for first, second in pairwise(frames))
