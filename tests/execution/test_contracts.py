"""Errors of plugins name the plugin, show no traceback and leave no silent result."""

from __future__ import annotations

import json
import re
import shutil

import pytest

from ferbench.cli.main import main
from ferbench.store.entries import Store

PLUGIN = """
import dataclasses
import numpy as np
import ferbench

@ferbench.hookimpl
def register_aggregators(register):
    register(Vote)

@ferbench.hookimpl
def register_preprocessors(register):
    register(Step)

@ferbench.hookimpl
def register_protocols(register):
    register(Deal)

@ferbench.hookimpl
def register_datasets(register):
    register(Corpus)

@ferbench.hookimpl
def register_backbones(register):
    register(Net)

@dataclasses.dataclass(frozen=True)
class Flat(ferbench.Frozen):
    is_calibrated = False

    def build(self, crops):
        import torch

        class Module(torch.nn.Module):
            def forward(self, x):
                features = x.flatten(1)  # [B,256]
                return {features}

        return Module()

def Cut():
    import torch

    class Cut(torch.nn.Module):
        def forward(self, x):
            return x[:, :3]

    return Cut()

def Rows(how=""):
    import torch

    class Rows(torch.nn.Linear):
        def forward(self, x):
            logits = super().forward(x.flatten(1))
            return logits * float("nan") if how == "nan" else logits.detach() if how == "detach" else logits[:1]

    return Rows(256, 3)

def Eval(head):
    import torch

    class Eval(torch.nn.Linear):
        calls = 0

        def forward(self, x):
            self.calls += not self.training
            return super().forward(x.flatten(1)) * (float("nan") if self.calls > 1 and not self.training else 1)

    return Eval(256, 3)

@dataclasses.dataclass(frozen=True)
class Net(ferbench.Backbone):
    '''A network of a fixed answer.'''
    name = "net"

    def input(self):
        return {input}

    def frozen(self):
        return {frozen}

    def trainable(self, classes):
        import torch
        return {trainable}

class Vote(ferbench.Aggregator):
    '''A vote.'''
    name = "vote"

    def __call__(self, scores):
        return {vote}

class Step(ferbench.Preprocessor):
    '''A step.'''
    name = "step"

    def select(self, clip, indices):
        return {select}

    def __call__(self, frames):
        return {call}

class Deal(ferbench.Protocol):
    '''A split.'''
    name = "deal"

    def folds(self, clips):
        return {folds}

class Corpus(ferbench.Dataset):
    '''A corpus.'''
    name = "corpus"
    classes = ("dark", "light")
    citation = license = access = "made up"
    folders = ("toy",)

    def clips(self):
        return {clips}
"""
TRAINABLE = "ferbench.Network(lambda shape: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(256, len(classes))))"
RIGHT = {
    "trainable": TRAINABLE,
    "features": "features",
    "frozen": "None",
    "input": "ferbench.Input(16, 1, {mean})",
    "mean": "(0.5,), (0.5,)",
    "vote": "scores.mean(0)",
    "select": "indices",
    "call": "frames",
    "folds": "[]",
    "clips": "[]",
}
WHOLE = "dataclasses.replace(frames, images=tuple(255 - i for i in frames.images), has_face=tuple(np.ones(len(frames.images), bool)))"


@pytest.fixture
def run(data, benchmark_file, toy_plugin, tmp_path, capsys):
    """Runs the toy benchmark with a plugin in which some expressions are replaced: (exit code, rows, the messages on stderr)."""

    def call(*arguments: str, **given: str):
        plugin = tmp_path / "given.py"
        text = PLUGIN
        for name, right in RIGHT.items():
            text = text.replace(f"{{{name}}}", given.get(name, right))
        plugin.write_text(text)
        command = ["run", benchmark_file, "--plugin", toy_plugin, "--plugin", plugin, "--store", tmp_path / "runs", "--no-figures"]
        code = main([*map(str, command), "--device", "cpu", "--format", "json", *arguments])
        output = capsys.readouterr()
        return code, json.loads(output.out) if output.out else [], output.err

    return call


