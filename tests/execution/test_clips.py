"""Runs with backbones that read whole clips, their descriptors or their landmarks."""

from __future__ import annotations

import json

import pytest
from indexed import digest_files
from stored import stored_entries

from ferbench.api.clips import Clip
from ferbench.cli.main import main
from ferbench.corpora.landmarks import read_landmarks
from ferbench.stages import crops


@pytest.fixture
def run(data, benchmark_file, toy_plugin, tmp_path, capsys):
    def call(*arguments, store="runs"):
        command = ["run", str(benchmark_file), "--plugin", str(toy_plugin), "--store", str(tmp_path / store), "--device", "cpu"]
        code = main([*command, "--no-figures", "--format", "json", *arguments])
        output = capsys.readouterr()
        return code, json.loads(output.out) if output.out else [], output.err

    return call


@pytest.fixture
def uneven(data):
    for number, folder in enumerate(sorted((data / "toy").glob("*/*/*"))):
        for frame in sorted(folder.glob("*.png"))[: number % 3]:
            frame.unlink()


KINDS = ["clips", "{clips: {pooled: false}}", "{clips: {per_clip: 2}}", "{clips: {pooled: false, per_clip: 2}}", "dynamic"]


@pytest.mark.parametrize("backbone", KINDS)
@pytest.mark.parametrize("augmentation", ["null", "{views: 2, flip: 0.5, rotation: 5}"])
def test_runs(run, uneven, tmp_path, backbone, augmentation):
    code, rows, _ = run("--set", f"backbone=[{backbone}]", "--set", f"recipe.augmentation={augmentation}", "--set", "recipe.epochs=20")
    assert code == 0
    assert all(row["clips"] == 27 for row in rows)
    assert all(row["uar"] > 0.8 for row in rows)
    assert rows[0]["confusion"] == rows[1]["confusion"]  # one score a clip: majority and mean agree
    fits = stored_entries(tmp_path / "runs", "fits")
    assert fits
    for fit in fits:
        assert set(fit.read_facts(dict)["clips"].values()) == {1}


def test_streamed_clips_give_the_same_rows(run, uneven, monkeypatch):
    whole = run("--set", "backbone=clips")[1]
    monkeypatch.setattr("ferbench.training.streaming.available_ram", lambda: 0.0)
    assert [row["confusion"] for row in run("--set", "backbone=clips", store="other")[1]] == [row["confusion"] for row in whole]


def test_frames_and_clips_share_features_and_sampling_counts_clips(run):
    code, _, messages = run("--set", "backbone=[toy-net, clips]", "--set", "recipe.sampling=balanced", "--set", "aggregator=mean")
    assert code == 0
    assert messages.count("features: 27 clip features") == 1


def test_a_clip_without_a_readable_frame_is_left_out(run, data):
    folder = sorted((data / "toy").glob("*/*/*"))[0]
    for frame in folder.glob("*.png"):
        frame.write_bytes(b"")
    for backbone in ("clips", "dynamic"):
        code, rows, _ = run("--set", f"backbone={backbone}", "--set", "recipe.epochs=20")
        assert code == 0
        assert rows[0]["clips"] == 26
        assert len(rows[0]["clips_lost"]) == 1


def test_plan_measures_clips(run, benchmark_file, toy_plugin, tmp_path, capsys):
    given = ["--plugin", str(toy_plugin), "--store", str(tmp_path / "runs"), "--device", "cpu", "--set", "backbone=[clips, dynamic]"]
    assert main(["plan", str(benchmark_file), *given, "--measure", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["seconds"] > 0


def test_features_of_another_number_of_frames_are_reported(run):
    code, _, messages = run("--set", "backbone=[{dynamic: {many: true}}]")
    assert code == 2
    assert (
        "the frozen part of backbone dynamic gives features [4, 32] for 3 frames: expected one per frame, or one for the clip" in messages
    )


def landmark_clip(folder, texts):
    for number, text in enumerate(texts):
        (folder / f"{number}.txt").write_text(text)
    return Clip("c", "p", "l", landmarks=tuple(folder / f"{n}.txt" for n in range(len(texts))))


def test_landmarks_are_read_and_problems_are_reported(tmp_path):
    clip = landmark_clip(tmp_path, ["   1.0e+00   2.0\n 3 4\n", "5 6\n7 8", "9 10\n", "a b\n1 2", "1 2\n3 4\n"])
    points, problems = read_landmarks(clip, [0, 1, 2, 3, 4], digest_files(clip))
    assert {index: array.tolist() for index, array in points.items()} == {
        0: [[1, 2], [3, 4]],
        1: [[5, 6], [7, 8]],
        4: [[1, 2], [3, 4]],
    }
    assert sorted(problems) == [2, 3]
    assert "1 landmarks, but most frames of the clip have 2" in problems[2]
    assert "no landmarks" in problems[3]


def test_a_backbone_that_reads_landmarks_needs_a_corpus_that_ships_them(run):
    code, _, messages = run("--set", "backbone=landmarks")
    assert code == 2
    assert "reads landmarks, but a clip has none" in messages


def test_crops_keep_the_landmarks_of_the_frames_that_were_selected(data, tmp_path):
    images = tuple(sorted((data / "toy/p00/dark/take0").glob("*.png")))
    clip = landmark_clip(tmp_path, ["0 0\n", "1 1\n", "2 2\n"])
    clip = Clip("c", "p", "l", images=images, length=3, landmarks=clip.landmarks)
    result = crops.preprocess(clip, (), digest_files(clip))
    assert result.facts == crops.CropFacts([0, 1, 2], None, {})
    assert result.landmarks.tolist() == [[[0, 0]], [[1, 1]], [[2, 2]]]
