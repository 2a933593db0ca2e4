"""Runs on the toy corpus: what is computed, shared and reported."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import traceback
import weakref
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from stored import stored_digests, stored_entries

import ferbench
import ferbench.report.figures
from ferbench.api.recipe import Augmentation
from ferbench.cli.main import main
from ferbench.execution.scheduler import Failures
from ferbench.stages.inputs import Inputs, load_inputs
from ferbench.store.entries import Store
from ferbench.store.records import stored_rows
from ferbench.training.device import prefetch


@pytest.fixture
def run(data, benchmark_file, toy_plugin, tmp_path, capsys, monkeypatch):
    """Calls `ferbench run --format json` and gives (exit code, rows, the messages on stderr); figures only on request."""
    draw = ferbench.report.figures.draw_figures

    def call(*arguments, file=benchmark_file, plugin=toy_plugin, figures=False):
        monkeypatch.setattr("ferbench.report.figures.draw_figures", draw if figures else lambda *_: None)
        store = ["--store", str(tmp_path / "runs")]
        code = main(["run", str(file), "--plugin", str(plugin), *store, "--device", "cpu", "--format", "json", *map(str, arguments)])
        output = capsys.readouterr()
        return code, json.loads(output.out) if output.out else [], output.err

    return call


def test_rows(run):
    code, rows, messages = run()
    assert code == 0
    assert [row["labels"]["aggregator"] for row in rows] == ["majority", "mean"]
    for row in rows:
        assert row["status"] == "done"
        assert row["clips"] == 27
        assert row["uar"] > 0.8
        assert row["war"] == sum(row["confusion"][i][i] for i in range(3)) / 27
        assert row["recall"] == {name: row["confusion"][i][i] / 9 for i, name in enumerate(row["classes"])}
        assert row["coverage"] == {"frames": None, "clips": None, "frames_used": 81, "frames_unreadable": 0}
        assert set(row["seconds"]) == {"crops", "features", "fit"}
        assert row["provenance"][0]["versions"]["torch"]
        assert row["provenance"][0]["threads"] == torch.get_num_threads()
        assert (row["precision"], row["provenance"][0]["hardware"]["precision"]) == ("float32", "float32")
        assert not row["standin"]
    assert "toy: 27 clips of 9 people" in messages
    assert "2 rows, 0 of them already stored" in messages


def test_no_person_in_two_parts(run):
    _, rows, _ = run()
    for fold in rows[0]["folds"]:
        parts = [set(fold[part]) for part in ("train", "validation", "test")]
        assert all(parts)
        assert len(set.union(*parts)) == sum(map(len, parts)) == 9


def test_finished_run_does_nothing(run, monkeypatch):
    _, rows, _ = run()
    monkeypatch.setattr("ferbench.execution.engine.compute_rows", lambda *_: pytest.fail("something was computed"))
    code, again, messages = run()
    assert (code, again) == (0, rows)
    assert "2 rows, 2 of them already stored" in messages


def test_stages_are_shared(run, tmp_path):
    log = tmp_path / "log"
    run(
        "--set",
        f"backbone.log={log}",
        "--set",
        f"preprocessing.log={log}",
        "--set",
        "seed=[0,1]",
        "--set",
        "loss=[cross-entropy, weighted-cross-entropy]",
    )
    counts = {what: log.read_text().split().count(what) for what in ("invert", "build", "trainable")}
    # 27 clips once; weights checked once and used once; 2 losses x 2 seeds x 3 folds
    assert counts == {"invert": 27, "build": 2, "trainable": 12}


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ("recipe.lr=0.04", {"trainable": 3}),
        ("backbone.hidden=5", {"trainable": 3}),
        ("protocol.seed=1", {"trainable": 3}),
        ("aggregator=mean", {}),
    ],
)
def test_a_change_recomputes_what_depends_on_it(run, tmp_path, change, again):
    log = tmp_path / "log"
    logged = ("--set", f"backbone.log={log}", "--set", f"preprocessing.log={log}")
    run(*logged)
    log.write_text("")
    code, _, _ = run(*logged, "--set", change)
    assert code == 0
    assert {what: log.read_text().split().count(what) for what in set(log.read_text().split()) - {"build"}} == again


def test_new_clip_remakes_its_group(run, tmp_path, data, monkeypatch):
    monkeypatch.setattr("ferbench.corpora.groups.MAX_CLIPS", 10)
    log, store = tmp_path / "log", tmp_path / "runs"
    run("--set", f"preprocessing.log={log}")
    before = {stage: stored_digests(store, stage) for stage in ("crops", "features")}
    assert len(before["crops"]) > 2
    shutil.copytree(data / "toy/p00/dark/take0", data / "toy/p00/dark/take1")
    log.write_text("")
    run("--set", f"preprocessing.log={log}")
    after = {stage: stored_digests(store, stage) for stage in before}
    assert [len(after[stage].keys() - before[stage].keys()) for stage in before] == [1, 1]
    assert 1 < len(log.read_text().split()) <= 10


def test_protocol_with_other_classes_remakes_nothing(run, tmp_path):
    log = tmp_path / "log"
    logged = ("--set", f"preprocessing.log={log}", "--set", f"backbone.log={log}")
    run(*logged)
    log.write_text("")
    code, rows, _ = run(*logged, "--set", "protocol.classes=[light, dark]")
    assert (code, rows[0]["clips"]) == (0, 18)
    assert not {"invert", "frame"} & set(log.read_text().split())


def test_seed_gives_the_same_row_anywhere(run, tmp_path):
    _, rows, _ = run()
    shutil.rmtree(tmp_path / "runs")
    _, again, _ = run("--workers", 1)
    for row, other in zip(rows, again, strict=True):
        assert row["key"] == other["key"]
        assert row["confusion"] == other["confusion"]


@pytest.mark.parametrize("backbone", ["whole", "finished"])
def test_nothing_frozen_and_nothing_trained(run, backbone):
    code, rows, _ = run("--set", f"backbone={backbone}", "--set", "recipe.epochs=12")
    assert code == 0
    assert rows[0]["uar"] > 0.8
    assert rows[0]["epochs"] == [0, 0, 0] if backbone == "finished" else min(rows[0]["epochs"]) >= 1


def test_aggregator_plugin_adds_rows_without_a_network(run, tmp_path, benchmark_file, toy_plugin):
    log = tmp_path / "log"
    run("--set", f"backbone.log={log}")
    log.unlink()
    plugin = tmp_path / "first_frame.py"
    plugin.write_text(
        "import ferbench\n\n@ferbench.hookimpl\ndef register_aggregators(register):\n    register(FirstFrame)\n\n"
        "class FirstFrame(ferbench.Aggregator):\n    name = 'first-frame'\n\n    def __call__(self, scores):\n        return scores[0]\n"
    )
    code, rows, messages = run("--set", f"backbone.log={log}", "--plugin", plugin)
    assert code == 0
    assert [row["labels"]["aggregator"] for row in rows] == ["majority", "mean", "first-frame"]
    assert "3 rows, 2 of them already stored" in messages
    assert not log.exists()


def test_weights_that_cannot_be_built_end_their_own_rows_alone(run):
    code, rows, _ = run("--set", "backbone=[toy-net, {toy-net: {broken: true}}]")
    assert code == 1
    assert [(row["status"], row.get("error")) for row in rows] == [("done", None)] * 2 + [("failed", "ZeroDivisionError")] * 2


@pytest.mark.parametrize(("loss", "error"), [("broken", "ZeroDivisionError"), ("broken: {nan: true}", "Diverged")])
def test_a_failure_ends_its_own_rows_alone(run, tmp_path, loss, error):
    code, rows, messages = run("--set", f"loss=[cross-entropy, {{{loss}}}]" if ":" in loss else f"loss=[cross-entropy, {loss}]")
    assert code == 1
    assert [row["status"] for row in rows] == ["done", "done", "failed", "failed"]
    assert rows[2]["error"] == error
    assert error in Path(rows[2]["log"]).read_text()
    assert "2 of 4 rows failed" in messages
    code, _, messages = run("--set", "loss=[cross-entropy, broken]")
    assert code == 1  # a failure is no stored result
    assert "4 rows, 2 of them already stored" in messages


def test_a_failure_is_tried_again_when_asked_or_changed(run, tmp_path, toy_plugin):
    plugin = tmp_path / "toy.py"
    plugin.write_text(toy_plugin.read_text().replace("ZeroDivisionError", "MemoryError"))
    first = run("--set", "loss=broken", plugin=plugin)
    assert "2 of 2 rows failed; add --retry-failed to try again" in first[2]
    log = Path(first[1][0]["log"])
    log.unlink()
    code, rows, messages = run("--set", "loss=broken", plugin=plugin)
    assert (code, [row["error"] for row in rows]) == (1, ["MemoryError"] * 2)
    assert "2 rows, 0 of them already stored, 2 failed before and are skipped (--retry-failed tries them again)" in messages
    assert not log.exists()
    run("--set", "loss=broken", "--retry-failed", plugin=plugin)
    assert log.exists()
    plugin.write_text(toy_plugin.read_text().replace("if not self.nan", "if self.nan").replace('float("nan")', "1"))
    code, rows, _ = run("--set", "loss=broken", plugin=plugin)
    assert (code, rows[0]["status"]) == (0, "done")


def test_damaged_files_are_named_and_counted(run, data):
    png = data / "toy/p03/light/take0/1.png"
    png.write_bytes(png.read_bytes()[:60])
    (data / "toy/p04/light/take0.avi").write_bytes(b"")
    code, rows, messages = run()
    assert code == 0
    assert rows[0]["coverage"]["frames_unreadable"] == 1
    assert list(rows[0]["unreadable"]) == ["toy/p03/light/take0"]
    assert "unreadable frames left out: 1: toy/p03/light/take0 frame 1 (1.png" in messages
    assert "skipped 1, video cannot be read" in messages
    assert "p04/light/take0" in messages


def test_clip_without_a_readable_frame_is_left_out(run, data):
    for png in (data / "toy/p03/light/take0").iterdir():
        png.write_bytes(b"")
    code, rows, messages = run()
    assert code == 0
    assert rows[0]["clips"] == 26
    assert rows[0]["clips_lost"] == ["toy/p03/light/take0"]
    assert "clips without a readable frame left out: 1: toy/p03/light/take0" in messages


def test_apex_beyond_the_clip_is_reported(run, data, toy_plugin, tmp_path):
    plugin = tmp_path / "toy.py"
    plugin.write_text(
        toy_plugin.read_text().replace('glob("*.png"))))', 'glob("*.png"))), apex=3 if take.parent.parent.name == "p00" else 0)')
    )
    _, rows, messages = run(plugin=plugin)
    assert rows[0]["clips"] == 24
    assert "skipped 3, apex 3 (from 0) lies outside its 3 frames: p00/dark/take0" in messages


def test_unknown_labels_are_counted(run, data):
    shutil.copytree(data / "toy/p00/dark", data / "toy/p00/bored")
    _, _, messages = run("--set", "protocol.classes=[dark, light]", "--quiet")
    assert not messages
    _, rows, messages = run("--set", "protocol.classes=[dark, light]")
    assert rows[0]["clips"] == 18
    assert "other classes, not used: stripes 9" in messages
    assert "skipped 1, unknown label: p00/bored/take0" in messages


@pytest.mark.parametrize("stage", ["crops", "features", "fits", "rows"])
def test_damaged_entry_is_recomputed_with_a_warning(run, tmp_path, stage):
    _, rows, _ = run()
    (entry, *_) = sorted((tmp_path / "runs" / stage).rglob("*.safetensors"))
    entry.write_bytes(entry.read_bytes()[:-3] + b"abc")
    if stage != "rows":
        shutil.rmtree(tmp_path / "runs" / "rows")
    if stage in ("crops", "features"):
        shutil.rmtree(tmp_path / "runs" / "fits")
    if stage == "crops":
        shutil.rmtree(tmp_path / "runs" / "features")
    code, again, messages = run()
    assert code == 0
    assert "is damaged" in messages
    assert [row["confusion"] for row in again] == [row["confusion"] for row in rows]


def test_damaged_crops_that_only_calibrate_are_recomputed(run, tmp_path, monkeypatch):
    """Features are lost, and so are crops of other groups, whose own features are stored."""
    monkeypatch.setattr("ferbench.corpora.groups.MAX_CLIPS", 9)
    options = ("--set", "backbone={toy-net: {calibrated: true}}", "--set", "recipe.epochs=1")
    assert run(*options)[0] == 0
    store = tmp_path / "runs"
    before = {stage: stored_digests(store, stage) for stage in ("crops", "features", "fits")}
    assert len(before["crops"]) > 2
    for stage in ("fits", "rows"):
        shutil.rmtree(store / stage)
    sorted((store / "features").rglob("*.safetensors"))[0].unlink()
    for entry in (store / "crops").rglob("*.safetensors"):
        entry.write_bytes(entry.read_bytes()[:-3] + b"abc")
    code, _, messages = run(*options)
    assert code == 0
    assert messages.count("is damaged") == len(before["crops"])
    assert {stage: stored_digests(store, stage) for stage in before} == before


def test_figures(run, tmp_path):
    run(figures=True)
    figures = sorted(path.name for path in (tmp_path / "runs/figures/benchmarks/toys").iterdir())
    assert len([name for name in figures if name.startswith("confusion-")]) == 2
    assert len([name for name in figures if name.startswith("curves-")]) == 3
    assert all((tmp_path / "runs/figures/benchmarks/toys" / name).read_bytes().startswith(b"\x89PNG") for name in figures)


def test_leaderboard_prints_it_again(run, tmp_path, capsys):
    _, rows, _ = run()
    assert main(["leaderboard", "toys", "--store", str(tmp_path / "runs"), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == rows
    assert main(["leaderboard", "other", "--store", str(tmp_path / "runs")]) == 2
    assert "no benchmark 'other'" in capsys.readouterr().err


def test_python_api(data, benchmark_file, toy_plugin, tmp_path):
    frame = ferbench.run(benchmark_file, store=tmp_path / "runs", plugins=[toy_plugin], quiet=True)
    assert list(frame["aggregator"]) == ["majority", "mean"]
    assert frame["uar"].between(0.8, 1).all()
    assert {"war", "macro_f1", "recall_dark", "seconds_fit", "fingerprint"} <= set(frame.columns)


def test_a_quiet_rehearsal_says_that_it_is_one(data, benchmark_file, toy_plugin, tmp_path, capsys):
    shutil.rmtree(data / "toy")
    benchmark_file.write_text(benchmark_file.read_text() + REHEARSAL)
    ferbench.run(benchmark_file, store=tmp_path / "runs", plugins=[toy_plugin], quiet=True)
    assert "REHEARSAL (not found: toy)" in capsys.readouterr().err


def test_python_api_takes_a_single_setting(data, benchmark_file, toy_plugin, tmp_path):
    settings = {"sets": "recipe.epochs=1", "only": "aggregator=mean", "plugins": [toy_plugin], "quiet": True}
    frame = ferbench.run(benchmark_file, store=tmp_path / "runs", **settings)
    assert list(frame["aggregator"]) == ["mean"]
    assert frame["epochs"].tolist() == ["1 1 1"]


REHEARSAL = "rehearsal: {people: 8, seed: 3, set: {recipe.epochs: 3}}\n"


def test_missing_corpus_is_rehearsed(run, data, benchmark_file):
    shutil.rmtree(data / "toy")
    benchmark_file.write_text(benchmark_file.read_text() + REHEARSAL)
    code, rows, messages = run()
    assert code == 0
    assert all(row["standin"] for row in rows)
    assert rows[0]["clips"] == 24
    assert max(rows[0]["epochs"]) <= 3
    assert "REHEARSAL (not found: toy)" in messages
    assert "the rehearsal sets recipe.epochs = 3" in messages


def test_settings_override_the_rehearsal(run, data, benchmark_file):
    shutil.rmtree(data / "toy")
    benchmark_file.write_text(
        benchmark_file.read_text()
        + REHEARSAL.replace("3}}", "3, loss.broken.nan: true}}").replace("loss.broken", "backbone.toy-net.hidden: 4, loss.broken")
    )
    _, _, messages = run()
    assert "unknown path 'loss.broken.nan'" in messages  # not on the axis: a mistake in the file
    benchmark_file.write_text(benchmark_file.read_text().replace(", loss.broken.nan: true", ""))
    _, rows, _ = run("--set", "recipe.epochs=1", "--set", "backbone=whole")  # the rehearsal's setting for toy-net is set aside
    assert rows[0]["epochs"] == [1, 1, 1]
    assert rows[0]["labels"]["backbone"] == "whole"


def test_missing_corpus_without_rehearsal(run, data, benchmark_file):
    shutil.rmtree(data / "toy")
    code, _, messages = run()
    assert code == 2
    benchmark_file.write_text(benchmark_file.read_text() + REHEARSAL)
    code, _, messages = run("--no-rehearsal")
    assert code == 2
    assert "toys.yaml:2: the corpus toy was not found at" in messages
    assert "Toy is made by the tests." in messages
    assert len(messages.strip().splitlines()) == 2


def test_marked_stand_in_counts_as_one_wherever_it_stands(run, data, benchmark_file, toy_plugin, capsys):
    benchmark_file.write_text(benchmark_file.read_text() + REHEARSAL)
    shutil.rmtree(data / "toy")
    assert main(["corpus", "standin", "toy", str(data / "TOY"), "--people", "7", "--plugin", str(toy_plugin)]) == 0
    assert "stand-in of toy, 7 people, seed 0" in capsys.readouterr().out
    _, rows, messages = run()
    assert rows[0]["standin"]
    assert rows[0]["clips"] == 21
    assert "REHEARSAL (the corpora are stand-ins)" in messages
    (data / "TOY/STAND-IN.json").unlink()
    _, real, messages = run()
    assert not real[0]["standin"]
    assert "REHEARSAL" not in messages
    assert real[0]["fingerprint"] != rows[0]["fingerprint"]


def test_present_corpus_is_not_rehearsed(run, benchmark_file):
    benchmark_file.write_text(benchmark_file.read_text() + REHEARSAL)
    _, rows, messages = run()
    assert not rows[0]["standin"]
    assert "REHEARSAL" not in messages


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda data: [shutil.rmtree(p) for p in (data / "toy").iterdir()], "holds no labeled clip"),
        (lambda data: [shutil.rmtree(p) for p in (data / "toy").iterdir() if p.name != "p00"], "only one person, toy/p00"),
    ],
)
def test_corpus_that_cannot_be_used(run, data, spoil, message):
    spoil(data)
    code, _, messages = run()
    assert code == 2
    assert message in messages
    assert "Traceback" not in messages


def test_interrupted_run_continues(run, tmp_path, monkeypatch):
    import ferbench.execution.drivers.fits

    real, calls = ferbench.execution.drivers.fits.compute_fit, []

    def interrupted(*args):
        if calls:
            raise KeyboardInterrupt
        calls.append(1)
        return real(*args)

    monkeypatch.setattr("ferbench.execution.drivers.fits.compute_fit", interrupted)
    code, _, messages = run()
    assert code == 130
    assert "run the same command again to continue" in messages
    monkeypatch.setattr("ferbench.execution.drivers.fits.compute_fit", lambda *args: calls.append(1) or real(*args))
    code, rows, _ = run()
    assert code == 0
    assert len(calls) == 3  # one fold before, two after
    assert rows[0]["status"] == "done"


@pytest.mark.parametrize("root", ["toy", "toy/p00/..", "."])
def test_marked_stand_in_counts_as_one_from_any_folder(run, data, toy_plugin, root, capsys):
    shutil.rmtree(data / "toy")
    assert main(["corpus", "standin", "toy", str(data / "toy"), "--people", "9", "--plugin", str(toy_plugin)]) == 0
    capsys.readouterr()
    if root == ".":  # people one folder further down
        (data / "inner").mkdir()
        (data / "toy").rename(data / "inner" / "toy")
        (data / "people").mkdir()
        for person in (data / "inner" / "toy").glob("p*"):
            (data / "people" / person.name).symlink_to(person)
        root = "people"
    _, rows, _ = run("--set", f"dataset.root={data / root}")
    assert rows[0]["standin"]


def test_real_and_rehearsal_stand_side_by_side(run, data, benchmark_file, tmp_path, capsys):
    benchmark_file.write_text(benchmark_file.read_text() + REHEARSAL)
    _, real, _ = run()
    shutil.rmtree(data / "toy")
    _, rehearsed, _ = run()
    assert main(["leaderboard", str(benchmark_file), "--store", str(tmp_path / "runs"), "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [*real, *rehearsed]


def test_only_what_the_rehearsal_leaves(run, data, benchmark_file):
    shutil.rmtree(data / "toy")
    benchmark_file.write_text(
        benchmark_file.read_text().replace("backbone: toy-net", "backbone: [{toy-net: {hidden: [2, 4]}}]")
        + REHEARSAL.replace("3}}", "3, backbone.hidden: 3}}")
    )
    code, rows, messages = run("--only", "backbone=toy-net(hidden=4)")
    assert (code, rows) == (2, [])
    assert "`only` selects no backbone once the rehearsal's settings apply: toy-net(hidden=4); choices are: toy-net" in messages


def test_views_are_made_once_and_more_of_them_are_added(run, tmp_path):
    """Of 27 clips of 3 frames in one group."""
    log = tmp_path / "log"
    logged = ("--set", f"backbone.log={log}", "--set", "loss=[cross-entropy, weighted-cross-entropy]")
    frames = []
    for augmentation in ("null", "{views: 2, rotation: 5}", "{views: 3, rotation: 5}", "{views: 3, rotation: 6}"):
        log.write_text("")
        code, rows, _ = run(*logged, "--set", f"recipe.augmentation={augmentation}")
        assert code == 0
        assert all(row["uar"] > 0.8 for row in rows)
        frames.append(log.read_text().split().count("frame"))
    assert frames == [81, 2 * 81, 81, 3 * 81]


@pytest.mark.parametrize(("backbone", "changed"), [("whole", True), ("toy-net", True), ("finished", False)])
def test_augmentation_with_a_frozen_part_and_without(run, tmp_path, backbone, changed):
    """Where nothing is trained, training frames change nothing."""
    scores = []
    for augmentation in ("null", "{flip: 0.5, brightness: 0.9}"):
        code, _, _ = run("--set", f"backbone={backbone}", "--set", f"recipe.augmentation={augmentation}")
        assert code == 0
        scores.append(sorted(entry.array("scores").tobytes() for entry in stored_entries(tmp_path / "runs", "fits")))
        shutil.rmtree(tmp_path / "runs/fits")
    assert (scores[0] != scores[1]) is changed


def test_views_follow_each_other_frame_by_frame(run, data, monkeypatch):
    """Of clips of unequal lengths; a mirrored frame's pooled features are the mirrored features."""
    loaded = []
    monkeypatch.setattr(
        "ferbench.execution.drivers.fits.load_inputs", lambda job, store: loaded.append((job, load_inputs(job, store))) or loaded[-1][1]
    )
    for number, folder in enumerate(sorted((data / "toy").glob("*/*/*"))):
        for frame in sorted(folder.glob("*.png"))[: number % 3]:
            frame.unlink()
    assert run("--set", "recipe.augmentation={views: 2, flip: 1}")[0] == 0
    assert len(loaded) == 3
    for job, inputs in loaded:
        fold = job.split.folds[job.fold]
        training = inputs.training_items(fold.train, job.recipe.augmentation)
        assert len({slice_.stop - slice_.start for slice_ in inputs.rows.values()}) == 3
        plain = torch.cat([inputs.x[2 * len(training.y) :][inputs.rows[clip]] for clip in fold.train]).reshape(-1, 4, 4)
        mirrored = training.x.reshape(3, -1, 4, 4)
        assert training.augment is None
        assert torch.allclose(mirrored[0], plain.flip(-1), atol=1e-5)
        assert torch.allclose(mirrored[1], plain.flip(-1), atol=1e-5)
        assert torch.equal(mirrored[2], plain)
        classes = [job.classes[label] for label in training.y]
        assert classes == [job.split.labels[clip] for clip in fold.train for _ in range(inputs.lengths([clip])[clip])]
        assert len(inputs.items(fold.validation).x) == len(inputs.items(fold.validation).y) == sum(inputs.lengths(fold.validation).values())


