"""Guards: planted leaks stop a run and are named; allowed ones mark its rows; what merely looks alike raises no alarm."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from faces import LABELS, copy_frames, render_faces

import ferbench
import ferbench.stages.inputs
from ferbench import FerbenchError
from ferbench.cli.main import main
from ferbench.corpora.guard_list import GUARDS
from ferbench.corpora.leaks import Leak
from ferbench.store.entries import Store

HERE = Path(__file__).parents[1]
PEOPLE = 12

BENCHMARK = """\
name: leaky
dataset: {dataset}
preprocessing: {{small: [gray, {{resize: {{size: 48}}}}]}}
protocol: {protocol}
backbone: {backbone}
recipe: {{lr: 0.05, batch_size: 8, epochs: 2, checkpoint: {checkpoint}}}
loss: cross-entropy
aggregator: mean
"""
EACH_PERSON = "{modulo: {k: 5, validation: 0, classes: [happiness, surprise]}}"


def pytest_generate_tests(metafunc):
    """Plant leaks at random: six of each kind, or 20 with --stress."""
    if "seed" in metafunc.fixturenames:
        metafunc.parametrize("seed", range(20 if metafunc.config.getoption("--stress") else 6))


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Path:
    """Rendered people, of whom each corpus takes some."""
    return render_faces(tmp_path_factory.mktemp("faces") / "people", PEOPLE, seed=0)


@pytest.fixture
def draw(faces, tmp_path, monkeypatch):
    """Makes a corpus of some of the people under FERBENCH_DATA; returns its folder and the names of its people."""
    monkeypatch.setenv("FERBENCH_DATA", str(tmp_path / "data"))

    def call(rng, name: str = "listed", people: int = 5, without: tuple = ()) -> tuple[Path, list[str]]:
        names = [f"p{number:02}" for number in range(PEOPLE) if f"p{number:02}" not in without]
        chosen = sorted(rng.choice(names, people, replace=False).tolist())
        for person in chosen:
            shutil.copytree(faces / person, tmp_path / "data" / name / person)
        return tmp_path / "data" / name, chosen

    return call


@pytest.fixture
def call(tmp_path, capsys):
    """Calls a command on the benchmark, and gives its exit code, its rows or lines, and its messages."""

    def run(command: str = "run", *arguments: str, protocol: str = EACH_PERSON, dataset: str = "listed", backbone: str = "toy-net"):
        checkpoint = "best" if "best-on-test" in protocol else "last"
        file = tmp_path / "leaky.yaml"
        file.write_text(BENCHMARK.format(dataset=dataset, protocol=protocol, backbone=backbone, checkpoint=checkpoint))
        plugins = ["--plugin", str(HERE / "toy.py"), "--plugin", str(HERE / "leaky.py")]
        options = ["--store", str(tmp_path / "runs"), "--device", "cpu", "--format", "json", *arguments]
        code = main([command, str(file), *plugins, *options, *(["--no-figures"] if command == "run" else [])])
        output = capsys.readouterr()
        return code, json.loads(output.out) if output.out else [], output.err

    return run


def stored(tmp_path: Path, stage: str) -> list[str]:
    return Store(tmp_path / "runs").keys(stage)


def test_a_person_under_two_ids_is_named(draw, call, tmp_path, seed):
    rng, to_the_byte = np.random.default_rng(seed), seed % 2 == 0
    root, people = draw(rng, people=4)
    person, frame = str(rng.choice(people)), str(rng.integers(2))
    for label in LABELS:
        copy_frames(root / person / label / "take", root / "q00" / label / "take", f"{frame}.png", rng, to_the_byte)
    code, _, messages = call()
    assert code == 2
    assert "guard near-duplicate: found 2 pairs of clips of different people in two parts" in messages
    for label in LABELS:
        assert f"listed/{person}/{label}/take frame {frame} = listed/q00/{label}/take frame 0 (" in messages
    assert "--allow-leak near-duplicate marks the rows" in messages
    assert not stored(tmp_path, "fits")


def test_an_autopsy_searches_near_duplicates_before_it_calls_a_figure_honest(draw, call):
    rng = np.random.default_rng(0)
    root, people = draw(rng, people=4)
    copy_frames(root / people[0] / LABELS[0] / "take", root / "q00" / LABELS[0] / "take", "0.png", rng, to_the_byte=False)
    copy_frames(root / people[1] / LABELS[1] / "take", root / "q00" / LABELS[1] / "take", "1.png", rng, to_the_byte=False)
    code, _, messages = call("autopsy")
    assert code == 2
    assert "guard near-duplicate: found" in messages
    code, autopsy, _ = call("autopsy", "--allow-leak", "near-duplicate")
    assert code == 0
    assert autopsy["leaks"] == ["near-duplicate"]


def test_a_clip_copied_between_corpora_is_named(draw, call, tmp_path, seed):
    rng, to_the_byte = np.random.default_rng(seed), seed % 2 == 0
    root, people = draw(rng, people=3)
    other, others = draw(rng, "other", people=3, without=tuple(people))
    person, stranger, label = str(rng.choice(people)), str(rng.choice(others)), str(rng.choice(LABELS))
    copy_frames(root / person / label / "take", other / stranger / label / "copy", "*.png", rng, to_the_byte)
    code, _, messages = call(dataset="[[listed, other]]", protocol=EACH_PERSON.replace("k: 5", "k: 6"))
    assert code == 2
    if to_the_byte:
        assert "guard clip: found 1 clips in two parts" in messages
        assert f"listed/{person}/{label}/take" in messages
        assert f"other/{stranger}/{label}/copy" in messages
        assert not stored(tmp_path, "crops")
    else:
        assert "guard near-duplicate: found 1 pairs" in messages
        assert f"listed/{person}/{label}/take frame" in messages
        assert f" = other/{stranger}/{label}/copy frame" in messages
        assert not stored(tmp_path, "fits")


def test_a_person_in_train_and_test_of_a_list_is_named(draw, call, tmp_path, seed):
    rng = np.random.default_rng(seed)
    root, people = draw(rng)
    tested = set(rng.choice(people, 2, replace=False).tolist())
    lists = {f"{person}/{label}/take": "test" if person in tested else "train" for person in people for label in LABELS}
    assert call("plan", protocol=listed(root, lists))[0] == 0
    person, label = str(rng.choice(sorted(set(people) - tested))), str(rng.choice(LABELS))
    code, _, messages = call(protocol=listed(root, {**lists, f"{person}/{label}/take": "test"}))
    assert code == 2
    assert "error: protocol fixed, fold 0: guard person: found 1 people in two parts: listed/" + person in messages
    assert f"in test (listed/{person}/{label}/take): expected each person in one part of a fold" in messages
    assert "correct the corpus's lists" in messages
    assert not stored(tmp_path, "crops")


def listed(root: Path, lists: dict[str, str]) -> str:
    """Write the lists of a corpus; returns the protocol that follows them."""
    (root / "lists.json").write_text(json.dumps(lists))
    return "{fixed: {held_out: 0, classes: [happiness, surprise]}}"


def test_folds_by_image_are_named(draw, call, tmp_path, seed):
    draw(np.random.default_rng(seed))
    code, _, messages = call(protocol=f"{{by-image: {{seed: {seed}, classes: [happiness, surprise]}}}}")
    assert code == 2
    assert "protocol by-image, fold 0: guard person: found" in messages
    assert "in train (listed/p" in messages
    assert not stored(tmp_path, "crops")


def test_people_who_merely_look_alike_raise_no_alarm(faces, tmp_path, monkeypatch, call, repeats):
    for seed in range(repeats):
        monkeypatch.setenv("FERBENCH_DATA", str(tmp_path / str(seed)))
        render_faces(tmp_path / str(seed) / "listed", people=6, seed=seed + 1)
        code, rows, messages = call()
        assert (code, rows[0]["status"], rows[0]["leaks"]) == (0, "done", [])
        assert "guard" not in messages
        assert len(stored(tmp_path, "duplicates")) == seed + 1


@pytest.fixture
def leaking(draw, tmp_path) -> Path:
    """A corpus in which a clip of the last person begins with a frame of the first."""
    rng = np.random.default_rng(0)
    root, people = draw(rng)
    shutil.copy(root / people[0] / LABELS[0] / "take" / "0.png", root / people[-1] / LABELS[1] / "take" / "0.png")
    return root


def test_allowed_leaks_mark_rows(leaking, call, tmp_path):
    code, rows, messages = call("run", "--allow-leak", "near-duplicate")
    assert (code, rows[0]["leaks"]) == (0, ["near-duplicate"])
    assert "guard" not in messages
    assert call("run", "--allow-leak", "near-duplicate", "--allow-leak", "person")[1] == rows
    code, _, messages = call("plan")  # the search is stored, so it is known now without a run
    assert code == 2
    assert "guard near-duplicate: found 1 pairs" in messages
    assert call("plan", "--allow-leak", "near-duplicate")[1]["stored"] == 1
    assert len(stored(tmp_path, "duplicates")) == 1


def test_rows_without_a_leak_are_the_same_with_the_option(draw, call):
    draw(np.random.default_rng(0))
    _, rows, _ = call("run", "--allow-leak", "person", "--allow-leak", "near-duplicate")
    assert rows[0]["leaks"] == []
    assert call()[1] == rows


def test_marked_rows_share_no_table_with_clean_ones(leaking, call, tmp_path, capsys):
    _, (marked,), _ = call("run", "--allow-leak", "near-duplicate")
    assert main(["leaderboard", "--store", str(tmp_path / "runs")]) == 0
    assert "leaks allowed: near-duplicate; not comparable with rows without them" in capsys.readouterr().out
    assert main(["leaderboard", "--store", str(tmp_path / "runs"), "--format", "csv"]) == 0
    assert ",near-duplicate," in capsys.readouterr().out
    first = min(path.name for path in leaking.iterdir())
    shutil.rmtree(leaking / first / LABELS[0])  # now only one person has this frame
    _, (clean,), _ = call()
    assert clean["leaks"] == []
    assert clean["fingerprint"] != marked["fingerprint"]


def test_a_mark_is_part_of_the_fingerprint_and_of_the_key(draw, call, monkeypatch):
    draw(np.random.default_rng(0))
    clean = call()[1][0]
    found = Leak("near-duplicate", "fold 0", 1, ["made up"])
    monkeypatch.setattr("ferbench.plan.guards.Guards._find_duplicates", lambda *_: [found])
    marked = call("run", "--allow-leak", "near-duplicate")[1][0]
    same = ("fits", "folds", "labels", "uar")
    assert all(marked[name] == clean[name] for name in same)
    assert all(marked[name] != clean[name] for name in ("leaks", "fingerprint", "key"))
    (explanation,) = call("why", "--allow-leak", "near-duplicate", "--set", "aggregator=majority")[1]
    assert explanation["differences"] == ["aggregator Mean → Majority"]


def test_why_tells_marked_rows_from_clean_ones(draw, call, capsys, tmp_path):
    draw(np.random.default_rng(0))
    _, (clean,), _ = call(protocol="{last: {classes: [happiness, surprise]}}")
    assert clean["leaks"] == []
    protocol = "{tests-training: {classes: [happiness, surprise]}}"
    _, (row,), _ = call("run", "--allow-leak", "clip", "--allow-leak", "person", protocol=protocol)
    assert row["leaks"] == ["person", "clip"]
    assert row["identity"]["leaks"] == ["person", "clip"]
    (explanation,) = call("why", "--allow-leak", "clip", "--allow-leak", "person", "--set", "seed=3", protocol=protocol)[1]
    assert explanation["differences"] == ["seed 0 → 3"]


def test_a_finished_run_searches_nothing(leaking, call, monkeypatch):
    rows = call("run", "--allow-leak", "near-duplicate")[1]
    monkeypatch.setattr("ferbench.execution.drivers.duplicates.compute_duplicates", lambda *_: pytest.fail("searched again"))
    monkeypatch.setattr("ferbench.execution.engine.search_duplicates", lambda *_: pytest.fail("computed again"))
    assert call("run", "--allow-leak", "near-duplicate")[1] == rows


def test_frames_without_contrast_are_no_duplicates(draw, call):
    root, people = draw(np.random.default_rng(0))
    for person in people:
        cv2.imwrite(str(root / person / LABELS[0] / "take" / "9.png"), np.full((112, 128, 3), 17, np.uint8))
    code, rows, messages = call()
    assert (code, rows[0]["leaks"]) == (0, [])
    assert "warning: 5 of 25 frames are not searched for near-duplicates" in messages


def test_one_corpus_under_two_names(draw, call, tmp_path):
    root, _ = draw(np.random.default_rng(0))
    shutil.copytree(root, root.parent / "other")
    (root.parent / "other" / "lists.json").write_text("{}")
    protocol = "{last: {classes: [happiness, surprise]}}"
    code, _, messages = call(dataset="[[listed, other]]", protocol=protocol)
    assert code == 2
    assert "guard same-corpus: found 1 corpora with the same pictures: listed at" in messages
    assert f"other at {root.parent / 'other'} share 20 of 20 and 20 pictures" in messages
    assert "(also found: clip)" in messages
    assert call(dataset="[listed, other]", protocol=protocol)[0] == 0  # apart from each other, not merged


def test_a_checkpoint_chosen_on_test_clips(draw, call):
    draw(np.random.default_rng(0))
    protocol = "{best-on-test: {classes: [happiness, surprise]}}"
    code, _, messages = call(protocol=protocol)
    assert code == 2
    assert "guard validation-on-test: found 4 validation clips that are also test clips" in messages
    code, (row,), _ = call("run", "--allow-leak", "validation-on-test", protocol=protocol)
    assert (code, row["status"], row["leaks"], row["clips"]) == (0, "done", ["validation-on-test"], 4)


@pytest.mark.parametrize("backbone", ["toy-net", "whole", "{clips: {pooled: false}}", "trees"])
def test_a_clip_that_trains_and_is_tested_is_read_for_both(draw, call, backbone, monkeypatch, tmp_path):
    draw(np.random.default_rng(0))
    protocol = "{tests-training: {classes: [happiness, surprise]}}"
    loaded = []
    load = ferbench.stages.inputs.load_inputs
    monkeypatch.setattr(
        "ferbench.execution.drivers.fits.load_inputs", lambda fit, store: loaded.append((fit, load(fit, store))) or loaded[-1][1]
    )
    if backbone == "trees":
        backbone = "{trees: {depths: [[2]]}}"
    code, (row,), messages = call("run", "--allow-leak", "clip", "--allow-leak", "person", protocol=protocol, backbone=backbone)
    assert (code, row["status"], row["clips"]) == (0, "done", 4), messages
    (fit, inputs), fold = loaded[0], loaded[0][0].split.folds[0]
    training, tested = inputs.training_items(fold.train, by_clip=fit.reads_clips), inputs.items(fold.test, by_clip=fit.reads_clips)
    frames = [2 * clips for clips in (len(fold.train), len(fold.test))]
    assert [len(training.x), len(tested.x)] == frames == [14, 8]
    assert torch.equal(training.x[-2:], tested.x[:2])  # the clip in both parts
    labels = [fit.classes.index(fit.split.labels[clip]) for clip in fold.train for _ in range(1 if fit.reads_clips else 2)]
    assert training.y.tolist() == labels


def test_a_class_that_was_never_trained(draw, call):
    root, people = draw(np.random.default_rng(0))
    for person in people[:-1]:
        shutil.rmtree(root / person / "surprise")
    protocol = "{last: {classes: [happiness, surprise]}}"
    code, _, messages = call(protocol=protocol)
    assert code == 2
    assert (
        f"guard untrained-class: found 1 classes that are tested and have no training clip: surprise (tested on listed/{people[-1]}"
        in messages
    )
    code, (row,), _ = call("run", "--allow-leak", "untrained-class", protocol=protocol)
    assert (code, row["leaks"]) == (0, ["untrained-class"])
    code, rows, _ = call("run", protocol="{last: {classes: [happiness, surprise, fear]}}", backbone="finished")
    assert (code, rows[0]["leaks"]) == (0, [])  # it needs no training


@pytest.mark.parametrize("command", ["run", "plan", "why"])
def test_unknown_names_are_a_usage_error(call, capsys, command):
    with pytest.raises(SystemExit) as caught:
        call(command, "--allow-leak", "everything")
    assert caught.value.code == 2
    message = capsys.readouterr().err
    assert all(name in message for name in GUARDS)


def test_leaks_are_allowed_from_python(draw, tmp_path):
    draw(np.random.default_rng(0))
    file = tmp_path / "leaky.yaml"
    protocol = "{by-image: {classes: [happiness, surprise]}}"
    file.write_text(BENCHMARK.format(dataset="listed", protocol=protocol, backbone="toy-net", checkpoint="last"))
    options = {"store": tmp_path / "runs", "plugins": [HERE / "toy.py", HERE / "leaky.py"], "device": "cpu", "quiet": True}
    with pytest.raises(FerbenchError, match="guard person"):
        ferbench.run(file, **options)
    with pytest.raises(FerbenchError, match="unknown guard 'persons'; did you mean 'person'"):
        ferbench.run(file, allow_leaks="persons", **options)
    assert ferbench.run(file, allow_leaks="person", **options)["leaks"].tolist() == ["person"]
