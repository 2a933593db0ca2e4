"""Image files: damage, depth, and files that are none."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from io import BytesIO

import cv2
import numpy as np
import pytest
from indexed import digest_files
from PIL import Image

from ferbench.api.clips import Clip
from ferbench.corpora.files import problem_digest
from ferbench.corpora.images import decode_image, reduce_depth
from ferbench.corpora.landmarks import read_landmarks
from ferbench.corpora.reading import Unreadable
from ferbench.corpora.verification import read_indexed
from ferbench.corpora.videos import count_frames
from ferbench.store.files import digest_file


def picture(seed=0, shape=(48, 64, 3)):
    noise = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), 2)


def jpeg(image, **options):
    file = BytesIO()
    Image.fromarray(image).save(file, "jpeg", **options)
    return file.getvalue()


def rotated(orientation):
    exif = Image.Exif()
    exif[0x112] = orientation
    return exif


def decode(path):
    return decode_image(path.read_bytes(), path.name)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"subsampling": "4:4:4"},
        {"progressive": True},
        {"quality": 30},
        {"exif": rotated(1)},
        {"exif": rotated(6)},
        {"exif": rotated(2)},
    ],
    ids=["plain", "4:4:4", "progressive", "low quality", "upright", "rotated", "mirrored"],
)
@pytest.mark.parametrize("shape", [(48, 64, 3), (47, 63), (1, 1, 3)], ids=str)
def test_a_jpeg_is_decoded_to_the_values_of_opencv(tmp_path, shape, options):
    file = tmp_path / "a.jpg"
    file.write_bytes(jpeg(picture(shape=shape), **options))
    expected = cv2.imread(str(file), cv2.IMREAD_ANYCOLOR)
    expected = expected if expected.ndim == 2 else expected[..., ::-1]
    np.testing.assert_array_equal(decode(file), expected)


def test_a_jpeg_of_unusual_layout_is_decoded(tmp_path):
    """Its chroma has more samples than its luma, which simplejpeg refuses and OpenCV decodes."""
    data = jpeg(np.full((16, 16, 3), 90, np.uint8), subsampling="4:2:0")
    frame = data.index(b"\xff\xc0")  # then length, depth, height, width, and of each channel number, samples, table
    (tmp_path / "a.jpg").write_bytes(data[: frame + 11] + b"\x11" + data[frame + 12 : frame + 14] + b"\x22" + data[frame + 15 :])
    assert decode(tmp_path / "a.jpg").shape == (16, 16, 3)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda data: data[:-2] + b"\0" * 20 + data[-2:], "Corrupt JPEG data: 1. extraneous bytes before marker 0xd9"),
        (lambda data: data[:-300] + data[-2:], "Corrupt JPEG data: premature end of data segment"),
        (lambda data: data[:-300], "truncated JPEG"),
    ],
)
def test_a_damaged_jpeg_is_named_and_nothing_else_is_printed(tmp_path, capfd, change, reason):
    """OpenCV returns an image, and libjpeg reports the damage on stderr, without the name of the file."""
    (tmp_path / "a.jpg").write_bytes(change(jpeg(picture(shape=(200, 200, 3)))))
    with pytest.raises(Unreadable, match=f"a.jpg: {reason}"):
        decode(tmp_path / "a.jpg")
    assert capfd.readouterr() == ("", "")


def test_a_jpeg_that_would_fill_the_memory_is_not_decoded(tmp_path):
    data = jpeg(picture())
    size = (48).to_bytes(2) + (64).to_bytes(2)
    assert data.count(size) == 1
    (tmp_path / "a.jpg").write_bytes(data.replace(size, b"\xff\xdc\xff\xdc"))
    with pytest.raises(Unreadable, match=r"a\.jpg: 65500 x 65500 pixels are too many"):
        decode(tmp_path / "a.jpg")


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_the_used_bits_of_16_become_8(tmp_path, bits, extension):
    """12 bits in files of 16 became almost black."""
    expected = picture(shape=(48, 64))
    expected[0, 0] = 255
    cv2.imwrite(str(tmp_path / f"a{extension}"), expected.astype(np.uint16) << bits - 8)
    image = reduce_depth({0: decode(tmp_path / f"a{extension}")})[0]
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(image, expected)


def test_all_frames_of_a_clip_are_scaled_alike():
    frames = {0: np.full((2, 2), 900, np.uint16), 3: np.full((2, 2), 3200, np.uint16), 5: np.full((2, 2), 7, np.uint8)}
    assert [int(image[0, 0]) for image in reduce_depth(frames).values()] == [900 >> 4, 3200 >> 4, 7]
    assert list(reduce_depth(frames)) == [0, 3, 5]


def read_pipe(path):
    return read_indexed(path, problem_digest("is a pipe or a device, not a file"))


@pytest.mark.parametrize("content", ["pipe", "device"])
@pytest.mark.parametrize("read", [read_pipe, count_frames, digest_file], ids=["image", "video", "digest"])
def test_pipes_and_devices_are_not_read(tmp_path, content, read):
    """A pipe without a writer, and /dev/zero, never end."""
    path = special_file(tmp_path / "a.png", content)
    with time_limit(), pytest.raises((Unreadable, OSError), match="is a pipe or a device, not a file"):
        read(path)


@pytest.mark.parametrize("content", ["pipe", "device"])
def test_landmarks_from_a_pipe_or_a_device_are_left_out(tmp_path, content):
    path = special_file(tmp_path / "a.txt", content)
    with time_limit():
        clip = Clip("c", "s", "l", landmarks=(path,))
        points, problems = read_landmarks(clip, [0], digest_files(clip))
    assert points == {}
    assert problems == {0: "landmarks: is a pipe or a device, not a file"}


def special_file(path, content):
    os.mkfifo(path) if content == "pipe" else path.symlink_to("/dev/zero")
    return path


@contextmanager
def time_limit():
    """Ends the process if the block takes longer than half a minute: a read from a pipe cannot be interrupted."""
    timer = threading.Timer(30, os._exit, [99])
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
