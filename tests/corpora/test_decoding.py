import os
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from indexed import decode
from PIL import Image

from ferbench import Clip
from ferbench.corpora.reading import Unreadable
from ferbench.corpora.videos import count_frames

FRAMES = 20
CODECS = [  # all that OpenCV's wheels write
    ("MJPG", "clip.avi"), ("XVID", "clip.avi"), ("DIVX", "clip.avi"), ("FFV1", "clip.avi"), ("HFYU", "clip.avi"), ("WMV2", "clip.avi"),
    ("I420", "clip.avi"), ("MJPG", "clip.mkv"), ("mp4v", "clip.mp4"), ("mp4v", "clip.mov"), ("VP80", "clip.webm"), ("VP90", "clip.webm"),
    ("FLV1", "clip.flv"), ("MPG1", "clip.mpg"), ("MPG2", "clip.mpg"),
]  # fmt: skip


def picture(index=0, size=(48, 64)):
    """A smooth color picture that differs from frame to frame."""
    rng = np.random.default_rng(index)
    return cv2.GaussianBlur(rng.integers(0, 256, (*size, 3), dtype=np.uint8), (0, 0), 4)


def video(path, fourcc, frames=FRAMES):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*fourcc), 25, (64, 48))
    assert writer.isOpened()
    for index in range(frames):
        writer.write(picture(index))
    writer.release()
    return path


def decode_one(path):
    images, problems = decode(Clip("c", "s", "l", images=(path,)), [0])
    return images.get(0), problems.get(0)


@pytest.mark.parametrize(("fourcc", "name"), CODECS)
def test_frames_of_a_video_are_those_of_a_sequential_decode(tmp_path, fourcc, name):
    path = video(tmp_path / name, fourcc)
    capture = cv2.VideoCapture(str(path))
    every = [cv2.cvtColor(capture.read()[1], cv2.COLOR_BGR2RGB) for _ in range(FRAMES)]
    images, problems = decode(Clip("c", "s", "l", video=path), [17, 3, 4])
    assert sorted(images) == [3, 4, 17]
    assert not problems
    assert all((images[index] == every[index]).all() for index in images)
    assert not (images[3] == images[4]).all()


@pytest.mark.parametrize(("fourcc", "name"), CODECS)
def test_frames_are_counted(tmp_path, fourcc, name):
    assert count_frames(video(tmp_path / name, fourcc)).decoded == FRAMES


def test_counting_and_decoding_agree_if_the_header_declares_more_than_there_is(tmp_path):
    path = video(tmp_path / "cut.avi", "MJPG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    there = count_frames(path).decoded
    assert cv2.VideoCapture(str(path)).get(cv2.CAP_PROP_FRAME_COUNT) == FRAMES
    assert 0 < there < FRAMES
    images, problems = decode(Clip("c", "s", "l", video=path), range(FRAMES))
    assert sorted(images) == list(range(there))
    assert problems[there] == "cannot be decoded"


@pytest.mark.parametrize(
    ("fourcc", "name"), [c for c in CODECS if c[0] in ("FFV1", "HFYU", "I420", "VP80", "VP90", "FLV1") or "mkv" in c[1]]
)
def test_a_truncated_video_gives_the_frames_that_are_there(tmp_path, fourcc, name):
    whole, _ = decode(Clip("c", "s", "l", video=video(tmp_path / name, fourcc)), range(FRAMES))
    path = video(tmp_path / f"cut{name}", fourcc)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    there, declared = count_frames(path)
    assert declared == FRAMES
    assert 5 < there < FRAMES
    images, problems = decode(Clip("c", "s", "l", video=path), range(FRAMES))
    assert sorted(images) == list(range(there))
    assert all((images[index] == whole[index]).all() for index in range(there - 1))  # the last one may be half there
    assert sorted(problems) == list(range(there, FRAMES))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.avi", b"", "empty file"),
        ("junk.mp4", b"no video " * 50, "OpenCV cannot decode it as a video"),
        ("gone.avi", None, "No such file"),
    ],
)
def test_files_that_are_no_videos(tmp_path, name, content, reason):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(Unreadable, match=f"{name}: {reason}"):
        count_frames(tmp_path / name)
    images, problems = decode(Clip("c", "s", "l", video=tmp_path / name), [0, 2])
    assert images == {}
    assert set(problems) == {0, 2}
    assert reason in problems[2]