def test_changes_of_crops_name_the_clip_of_each_row(monkeypatch):
    calls = []
    monkeypatch.setattr(
        "ferbench.training.augmentation.augment_frames", lambda crops, how, clips, epoch: calls.append((clips, epoch)) or crops
    )
    inputs = Inputs(torch.zeros(6, 4, 4, dtype=torch.uint8), torch.zeros(6), {"a": slice(0, 2), "b": slice(2, 5), "c": slice(5, 6)})
    part = inputs.training_items(["a", "b"], Augmentation(flip=1))
    part.augment(inputs.x[[4, 0, 2]], torch.tensor([4, 0, 2]), 7)
    assert calls == [(["b", "a", "b"], 7)]


def test_views_that_fail_leave_rows_without_augmentation_alone(run, benchmark_file, monkeypatch):
    def augment_clip(*_):
        raise ZeroDivisionError("no view of this")

    monkeypatch.setattr("ferbench.training.augmentation.augment_clip", augment_clip)
    text = benchmark_file.read_text()
    recipes = "recipe: {plain: {epochs: 2}, flipped: {epochs: 2, augmentation: {flip: 1}}}"
    benchmark_file.write_text(text.replace("recipe: {lr: 0.05, batch_size: 8, epochs: 6}", recipes))
    code, rows, _ = run("--only", "aggregator=mean")
    assert code == 1
    assert [(row["labels"]["recipe"], row["status"]) for row in rows] == [("plain", "done"), ("flipped", "failed")]
    assert rows[1]["message"] == "no view of this"


