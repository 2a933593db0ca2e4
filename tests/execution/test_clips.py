"""Backbones that read whole clips: what they are given, and whole runs of them."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from ferbench.api.clips import Clip
from ferbench.api.recipe import Recipe
from ferbench.cli.main import main
from ferbench.corpora.landmarks import read_landmarks
from ferbench.stages import crops
from ferbench.training.estimators import predict_scores
from ferbench.training.items import Items
from ferbench.training.learner import Learner, score_items
from ferbench.training.loop import train

LENGTHS = (3, 1, 5, 3, 2)


@pytest.fixture
def part():
    """Five clips; each frame tells its clip and place."""
    x = torch.tensor([[float(clip), float(at)] for clip, length in enumerate(LENGTHS) for at in range(length)])
    ends = torch.tensor(LENGTHS).cumsum(0)
    return Items(x, torch.arange(5) % 2, clips=torch.stack([ends - torch.tensor(LENGTHS), torch.tensor(LENGTHS)], 1))


def test_all_frames_of_clips_and_a_mask(part):
    rows, mask = part.rows(torch.tensor([2, 1, 4]))
    assert part.frames == 14
    assert mask.sum(1).tolist() == [5, 1, 2]
    for number, clip in enumerate((2, 1, 4)):
        frames = part.x[rows[number]]
        assert frames[:, 0].tolist() == [clip] * 5
        assert frames[mask[number], 1].tolist() == list(range(LENGTHS[clip]))


def test_draws_come_from_equal_parts_of_a_clip(part):
    """Of five frames three draws: the parts' borders are at 5/3 and 10/3, so frames 1 and 3 lie in two of them."""
    generator, seen = torch.Generator().manual_seed(0), [set(), set(), set()]
    for _ in range(200):
        rows, mask = part.rows(torch.tensor([2]), 3, generator)
        assert mask.tolist() == [[True] * 3]
        for segment, row in enumerate(rows[0].tolist()):
            seen[segment].add(row - 4)
    assert seen == [{0, 1}, {1, 2, 3}, {3, 4}]
    rows, _ = part.rows(torch.tensor([1]), 3, generator)
    assert rows.tolist() == [[3, 3, 3]]  # one frame, three times


def test_clips_of_one_length_go_together(part):
    assert sorted(sorted(group.tolist()) for group in part.batches_to_score()) == [[0, 3], [1], [2], [4]]
    assert [group.tolist() for group in Items(part.x, torch.zeros(14)).batches_to_score()] == [list(range(14))]


class Sum(nn.Module):
    """Logits that tell which frames were read."""

    def __init__(self):
        super().__init__()
        self.last = nn.Linear(2, 2)

    def forward(self, x, mask):
        return self.last((x * mask[..., None]).sum(1))


def test_scores_stand_in_the_order_of_the_clips(part):
    model = Sum()
    learner = Learner(model, nn.CrossEntropyLoss(), lambda x: x, Recipe(), torch.device("cpu"))
    sums = torch.stack([part.x[start : start + length].sum(0) for start, length in part.clips.tolist()])
    assert torch.allclose(score_items(learner, part), model.last(sums))


