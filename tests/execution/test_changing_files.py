"""Files of a corpus that change while a benchmark runs never give a wrong row under a right key."""

from __future__ import annotations

import json
import random
import threading
from pathlib import Path

import cv2
import numpy as np
import pytest
from stored import stored_digests
from toy_images import image

from ferbench.cli.main import main
from ferbench.corpora import files, verification
from ferbench.execution import engine

CHANGES = 20


class Disk:
    """Changes files when a certain number of files has been opened; files in `denied` cannot be opened."""

    def __init__(self) -> None:
        self.denied: set[Path] = set()
        self.left, self.change = 0, lambda: None
        self.lock = threading.Lock()
        self.open = files.open_regular

    def plan(self, opened: int, change) -> None:
        self.left, self.change = opened, change

    def open_regular(self, path):
        with self.lock:
            self.left -= 1
            if self.left == 0:
                self.change()
        if path in self.denied:
            raise PermissionError(13, "Permission denied", str(path))
        return self.open(path)


@pytest.fixture
def disk(monkeypatch):
    disk = Disk()
    for module in (files, verification):
        monkeypatch.setattr(module, "open_regular", disk.open_regular)
    return disk


@pytest.fixture
def run(data, benchmark_file, toy_plugin, tmp_path, capsys):
    def call(*arguments, store="runs"):
        command = ["run", benchmark_file, "--plugin", toy_plugin, "--store", tmp_path / store, "--no-figures", "--device", "cpu"]
        code = main([*map(str, command), "--format", "json", *arguments])
        output = capsys.readouterr()
        return code, json.loads(output.out) if output.out else [], output.err

    return call


