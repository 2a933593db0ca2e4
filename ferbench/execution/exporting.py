"""Exports a row: its network as ONNX and safetensors, settings, a runner, and a model card, all checked on the stored test clips."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from uuid import uuid4

import numpy as np
import safetensors.torch
from numpy.typing import NDArray

from ferbench.api.clips import Clip
from ferbench.api.errors import FerbenchError, join_names
from ferbench.execution.repairs import write
from ferbench.execution.runner_source import write_runner
from ferbench.execution.trained import TrainedLoader
from ferbench.plan.models import Model
from ferbench.report.findings import calibrate_row
from ferbench.report.model_card import write_card
from ferbench.stages.fits import load_scores
from ferbench.stages.onnx_model import OPSET, write_onnx
from ferbench.stages.scores import aggregate_clip
from ferbench.stages.trained import Trained
from ferbench.store.entries import Store
from ferbench.store.files import to_json
from ferbench.store.rows import DoneRow

FORMAT = 1  # of settings.json
CONFIDENCE = 0.9
TOLERANCE = 1e-4
MAX_NAMED = 5


@dataclass(frozen=True)
class Exported:
    """Where an export is, how many test clips it was checked on, and the largest difference of a score."""

    folder: Path
    clips: int
    difference: float


def export_row(row: DoneRow, loader: TrainedLoader, store: Store, folder: Path) -> Exported:
    """Export a row into a new folder; raises FerbenchError if it cannot be, or if a test clip gets another answer. Nothing is left then."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FerbenchError(f"{folder} is not empty", where="-o", hint="choose a new folder; nothing was written")
    trained = loader.load(row)
    model = loader.plan(row)
    runner, files = write_runner(trained.steps, trained.aggregator)
    partial_folder = folder.with_name(f".{folder.name}-{uuid4().hex[:8]}.part")
    partial_folder.mkdir(parents=True)
    try:
        (partial_folder / "runner.py").write_text(runner, encoding="utf-8")
        for name, source in files.items():
            shutil.copyfile(source, partial_folder / name)
        (partial_folder / "settings.json").write_bytes(to_json(_describe(row, trained, store)))
        _write_network(trained, model, partial_folder)
        clips, difference = _check(row, trained, model, store, partial_folder)
        (partial_folder / "README.md").write_text(write_card(row, model, store, clips, difference), encoding="utf-8")
        if folder.exists():
            folder.rmdir()
        partial_folder.rename(folder)
    finally:
        shutil.rmtree(partial_folder, ignore_errors=True)
    return Exported(folder, clips, difference)


def _describe(row: DoneRow, trained: Trained, store: Store) -> dict[str, object]:
    """What the runner and others need to know."""
    sets = calibrate_row(row, store, CONFIDENCE)
    calibration = {"share": CONFIDENCE, "people": sets.people, "least_score": sets.least if sets.can_exclude else None}
    return {
        "format": FORMAT,
        "ferbench": version("ferbench"),
        "row": row["key"],
        "fingerprint": row["fingerprint"],
        "answers": [*trained.classes, *trained.others],
        "classes": list(trained.classes),
        "preprocessing": [write(step) for step in trained.steps],
        "aggregator": write(trained.aggregator),
        "folds": len(trained.chains),
        "opset": OPSET,
        "conformal": calibration,
        "trained_on": row["trained_on"],
        "standin": row["standin"],
    }


def _write_network(trained: Trained, model: Model, folder: Path) -> None:
    runner = _import_runner(folder, without_network=True)
    clip = next(clip for fold in model.split.folds for clip in fold.test)
    images = _read(runner, {each.id: each for each in model.split.clips}[clip])
    boxes = None
    for step in runner.STEPS:
        images, boxes = step([np.ascontiguousarray(image) for image in images], boxes)
    content, tensors = write_onnx(trained.chains, np.stack(images))
    (folder / "model.onnx").write_bytes(content)
    (folder / "model.safetensors").write_bytes(safetensors.torch.save({name: each.clone() for name, each in tensors.items()}))


def _check(row: DoneRow, trained: Trained, model: Model, store: Store, folder: Path) -> tuple[int, float]:
    """Run the runner on all test clips, each under the fold that tests it; returns their number and the largest difference of a score."""
    runner = _import_runner(folder)
    clips = {clip.id: clip for clip in model.split.clips}
    wrong, largest, count = list[str](), 0.0, 0
    for number, fold in enumerate(model.split.folds):
        stored, _ = load_scores(row["fits"][number], store)
        for name in (name for name in fold.test if len(stored[name])):
            expected = aggregate_clip(trained.aggregator, name, stored[name].astype(np.float64))
            position = number if len(trained.chains) > 1 else 0
            scores: NDArray[np.float64] = runner.predict(_read(runner, clips[name]), fold=position)
            difference = float(np.abs(scores - expected).max())
            largest, count = max(largest, difference), count + 1
            if difference >= TOLERANCE or scores.argmax() != expected.argmax():
                wrong.append(f"{name} ({difference:.2g})")
    if wrong:
        problem = f"{len(wrong)} of {count} test clips get other scores than the stored ones: {join_names(wrong[:MAX_NAMED])}"
        raise FerbenchError(problem, hint="nothing was written; a step that looks at several faces or frames may be the reason")
    return count, largest


def _import_runner(folder: Path, *, without_network: bool = False) -> ModuleType:
    """Import the runner of an export; `without_network` before the network is written."""
    spec = importlib.util.spec_from_file_location("ferbench_exported_runner", folder / "runner.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    if without_network:
        _write_placeholder(folder)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = before
        if without_network:
            (folder / "model.onnx").unlink()
    return module


def _write_placeholder(folder: Path) -> None:
    """A network of nothing, so that the runner can be imported."""
    from onnx import TensorProto, helper

    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])], "empty", [value], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])]
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    (folder / "model.onnx").write_bytes(model.SerializeToString())


def _read(runner: ModuleType, clip: Clip) -> Sequence[NDArray[np.uint8]]:
    """The frames of a clip up to its apex, as the runner reads them."""
    files = [clip.video] if clip.video else clip.images
    images = [image for file in files for image in runner.read(file)]
    return images[: len(clip.until_apex(range(len(images))))]


def describe_files() -> Mapping[str, str]:
    """The files of an export."""
    return {
        "model.onnx": f"the network of all folds: crops → scores (opset {OPSET})",
        "model.safetensors": "its weights",
        "settings.json": "classes, preprocessing, aggregator, least score in conformal sets",
        "runner.py": "runs it with numpy, OpenCV and ONNX Runtime alone",
        "README.md": "the model card",
    }
