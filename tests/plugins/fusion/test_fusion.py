"""Late fusion: the weights that it chooses, and full runs."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ferbench.cli.main import main
from ferbench.stages.fits import load_scores
from ferbench.store.entries import Store
from ferbench_fusion.fusion import LateFusion, partitions


class Member:
    name = "member"


def fusion(weights=None, members=2):
    return LateFusion(tuple(Member() for _ in range(members)), weights)


def test_partitions_yield_every_split_once():
    assert list(partitions(3, 2)) == [(0, 3), (1, 2), (2, 1), (3, 0)]
    assert len(set(partitions(10, 3))) == 66
    assert all(sum(parts) == 10 for parts in partitions(10, 4))


def test_the_better_member_weighs_more():
    """Of two members the second is always right, and the first always wrong and surer of it."""
    target = np.array([0, 1, 0, 1])
    right = np.where(np.eye(2)[target] > 0, 0.6, 0.4)
    wrong = np.where(np.eye(2)[target] > 0, 0.1, 0.9)
    assert fusion().weigh(np.stack([wrong, right]), target).tolist() == [0, 1]


def test_members_that_complete_each_other():
    """Each knows one of the clips and is undecided, though slightly wrong, on the other: only together they are right on both."""
    scores = np.array([[[0.9, 0.1], [0.51, 0.49]], [[0.49, 0.51], [0.1, 0.9]]])
    weights = fusion().weigh(scores, np.array([0, 1]))
    assert (np.tensordot(weights, scores, 1).argmax(1) == [0, 1]).all()
    assert weights.tolist() == [0.5, 0.5]  # of all that are right on both, the even ones score best by symmetry


def test_equal_members_have_equal_weights():
    scores = np.full((2, 3, 2), 0.5)
    assert fusion().weigh(scores, np.zeros(3, int)).tolist() == [0.5, 0.5]


def test_without_validation_clips_weights_are_equal():
    assert fusion(members=3).weigh(np.zeros((3, 0, 4)), np.zeros(0, int)).tolist() == [1, 1, 1]
    assert fusion((1.0, 3.0)).weigh(np.zeros((2, 0, 4)), np.zeros(0, int)).tolist() == [1, 3]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("of: [toy-net]", "backbone fusion: of is [toy-net]: expected two or more backbones"),
        ("of: []", "backbone fusion: of is []: expected two or more backbones"),
        ("weights: [1, 2]", "backbone fusion lacks of"),
        ("of: [toy-net, clips], weights: [1]", "backbone fusion: weights is [1.0]: expected 2 numbers, one per backbone"),
        ("of: [toy-net, clips], weights: [0, 0]", "backbone fusion: weights is [0.0, 0.0]: expected 2 numbers"),
        ("of: [toy-net, clips], weights: [1, -1]", "backbone fusion: weights is [1, -1]: expected"),
    ],
)
@pytest.mark.parametrize("command", ["run", "plan"])
def test_what_cannot_be_fused_is_refused_before_the_corpora_are_read(run, parameters, message, command, tmp_path):
    code, _, output = run("--set", f"backbone=[toy-net, {{fusion: {{{parameters}}}}}]", command=command)
    assert code == 2
    assert message in output
    assert not (tmp_path / "runs" / "index").exists()


@pytest.fixture
def run(data, benchmark_file, toy_plugin, tmp_path, capsys):
    def call(*arguments, command="run"):
        line = [command, str(benchmark_file), "--plugin", str(toy_plugin), "--store", str(tmp_path / "runs"), "--device", "cpu"]
        code = main([*line, *(["--no-figures"] if command == "run" else []), "--format", "json", *arguments])
        output = capsys.readouterr()
        return code, json.loads(output.out) if output.out else [], output.err

    return call


FUSED = "backbone=[toy-net, {fusion: {label: fused, of: [toy-net, {clips: {pooled: false}}, finished]}}]"


def test_a_run_fuses_the_scores_of_its_fits(run, tmp_path):
    code, rows, _ = run("--set", FUSED, "--set", "aggregator=mean", "--set", "recipe.epochs=20")
    assert code == 0
    assert [row["labels"]["backbone"] for row in rows] == ["toy-net", "fused"]
    alone, fused = rows
    assert fused["clips"] == 27
    assert fused["uar"] > 0.8
    assert fused["all_fits"][:3] == alone["fits"]  # fitted once
    assert len(fused["all_fits"]) == 12
    store = Store(tmp_path / "runs")
    scores, history = load_scores(fused["fits"][0], store)
    members = [load_scores(key, store)[0] for key in fused["all_fits"][:9:3]]
    weights = list(history["parameters"].values())
    assert list(history["parameters"]) == ["1 toy-net", "2 clips", "3 finished"]
    assert sum(weights) == pytest.approx(1)
    for clip, values in scores.items():
        by_hand = sum(weight * member[clip].mean(0) for weight, member in zip(weights, members, strict=True))
        assert values[0] == pytest.approx(by_hand, abs=1e-6)
    assert run("--set", FUSED, "--set", "aggregator=mean", "--set", "recipe.epochs=20")[2].count("2 of them already stored") == 1
    assert main(["store", "gc", "--delete", "--store", str(tmp_path / "runs")]) == 0
    assert all(store.find("fits", key) for key in fused["all_fits"])


def test_a_backbone_that_is_labeled_like_a_member_has_fits_of_its_own(run):
    """The planner remembered the member under the label of the other backbone, whose row then showed the member's results."""
    fusion = "{fusion: {label: F, of: [{toy-net: {hidden: 2}}, toy-net]}}"
    code, rows, _ = run("--set", f"backbone=[{fusion}, {{toy-net: {{hidden: 8, label: 'F [1 toy-net]'}}}}]", "--set", "recipe.epochs=1")
    assert code == 0
    fused, alone = rows[0], rows[-1]
    assert alone["labels"]["backbone"] == "F [1 toy-net]"
    assert not set(alone["fits"]) & set(fused["all_fits"])


def test_a_member_that_fails_fails_the_fusion_alone(run):
    broken = "backbone=[toy-net, {fusion: {of: [toy-net, {toy-net: {broken: true}}]}}]"
    code, rows, _ = run("--set", broken, "--set", "aggregator=mean")
    assert code == 1
    assert [row["status"] for row in rows] == ["done", "failed"]
    assert rows[1]["message"] == "the plugin's own bug"


@pytest.mark.parametrize(
    ("of", "message"),
    [
        ("toy-net", "expected a list of names, or names with parameters"),
        ("[toy-nett, clips]", "did you mean 'toy-net'"),
        ("[toy-net, {clips: {pool: 1}}]", "unknown parameter of backbone clips 'pool'"),
    ],
)
def test_the_error_explains_a_mistake_in_a_fusion(run, of, message):
    code, _, output = run("--set", f"backbone=[{{fusion: {{of: {of}}}}}]")
    assert code == 2
    assert message in output


def test_plan_counts_the_fits_of_a_fusion(run):
    code, plan, _ = run("--set", FUSED, "--measure", command="plan")
    assert code == 0
    (fits,) = [stage for stage in plan["stages"] if stage["stage"] == "fits"]
    assert fits["entries"] == 3 * 3  # three folds of three members, of which toy-net is alone as well
    assert fits["seconds"] > 0