class Frames:
    """Frames that are replaced, deleted, made unreadable and restored at random."""

    def __init__(self, folder: Path, disk: Disk, seed: int) -> None:
        self.paths = sorted(folder.rglob("*.png"))
        self.content = {path: path.read_bytes() for path in self.paths}
        self.disk, self.random = disk, random.Random(seed)

    def change(self) -> None:
        """Change one of two frames, so that the same states come back."""
        path = self.random.choice(self.paths[:2])
        self.random.choice([self.replace, self.delete, self.deny, *[self.restore] * 3])(path)

    def restore_all(self) -> None:
        for path in self.paths:
            self.restore(path)

    def replace(self, path: Path) -> None:
        """By another picture, always the same one, which nobody else shows: a guard would stop the run."""
        path.unlink(missing_ok=True)
        cv2.imwrite(str(path), image(np.random.default_rng(self.paths.index(path)), "dark"))

    def delete(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def deny(self, path: Path) -> None:
        if path.exists():
            path.chmod(0o000)  # which does not stop root
        self.disk.denied.add(path)

    def restore(self, path: Path) -> None:
        self.disk.denied.discard(path)
        path.unlink(missing_ok=True)
        path.write_bytes(self.content[path])


def without_run(row):
    return {name: value for name, value in row.items() if name not in ("seconds", "provenance", "log")}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_rows_are_those_of_a_clean_store_after_frames_changed_at_random_moments(run, data, tmp_path, disk, seed):
    frames = Frames(data / "toy", disk, seed)
    stopped = 0
    for _ in range(CHANGES):
        disk.plan(frames.random.randrange(1, 90), frames.change)
        code, _, messages = run()
        if disk.left > 0:  # the run opened fewer files
            disk.left = 0
            frames.change()
        stopped += "changed since it was indexed" in messages
        assert code == 0 or "changed since it was indexed" in messages, messages
    assert stopped
    for restore in (lambda: None, frames.restore_all):
        restore()
        code, rows, messages = run()
        assert code == 0, messages
        _, clean, _ = run(store="clean")
        assert [without_run(row) for row in rows] == [without_run(row) for row in clean]
        unreadable = [path for path in disk.denied if path.exists()]  # the loader does not list what is deleted
        assert sum(map(len, rows[0]["unreadable"].values())) == len(unreadable)
    for stage in ("crops", "features", "fits"):
        expected = stored_digests(tmp_path / "clean", stage)
        assert expected.items() <= stored_digests(tmp_path / "runs", stage).items()


def test_a_frame_that_changes_after_indexing_is_not_stored_and_the_next_run_is_right(run, data, tmp_path, disk):
    path = data / "toy/p00/dark/take0/0.png"
    content = path.read_bytes()
    disk.plan(81 + 1, lambda: path.write_bytes((data / "toy/p01/light/take0/0.png").read_bytes()))
    code, rows, messages = run()
    assert (code, rows) == (2, [])
    assert f"{path} changed since it was indexed" in messages
    assert not stored_digests(tmp_path / "runs", "crops")
    path.write_bytes(content)
    code, rows, _ = run()
    _, clean, _ = run(store="clean")
    assert code == 0
    assert [without_run(row) for row in rows] == [without_run(row) for row in clean]


def test_a_frame_that_was_unreadable_once_counts_again(run, data, disk):
    path = data / "toy/p00/dark/take0/0.png"
    disk.denied.add(path)
    _, rows, messages = run()
    assert rows[0]["unreadable"] == {"toy/p00/dark/take0": {"0": "Permission denied"}}
    assert "files that cannot be read: 1: p00/dark/take0/0.png (Permission denied)" in messages
    disk.denied.clear()
    _, rows, _ = run()
    assert rows[0]["unreadable"] == {}


def test_a_frame_that_cannot_be_read_any_more_without_a_change_is_left_out_after_a_rehash(run, data, disk, monkeypatch):
    """As for another user of the same store."""
    monkeypatch.setattr(files, "SETTLED", -(10**15))
    run()
    disk.denied.add(data / "toy/p00/dark/take0/0.png")
    code, _, messages = run("--set", "preprocessing=[[{resize: {size: 16}}]]")
    assert code == 2
    assert "changed since it was indexed" in messages
    assert "if this error stays, add --rehash" in messages
    for arguments in (["--rehash"], []):
        code, rows, _ = run("--set", "preprocessing=[[{resize: {size: 16}}]]", *arguments)
        assert (code, rows[0]["unreadable"]) == (0, {"toy/p00/dark/take0": {"0": "Permission denied"}})


def test_a_finished_run_opens_no_frame(run, disk, monkeypatch):
    monkeypatch.setattr(files, "SETTLED", -(10**15))
    run()
    run()
    disk.plan(1, lambda: pytest.fail("a frame is opened"))
    code, _, messages = run()
    assert code == 0
    assert "2 of them already stored" in messages


def test_rehash_opens_all_frames_again(run, disk, monkeypatch):
    monkeypatch.setattr(files, "SETTLED", -(10**15))
    run()
    disk.plan(10**9, lambda: None)
    assert run("--rehash")[0] == 0
    assert 10**9 - disk.left == 81


def test_the_same_pictures_under_two_people_are_named_in_messages_and_record(run, data, tmp_path):
    for frame in range(2):
        (data / f"toy/p01/dark/take0/{frame}.png").write_bytes((data / f"toy/p00/dark/take0/{frame}.png").read_bytes())
    code, _, messages = run("--allow-leak", "near-duplicate")
    assert code == 0
    named = "toy/p01/dark/take0 0.png = toy/p00/dark/take0 0.png"
    assert f"warning: toy: 2 pictures are also those of another person or corpus: {named}, " in messages
    record = json.loads((tmp_path / "runs/benchmarks/toys.json").read_text())
    assert record["corpora"][0]["repeated"]["pictures"] == 2
    assert record["corpora"][0]["repeated"]["examples"][0] == named


SCALED = """
from dataclasses import dataclass
from pathlib import Path

import ferbench
import toy


@ferbench.hookimpl
def register_backbones(register):
    register(Scaled)


@dataclass(frozen=True)
class Scale(toy.Pool):
    weights: ferbench.File = ""

    def build(self, crops):
        from torch import nn

        factor = float(Path(self.weights).read_text())

        class Module(nn.Module):
            def forward(self, x):
                return factor * x

        return nn.Sequential(super().build(crops), Module())


@dataclass(frozen=True)
class Scaled(toy.ToyNet):
    '''Pooled pixels times the number in a file.'''

    name = "scaled"
    weights: ferbench.File = ""

    def frozen(self):
        return Scale(weights=self.weights)
"""


def test_weights_that_are_replaced_during_a_run_stop_it(run, tmp_path, monkeypatch):
    (tmp_path / "scaled.py").write_text(SCALED)
    weights = tmp_path / "weights.txt"
    options = ("--plugin", str(tmp_path / "scaled.py"), "--set", f"backbone={{scaled: {{weights: {weights}}}}}")
    weights.write_text("1.0")
    assert run(*options, store="before")[0] == 0
    real = engine._check_backbones
    with monkeypatch.context() as patch:
        patch.setattr(engine, "_check_backbones", lambda *arguments: weights.write_text("0.5") and real(*arguments))
        code, rows, messages = run(*options, store="runs")
    assert (code, rows) == (2, [])
    assert "weights.txt changed while the run used it: what was computed since is not stored" in messages
    assert stored_digests(tmp_path / "runs", "features") == {}
    assert not list((tmp_path / "runs").glob("failures/*"))
    assert run(*options, store="runs")[0] == 0
    before, after = (stored_digests(tmp_path / store, "features") for store in ("before", "runs"))
    assert not before.keys() & after.keys()
    weights.write_text("1.0")
    assert run(*options, store="runs")[0] == 0
    assert before.items() <= stored_digests(tmp_path / "runs", "features").items()


def test_a_folder_in_place_of_a_file_is_refused(run, tmp_path):
    (tmp_path / "scaled.py").write_text(SCALED)
    code, _, messages = run("--plugin", str(tmp_path / "scaled.py"), "--set", f"backbone={{scaled: {{weights: {tmp_path}}}}}")
    assert code == 2
    assert f"weights is the folder '{tmp_path}': expected a file, or a name" in " ".join(messages.split())