def test_a_failure_holds_nothing_of_what_it_went_through():
    """Nor what its causes went through, or generators that they were in."""
    held, threads = [], threading.active_count()

    def inner():
        model = torch.nn.Linear(2, 2)
        held.append(weakref.ref(model))
        for _ in prefetch(iter(range(5))):
            raise ValueError

    def work():
        inputs = torch.nn.Linear(2, 2)
        held.append(weakref.ref(inputs))
        try:
            inner()
        except ValueError as error:
            raise RuntimeError("out of memory") from error

    failures, model = Failures(), SimpleNamespace(key="a")
    model.submodels = (model,)
    failures.attempt([model], work)
    (error,) = failures.errors.values()
    assert [each() for each in held] == [None, None]
    assert threading.active_count() == threads
    assert "in inner" in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(("backbone", "is_streamed"), [("toy-net", False), ("whole", False), ("toy-net", True)])
def test_many_clips_need_few_open_files(data, benchmark_file, toy_plugin, tmp_path, backbone, is_streamed):
    """27 clips, and views of them, under a limit of 64 open files."""
    patch = "import ferbench.training.streaming as s; assert s.available_ram; s.available_ram = lambda: 0.0; " if is_streamed else ""
    limit = "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)); "
    code = f"{limit}{patch}from ferbench.cli.main import main; sys.exit(main())"
    options = ["--plugin", str(toy_plugin), "--store", str(tmp_path / "runs"), "--device", "cpu", "--no-figures"]
    settings = [f"backbone={backbone}", "recipe.augmentation={views: 3, flip: 0.5}", "recipe.epochs=1"]
    line = [sys.executable, "-c", code, "run", str(benchmark_file), *options, *(part for each in settings for part in ("--set", each))]
    process = subprocess.run(line, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr


def test_named_recipes_with_and_without_augmentation(run, benchmark_file):
    text = benchmark_file.read_text()
    recipe = "recipe: {lr: 0.05, batch_size: 8, epochs: 6}"
    assert recipe in text
    benchmark_file.write_text(text.replace(recipe, "recipe: {lr: 0.05, epochs: 2, augmentation: {views: 1, flip: 1}}"))
    assert {row["labels"]["recipe"] for row in run()[1]} == {"default"}
    benchmark_file.write_text(text.replace(recipe, "recipe: {plain: {epochs: 2}, flipped: {epochs: 2, augmentation: {flip: 1}}}"))
    assert [row["labels"]["recipe"] for row in run("--only", "aggregator=mean")[1]] == ["plain", "flipped"]
    benchmark_file.write_text(text.replace(recipe, "recipe: {plain: {epochs: 2}, momentum: {epochs: 2, optimizer: sgd}}"))  # also a field
    assert [row["labels"]["recipe"] for row in run("--only", "aggregator=mean")[1]] == ["plain", "momentum"]


@pytest.mark.parametrize(
    ("augmentation", "message"),
    [
        ("{views: 2}", "changes nothing: expected flip, rotation"),
        ("{flip: 2}", "expected"),
        ("{flipp: 1}", "flipp"),
        ("often", "expected"),
    ],
)
def test_a_wrong_augmentation_is_reported(run, augmentation, message):
    code, _, err = run("--set", f"recipe.augmentation={augmentation}")
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) <= 2


