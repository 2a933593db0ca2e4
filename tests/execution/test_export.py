"""Exports: the runner alone gives the stored answers, or nothing is written."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from toy_images import make_difficult, render

from ferbench.cli.main import main

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
HERE = Path(__file__).parent.parent
BENCHMARK = """\
name: exported
dataset: toy
preprocessing: {plain: [{last: {frames: 2}}, {resize: {size: 20}}], inverted: [invert, {resize: {size: 20}}]}
protocol: {kfold: {k: 2, validation: 0.2, classes: [dark, light, stripes]}}
backbone:
  - toy-net
  - pixels: {label: logistic, classifier: logistic-regression, size: 8}
  - pixels: {label: knn, classifier: knn, size: 8}
  - looking: {labels: {dim: dark, bright: light, striped: stripes}}
  - timm: {label: frames, model: test_resnet, weights: random, size: 20}
  - emotion-fan: {label: fan, model: test_resnet, weights: random, size: 20}
recipe: {lr: 0.05, batch_size: 8, epochs: 2}
loss: cross-entropy
aggregator: [majority, mean]
only:
  - {preprocessing: plain, backbone: [logistic, knn, looking, frames, fan]}
  - {preprocessing: inverted, backbone: toy-net}
"""
PLUGINS = ["--plugin", str(HERE / "toy.py"), "--plugin", str(HERE / "systems_toy.py")]


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Path:
    """A folder with a store that holds rows of all kinds."""
    folder = tmp_path_factory.mktemp("export")
    render(folder / "data" / "toy", people=8)
    make_difficult(folder / "data" / "toy")
    (folder / "exported.yaml").write_text(BENCHMARK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FERBENCH_DATA", str(folder / "data"))
        command = ["run", str(folder / "exported.yaml"), "--store", str(folder / "store"), "--quiet", "--no-figures", *PLUGINS]
        assert main(command) == 0
    return folder


@pytest.fixture
def export(store, tmp_path, monkeypatch, capsys):
    """Export a row; returns the exit code, the folder, and what was printed."""
    monkeypatch.setenv("FERBENCH_DATA", str(store / "data"))

    def run(row: str) -> tuple[int, Path, str]:
        capsys.readouterr()
        code = main(["export", row, "-o", str(tmp_path / "out"), "--store", str(store / "store"), *PLUGINS])
        output = capsys.readouterr()
        return code, tmp_path / "out", output.out + output.err

    return run


@pytest.fixture(scope="module")
def exported(store, tmp_path_factory) -> Path:
    """The export of a row; tests must not change it."""
    folder = tmp_path_factory.mktemp("exported") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FERBENCH_DATA", str(store / "data"))
        assert main(["export", "frames,majority", "-o", str(folder), "--store", str(store / "store"), *PLUGINS]) == 0
    return folder


def load_runner(folder: Path):
    spec = importlib.util.spec_from_file_location(f"runner_{folder.parent.name}", folder / "runner.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("row", ["looking,majority", "frames,mean", "fan,mean"])
def test_the_runner_gives_the_stored_answers(export, store, row, capsys):
    """Compared with what `ferbench predictions` prints, clip by clip, under the fold that tests each."""
    code, folder, text = export(row)
    assert code == 0, text
    assert "all 24 test clips keep their answers" in text
    main(["predictions", row, "--store", str(store / "store"), "--format", "json"])
    stored = json.loads(capsys.readouterr().out)
    assert len(stored) == 24
    runner, settings = load_runner(folder), json.loads((folder / "settings.json").read_text())
    for line in stored:
        clip = store / "data" / "toy" / line["clip"].removeprefix("toy/")
        scores = runner.predict(runner.read(clip), fold=int(line["fold"]) if settings["folds"] > 1 else 0)
        for number, name in enumerate(settings["classes"]):
            assert scores[number] == pytest.approx(line[f"score_{name}"], abs=1e-4)


def test_an_export_is_whole(exported):
    folder = exported
    assert {file.name for file in folder.iterdir()} - {"__pycache__"} == {
        "model.onnx",
        "model.safetensors",
        "settings.json",
        "runner.py",
        "README.md",
    }
    runner = (folder / "runner.py").read_text()
    assert len(runner.splitlines()) <= 80
    assert {line for line in runner.splitlines() if line.startswith(("import", "from"))} == {
        "import json, re, sys", "from pathlib import Path", "import cv2, numpy as np, onnxruntime",
    }  # fmt: skip
    settings = json.loads((folder / "settings.json").read_text())
    assert settings["answers"] == ["dark", "light", "stripes"]
    assert settings["preprocessing"] == ["{last: {frames: 2}}", "{resize: {size: 20}}"]
    card = (folder / "README.md").read_text()
    for text in (
        "UAR",
        "AI Act",
        "trained beforehand on nothing",
        settings["fingerprint"],
        "this export gave the stored answers for all 24",
    ):
        assert text in card


def test_the_runner_is_a_program(exported, store):
    clip = next((store / "data" / "toy").glob("*/dark/*"))
    command = [sys.executable, str(exported / "runner.py"), str(clip), str(clip / "0.png")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["source"] for line in lines] == [str(clip), str(clip / "0.png")]
    assert sum(lines[0]["scores"].values()) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("inverted,toy-net,mean", "preprocessor invert cannot be exported"),
        ("knn,mean", "backbone pixels cannot be exported: "),
    ],
)
def test_what_cannot_be_exported_is_refused_and_nothing_is_written(export, row, problem):
    code, folder, text = export(row)
    assert code == 2
    assert problem in text
    assert not folder.exists()
    assert not list(folder.parent.glob(".out*"))


def test_a_clip_with_another_answer_is_named_and_nothing_is_written(export, monkeypatch):
    """A portable step that does something else than the step itself."""
    from ferbench import Portable
    from ferbench_basics.images import Resize

    monkeypatch.setattr(Resize, "portable", lambda self: Portable("return [cv2.resize(255 - i, (20, 20)) for i in images], None"))
    code, folder, text = export("frames,majority")
    assert code == 2
    assert "of 24 test clips get other scores than the stored ones: toy/p" in text
    assert not folder.exists()


def test_a_folder_that_is_not_empty_is_left_alone(export, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    code, folder, text = export("frames,majority")
    assert code == 2
    assert "is not empty" in text
    assert [file.name for file in folder.iterdir()] == ["mine.txt"]
