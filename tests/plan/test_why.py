"""`ferbench why` names the one thing that differs; `ferbench store` knows what rows need."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ferbench.cli.main import main
from ferbench.plan import differences

HELPER = "FACTOR = {factor}\n\ndef scaled(image):\n    return image // FACTOR\n"
PLUGIN = """
from dataclasses import dataclass, replace
import ferbench
from ferbench import File, Frozen, Input
from helped.helper import scaled


@ferbench.hookimpl
def register_preprocessors(register):
    register(Darker)


@ferbench.hookimpl
def register_losses(register):
    register(Focal)


@ferbench.hookimpl
def register_backbones(register):
    register(Filed)


class Darker(ferbench.Preprocessor):
    '''Darker frames.'''
    name = "darker"

    def __call__(self, frames):
        return replace(frames, images=tuple(scaled(image) for image in frames.images))


@dataclass(frozen=True)
class Focal(ferbench.Loss):
    '''Focal loss.'''
    name = "toy-focal"
    gamma: float = 2.0

    def class_weights(self, counts):
        return None

    def build(self, counts):
        from torch.nn import functional

        def loss(logits, target):
            each = functional.cross_entropy(logits, target, reduction="none")
            return ((1 - (-each).exp()) ** self.gamma * each).mean()

        return loss


@dataclass(frozen=True)
class Scale(Frozen):
    weights: File

    is_calibrated = False

    def build(self, crops):
        import torch

        factor = torch.load(self.weights, weights_only=True)
        return torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(int(factor)), torch.nn.Flatten())


@dataclass(frozen=True)
class Filed(ferbench.Backbone):
    '''Weights from a file.'''
    name = "filed"
    weights: File = ""

    def input(self):
        return Input(16, 1, (0.5,), (0.25,))

    def frozen(self):
        return Scale(self.weights)

    def trainable(self, classes):
        import torch

        return ferbench.Network(lambda shape: torch.nn.Linear(shape[0], len(classes)))
