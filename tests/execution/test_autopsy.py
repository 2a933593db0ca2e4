"""Autopsies of toy corpora: planted leaks are named first, and nothing becomes a row."""

from __future__ import annotations

import json
import shutil
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from toy_images import LABELS, make_difficult, render

from ferbench.api.errors import StoreError
from ferbench.cli.main import main
from ferbench.execution import variants
from ferbench_basics import protocols

BENCHMARK = """\
name: autopsies
dataset: toy
preprocessing: {plain: [invert]}
protocol: {kfold: {k: 3, validation: 0.2, classes: [dark, light, stripes]}}
backbone: toy-net
recipe: {lr: 0.05, batch_size: 8, epochs: 4}
loss: cross-entropy
aggregator: mean
"""


@pytest.fixture
def examine(tmp_path, toy_plugin, monkeypatch, capsys):
    """Run an autopsy and return it, or its text with --format table."""
    monkeypatch.setenv("FERBENCH_DATA", str(tmp_path / "data"))
    (tmp_path / "autopsies.yaml").write_text(BENCHMARK)

    def run(*options: str) -> Any:
        store = str(tmp_path / "store")
        command = ["autopsy", str(tmp_path / "autopsies.yaml"), "--plugin", str(toy_plugin), "--store", store, "--format", "json"]
        code = main([*command, *options])
        output = capsys.readouterr()
        assert code == 0, output.err
        return output.out if "table" in options else json.loads(output.out)

    return run