def test_compiled_networks_give_the_same_rows(run, tmp_path, monkeypatch):
    """With the compiler's first half, which is what can break on a network; the second one writes and compiles C++ for seconds each."""
    command = ("--set", "backbone=[{toy-net: {hidden: 4}}, whole]", "--only", "aggregator=mean")
    _, rows, _ = run(*command)
    shutil.rmtree(tmp_path / "runs")
    compiled, compiles = [], torch.nn.Module.compile
    monkeypatch.setattr("torch.nn.Module.compile", lambda module: (compiled.append(module), compiles(module, backend="aot_eager")))
    code, again, _ = run(*command, "--compile")
    assert code == 0
    assert len(compiled) == 1 + 2 * 3  # features once, three folds of two networks
    assert [row["confusion"] for row in again] == [row["confusion"] for row in rows]


def histories(folder):
    return [entry.read_facts(dict)["history"] for entry in stored_entries(folder / "runs", "fits")]


def test_validation_people_choose_a_classifier(run, tmp_path):
    """A tree of one cut tells two of three classes at the most."""
    code, rows, messages = run("--set", "backbone=trees", "--only", "aggregator=mean")
    assert code == 0
    assert rows[0]["uar"] > 0.8
    assert "fits: 3 fits in" in messages
    assert "epochs" not in messages  # progress used to count epochs also of what has none
    assert len(histories(tmp_path)) == 3
    for history in histories(tmp_path):
        assert history["parameters"] == {"max_depth": 3}
        assert len(history["validation_accuracy"]) == 2
        assert history["validation_accuracy"][0] < history["validation_accuracy"][1]


