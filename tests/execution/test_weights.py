"""Weights that stay: what is stored, restored and repeated, and that it gives the scores that were measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from stored import stored_digests, stored_entries

from ferbench.api.errors import FerbenchError
from ferbench.cli.main import main
from ferbench.execution.options import Options
from ferbench.execution.progress import Reporter
from ferbench.execution.trained import TrainedLoader
from ferbench.registry.plugins import load_plugins
from ferbench.report.results import find_best
from ferbench.stages.fits import load_scores
from ferbench.store.entries import Store
from ferbench.store.entry_format import Content
from ferbench.store.records import stored_rows
from ferbench.store.upkeep import survey_store

BENCHMARK = """\
name: toys
dataset: toy
preprocessing: {plain: [invert]}
protocol: {kfold: {k: 2, validation: 0.2, classes: [dark, light, stripes]}}
backbone: [BACKBONES]
recipe: {lr: 0.05, batch_size: 8, epochs: 3}
loss: cross-entropy
aggregator: mean
"""
KINDS = {
    "network on features": "toy-net",
    "calibrated": "toy-net: {calibrated: true}",
    "network on crops": "whole",
    "estimators": "trees",
    "estimators on crops": "trees: {pooled: false}",
    "clips": "clips",
    "clips of crops": "clips: {pooled: false, per_clip: 2}",
    "descriptor of clips": "dynamic",
    "finished": "finished",
    "fusion": "fusion: {of: [toy-net, trees, {clips: {pooled: false}}]}",
    "lbp": "lbp: {size: 16, grid: 2, classifier: random-forest, trees: 3}",
}


@pytest.fixture
def run(data, tmp_path, toy_plugin):
    """Run these backbones, and return the store."""

    def call(*backbones: str, options: tuple[str, ...] = (), code: int = 0) -> Store:
        file = tmp_path / "toys.yaml"
        file.write_text(BENCHMARK.replace("BACKBONES", ", ".join(f"{{{each}}}" if ":" in each else each for each in backbones)))
        command = ["run", str(file), "--plugin", str(toy_plugin), "--store", str(tmp_path / "store"), "--quiet", "--no-figures"]
        assert main([*command, "--device", "cpu", *options]) == code
        return Store(tmp_path / "store")

    return call


@pytest.fixture
def load(toy_plugin):
    def call(store: Store, row, **options):
        return TrainedLoader(store, load_plugins([Path(toy_plugin)]), Options(device="cpu"), Reporter(quiet=True)).load(row, **options)

    return call


def read_clip(data: Path, clip: str) -> dict[int, np.ndarray]:
    import cv2

    files = sorted((data / clip).glob("*.png"))
    return {number: cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for number, file in enumerate(files)}


def check_scores(trained, store: Store, data: Path) -> int:
    """Compare the answers of each fold to its test clips with the stored scores; returns how many clips there are."""
    count = 0
    for place, fold in enumerate(trained.folds):
        scores, _ = load_scores(trained.row["fits"][fold], store)
        people = trained.row["folds"][fold]["test"]
        clips = [clip for clip in scores if clip.rpartition("/")[0].rpartition("/")[0] in people]
        answers = trained.score_folds([trained.crop(clip, read_clip(data, clip)) for clip in clips])[place]
        for clip, own in zip(clips, answers, strict=True):
            assert own == pytest.approx(scores[clip], abs=1e-6), clip
            assert np.ptp(own) > 0
        count += len(clips)
    return count


@pytest.mark.parametrize("backbone", KINDS.values(), ids=KINDS)
def test_restored_rows_answer_as_in_the_table(run, load, data, backbone):
    store = run(backbone, options=("--keep", "all"))
    (row,) = stored_rows(store)
    kept = {entry.metadata.key for entry in stored_entries(store.root, "weights")}
    own = set(row["all_fits"]) - (set(row["fits"]) if "fusion" in backbone else set())
    assert kept == (set() if backbone == "finished" else own)
    trained = load(store, row)
    assert trained.folds == ((0,) if backbone == "finished" else (0, 1))  # nothing is trained, so that all folds are equal
    assert check_scores(trained, store, data) == sum(len(row["folds"][fold]["test"]) * 3 for fold in trained.folds)


@pytest.mark.parametrize("backbone", ["toy-net", "toy-net: {calibrated: true}", "trees: {pooled: false}", "fusion: {of: [toy-net, clips]}"])
def test_missing_weights_are_made_again_to_the_same_bits(run, load, data, backbone):
    store = run(backbone, options=("--keep", "all"))
    before = stored_digests(store.root, "weights")
    for key in before:
        store.remove("weights", key)
    (row,) = stored_rows(store)
    assert check_scores(load(store, row), store, data) == 27
    assert stored_digests(store.root, "weights") == before


def test_one_fold_alone(run, load, data):
    store = run("toy-net")
    (row,) = stored_rows(store)
    trained = load(store, row, fold=1)
    assert (trained.folds, len(trained.chains)) == ((1,), 1)
    assert len(stored_entries(store.root, "weights")) == 1
    assert 0 < check_scores(trained, store, data) < 27
    with pytest.raises(FerbenchError, match="fold 2 of a row with 2 folds: expected 0 to 1"):
        load(store, row, fold=2)


def test_a_fit_that_gives_other_scores_is_refused(run, load):
    """As if another machine, or another version of a library, had computed the stored ones."""
    store = run("toy-net")
    (row,) = stored_rows(store)
    key = row["fits"][0]
    entry = store.find("fits", key)
    scores, facts, ran = entry.array("scores") + np.float32(1e-3), entry.read_facts(dict), entry.read_run(dict)
    store.remove("fits", key)
    store.write("fits", key, lambda: Content({"scores": scores}, facts, ran))
    with pytest.raises(FerbenchError, match=r"was repeated, and its scores differ from the stored ones by up to 0\.001"):
        load(store, row)
    assert not store.has("weights", key)


def test_best_row_keeps_its_weights(run, monkeypatch):
    store = run("toy-net", "trees", "finished", options=("--keep", "best"))
    (best,) = find_best(stored_rows(store))
    assert best["uar"] == max(row["uar"] for row in stored_rows(store))
    assert {entry.metadata.key for entry in stored_entries(store.root, "weights")} == set(best["fits"])
    monkeypatch.setattr("ferbench.execution.runner.open_context", lambda *_: pytest.fail("something was computed"))
    run("toy-net", "trees", "finished", options=("--keep", "best"))


def test_weights_of_other_rows_are_dropped_after_a_ranking_on_a_gpu(run, monkeypatch):
    """A GPU may give other bits when a fit is repeated, so weights are stored at once; the precision is that of the names of devices."""
    monkeypatch.setattr("ferbench.execution.runner.precision_of", lambda _: "bfloat16")
    monkeypatch.setattr("ferbench.execution.engine.drive_weights", lambda _, jobs: jobs and pytest.fail("a fit is repeated"))
    store = run("toy-net", "trees", options=("--keep", "best"))
    (best,) = find_best(stored_rows(store))
    assert {entry.metadata.key for entry in stored_entries(store.root, "weights")} == set(best["fits"])


def test_rows_by_pattern_and_by_yaml(run, tmp_path, monkeypatch, capsys):
    store = run("toy-net", "trees", options=("--keep", "backbone=tr*"))
    rows = {row["labels"]["backbone"]: row for row in stored_rows(store)}
    assert set(stored_digests(store.root, "weights")) == set(rows["trees"]["fits"])
    monkeypatch.setattr(f"{__name__}.BENCHMARK", BENCHMARK + "keep: toy-net\n")
    run("toy-net", "trees")
    assert set(stored_digests(store.root, "weights")) == {*rows["trees"]["fits"], *rows["toy-net"]["fits"]}
    run("toy-net", "trees", options=("--keep", "nothing-like-this"), code=2)
    assert "no row matches keep 'nothing-like-this'" in capsys.readouterr().err


def test_weights_are_planned_needed_and_verified(run, tmp_path, toy_plugin, capsys):
    store = run("toy-net", "trees", options=("--keep", "backbone=trees"))
    capsys.readouterr()
    command = ["plan", str(tmp_path / "toys.yaml"), "--plugin", str(toy_plugin), "--store", str(store.root), "--format", "json"]
    assert main([*command, "--keep", "all"]) == 0
    (line,) = [line for line in json.loads(capsys.readouterr().out)["stages"] if line["stage"] == "weights"]
    assert (line["entries"], line["missing"], line["stored"]) == (4, 2, 2)
    assert line["seconds"] > 0
    assert [entry.unneeded_reason for entry in survey_store(store).entries if entry.stage == "weights"] == ["", ""]
    for file in (store.root / "benchmarks").iterdir():
        file.unlink()
    assert {entry.unneeded_reason for entry in survey_store(store).entries if entry.stage == "weights"} == {""}  # the row is stored
    for row in stored_rows(store):
        store.remove("rows", row["key"])
    assert {entry.unneeded_reason for entry in survey_store(store).entries if entry.stage == "weights"} == {"no row needs it"}
    file = stored_entries(store.root, "weights")[0].path
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert main(["store", "verify", "--store", str(store.root)]) == 1


def test_rows_of_changed_components_are_refused(run, load, tmp_path, monkeypatch):
    store = run("toy-net", options=("--keep", "all"))
    (row,) = stored_rows(store)
    identity = {**row["identity"], "backbone": {**row["identity"]["backbone"], "source": "another"}}
    with pytest.raises(FerbenchError, match=r"its backbone \(toy-net\) has other code"):
        load(store, {**row, "identity": identity})
    with pytest.raises(FerbenchError, match="no dataset 'toy' is registered"):
        TrainedLoader(store, load_plugins(), Options(device="cpu"), Reporter(quiet=True)).load(row)
    with pytest.raises(FerbenchError, match="an older version of ferbench wrote"):
        load(store, {name: value for name, value in row.items() if name != "components"})


def test_fits_of_a_changed_corpus_cannot_be_repeated(run, load, data):
    store = run("toy-net")
    (row,) = stored_rows(store)
    picture, *_, other = sorted((data / "toy").rglob("*.png"))
    picture.write_bytes(other.read_bytes())
    with pytest.raises(FerbenchError, match="cannot be repeated: the corpus, a component or ferbench itself changed"):
        load(store, row)
