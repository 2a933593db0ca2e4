"""Crops are made only of the content that was indexed: what changed since then is an error, what is damaged is a fact."""

from __future__ import annotations

import errno
import os

import cv2
import numpy as np
import pytest
from indexed import digest_files

from ferbench import Clip, FerbenchError
from ferbench.api.errors import SystemProblem
from ferbench.corpora import decoding, files, verification
from ferbench.corpora.decoding import decode
from ferbench.corpora.landmarks import read_landmarks


def picture(level):
    return cv2.imencode(".png", np.full((8, 9), level, np.uint8))[1].tobytes()


@pytest.fixture
def images(tmp_path):
    paths = tuple(tmp_path / f"{number}.png" for number in range(3))
    for number, path in enumerate(paths):
        path.write_bytes(picture(40 * number))
    return paths


@pytest.fixture
def clip(images):
    return Clip("c", "p", "l", images=images, length=3)


@pytest.fixture
def video(tmp_path):
    path = tmp_path / "a.avi"
    write_video(path, 30)
    return Clip("c", "p", "l", video=path, length=6)


def write_video(path, step):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (32, 24))
    for number in range(6):
        writer.write(np.full((24, 32, 3), step * number, np.uint8))
    writer.release()


def deny(monkeypatch, path, number=errno.EACCES):
    """Opening this file fails."""
    real = files.open_regular

    def open_or_fail(other):
        if other == path:
            raise OSError(number, os.strerror(number), str(path))
        return real(other)

    monkeypatch.setattr(files, "open_regular", open_or_fail)
    monkeypatch.setattr(verification, "open_regular", open_or_fail)


def changed(path):
    return pytest.raises(FerbenchError, match=f"{path} changed since it was indexed\n  run the same command again")


@pytest.mark.parametrize("content", [picture(99), picture(40)[:-20], b""])
def test_an_image_with_other_content_is_an_error(clip, images, content):
    digests = digest_files(clip)
    images[1].write_bytes(content)
    with changed(images[1]):
        decode(clip, [0, 1], digests)


def test_an_image_that_vanished_is_an_error(clip, images):
    digests = digest_files(clip)
    images[1].unlink()
    with changed(images[1]):
        decode(clip, [0, 1], digests)


def test_an_image_that_became_unreadable_is_an_error(clip, images, monkeypatch):
    digests = digest_files(clip)
    deny(monkeypatch, images[1])
    with changed(images[1]):
        decode(clip, [0, 1], digests)


def test_an_image_that_became_readable_is_an_error(clip, images):
    digests = digest_files(clip)
    digests[1] = "unreadable: Permission denied"
    with changed(images[1]):
        decode(clip, [0, 1], digests)


def test_an_image_that_is_unreadable_for_another_reason_is_an_error(clip, images, monkeypatch):
    digests = digest_files(clip)
    digests[1] = "unreadable: No such file or directory"
    deny(monkeypatch, images[1])
    with changed(images[1]):
        decode(clip, [0, 1], digests)


def test_an_image_that_is_still_unreadable_is_left_out(clip, images, monkeypatch):
    deny(monkeypatch, images[1])
    frames, problems = decode(clip, [0, 1], digest_files(clip))
    assert list(frames) == [0]
    assert problems == {1: "Permission denied"}


@pytest.mark.parametrize(("content", "reason"), [(picture(40)[:-20], "truncated or damaged PNG"), (b"", "empty file")])
def test_a_damaged_image_that_did_not_change_is_left_out(clip, images, content, reason):
    images[1].write_bytes(content)
    frames, problems = decode(clip, [0, 1], digest_files(clip))
    assert list(frames) == [0]
    assert problems == {1: reason}


def test_frames_that_are_not_selected_do_not_matter(clip, images):
    digests = digest_files(clip)
    images[1].unlink()
    assert sorted(decode(clip, [0, 2], digests)[0]) == [0, 2]


def test_an_error_of_the_system_is_no_fact_about_an_image(clip, images, monkeypatch):
    digests = digest_files(clip)
    deny(monkeypatch, images[1], errno.EMFILE)
    with pytest.raises(SystemProblem, match=r"1\.png cannot be read: Too many open files"):
        decode(clip, [0, 1], digests)


def test_a_video_with_other_content_is_an_error(video):
    digests = digest_files(video)
    write_video(video.video, 20)
    with changed(video.video):
        decode(video, [0, 5], digests)


def test_a_video_that_vanished_is_an_error(video):
    digests = digest_files(video)
    video.video.unlink()
    with changed(video.video):
        decode(video, [0, 5], digests)


def test_a_video_that_was_missing_and_still_is_is_left_out(video):
    video.video.unlink()
    assert decode(video, [0, 5], digest_files(video)) == ({}, dict.fromkeys([0, 5], "No such file or directory"))


@pytest.mark.parametrize("is_restored", [False, True])
@pytest.mark.parametrize("is_young", [False, True])
def test_a_video_that_changes_while_it_is_decoded_is_an_error(video, tmp_path, monkeypatch, is_restored, is_young):
    digests = digest_files(video)
    monkeypatch.setattr(files, "SETTLED", 10**15 if is_young else -(10**15))
    real = decoding.decode_frames

    def change_and_decode(path, indices):
        path.rename(tmp_path / "kept")
        write_video(path, 20)
        frames = real(path, indices)
        if is_restored:
            (tmp_path / "kept").rename(path)
        return frames

    monkeypatch.setattr(decoding, "decode_frames", change_and_decode)
    with changed(video.video):
        decode(video, [0, 5], digests)


def test_a_video_that_vanishes_before_it_is_opened_is_an_error(video, monkeypatch):
    digests = digest_files(video)
    real = decoding.decode_frames
    monkeypatch.setattr(decoding, "decode_frames", lambda path, indices: path.unlink() or real(path, indices))
    with changed(video.video):
        decode(video, [0, 5], digests)


def test_a_young_video_that_did_not_change_is_decoded(video, monkeypatch):
    monkeypatch.setattr(files, "SETTLED", 10**15)
    assert sorted(decode(video, [0, 5], digest_files(video))[0]) == [0, 5]


def test_landmarks_with_other_content_are_an_error(clip, tmp_path):
    points = tuple(tmp_path / f"{number}.txt" for number in range(3))
    for path in points:
        path.write_text("1 2\n")
    clip = Clip("c", "p", "l", images=clip.images, landmarks=points, length=3)
    digests = digest_files(clip)
    points[1].write_text("3 4\n")
    assert sorted(read_landmarks(clip, [0, 2], digests)[0]) == [0, 2]
    with changed(points[1]):
        read_landmarks(clip, [0, 1], digests)
    points[2].unlink()
    with changed(points[2]):
        read_landmarks(clip, [2], digests)
    assert read_landmarks(clip, [0, 2], digest_files(clip))[1] == {2: "landmarks: No such file or directory"}