def test_of_equal_classifiers_the_first_is_kept(run, tmp_path):
    run("--set", "backbone=[{trees: {depths: [3, 4]}}]", "--only", "aggregator=mean")
    assert {history["parameters"]["max_depth"] for history in histories(tmp_path)} == {3}


def test_classifiers_cannot_be_chosen_without_validation_people(run):
    code, _, messages = run("--set", "backbone=trees", "--set", "protocol.validation=0")
    assert code == 2
    assert "no validation frames to choose one of 2 classifiers" in messages
    assert run("--set", "backbone=[{trees: {depths: [3]}}]", "--set", "protocol.validation=0")[0] == 0


def test_classifiers_on_crops_refuse_an_augmentation(run):
    code, _, messages = run("--set", "backbone=[{trees: {pooled: false}}]", "--set", "recipe.augmentation={flip: 1}")
    assert code == 2
    assert "a scikit-learn classifier on crops cannot be trained on augmented ones" in messages
    assert run("--set", "backbone=[{trees: {pooled: true}}]", "--set", "recipe.augmentation={flip: 1}")[0] == 0


def test_a_loss_may_read_the_embedding(run):
    given = ("--set", "backbone.hidden=6", "--set", "aggregator=mean", "--set", "recipe.epochs=20")
    code, rows, _ = run("--set", "loss=[cross-entropy, {center: {weight: 0.1}}]", *given)
    assert code == 0
    assert all(row["uar"] > 0.8 for row in rows)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (("loss=center", "backbone=finished"), "reads the embedding of a network, but backbone finished has none"),
        (("loss=[cross-entropy, weighted-cross-entropy]", "backbone=finished"), "backbone finished does not use loss and recipe"),
        (("recipe={a: {lr: 0.1}, b: {lr: 0.2}}", "backbone=finished"), "its rows for cross-entropy a and cross-entropy b would be equal"),
        (("recipe={a: {lr: 0.1}, b: {lr: 0.2}}", "backbone=trees"), "backbone trees does not use recipe"),
    ],
)
def test_equal_rows_under_two_names_are_refused(run, settings, message):
    """They looked like two results of two losses or recipes, though neither had an effect."""
    code, rows, error = run(*(part for setting in settings for part in ("--set", setting)))
    assert (code, rows) == (2, [])
    assert message in error