@pytest.mark.parametrize(
    ("vote", "message"),
    [
        ("scores.mean()", "aggregator vote gives shape [] for toy/p"),
        ("scores.mean(1)[:2]", "aggregator vote gives shape [2] for toy/p"),
        ("scores[0] * np.nan", "aggregator vote gives values that are NaN or infinite for toy/p"),
        ("1 / 0", "division by zero"),
    ],
)
def test_aggregators(run, vote, message):
    code, rows, _ = run("--set", "aggregator=[vote, mean]", vote=vote)
    assert code == 1
    assert [row["status"] for row in rows] == ["failed", "done"]
    assert message in rows[0]["message"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"select": "[]"}, "/take0: expected some of the frames 0 to 2, in order"),
        ({"select": "[2, 1]"}, "preprocessor step selects [2, 1]"),
        ({"select": "[0, 0]"}, "preprocessor step selects [0, 0]"),
        ({"select": "[-1]"}, "preprocessor step selects [-1]"),
        ({"select": "[0, 7]"}, "preprocessor step selects [0, 7]"),
        ({"select": "indices[clip.length]"}, "preprocessor step on toy/p"),
        ({"call": "dataclasses.replace(frames, images=frames.images[:1])"}, "returns 1 frames: expected 3"),
        ({"call": "frames.nothing"}, "preprocessor step on toy/p"),
        ({"call": "None"}, "returns NoneType: expected Frames"),
        ({"select": "[0.5]"}, "'float' object cannot be interpreted as an integer"),
        (
            {"call": "dataclasses.replace(frames, images=tuple(i / 255 for i in frames.images))"},
            "returns images of float64: expected uint8",
        ),
        ({"call": "dataclasses.replace(frames, images=tuple(i[:0] for i in frames.images))"}, "returns an image of shape [0, 20]"),
        (
            {"call": "dataclasses.replace(frames, images=tuple(np.stack([i] * 4, 2) for i in frames.images))"},
            "returns an image of shape [20, 20, 4]: expected [H,W] or [H,W,3]",
        ),
    ],
)
def test_steps(run, given, message):
    code, rows, messages = run("--set", "preprocessing=[[step]]", **given)
    assert code == 2, [row.get("message") for row in rows] + [messages]
    assert rows == []
    assert message in messages
    assert "Traceback" not in messages


def test_a_wrong_step_ends_its_own_rows_alone(run):
    code, rows, _ = run("--set", "preprocessing=[[step], [invert]]", "--set", "aggregator=mean", select="[]")
    assert code == 1
    assert [row["status"] for row in rows] == ["failed", "done"]


@pytest.mark.parametrize("given", [{"select": "np.array(indices)", "call": WHOLE}, {"select": "tuple(indices)", "call": WHOLE}])
def test_numpy_values_are_taken(run, given):
    code, rows, _ = run("--set", "preprocessing=[[step]]", **given)
    assert code == 0
    assert rows[0]["coverage"]["frames"] == 1.0


def test_steps_see_neither_label_nor_person(run):
    code, _, _ = run("--set", "preprocessing=[[step]]", select="indices if (clip.label, clip.subject) == ('', '') else []")
    assert code == 0


@pytest.mark.parametrize(
    ("axis", "given", "message"),
    [
        ("protocol=deal", {"folds": "1 / 0"}, "protocol deal failed: ZeroDivisionError: division by zero"),
        ("dataset=corpus", {"clips": "iter([][0])"}, "dataset corpus failed: IndexError"),
        ("dataset=corpus", {"clips": "[5]"}, "dataset corpus: clips() yields 5: expected a Clip or a Skipped"),
        ("dataset=corpus", {"clips": "[ferbench.Clip('a', 'b', None)]"}, "subject 'b' and label None: expected strings"),
        ("dataset=corpus", {"clips": "[ferbench.Clip('a', 'b', 'c', images=('d',))]"}, "a video of another type: expected pathlib.Path"),
        (
            "dataset=corpus",
            {"clips": "[ferbench.Clip('a', 'b', 'c', (__import__('pathlib').Path('d'),), __import__('pathlib').Path('e'))]"},
            "the clip a with images and a video: expected one of them",
        ),
        ("dataset=corpus", {"clips": "exit(0)"}, "dataset corpus failed: SystemExit"),
        ("protocol=deal", {"folds": "[((), (), ())]"}, "protocol deal failed: TypeError: folds() returns tuple: expected Folds"),
        ("backbone=net", {"frozen": "'random'"}, "backbone net: frozen() returns str: expected a Frozen or None"),
        ("backbone=net", {"mean": "(0.5,), (0.0,)"}, "mean [0.5] and std [0.0]: expected finite numbers, and every std above 0"),
        ("backbone=net", {"mean": "(np.float32(0.5),), (0.5,)"}, "expected Python floats, not numpy ones"),
        ("backbone=net", {"input": "ferbench.Input(0)"}, "an Input of size 0 with 3 channels"),
        ("backbone=net", {"input": "ferbench.Input(16, 2, (0.5, 0.5), (0.5, 0.5))"}, "size 16 with 2 channels: expected"),
        ("backbone=net", {"input": "None"}, "backbone net: input() returns NoneType: expected an Input"),
        ("protocol=deal", {"folds": "[ferbench.Fold(clips[:9], (), clips[9:])]"}, "a part of a fold is (Clip("),
        ("protocol=deal", {"folds": "[ferbench.Fold(('a',), None, ('b',))]"}, "a part of a fold is None: expected the ids of clips"),
    ],
)
def test_plans_that_cannot_be_made(run, axis, given, message):
    code, rows, messages = run("--set", axis, "--set", "protocol.classes=[dark, light]", **given)
    assert (code, rows) == (2, [])
    assert message in messages
    assert "Traceback" not in messages