def render_leaky(folder: Path, seed: int, people: int = 12, takes: int = 4) -> None:
    """Each person has a brightness of their own and shows one emotion, whatever it is: clips of a person tell the label of the others."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(list(LABELS) * (people // 3))
    for person, take in product(range(people), range(takes)):
        place = folder / f"p{person:02}" / labels[person] / f"take{take}"
        place.mkdir(parents=True)
        pattern = np.random.default_rng([seed, person]).integers(0, 256, (20, 20))
        for frame in range(3):
            image = np.clip(pattern + rng.normal(0, 10, (20, 20)), 0, 255)
            cv2.imwrite(str(place / f"{frame}.png"), image.astype(np.uint8))


def shares_of(autopsy: dict) -> dict[str, dict]:
    return dict(zip(autopsy["choices"], autopsy["shares"]["shares"], strict=True))


def test_planted_leak_is_named_first(examine, tmp_path, repeats):
    """By person, the label cannot be known; by clip, it can: the leak is worth up to 67 points."""
    lows, seeds = [], range(min(20, repeats))
    for seed in seeds:
        folder = tmp_path / f"data{seed}"
        render_leaky(folder / "toy", seed)
        autopsy = examine("--set", f"dataset.toy.root={folder}/toy", "--set", "backbone=trees")
        shares = shares_of(autopsy)
        assert max(shares, key=lambda choice: shares[choice]["value"]) == "folds", seed
        assert shares["folds"]["value"] > 0.25
        lows.append(shares["folds"]["low"])
    assert sum(low > 0 for low in lows) >= 0.9 * len(seeds), lows  # of 12 people; their intervals are wide


def test_without_a_leak_intervals_contain_0(examine, tmp_path, repeats):
    """Of the choices that change an answer at all; tests/report/statistics simulates how often they do."""
    inside = []
    for seed in range(min(20, repeats)):
        folder = tmp_path / f"data{seed}"
        make_difficult(render(folder / "toy", people=12, seed=seed, takes=2))
        shares = shares_of(examine("--set", f"dataset.toy.root={folder}/toy", "--set", "backbone=trees"))
        inside += [share["low"] <= 0 <= share["high"] for share in shares.values() if share["low"] < share["high"]]
    assert len(inside) >= 2 * min(20, repeats)
    assert np.mean(inside) >= 0.85


def test_many_figures_from_few_fits_and_none_is_a_row(examine, tmp_path):
    render(tmp_path / "data" / "toy", people=9, takes=2)
    autopsy = examine()
    assert autopsy["choices"] == ["folds", "epoch", "peak", "frames", "mean", "accuracy"]
    assert len(autopsy["shares"]["figures"]) == 64
    assert autopsy["fits"] == 4
    assert autopsy["impossible"] == {"faces": "no step looks for faces"}
    shares = autopsy["shares"]
    assert sum(share["value"] for share in shares["shares"]) == pytest.approx(shares["difference"]["value"])
    assert shares["difference"]["value"] == pytest.approx(shares["figures"][-1]["value"] - shares["figures"][0]["value"])
    stored = {path.relative_to(tmp_path / "store").parts[0] for path in (tmp_path / "store").rglob("*") if path.is_file()}
    assert not stored & {"rows", "benchmarks", "rehearsals", "failures"}


def test_honest_figure_is_that_of_the_row(examine, tmp_path, toy_plugin, capsys):
    render(tmp_path / "data" / "toy", people=9, takes=2)
    autopsy = examine()
    command = ["run", str(tmp_path / "autopsies.yaml"), "--plugin", str(toy_plugin), "--store", str(tmp_path / "store"), "--format", "json"]
    assert main(command) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert autopsy["shares"]["figures"][0]["value"] == pytest.approx(row["uar"])
    assert autopsy["shares"]["figures"][0]["low"] == pytest.approx(row["result"]["uar"]["low"], abs=1e-4)
    assert autopsy["shares"]["figures"][1 << autopsy["choices"].index("mean")]["value"] == pytest.approx(row["result"]["fold_mean_uar"])
    assert autopsy["shares"]["figures"][1 << autopsy["choices"].index("accuracy")]["value"] == pytest.approx(row["war"])


def test_other_classes_of_published_work(examine, tmp_path):
    """The corpus also holds neutral clips: with them there are three classes."""
    render(tmp_path / "data" / "toy", people=9, takes=2)
    autopsy = examine("--set", "protocol.kfold.classes=[dark, light]", "--set", "protocol.kfold.labels={stripes: neutral}")
    (other,) = autopsy["classes"]
    assert other["classes"] == ["dark", "light", "neutral"]
    assert other["difference"]["value"] == pytest.approx(other["uar"]["value"] - autopsy["shares"]["figures"][0]["value"])
    assert autopsy["fits"] == 5


TWO_CLASSES = ("--set", "protocol.kfold.classes=[dark, light]", "--set", "protocol.kfold.labels={stripes: neutral}")


def test_other_classes_that_the_protocol_drops_after_folding(examine, tmp_path):
    render(tmp_path / "data" / "toy", people=9)
    autopsy = examine(*TWO_CLASSES, "--set", "protocol.kfold.drop_after_folding=[neutral]", "--set", "backbone=trees")
    assert [other["classes"] for other in autopsy["classes"]] == [["dark", "light", "neutral"]]


def test_other_classes_that_a_guard_refuses_are_not_examined(examine, tmp_path):
    """One person has neutral clips: they are never trained on in the fold that tests them."""
    for clips in sorted(render(tmp_path / "data" / "toy", people=9).glob("*/stripes"))[1:]:
        shutil.rmtree(clips)
    options = (*TWO_CLASSES, "--set", "backbone=trees")
    autopsy = examine(*options)
    (refused,) = autopsy["refused_classes"]
    assert refused["classes"] == ["dark", "light", "neutral"]
    assert "guard untrained-class: found 1 classes that are tested and have no training clip: neutral" in refused["reason"]
    assert (autopsy["classes"], autopsy["fits"]) == ([], 4)
    assert "\nnot examined: 3 classes (dark, light, neutral): protocol kfold, fold " in examine(*options, "--format", "table")
    allowed = examine(*options, "--allow-leak", "untrained-class")
    (other,) = allowed["classes"]
    assert (other["classes"], other["leaks"], allowed["leaks"]) == (refused["classes"], ["untrained-class"], [])
    assert " points; leaks allowed: untrained-class\n" in examine(*options, "--allow-leak", "untrained-class", "--format", "table")


def test_choices_and_classes_that_the_protocol_refuses_are_not_examined(examine, tmp_path, monkeypatch):
    """Nine people have 27 clips, and a tenth has neutral ones only."""
    folder = render(tmp_path / "data" / "toy", people=10)
    for clips in ("dark", "light"):
        shutil.rmtree(folder / "p09" / clips)
    monkeypatch.setattr(protocols, "MAX_PEOPLE", 9)
    protocol = "protocol={loso: {classes: [dark, light], labels: {stripes: neutral}}}"
    autopsy = examine("--set", protocol, "--set", "backbone=trees")
    assert autopsy["impossible"]["folds"] == "protocol loso: 18 people would be as many folds: expected at most 9"
    (refused,) = autopsy["refused_classes"]
    assert refused["reason"] == "protocol loso: 10 people would be as many folds: expected at most 9"


@pytest.mark.parametrize("test", [0.25, 0.5])
def test_people_are_those_who_are_tested(examine, tmp_path, test):
    """Of 16 people, a holdout tests 4 or 8; the others only train."""
    make_difficult(render(tmp_path / "data" / "toy", people=16))
    protocol = f"protocol={{holdout: {{train: {0.75 - test}, validation: 0.25, test: {test}, classes: [dark, light, stripes]}}}}"
    options = ("--set", protocol, "--set", "backbone=trees")
    autopsy = examine(*options)
    people, reason = int(16 * test), "4 people: an interval needs at least 5"
    assert autopsy["people"] == people
    estimates = [*autopsy["shares"]["figures"][:1], *autopsy["shares"]["shares"], autopsy["shares"]["difference"]]
    assert {estimate["reason"] for estimate in estimates} == {reason if people < 5 else ""}
    text = examine(*options, "--format", "table")
    assert f"over {people} people" in text
    assert (f"no intervals: {reason}" in text) == (people < 5)


def test_leaks_that_the_user_allows_are_named(examine, tmp_path):
    """Folds of images have people on both sides: no figure is honest."""
    render(tmp_path / "data" / "toy", people=9, takes=2)
    plain = ("--set", "backbone=trees", "--set", "protocol.kfold.validation=0.25")
    assert (examine(*plain)["leaks"], ", honest: UAR" in examine(*plain, "--format", "table")) == ([], True)
    by_image = "protocol={by-image: {classes: [dark, light, stripes]}}"
    options = ("--plugin", str(Path(__file__).parents[1] / "leaky.py"), "--set", by_image, "--allow-leak", "person")
    options += ("--set", "backbone=toy-net", "--set", "recipe.checkpoint=last")
    assert examine(*options)["leaks"] == ["person"]
    text = examine(*options, "--format", "table")
    assert "honest" not in text
    assert "leaks allowed: person; all figures have them" in text
    assert "protocol by-image, as the protocol says: UAR" in text


def test_full_disks_stop_an_autopsy(examine, tmp_path, monkeypatch):
    """They are no reason not to examine something."""

    def fail(protocol, corpora, store, *, by_person=True):
        raise StoreError("the disk is full")

    render(tmp_path / "data" / "toy", people=9)
    monkeypatch.setattr(variants, "split_clips", fail)
    with pytest.raises(AssertionError, match="disk is full"):
        examine("--set", "backbone=trees")


def test_ambiguous_row_is_an_error_that_lists_rows(tmp_path, toy_plugin, monkeypatch, capsys):
    monkeypatch.setenv("FERBENCH_DATA", str(tmp_path / "data"))
    render(tmp_path / "data" / "toy", people=9)
    (tmp_path / "autopsies.yaml").write_text(BENCHMARK.replace("aggregator: mean", "aggregator: [mean, majority]"))
    command = ["autopsy", str(tmp_path / "autopsies.yaml"), "--plugin", str(toy_plugin), "--store", str(tmp_path / "store")]
    assert main(command) == 2
    error = capsys.readouterr().err
    assert "'*' matches 2 rows" in error
    assert "majority" in error
    assert main([*command, "--row", "mean"]) == 0
    assert "none is stored as a row" in capsys.readouterr().out