@pytest.mark.parametrize(
    "settings",
    [
        ("backbone=finished", "seed=[0, 1]"),
        ("backbone=trees", "recipe={a: {}, b: {augmentation: {flip: 1}}}"),
        ("backbone=[toy-net, {fusion: {of: [toy-net, finished]}}]", "recipe={a: {lr: 0.1}, b: {lr: 0.2}}"),
    ],
)
def test_choices_with_an_effect_are_run(run, settings):
    assert run(*(part for setting in settings for part in ("--set", setting)), "--set", "recipe.epochs=1")[0] == 0


def test_videos_that_end_early_are_reported_and_used(run, data):
    import cv2
    import numpy as np

    for name, share in (("cut", 0.6), ("whole", 1.0)):
        path = data / f"toy/p00/dark/{name}.avi"
        writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"I420"), 25, (32, 32))
        for frame in range(20):
            writer.write(np.full((32, 32, 3), 60 + frame, np.uint8))
        writer.release()
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    code, rows, messages = run("--set", "preprocessing=[[invert, {resize: {size: 20}}]]")
    assert code == 0
    assert rows[0]["clips"] == 29
    (line,) = [line for line in messages.splitlines() if "end early" in line]
    assert "videos that end early: 1: toy/p00/dark/cut (" in line
    assert line.endswith("of 20 frames)")
    assert "end early" in run("--set", "preprocessing=[[invert, {resize: {size: 20}}]]")[2]  # also when nothing is read anew