@pytest.mark.parametrize("loss", ["cross-entropy", "weighted-cross-entropy"])
def test_network_of_another_width(run, loss):
    code, rows, _ = run(
        "--set",
        "backbone=[net, toy-net]",
        "--set",
        f"loss={loss}",
        "--set",
        "aggregator=mean",
        trainable=TRAINABLE.replace("len(classes)", "17"),
    )
    assert code == 1
    assert [row["status"] for row in rows] == ["failed", "done"]
    assert "backbone net gives 17 values per item: expected 3, one per class" in rows[0]["message"]
    assert "given.py:" in rows[0]["message"]


@pytest.mark.parametrize(
    ("trainable", "message"),
    [
        ("torch.nn.Linear(256, 3)", "trainable() returns Linear: expected one of Network, EmbeddingNetwork, Estimators, FinishedSystem"),
        ("None", "trainable() returns NoneType: expected one of Network"),
        ("1 / 0", "backbone net failed: ZeroDivisionError: division by zero"),
        ("ferbench.Network(lambda shape: None)", "its Network builds NoneType: expected an nn.Module"),
        ("ferbench.EmbeddingNetwork(lambda shape: torch.nn.Linear(2, 2))", "builds Linear: expected an nn.Module and an nn.Linear"),
        ("ferbench.Estimators(lambda: [])", "its Estimators build list: expected a list of classifiers"),
        ("ferbench.Estimators(lambda: [object()])", "backbone net failed: AttributeError"),
        ("ferbench.Network(lambda: None)", "backbone net failed: TypeError"),
        ("ferbench.Network(lambda shape: torch.nn.Linear(999, 3))", "backbone net failed: RuntimeError"),
        ("ferbench.Network(lambda shape: Rows())", "backbone net gives outputs of shape [1, 3] for 2 items: expected [2, 3]"),
        ("ferbench.Network(lambda shape: Rows('nan'))", "its network gives values that are NaN or infinite before training"),
        ("ferbench.Network(lambda shape: Rows('detach'))", "no gradient reaches the weights of its network"),
        ("ferbench.Network(lambda shape: torch.nn.Sequential(torch.nn.Flatten(), Cut()))", "its Network has no weights to train"),
        ("ferbench.FinishedSystem()", "backbone net is a FinishedSystem without a frozen part"),
    ],
)
def test_what_a_backbone_may_train(run, trainable, message):
    code, rows, messages = run("--set", "backbone=net", trainable=trainable)
    assert (code, rows) == (2, [])
    assert message in messages
    assert "given.py:" in messages
    assert "Traceback" not in messages


CLASSIFIER = """ferbench.Estimators(lambda: [type('Odd', (__import__('sklearn.dummy').dummy.DummyClassifier,), {{
    'predict_proba': lambda self, x: {scores}}})()])"""


@pytest.mark.parametrize(
    ("trainable", "message"),
    [
        ("ferbench.Network(lambda shape: Eval(3))", "items scores that are NaN or infinite"),
        (CLASSIFIER.format(scores="np.full((len(x), 3), np.nan)"), "items scores that are NaN or infinite"),
        (CLASSIFIER.format(scores="np.tile([-1.0, 1.0, 1.0], (len(x), 1))"), "backbone net gives scores below 0"),
        (CLASSIFIER.format(scores="np.ones((len(x), 2))"), "backbone net failed: ValueError"),
    ],
)
def test_wrong_scores_are_blamed_on_the_backbone(run, tmp_path, trainable, message):
    """They used to be stored, and each aggregator was blamed for them."""
    code, rows, error = run(
        "--set", "backbone=net", "--set", "recipe.checkpoint=last", "--set", "protocol.validation=0", trainable=trainable
    )
    assert (code, rows) == (2, [])
    assert message in error
    assert "given.py:" in error
    assert not list((tmp_path / "runs").glob("fits/*/*"))


