"""What holds for every loader."""

from __future__ import annotations

import os
import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from ferbench import Clip, FerbenchError, Skipped
from ferbench.registry.plugins import load_plugins
from ferbench_corpora import AFEW, CREMAD, DFEW, ISED, MMI, MUG, RAVDESS, CKPlus, FERV39k, London, OuluCASIA
from ferbench_corpora.tree import natural_sort

LOADERS = [CKPlus, MUG, ISED, London, MMI, OuluCASIA, AFEW, DFEW, FERV39k, RAVDESS, CREMAD]


@pytest.fixture
def everything(tmp_path, touch):
    """A folder in which each loader finds its corpus, and something to leave out."""
    for person in ("S005", "S010"):
        touch(*(f"cohn-kanade-images/{person}/00{n}/{person}_00{n}_0000000{f}.png" for n in (1, 2) for f in (1, 2)))
        touch(f"Emotion/{person}/001/{person}_001_00000002_emotion.txt", content="1")
        touch(f"copy/{person}/001/{person}_001_00000001.png", f"copy/{person}/001/{person}_001_1.png")
    for top in ("subjects3", "subjects1"):
        touch(*(f"{top}/00{p}/{e}/take00{t}/img_{f}.jpg" for p in (1, 2) for e in ("anger", "fear") for t in (0, 1) for f in (9, 10, 11)))
    touch("videos/PS 1/4.avi", "videos/PS 2/1.avi", "videos/PS 1/04.mp4", "videos/PS 10/1.avi", "videos/PS 3/1.avi")
    savemat(tmp_path / "ISED_details.mat", {"rows": np.array([[p, 0, v, 9, 0, 0, 1] for p, v in ((10, 1), (1, 4), (2, 1), (2, 7))])})
    touch("neutral_front/001_03.jpg", "smiling_front/001_08.jpg", "smiling_front/002_08.jpg", "smiling_front/odd.jpg")
    touch("Sessions/2/S001-002.avi", "Sessions/10/S002-010.avi", "Sessions/11/S002-011.avi")
    touch("Sessions/2/session.xml", "Sessions/10/session.xml", content='<s><Metatag Name="Emotion" Value="2"/></s>')
    touch(*(f"OriginalImg/VL/Strong/P00{p}/{e}/00{f}.jpeg" for p in (1, 2) for e in ("Anger", "Odd") for f in (0, 1)))
    touch("Train_AFEW/Angry/000046280.avi", "Train_AFEW/Angry/9.avi", "Train_AFEW/Angry/a.txt", "Val_AFEW/Sad/000149120.avi")
    touch("Clip/jpg_256/00001/1.jpg", "Clip/jpg_256/00010/1.jpg", "Clip/jpg_256/00002/1.jpg")
    touch("EmoLabel_DataSplit/test(single-labeled)/set_1.csv", content="video_name,label\n10,1\n1,2\n")
    touch("2_ClipsforFaceCrop/Action/Happy/0267/0.jpg", "2_ClipsforFaceCrop/Action/Sad/0002/0.jpg")
    touch("4_setups/All_scenes/train_All.csv", content="Action/Happy/0267 Happy\nAction/Happy/0001 Happy\n")
    touch("4_setups/All_scenes/test_All.csv", content="Action/Sad/0002 Sad\n")
    touch("Actor_01/02-01-06-01-02-01-01.mp4", "Actor_02/02-01-05-01-02-01-02.mp4", "Actor_02/a.txt")
    touch("VideoFlash/1001_DFA_ANG_XX.flv", "VideoFlash/1002_DFA_SAD_XX.flv", "VideoFlash/a.flv")
    return tmp_path


@pytest.mark.parametrize("dataset", LOADERS)
def test_order_of_the_file_system_does_not_matter(everything, monkeypatch, dataset):
    first = list(dataset(str(everything)).clips())
    real = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: iter(sorted(real(self), reverse=True)))
    assert list(dataset(str(everything)).clips()) == first
    monkeypatch.setattr(Path, "iterdir", lambda self: iter(sorted(real(self))))
    assert list(dataset(str(everything)).clips()) == first
    assert {type(thing).__name__ for thing in first} == {"Clip", "Skipped"}


@pytest.mark.parametrize("dataset", LOADERS)
def test_labels_are_classes_and_paths_exist(everything, dataset):
    clips = [c for c in dataset(str(everything)).clips() if isinstance(c, Clip)]
    assert len({c.subject for c in clips}) >= 2
    assert {c.label for c in clips} <= set(dataset.classes)
    assert all(path.is_file() for c in clips for path in (*c.images, *filter(None, [c.video])))


@pytest.mark.parametrize("dataset", LOADERS)
def test_large_folders_are_listed_once(everything, monkeypatch, dataset):
    listed = Counter()
    watch_listings(monkeypatch, lambda folder: listed.update([folder]))
    clips = [c for c in dataset(str(everything)).clips() if isinstance(c, Clip)]
    assert {listed[path.parent] for c in clips for path in (*c.images, *filter(None, [c.video]))} == {1}
    assert max(listed.values()) <= 3


@pytest.mark.parametrize("dataset", LOADERS)
@pytest.mark.parametrize("file", ["other/file.txt", ".hidden/S005/001/S005_001_00000001.png", "S005/001/notes.txt", "001/notes.txt"])
def test_folder_without_the_layout(tmp_path, touch, read, dataset, file):
    touch(file)
    with pytest.raises(FerbenchError, match="not in the layout that is read: expected"):
        read(dataset(str(tmp_path)))