def test_names_of_files_change_no_result(run, data, tmp_path):
    """Keys do not count them, so that two stores would differ under one key."""
    damaged = data / "toy/p03/light/take0/1.png"
    damaged.write_bytes(damaged.read_bytes()[:60])
    _, _, messages = run("--set", "recipe.epochs=1")
    assert "unreadable frames left out: 1: toy/p03/light/take0 frame 1 (1.png: truncated or damaged PNG)" in messages
    before = {stage: stored_digests(tmp_path / "runs", stage) for stage in ("crops", "features", "fits", "rows")}
    shutil.rmtree(tmp_path / "runs")
    damaged.rename(damaged.with_name("1b.png"))
    code, _, messages = run("--set", "recipe.epochs=1")
    assert (code, "frame 1 (1b.png: truncated or damaged PNG)" in messages) == (0, True)
    assert {stage: stored_digests(tmp_path / "runs", stage) for stage in before} == before


MINE = """
import ferbench
import toy


@ferbench.hookimpl
def register_datasets(register):
    register(Mine)


class Mine(toy.Toy):
    '''The toy corpus.'''

    name = "mine"

    def clips(self):
        yield from {clips}
"""


def test_an_edit_of_a_dataset_that_changes_no_clip_changes_no_result(run, tmp_path):
    """The key of a row counts what a dataset yields, not its source; `why` shows the edit."""
    plugin, sources, digests = tmp_path / "mine.py", [], []
    for clips in ("super().clips()", "list(super().clips())"):
        plugin.write_text(MINE.format(clips=clips))
        shutil.rmtree(tmp_path / "runs", ignore_errors=True)
        assert run("--plugin", plugin, "--set", "dataset=mine", "--set", "recipe.epochs=1")[0] == 0
        sources += [row["identity"]["dataset"]["mine"]["source"]["ferbench_plugin_mine"] for row in stored_rows(Store(tmp_path / "runs"))]
        digests.append(stored_digests(tmp_path / "runs", "rows"))
    assert digests[0] == digests[1]
    assert len(set(sources[:2])) == len(set(sources[2:])) == 1
    assert sources[0] != sources[2]