@pytest.mark.parametrize(
    ("head", "code", "message"),
    [
        ("torch.nn.Linear(256, 3)", 2, "its FinishedSystem builds a module with weights to train"),
        ("torch.nn.Linear(256, 3).requires_grad_(False)", 0, ""),
        ("None", 2, "its FinishedSystem builds NoneType: expected an nn.Module"),
        ("type('Pair', (torch.nn.Module,), {'forward': lambda self, x: (x, x)})()", 2, "its FinishedSystem gives tuple: expected a tensor"),
    ],
)
def test_a_finished_system_has_nothing_to_train(run, head, code, message):
    """A head that nobody trains used to give a row of chance."""
    result, _, error = run("--set", "backbone=net", frozen="Flat()", trainable=f"ferbench.FinishedSystem(lambda shape: {head})")
    assert result == code
    assert message in error


def test_lazy_layers_are_trained(run):
    """Their weights used to be created without gradients, and stayed random."""
    lazy = "ferbench.Network(lambda shape: torch.nn.Sequential(torch.nn.Flatten(), torch.nn.{}Linear({}len(classes))))"
    recipe = ("--set", "backbone=net", "--set", "recipe.epochs=40")
    rows = {kind: run(*recipe, trainable=lazy.format(*kind))[1] for kind in (("Lazy", ""), ("", "256, "))}
    for lazy_row, row in zip(*rows.values(), strict=True):
        assert lazy_row["uar"] == pytest.approx(row["uar"], abs=0.1)
        assert lazy_row["uar"] > 0.9


ODD_LOSS = """
import ferbench

@ferbench.hookimpl
def register_losses(register):
    register(Odd)

class Odd(ferbench.Loss):
    name = "odd"
    only_weighs_classes = {only_weighs_classes}

    def class_weights(self, counts):
        return {weights}

    def build(self, counts):
        return lambda logits, target: {loss}
"""


@pytest.fixture
def run_with_loss(run, tmp_path):
    """Runs the toy benchmark with a loss of which some expressions are replaced."""

    def call(*arguments: str, loss: str = "logits.sum()", weights: str = "None", only_weighs_classes: bool = False):
        plugin = tmp_path / "odd.py"
        plugin.write_text(ODD_LOSS.format(loss=loss, weights=weights, only_weighs_classes=only_weighs_classes))
        return run("--plugin", str(plugin), "--set", "loss=odd", *arguments)

    return call


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("[1.0]", "class_weights() returns [1.0]: expected 3 numbers, at least 0"),
        ("[1.0, 1.0, -1.0]", "expected 3 numbers, at least 0"),
        ("'abc'", "expected 3 numbers, at least 0"),
        ("1 / 0", "loss odd failed: ZeroDivisionError"),
    ],
)
def test_class_weights_of_a_classifier(run_with_loss, weights, message):
    code, rows, error = run_with_loss("--set", "backbone=trees", weights=weights, only_weighs_classes=True)
    assert (code, rows) == (2, [])
    assert message in error
    assert "odd.py:" in error


@pytest.mark.parametrize(
    ("faces", "message"),
    [
        ("has_face=(True,)", "1 has_face for 3 frames: expected one per frame"),
        ("has_face=(None,) * 3", "None in has_face: expected True or False"),
        ("boxes=((0, 0, 4, 4),)", "1 boxes for 3 frames: expected one per frame"),
        ("eyes=np.zeros((2, 2, 2))", "2 eyes for 3 frames: expected one per frame"),
        ("has_face=True", "preprocessor step on toy/p"),
    ],
)
def test_coverage_needs_one_flag_per_frame(run, faces, message):
    """A single flag for three frames used to give a coverage of 100 %."""
    code, rows, error = run("--set", "preprocessing=[[step]]", call=f"dataclasses.replace(frames, {faces})")
    assert (code, rows) == (2, [])
    assert message in error


def test_a_network_needs_validation_people_before_anything_is_decoded(run, tmp_path):
    code, rows, error = run("--set", "protocol.validation=0")
    assert (code, rows) == (2, [])
    assert "fold 0 has no validation people to choose the best epoch" in error
    assert "--set recipe.checkpoint=last" in error
    assert not list((tmp_path / "runs").glob("crops/*"))