"""
BENCHMARK = """\
name: whys
dataset: toy
preprocessing: {plain: [darker]}
protocol: {kfold: {k: 3, validation: 0.2, classes: [dark, light, stripes]}}
backbone: {filed: {weights: w.pth}}
recipe: {lr: 0.05, batch_size: 8, epochs: 2}
loss: {toy-focal: {gamma: 2}}
aggregator: mean
"""


@pytest.fixture(scope="module")
def finished(tmp_path_factory, toy_images, toy_plugin):
    """A folder with a finished benchmark, its corpus, weights and an installed plugin of two modules; and the key of its row."""
    folder = tmp_path_factory.mktemp("finished")
    shutil.copytree(toy_images, folder / "data" / "toy")
    package = folder / "site" / "helped"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(PLUGIN)
    (package / "helper.py").write_text(HELPER.format(factor=2))
    info = folder / "site" / "helped-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: helped\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[ferbench]\nhelped = helped\n")
    (folder / "whys.yaml").write_text(BENCHMARK)
    torch.save(torch.tensor(4), folder / "w.pth")
    (row,) = call_in(folder, toy_plugin, "run", "--no-figures")
    return folder, row["key"]


def call_in(folder: Path, toy_plugin: Path, command: str, *arguments: str) -> list[dict]:
    """The JSON that a command on the benchmark prints, in a process that sees the installed plugin."""
    paths = [str(folder / "site"), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "FERBENCH_DATA": str(folder / "data")}
    line = [sys.executable, "-m", "ferbench", *arguments_of(command, toy_plugin), *arguments]
    process = subprocess.run(line, cwd=folder, env=environment, capture_output=True, text=True)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def arguments_of(command: str, toy_plugin: Path) -> list[str]:
    return [command, "whys.yaml", "--plugin", str(toy_plugin), "--format", "json", "--device", "cpu"]


@pytest.fixture
def place(finished, tmp_path, toy_plugin, monkeypatch, capsys):
    """A copy of that folder, and a function that calls a command there, in this process, which sees the installed plugin."""
    folder = tmp_path / "place"
    shutil.copytree(finished[0], folder)
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder / "site")
    monkeypatch.setenv("FERBENCH_DATA", str(folder / "data"))

    def call(command: str, *arguments: str) -> list[dict]:
        assert main([*arguments_of(command, toy_plugin), *arguments]) == 0
        return json.loads(capsys.readouterr().out)

    yield folder, call
    for module in [name for name in sys.modules if name.partition(".")[0] == "helped"]:
        del sys.modules[module]


CLIPS = "toy: {}: toy/p00/dark/{}"


@pytest.mark.parametrize(
    ("change", "arguments", "differences", "reused"),
    [
        (lambda _: None, ["--set", "loss.gamma=3"], ["loss.gamma 2.0 → 3.0"], ["crops", "features"]),
        (lambda _: None, ["--set", "seed=1"], ["seed 0 → 1"], ["crops", "features"]),
        (
            lambda folder: (folder / "site/helped/helper.py").write_text(HELPER.format(factor=3)),
            [],
            {"preprocessing.darker: the code of helped.helper changed"},
            [],
        ),
        (
            lambda folder: shutil.copy(folder / "data/toy/p00/dark/take0/0.png", folder / "data/toy/p00/dark/take0/9.png"),
            [],
            ["dataset toy: changed: toy/p00/dark/take0"],
            [],
        ),
        (
            lambda folder: shutil.copytree(folder / "data/toy/p00/dark/take0", folder / "data/toy/p00/dark/take1"),
            [],
            ["dataset toy: new: toy/p00/dark/take1"],
            [],
        ),
        (
            lambda folder: torch.save(torch.tensor(2), folder / "w.pth"),
            [],
            ["backbone.weights: the file's content changed"],
            ["crops"],
        ),
    ],
    ids=["loss parameter", "seed", "helper", "frame", "clip", "weights"],
)
def test_the_one_difference(finished, place, capsys, change, arguments, differences, reused):
    folder, call = place
    change(folder)
    (before,) = call("why", *arguments)
    (row,) = call("run", "--no-figures", *arguments)
    assert main(["why", row["key"][:10], "--format", "json"]) == 0
    (line,) = json.loads(capsys.readouterr().out)
    for explanation in (before, line):
        assert explanation["row"] == row["key"] != finished[1]
        assert explanation["nearest"] == finished[1]
        assert explanation["reused"] == reused
        if isinstance(differences, set):
            assert differences <= set(explanation["differences"])
            assert all("helped.helper" in text for text in explanation["differences"])
        else:
            assert explanation["differences"] == differences


@pytest.fixture
def call(data, benchmark_file, toy_plugin, tmp_path, capsys):
    """Runs commands on the toy benchmark: (exit code, output, the messages on stderr)."""

    def command(*arguments):
        given = ["--store", str(tmp_path / "runs")]
        if arguments[0] in ("run", "why"):
            given += ["--plugin", str(toy_plugin)]
        code = main([*map(str, arguments), *given])
        output = capsys.readouterr()
        return code, output.out, output.err

    return command


def test_rows_that_stand_together(call, benchmark_file):
    assert "no stored row to compare with" in call("why", benchmark_file)[1]
    call("run", benchmark_file, "--no-figures")
    assert call("why", benchmark_file)[1] == "all rows are stored: nothing to compute\n"
    _, messages, _ = call("why", benchmark_file, "--set", "loss=weighted-cross-entropy")
    assert messages.count("loss CrossEntropy → WeightedCrossEntropy") == 2
    assert "reused: crops, features; computed: fits, row" in messages
    _, messages, _ = call("why", benchmark_file, "--set", "aggregator=[{mean: {label: average}}]")
    assert "aggregator is called 'average'" in messages


def test_augmentation_is_reported_as_one_difference(call, benchmark_file):
    call("run", benchmark_file, "--no-figures")
    augmented = ("--set", "recipe.augmentation={views: 2, flip: 0.5}")
    _, messages, _ = call("why", benchmark_file, *augmented)
    assert messages.count("recipe.augmentation") == 2  # one for each of two rows
    assert "recipe.augmentation nothing → {views: 2, flip: 0.5" in messages
    assert "reused: crops, features of 1 of 3 groups of clips and views; computed: features, fits, row" in messages
    call("run", benchmark_file, "--no-figures", *augmented)
    _, messages, _ = call("why", benchmark_file, "--set", "recipe.augmentation={views: 3, flip: 0.5}")
    assert "recipe.augmentation.views 2 → 3" in messages
    assert "reused: crops, features of 3 of 4 groups of clips and views" in messages


@pytest.fixture
def nothing_is_young(monkeypatch):
    monkeypatch.setattr("ferbench.store.upkeep.MIN_AGE", 0)


@pytest.mark.usefixtures("nothing_is_young")
def test_gc_keeps_views_that_a_row_needs(call, benchmark_file):
    call("run", benchmark_file, "--no-figures", "--set", "recipe.augmentation={views: 2, flip: 0.5}")
    before = sizes(call)
    assert before["features"] == 3
    call("store", "gc", "--delete")
    assert sizes(call) == before


def test_rows_that_failed_before_are_explained_only_with_retry_failed(call, benchmark_file):
    call("run", benchmark_file, "--no-figures", "--set", "loss=broken")
    assert call("why", benchmark_file, "--set", "loss=broken")[1] == "all rows are stored: nothing to compute\n"
    assert call("why", benchmark_file, "--set", "loss=broken", "--retry-failed")[1].count("row ") >= 2


@pytest.mark.parametrize("key", ["zz", ""])
def test_unclear_row(call, benchmark_file, key):
    call("run", benchmark_file, "--no-figures")
    code, _, messages = call("why", key)
    assert code == 2
    assert "key" in messages


def sizes(call) -> dict[str, int]:
    return {line["stage"]: line["entries"] for line in json.loads(call("store", "list", "--format", "json")[1])}


@pytest.mark.usefixtures("nothing_is_young")
def test_gc_removes_what_no_row_needs(call, benchmark_file, tmp_path):
    call("run", benchmark_file, "--no-figures")
    call("run", benchmark_file, "--no-figures", "--set", "recipe.lr=0.1")
    assert "every entry is needed" in call("store", "gc", "--delete")[1]
    before = sizes(call)
    assert (before["rows"], before["fits"], before["crops"], before["features"]) == (4, 6, 1, 1)
    _, messages, _ = call("store", "gc", "--old-rows")
    assert "fits: 3" in messages
    assert "add --delete" in messages
    listed = json.loads(call("store", "gc", "--old-rows", "--format", "json")[1])
    assert not listed["deleted"]
    assert sum(entry["stage"] == "fits" for entry in listed["entries"]) == 3
    assert sizes(call) == before
    call("store", "gc", "--old-rows", "--delete")
    after = sizes(call)
    assert (after["rows"], after["fits"], after["crops"], after["features"]) == (2, 3, 1, 1)
    for folder in ("rows", "benchmarks"):
        shutil.rmtree(tmp_path / "runs" / folder)
    call("store", "gc", "--delete")
    assert not {"rows", "fits", "crops", "features", "inputs"} & set(sizes(call))


@pytest.mark.usefixtures("nothing_is_young")
def test_finished_benchmark_stays_finished_after_gc(call, benchmark_file):
    call("run", benchmark_file, "--no-figures")
    call("store", "gc", "--old-rows", "--delete")
    assert "2 rows, 2 of them already stored" in call("run", benchmark_file, "--no-figures")[2]
    assert "4 rows, 2 of them already stored" in call("run", benchmark_file, "--no-figures", "--set", "seed=[0, 1]")[2]


def test_gc_waits_for_a_run(call, benchmark_file, tmp_path):
    from ferbench.store.entries import Store

    call("run", benchmark_file, "--no-figures")
    with Store(tmp_path / "runs").use():
        code, _, messages = call("store", "gc", "--delete")
    assert code == 2
    assert "is using the store" in messages
    assert call("store", "gc", "--delete")[0] == 0


def test_verify(call, benchmark_file, tmp_path):
    call("run", benchmark_file, "--no-figures")
    code, messages, _ = call("store", "verify")
    assert code == 0
    assert "0 damaged, 0 unreadable, 0 missing" in messages
    damaged = next((tmp_path / "runs" / "features").glob("*/*.safetensors"))
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    code, messages, _ = call("store", "verify")
    assert code == 1
    assert f"features {damaged.stem[:12]}" in messages
    assert "its data does not match its checksum" in messages
    code, messages, _ = call("store", "verify", "--format", "json")
    assert code == 1
    [problem] = json.loads(messages)["damaged"]
    assert (problem["stage"], problem["key"]) == ("features", damaged.stem)


def test_damaged_row_hides_no_other(call, benchmark_file, tmp_path):
    for expected, command in ((0, ("why", benchmark_file)), (1, ("leaderboard",))):
        call("run", benchmark_file, "--no-figures")
        next((tmp_path / "runs" / "rows").glob("*/*.safetensors")).write_text("{bad")
        code, _, messages = call(*command)
        assert code == expected
        assert "is damaged" in messages


@pytest.mark.parametrize(
    ("old", "new"),
    [(None, [1.0, 2.0]), ([1.0], [1.0, 2.0]), ([1.0, 2.0], None), (None, {"kind": "step", "every": 3}), (None, [{"a": 1}, {"a": 2}])],
)
def test_what_one_has_and_the_other_has_not_is_one_difference(old, new):
    place, before, after = "backbone\0parameters\0weights", {"weights": old, "size": 3}, {"weights": new, "size": 3}
    assert differences._changed_paths(*(differences._flatten({"backbone": {"parameters": each}}) for each in (before, after))) == [place]