def test_views_of_clips_are_drawn_whole(part):
    """A clip's frames come from one view."""
    seen = []

    class Seen(Sum):
        def forward(self, x, mask):
            if self.training:
                seen.extend({int(value) // 1000 for value in frames[real][:, 1]} for frames, real in zip(x, mask, strict=True))
            return super().forward(x, mask)

    views = Items(torch.cat([part.x + torch.tensor([0, 1000 * view]) for view in range(3)]), part.y, clips=part.clips)
    recipe = Recipe(epochs=40, batch_size=2, lr=1e-4)
    learner = Learner(Seen(), nn.CrossEntropyLoss(), lambda x: x, recipe, torch.device("cpu"))
    train(learner, views, part, torch.Generator().manual_seed(0), lambda *_: None)
    assert len(seen) == 200
    assert all(len(each) == 1 for each in seen)
    counts = [sum(each == {view} for each in seen) for view in range(3)]
    assert all(40 < count < 95 for count in counts)


@pytest.fixture
def run(data, benchmark_file, toy_plugin, tmp_path, capsys):
    def call(*arguments, store="runs"):
        command = ["run", str(benchmark_file), "--plugin", str(toy_plugin), "--store", str(tmp_path / store), "--device", "cpu"]
        code = main([*command, "--no-figures", "--format", "json", *arguments])
        told = capsys.readouterr()
        return code, json.loads(told.out) if told.out else [], told.err

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
    files = list((tmp_path / "runs/fits").rglob("clips.json"))
    assert files
    for file in files:
        assert set(json.loads(file.read_text()).values()) == {1}


def test_streamed_clips_give_the_same_rows(run, uneven, monkeypatch):
    whole = run("--set", "backbone=clips")[1]
    monkeypatch.setattr("ferbench.training.streaming.available_memory", lambda: 0.0)
    assert [row["confusion"] for row in run("--set", "backbone=clips", store="other")[1]] == [row["confusion"] for row in whole]


def test_frames_and_clips_share_features_and_sampling_counts_clips(run):
    code, _, told = run("--set", "backbone=[toy-net, clips]", "--set", "recipe.sampling=balanced", "--set", "aggregator=mean")
    assert code == 0
    assert told.count("features: 27 clips") == 1


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


def test_features_of_another_number_of_frames_are_told(run):
    code, _, told = run("--set", "backbone=[{dynamic: {many: true}}]")
    assert code == 2
    assert "the frozen part of backbone dynamic gives features [4, 32] for 3 frames: expected one per frame, or one for the clip" in told


@pytest.mark.parametrize("classes", [2, 3])
def test_scores_of_a_classifier_without_probabilities(classes):
    from sklearn.svm import SVC

    rng = np.random.default_rng(0)
    y = np.arange(60) % classes
    x = np.eye(classes)[y] + 0.3 * rng.normal(size=(60, classes))
    estimator = SVC(kernel="linear", break_ties=True).fit(x, y)
    made = predict_scores(estimator, x)
    assert made.shape == (60, classes)
    assert np.allclose(made.sum(1), 1)
    assert (made.argmax(1) == estimator.predict(x)).all()


def landmark_clip(folder, texts):
    for number, text in enumerate(texts):
        (folder / f"{number}.txt").write_text(text)
    return Clip("c", "p", "l", landmarks=tuple(folder / f"{n}.txt" for n in range(len(texts))))


def test_landmarks_are_read_and_what_is_wrong_is_told(tmp_path):
    clip = landmark_clip(tmp_path, ["   1.0e+00   2.0\n 3 4\n", "5 6\n7 8", "9 10\n", "a b\n1 2", "1 2\n3 4\n"])
    points, problems = read_landmarks(clip, [0, 1, 2, 3, 4])
    assert {index: array.tolist() for index, array in points.items()} == {
        0: [[1, 2], [3, 4]],
        1: [[5, 6], [7, 8]],
        4: [[1, 2], [3, 4]],
    }
    assert sorted(problems) == [2, 3]
    assert "1 landmarks, 2 in the clip's other frames" in problems[2]
    assert "no landmarks" in problems[3]


def test_a_backbone_that_reads_landmarks_needs_a_corpus_that_ships_them(run):
    code, _, told = run("--set", "backbone=landmarks")
    assert code == 2
    assert "reads landmarks, and a clip has none" in told


def test_crops_keep_the_landmarks_of_the_frames_that_were_selected(data, tmp_path):
    images = tuple(sorted((data / "toy/p00/dark/take0").glob("*.png")))
    clip = landmark_clip(tmp_path, ["0 0\n", "1 1\n", "2 2\n"])
    clip = Clip("c", "p", "l", images=images, length=3, landmarks=clip.landmarks)
    _, indices, frames, problems = crops.preprocess(clip, ())
    assert indices == [0, 1, 2]
    assert not problems
    assert frames.landmarks.tolist() == [[[0, 0]], [[1, 1]], [[2, 2]]]
