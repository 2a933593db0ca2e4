"""Frames of a tree of videos."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading

import cv2
import numpy as np
import pytest

from ferbench.cli.main import main
from ferbench.store.leases import Leases
from ferbench_corpora import AFEW


def video(path, frames=6, fourcc="MJPG"):
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*fourcc), 25, (32, 24))
    for index in range(frames):
        writer.write(np.full((24, 32, 3), 30 * index % 256, np.uint8))
    writer.release()
    return path


@pytest.fixture
def tree(tmp_path):
    source = tmp_path / "videos"
    video(source / "train_afew/Fear/013736360.avi")
    video(source / "train_afew/Happy/000000040.mp4", 4, "mp4v")
    video(source / "train_afew/Happy/000000080.webm", 5, "VP80")
    video(source / "val_afew/Sad/000000120.flv", 3, "FLV1")
    (source / "train_afew/Fear/notes.txt").write_text("no video")
    (source / "train_afew/._Fear.avi").write_bytes(b"hidden")
    return source


def images(folder):
    return [path for path in folder.iterdir() if path.suffix in (".jpg", ".png")]


def extract(tree, *arguments):
    return main(["corpus", "extract", str(tree), str(tree.parent / "frames"), *map(str, arguments)])


def test_every_frame_under_its_number(tree, capsys):
    assert extract(tree) == 0
    target = tree.parent / "frames"
    files = sorted(p.relative_to(target).as_posix() for p in target.rglob("*.jpg"))
    assert len(files) == 18
    assert files[0] == "train_afew/Fear/013736360/0000001.jpg"
    assert [round(cv2.imread(str(target / f"train_afew/Fear/013736360/000000{n}.jpg")).mean() / 30) for n in range(1, 7)] == list(range(6))
    assert "18 frames of 4 videos written, 0 videos were already extracted" in capsys.readouterr().out
    clips = {clip.id: clip.length for clip in AFEW(str(target)).clips()}  # as its loader reads them
    assert clips == {
        "train/fear/013736360": 6, "train/happiness/000000040": 4, "train/happiness/000000080": 5, "validation/sadness/000000120": 3,
    }  # fmt: skip


def test_every_nth_frame_as_png(tree):
    assert extract(tree, "--every", 2, "--images", "png") == 0
    folder = tree.parent / "frames/train_afew/Fear/013736360"
    assert sorted(p.name for p in images(folder)) == ["0000001.png", "0000003.png", "0000005.png"]


@pytest.mark.parametrize(
    ("options", "wanted"), [(("--images", "png"), "png files of every frame"), (("--every", 2), "jpg files of 1 in 2 frames")]
)
def test_folders_that_hold_something_else_are_an_error(tree, capsys, options, wanted):
    extract(tree)
    capsys.readouterr()
    assert extract(tree, *options) == 2
    error = capsys.readouterr().err
    assert f"013736360 holds jpg files of every frame: you asked for {wanted}" in error
    assert "name another TARGET" in error
    assert not list(tree.parent.rglob("*.png"))


@pytest.mark.parametrize("name", ["mine.txt", "0000001.jpg"])
def test_folders_of_the_users_are_not_taken_for_extracted(tree, capsys, name):
    mine = tree.parent / "frames/val_afew/Sad/000000120" / name
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    assert extract(tree) == 2
    assert "000000120 exists and was not written by `ferbench corpus extract`" in capsys.readouterr().err
    assert [p for p in (tree.parent / "frames").rglob("*") if p.is_file()] == [mine]


def test_empty_folders_are_filled(tree):
    (tree.parent / "frames/val_afew/Sad/000000120").mkdir(parents=True)
    assert extract(tree) == 0
    assert len(images(tree.parent / "frames/val_afew/Sad/000000120")) == 3


def test_a_video_that_changed_is_reported(tree, capsys):
    extract(tree)
    os.utime(tree / "train_afew/Happy/000000040.mp4")  # another time, the same content
    video(tree / "train_afew/Fear/013736360.avi", 4)
    capsys.readouterr()
    assert extract(tree) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "0 frames of 0 videos written, 4 videos were already extracted"
    assert lines[1].startswith("train_afew/Fear/013736360.avi: the video has changed since it was extracted: remove")
    assert len(lines) == 2
    assert len(images(tree.parent / "frames/train_afew/Fear/013736360")) == 6


def test_missing_image_files_are_reported(tree, capsys):
    extract(tree)
    (tree.parent / "frames/train_afew/Fear/013736360/0000003.jpg").unlink()
    capsys.readouterr()
    assert extract(tree) == 1
    assert "train_afew/Fear/013736360.avi: 5 of its 6 image files are there: remove" in capsys.readouterr().out


@pytest.mark.parametrize("workers", ["-3", "0", "many"])
def test_workers_are_at_least_one(tree, capsys, workers):
    with pytest.raises(SystemExit) as error:
        extract(tree, "--workers", workers)
    assert error.value.code == 2
    assert f"--workers: '{workers}'" in capsys.readouterr().err


def test_what_is_there_stays_and_what_was_interrupted_is_written_again(tree, capsys):
    extract(tree)
    target = tree.parent / "frames"
    kept = target / "train_afew/Fear/013736360/0000001.jpg"
    kept.write_bytes(b"mine")
    gone = target / "val_afew/Sad/000000120"
    gone.rename(gone.with_name(".000000120.part"))
    (gone.with_name(".000000120.part") / "0000002.jpg").unlink()
    capsys.readouterr()
    assert extract(tree) == 0
    assert "3 frames of 1 videos written, 3 videos were already extracted" in capsys.readouterr().out
    assert kept.read_bytes() == b"mine"
    assert len(images(gone)) == 3
    assert {path.name for path in target.rglob(".*")} == {".extraction.json"}


def test_videos_that_cannot_be_read_are_reported(tree, capsys):
    (tree / "bad.avi").write_bytes(b"no video" * 50)
    path = video(tree / "cut.avi", 200)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    assert extract(tree, "--format", "json") == 1
    results = {each["video"]: each for each in json.loads(capsys.readouterr().out)}
    assert results["bad.avi"]["frames"] == 0
    assert "OpenCV cannot decode it as a video" in results["bad.avi"]["problem"]
    assert f"ends after {results['cut.avi']['frames']} of 200 frames" == results["cut.avi"]["problem"]
    assert results["val_afew/Sad/000000120.flv"] == {"video": "val_afew/Sad/000000120.flv", "frames": 3, "written": True, "problem": ""}
    assert not (tree.parent / "frames/bad").exists()


@pytest.mark.parametrize("other", ["train_afew/Fear/013736360.mp4", "train_afew/Fear/013736360/part.mp4", "train_afew.mp4"])
def test_videos_that_would_share_a_folder_are_an_error(tree, capsys, other):
    """Both have the same name, or the folder of one would hold that of the other."""
    video(tree / other, 3, "mp4v")
    assert extract(tree) == 2
    assert "or one set into a subfolder of the other" in capsys.readouterr().err
    assert not (tree.parent / "frames").exists()


@pytest.mark.parametrize("place", ["empty", "absent"])
def test_no_video_is_an_error(tmp_path, capsys, place):
    (tmp_path / "empty").mkdir()
    assert main(["corpus", "extract", str(tmp_path / place), str(tmp_path / "frames")]) == 2
    assert ("no video below" if place == "empty" else "no folder") in capsys.readouterr().err


def test_a_killed_extraction_leaves_no_half_folder(tree):
    """The next call completes what a killed process has begun."""
    for number in range(6):
        video(tree / f"more/{number}.avi", 200)
    line = [sys.executable, "-m", "ferbench", "corpus", "extract", str(tree), str(tree.parent / "frames"), "--workers", "1"]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    target = tree.parent / "frames/more"
    while not target.is_dir() and process.poll() is None:
        pass
    process.kill()
    process.wait()
    folders = [folder for folder in target.iterdir() if not folder.name.startswith(".")]
    assert {len(images(folder)) for folder in folders} <= {200}  # empty if it was killed during the first video
    assert extract(tree) == 0
    assert [len(images(folder)) for folder in target.iterdir()] == [200] * 6


def test_two_extractions_at_once_leave_whole_folders(tree):
    """Each used to delete and rename the other's unfinished folders."""
    for number in range(4):
        video(tree / f"more/{number}.avi", 200)
    line = [
        sys.executable,
        "-m",
        "ferbench",
        "corpus",
        "extract",
        str(tree),
        str(tree.parent / "frames"),
        "--workers",
        "3",
        "--format",
        "json",
    ]
    processes = [subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    outputs = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0] * 3, outputs
    results = [json.loads(stdout) for stdout, _ in outputs]
    assert {sum(each["written"] for each in result if each["video"] == "more/0.avi") for result in results} <= {0, 1}
    assert sum(each["written"] for result in results for each in result) == 8
    assert [len(images(folder)) for folder in (tree.parent / "frames/more").iterdir()] == [200] * 4
    assert {path.name for path in (tree.parent / "frames").rglob(".*")} == {".extraction.json"}


def test_an_extraction_waits_for_another_process_and_names_it(tree, capsys):
    folder = tree.parent / "frames/val_afew/Sad/000000120"
    with Leases(folder.parent).hold(f".{folder.name}"):
        process = threading.Thread(target=extract, args=(tree,))
        process.start()
        process.join(2)
        assert process.is_alive()
        assert not folder.exists()
    process.join(30)
    assert len(images(folder)) == 3
    assert capsys.readouterr().err.count(f"waiting for process {os.getpid()} on ") == 1