def test_a_wrong_input_names_the_line_of_its_backbone(run):
    _, _, error = run("--set", "backbone=net", input="ferbench.Input(0)")
    assert re.search(r"given\.py:\d+: backbone net failed: ValueError: an Input of size 0", error)


def test_equal_labels_on_several_axes_hide_no_check(run):
    labels = ("dataset={a: [toy]}", "protocol={kfold: {k: 3, validation: 0, classes: [dark, light, stripes], label: a}}")
    same = (*labels, "backbone={toy-net: {label: a}}", "loss={cross-entropy: {label: a}}")
    code, rows, error = run(*(part for setting in same for part in ("--set", setting)))
    assert (code, rows) == (2, [])
    assert "fold 0 has no validation people to choose the best epoch" in error
    assert "Traceback" not in error


def test_a_network_of_the_wrong_width_is_not_trained(run, tmp_path):
    """One item goes through before the first epoch."""
    code, _, messages = run("--set", "backbone=net", "--checkpoint-interval", "0", trainable=TRAINABLE.replace("len(classes)", "17"))
    assert code == 2
    assert "backbone net gives 17 values per item" in messages
    assert not list((tmp_path / "runs").glob("checkpoints/*/*"))


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ("features + float('nan')", "the frozen part of backbone net gives 768 values that are NaN or infinite (toy/p"),
        ("features[:1]", "a frozen part gives 1 features for 32 frames: expected one per frame"),
        ("features[:, 0]", "the frozen part of backbone net gives features of shape [3]: expected [frames, ...] (toy/p"),
        ("features[:, :0]", "gives features of shape [3, 0]: expected at least one number per frame"),
        ("features.numpy()", "a frozen part gives ndarray: expected a tensor"),
        ("(features,)", "a frozen part gives tuple: expected a tensor"),
        ("features.sum()", "a frozen part gives a scalar: expected a tensor"),
    ],
)
def test_what_a_frozen_part_gives_is_blamed_on_it(run, features, message):
    """It used to look like a failure of training: NaN in the loss of the first epoch."""
    code, rows, messages = run("--set", "backbone=net", frozen="Flat()", features=features)
    assert (code, rows) == (2, [])
    assert message in messages
    assert "given.py:" in messages


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("logits.sum(1)", "loss odd gives a tensor of shape [2]: expected a scalar tensor"),
        ("0.5", "loss odd gives float: expected a scalar tensor"),
        ("None", "loss odd gives NoneType: expected a scalar tensor"),
        ("logits.sum() * float('nan')", "loss odd gives nan before training: expected a finite number"),
        ("logits.detach().sum()", "loss odd gives a value without gradient"),
        ("1 / 0", "loss odd failed: ZeroDivisionError: division by zero"),
    ],
)
def test_a_loss_that_breaks_its_contract_is_named(run_with_loss, loss, message):
    code, rows, messages = run_with_loss(loss=loss)
    assert (code, rows) == (2, [])
    assert message in messages
    assert "odd.py:" in messages


ONE_FOLD = """[ferbench.Fold(
    tuple(c.id for c in clips if c.subject < 'toy/p05'),
    tuple(c.id for c in clips if 'toy/p05' <= c.subject < 'toy/p07'),
    tuple(c.id for c in clips if c.subject >= 'toy/p07'),
)]"""


def test_a_row_without_a_readable_test_clip_says_so(run, data):
    """It used to end in a TypeError about casting."""
    for person in ("p07", "p08"):
        for image in (data / "toy" / person).rglob("*.png"):
            image.write_bytes(b"")
    code, rows, _ = run("--set", "protocol=deal", "--set", "protocol.classes=[dark, light]", folds=ONE_FOLD)
    assert code == 1
    assert {row["message"].partition("\n")[0] for row in rows} == {"no test clip has a readable frame"}


def test_classes_and_labels_that_nobody_carries_are_reported(run):
    _, rows, messages = run("--set", "protocol.classes=[dark, light, bogus]", "--set", "protocol.labels={lihgt: light}")
    assert "warning: protocol kfold: no clip of toy has the class 'bogus'" in messages
    assert "protocol.labels renames 'lihgt', which no clip of toy has" in messages
    assert rows[0]["recall"]["bogus"] is None