@pytest.mark.parametrize("dataset", LOADERS)
def test_folder_that_cannot_be_listed(everything, monkeypatch, read, dataset):
    watch_listings(monkeypatch, forbid)
    with pytest.raises(FerbenchError, match="cannot be listed: Permission denied"):
        read(dataset(str(everything)))


def watch_listings(monkeypatch, watch):
    """Calls a function with each folder before it is listed."""
    for name in ("listdir", "scandir"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda folder, real=real: watch(Path(folder)) or real(folder))


def forbid(path):
    raise PermissionError(13, "Permission denied")


def deny(monkeypatch, method, denied):
    """Lets a method of Path fail for some paths."""
    real = getattr(Path, method)

    def call(self, *arguments, **options):
        if self in denied:
            raise PermissionError(13, "Permission denied")
        return real(self, *arguments, **options)

    monkeypatch.setattr(Path, method, call)


@pytest.mark.parametrize("dataset", LOADERS)
def test_a_folder_of_clips_that_cannot_be_listed_is_named(everything, monkeypatch, dataset):
    before = [item for item in dataset(str(everything)).clips() if isinstance(item, Clip)]
    files = (*before[-1].images, *filter(None, [before[-1].video]))
    watch_listings(monkeypatch, lambda folder: forbid(folder) if folder == files[0].parent else None)
    items = list(dataset(str(everything)).clips())
    name = files[0].parent.relative_to(everything).as_posix()
    assert items.count(Skipped(name, "folder cannot be listed: Permission denied")) == 1
    assert not [item for item in items if isinstance(item, Clip) and files[0] in (*item.images, item.video)]


@pytest.mark.parametrize(
    ("dataset", "file", "lost"),
    [
        (CKPlus, "Emotion/S005/001/S005_001_00000002_emotion.txt", 1),
        (MMI, "Sessions/2/session.xml", 1),
        (DFEW, "EmoLabel_DataSplit/test(single-labeled)/set_1.csv", 2),
        (FERV39k, "4_setups/All_scenes/test_All.csv", 1),
        (London, "london_faces_info.csv", 0),
        (CREMAD, "VideoDemographics.csv", 0),
    ],
)
def test_a_file_of_labels_that_cannot_be_read_is_named(everything, touch, monkeypatch, dataset, file, lost):
    touch("london_faces_info.csv", content="face_id\n")
    touch("VideoDemographics.csv", content="ActorID\n")
    before = [item for item in dataset(str(everything)).clips() if isinstance(item, Clip)]
    deny(monkeypatch, "read_bytes", {everything / file})
    items = list(dataset(str(everything)).clips())
    assert items.count(Skipped(file, "file cannot be read: Permission denied")) == 1
    assert len([item for item in items if isinstance(item, Clip)]) == len(before) - lost


@pytest.mark.parametrize("dataset", LOADERS)
def test_a_path_that_cannot_be_looked_at_is_named(everything, monkeypatch, dataset):
    """As a link to a place below a folder without the right to enter it."""
    deny(monkeypatch, "is_dir", {everything / "manual"})
    (everything / "manual").symlink_to(everything)
    assert list(dataset(str(everything)).clips()).count(Skipped("manual", "cannot be read: Permission denied")) == 1


@pytest.mark.parametrize(
    "names",
    [
        ("1", "2", "10"),
        ("1.png", "01.png", "001.png", "2.png", "10.png"),
        ("S005", "s007", "S010", "S100"),
        ("PS 1", "PS 2", "PS 10", "PS1"),
        ("img_0000.jpg", "img_9.jpg", "img_10.jpg"),
        ("NSG_take2", "take000", "take001nsg", "take2", "take10"),
        ("Angry", "frame", "Happy", "Train_AFEW", "Val_AFEW"),
        ("02-01-05-01-02-01-02.mp4", "02-01-06-01-02-01-12.mp4"),
        ("a", "a.1", "a1", "a1b", "b"),
    ],
)
def test_names_are_sorted_by_their_numbers(names):
    assert natural_sort(reversed(names), str) == natural_sort(names, str) == sorted(names, key=by_numbers)


def by_numbers(name):
    """The order of ferbench's stored folds; texts come before numbers, the name itself comes last."""
    parts = [part for part in re.split(r"(\d+)", name) if part]
    return [(int(part), "") if part.isdecimal() else (-1, part.lower()) for part in parts], name


@pytest.mark.parametrize("dataset", LOADERS)
def test_digits_that_are_no_numbers(everything, touch, dataset):
    before = list(dataset(str(everything)).clips())
    touch("²/notes.txt", "1²/notes.txt")
    assert list(dataset(str(everything)).clips()) == before


@pytest.mark.slow
@pytest.mark.parametrize(("dataset", "allowed"), [(CKPlus, {"no emotion label"}), (MUG, {"no folder for this expression"}), (ISED, set())])
def test_stand_ins_are_read_back(tmp_path, read, dataset, allowed):
    load_plugins().get_entry("stand-in", dataset.name).component().render(tmp_path, 2, 0, lambda *_: None)
    clips, skipped = read(dataset(str(tmp_path)))
    assert len({c.subject for c in clips.values()}) == 2
    assert len(clips) >= 4
    assert {reason for _, reason in skipped} <= allowed
