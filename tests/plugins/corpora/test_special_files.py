"""Pipes and devices in the place of files that loaders read: they are named, and nothing waits for them."""

from __future__ import annotations

import os

import pytest

from ferbench import FerbenchError, Skipped
from ferbench_corpora import CKPlus
from ferbench_corpora.matlab import read_table
from ferbench_corpora.mug import MUG


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "device"])
def test_a_label_that_is_no_file_is_named(touch, tmp_path, make):
    touch("cohn-kanade-images/S001/001/S001_001_00000001.png")
    folder = tmp_path / "Emotion/S001/001"
    folder.mkdir(parents=True)
    make(folder / "S001_001_00000001_emotion.txt")
    found = list(CKPlus(str(tmp_path)).clips())
    assert Skipped("Emotion/S001/001/S001_001_00000001_emotion.txt", "file cannot be read: is a pipe or a device, not a file") in found


@pytest.mark.parametrize("read", [read_table, lambda path: list(MUG(str(path.parent), apexes=str(path)).clips())], ids=["ised", "mug"])
def test_a_table_that_is_no_file_is_an_error(touch, tmp_path, read):
    touch("subjects3/001/anger/take000/img_0000.jpg")
    os.mkfifo(tmp_path / "table.mat")
    with pytest.raises(FerbenchError, match="is a pipe or a device, not a file"):
        read(tmp_path / "table.mat")