def test_clips_that_a_protocol_leaves_out_are_counted_and_named(run, tmp_path):
    parts = ", ".join(f"[c.id for c in clips if c.subject in {people}]" for people in (["toy/p00", "toy/p01"], ["toy/p02"], ["toy/p03"]))
    code, _, messages = run("--set", "protocol=deal", "--set", "protocol.classes=[dark, light]", folds=f"[ferbench.Fold({parts})]")
    assert code == 0
    assert "clips left out by the protocol deal (in no part of any fold): 10: toy/p04/dark/take0, toy/p04/light/take0" in messages
    (record,) = (tmp_path / "runs/benchmarks").iterdir()
    assert len(json.loads(record.read_text())["corpora"][0]["unassigned"]["protocol deal (in no part of any fold)"]) == 10


def test_video_that_is_missing(run, data):
    (data / "toy" / "p00" / "dark" / "gone.avi").symlink_to("/nowhere.avi")
    code, _, messages = run()
    assert code == 0
    assert "skipped 1, video cannot be read (gone.avi: No such file or directory): p00/dark/gone" in messages


def test_image_that_is_missing_keeps_its_place(run, data):
    (data / "toy" / "p00" / "dark" / "take0" / "9.png").symlink_to("/nowhere.png")
    code, _, messages = run()
    assert code == 0
    assert "unreadable frames left out: 1: toy/p00/dark/take0 frame 3 (9.png: No such file or directory)" in messages


@pytest.mark.parametrize("side", ["digests/*.json", "costs.json", "benchmarks/*.json"])
def test_damaged_files_beside_the_entries_are_ignored(run, tmp_path, side, capsys, monkeypatch):
    monkeypatch.setattr("ferbench.corpora.files.SETTLED", 0)  # so that files made just now are remembered
    _, before, _ = run()
    files = list((tmp_path / "runs").glob(side))
    assert files
    for file in files:
        file.write_text("{bad")
    code = main(["leaderboard", "--store", str(tmp_path / "runs")])
    output = capsys.readouterr()
    assert (code, "Traceback" in output.err) == (2 if side.startswith("bench") else 0, False)
    code, rows, output = run("--set", "seed=0")
    assert (code, rows) == (0, before)
    assert ("is damaged and is ignored" in output) == side.startswith("digests")
    assert run("--set", "seed=1")[0] == 0


def test_damaged_failure_is_tried_again(run, tmp_path):
    run("--set", "loss=broken")
    for path in (tmp_path / "runs").glob("failures/*.json"):
        path.write_text("{bad")
    code, rows, messages = run("--set", "loss=broken")
    assert (code, rows[0]["status"]) == (1, "failed")
    assert "is damaged and is ignored" in messages


def test_plugin_without_a_hook(benchmark_file, tmp_path, capsys):
    (tmp_path / "empty.py").write_text("x = 1\n")
    assert main(["run", str(benchmark_file), "--plugin", str(tmp_path / "empty.py")]) == 2
    assert "empty.py has no hook, so it registers nothing" in capsys.readouterr().err


def test_finished_system_must_know_the_classes(run):
    code, _, messages = run("--set", "backbone=finished", "--set", "protocol.classes=[dark, light]")
    assert code == 2
    assert "backbone finished gives 3 values per item: expected 2, one per class" in messages


def test_scores_of_a_stored_network_need_no_features(run, tmp_path):
    run("--set", "aggregator=mean")
    shutil.rmtree(tmp_path / "runs" / "features")
    code, rows, _ = run("--set", "aggregator=[mean, majority]")
    assert code == 0
    assert rows[1]["seconds"]["features"] == rows[0]["seconds"]["features"] > 0
    assert not (tmp_path / "runs" / "features").exists()


def test_features_of_equal_frozen_parts_are_made_once(run, tmp_path):
    log = tmp_path / "log"
    run("--set", f"backbone.log={log}", "--set", "protocol.seed=[0, 1, 2]")
    assert log.read_text().split().count("build") == 2  # checked once, used once
    assert len(list((tmp_path / "runs" / "features").glob("*/*"))) == 1


def test_lost_row_hides_no_other(run, tmp_path, capsys):
    _, rows, _ = run("--set", "aggregator=[mean, majority]")
    Store(tmp_path / "runs").remove("rows", rows[0]["key"])
    assert main(["leaderboard", "--store", str(tmp_path / "runs"), "--format", "json"]) == 1
    output = capsys.readouterr()
    assert [row["key"] for row in json.loads(output.out)] == [rows[1]["key"]]
    assert "1 of 2 rows of toys are no longer in the store" in output.err