def encoded(extension, image):
    return cv2.imencode(extension, image)[1].tobytes()


def test_color_becomes_rgb_and_gray_stays_gray(tmp_path):
    red = np.zeros((8, 9, 3), np.uint8)
    red[..., 2] = 200  # OpenCV writes BGR
    (tmp_path / "red.png").write_bytes(encoded(".png", red))
    (tmp_path / "gray.png").write_bytes(encoded(".png", red[..., 2]))
    (tmp_path / "deep.png").write_bytes(encoded(".png", red[..., 2].astype(np.uint16) * 257))
    assert decode_one(tmp_path / "red.png")[0][0, 0].tolist() == [200, 0, 0]
    for name in ("gray.png", "deep.png"):
        image = decode_one(tmp_path / name)[0]
        assert (image.shape, image.dtype, image[0, 0]) == ((8, 9), np.uint8, 200)


def jpeg_with_thumbnail():
    """A JPEG that holds a whole smaller JPEG, end marker included, in its header."""
    file = BytesIO()
    Image.fromarray(picture()).save(file, "jpeg", exif=b"Exif\0\0" + encoded(".jpg", picture(1, (16, 16))))
    return file.getvalue()


WHOLE = {"a.png": encoded(".png", picture()), "a.jpg": encoded(".jpg", picture()), "thumbnail.jpg": jpeg_with_thumbnail()}


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("name", WHOLE)
def test_a_truncated_picture_is_a_problem_and_not_half_a_picture(tmp_path, name, share):
    (tmp_path / name).write_bytes(WHOLE[name][: int(len(WHOLE[name]) * share)])
    image, problem = decode_one(tmp_path / name)
    assert image is None
    assert problem.startswith("truncated")


@pytest.mark.parametrize("name", WHOLE)
def test_whole_pictures_are_read_whatever_follows_them(tmp_path, name):
    (tmp_path / name).write_bytes(WHOLE[name] + b"\xff\xda trailing")
    assert np.abs(decode_one(tmp_path / name)[0].astype(int) - picture()[..., ::-1]).mean() < 60
    assert decode_one(tmp_path / name)[0].shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.png", b"", "empty file"),
        ("junk.png", b"no picture", "OpenCV cannot decode it as an image"),
        ("gone.png", None, "No such file"),
        ("flipped.png", WHOLE["a.png"][:500] + b"\0" * 9 + WHOLE["a.png"][509:], "truncated or damaged PNG"),
    ],
)
def test_other_unreadable_pictures_leave_the_rest_of_the_clip(tmp_path, name, content, reason):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    (tmp_path / "good.png").write_bytes(WHOLE["a.png"])
    images, problems = decode(Clip("c", "s", "l", images=(tmp_path / name, tmp_path / "good.png")), [0, 1])
    assert list(images) == [1]
    assert problems[0].startswith(reason)


def test_the_libraries_own_warnings_stay_off_the_terminal(tmp_path):
    (tmp_path / "junk.mp4").write_bytes(b"no video " * 50)
    (tmp_path / "cut.jpg").write_bytes(WHOLE["a.jpg"][:-40])
    (tmp_path / "cut.png").write_bytes(WHOLE["a.png"][:-40])
    code = """if True:
        from pathlib import Path
        from ferbench import Clip
        from ferbench.cli.process import silence_decoders
        silence_decoders()
        from indexed import decode
        pictures = tuple(sorted(Path().glob("cut.*")))
        assert len(decode(Clip("c", "s", "l", images=pictures), [0, 1])[1]) == 2
        assert decode(Clip("c", "s", "l", video=Path("junk.mp4")), [0])[1]"""
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("OPENCV")}
    quiet["PYTHONPATH"] = str(Path(__file__).parents[1])
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=quiet, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_folder_is_not_a_picture(tmp_path):
    assert decode_one(tmp_path) == (None, "Is a directory")
