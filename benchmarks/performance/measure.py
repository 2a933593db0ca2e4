"""Measure ferbench against a plain script, serial OpenCV and the limits of this machine, and write docs/performance.md.

    python benchmarks/performance/measure.py            everything, about 45 minutes on 2 cores
    python benchmarks/performance/measure.py limits     one part: grid, limits, detection, orchestration, large, tables

The figures of a part come from a single run of it, so that their ratios hold even on a busy machine. Repeated figures are medians.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ferbench import Dataset

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
PAGE = ROOT / "docs" / "performance.md"
RESULTS = HERE / "results.json"
sys.path.insert(0, str(HERE))

PEOPLE = 6  # in each stand-in corpus of the grid
EPOCHS = 5
SEEDS = [0, 1, 2]
LR = 0.0002
FLOPS_PER_FRAME = 2 * 15_346_630_656  # VGG16's convolutions at 224 x 224: multiplications and additions
HEAD = (25088, 4096, 4096, 6)
BATCH = 30

Row = dict[str, Any]
"""A row as `ferbench run --format json` prints it."""

Results = dict[str, Any]
"""The figures of one part, as results.json stores them."""


def median_seconds(work: Callable[[], object], times: int = 5) -> float:
    """The median time of `work`, after one call that does not count."""
    work()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return median(seconds)


def grid(folder: Path) -> Results:
    """The thesis's 4 networks x 2 votes: seconds of the plain script and of ferbench, in full and for one epoch more.

    The plain script's start-up is not counted, ferbench's is.
    """
    import plain

    from ferbench.benchmark.grid import load_benchmark
    from ferbench.corpora.index import index_corpus
    from ferbench.store.entries import Store

    data = render_corpora(folder, PEOPLE)
    weights = save_calibrated_weights(folder, data)
    arguments = [
        "--no-rehearsal", "--set", f"backbone.weights={weights}", "--set", f"recipe.lr={LR}", "--set", "recipe.patience=null",
        "--set", "protocol.validation=150", "--set", "protocol.seed=1",
    ]  # fmt: skip

    def run_thesis(epochs: int, *more: str) -> tuple[float, list[Row]]:
        settings = (*arguments, "--set", f"recipe.epochs={epochs}", *more)
        start = time.perf_counter()
        rows = run_benchmark(ROOT / "benchmarks" / "thesis.yaml", folder / f"runs{epochs}", *settings, data=data)
        return time.perf_counter() - start, rows

    seconds = {epochs: run_thesis(epochs)[0] for epochs in (EPOCHS, 2 * EPOCHS)}
    rows = run_thesis(EPOCHS, "--set", f"seed={SEEDS}")[1]  # the other seeds only show how much metrics vary
    benchmark = load_benchmark(ROOT / "benchmarks" / "thesis.yaml")
    clips = {c.id: c for d in benchmark.datasets() for c in index_corpus(set_root(d, data), Store(folder / "index")).clips}
    classes = rows[0]["classes"]
    people = {part: set(names) for part, names in rows[0]["folds"][0].items()}
    labeled = [c for c in clips.values() if c.label in classes]
    parts = {part: [(c, classes.index(c.label)) for c in labeled if c.subject in names] for part, names in people.items()}
    start = time.perf_counter()
    result = plain.run(parts, weights, [(4096, False), (4096, True), (1024, False), (1024, True)], EPOCHS, LR)
    plain_seconds = time.perf_counter() - start
    epoch = (seconds[2 * EPOCHS] - seconds[EPOCHS]) / EPOCHS
    measured = [row for row in rows if row.get("kind") == "measured" and row["labels"]["aggregator"] == "mean"]
    return {
        "clips": len(labeled),
        "epochs": EPOCHS,
        "plain seconds": plain_seconds,
        "ferbench seconds": seconds[EPOCHS],
        "ratio": plain_seconds / seconds[EPOCHS],
        "plain epoch": sum(result.epochs) / EPOCHS,
        "ferbench epoch": epoch,
        "epoch ratio": sum(result.epochs) / EPOCHS / epoch,
        "plain accuracy": result.accuracy,
        "ferbench accuracy": [[row["war"] for row in measured if row["labels"]["seed"] == str(seed)] for seed in SEEDS],
        "tested": measured[0]["clips"],
    }


def render_corpora(folder: Path, people: int) -> Path:
    """Render corpora and remove their markers, so that ferbench treats them as real ones."""
    data = folder / "data"
    for name, directory in (("ck+", "CK+"), ("mug", "MUG"), ("ised", "ISED")):
        run_command("corpus", "standin", name, str(data / directory), "--people", str(people))
        (data / directory / "STAND-IN.json").unlink()
    return data


def set_root(dataset: Dataset, data: Path) -> Dataset:
    """The dataset in its first folder below `data`."""
    from dataclasses import replace

    return replace(dataset, root=str(data / dataset.folders[0]))


def save_calibrated_weights(folder: Path, data: Path) -> Path:
    """Save the weights that both scripts read: random convolutions, calibrated on faces of CK+."""
    import safetensors.torch
    import torch
    from plain import load

    from ferbench import Clip
    from ferbench_corpora.ckplus import CKPlus
    from ferbench_thesis.vgg16_model import calibrated_convolutions

    clips = [clip for clip in CKPlus(str(data / "CK+")).clips() if isinstance(clip, Clip)]
    images, _, _ = load([(clip, 0) for clip in clips[:8]])
    module = calibrated_convolutions(0, images[: 16 if len(images) > 16 else None])
    path = folder / "weights.safetensors"
    safetensors.torch.save_file({k: v.contiguous().clone() for k, v in module.state_dict().items() if isinstance(v, torch.Tensor)}, path)
    return path


def limits(_: Path) -> Results:
    """VGG16's features and a step of its full head, compared with the matrix products and copies of this machine."""
    import numpy as np
    import torch

    from ferbench.api.clips import Input
    from ferbench.api.recipe import Recipe
    from ferbench.stages.forward import forward_frames
    from ferbench.training.device import select_device
    from ferbench.training.items import Items
    from ferbench.training.learner import BodyAndClassifier, Learner
    from ferbench.training.loop import train_epoch
    from ferbench.training.optimizers import build_optimizer
    from ferbench_thesis.vgg16_heads import full_head
    from ferbench_thesis.vgg16_model import random_convolutions

    select_device("cpu")
    size = 4096
    a, b, c = torch.randn(size, size), torch.randn(size, size), torch.empty(size, size)
    peak = 2 * size**3 / median_seconds(lambda: torch.mm(a, b, out=c))
    source, target = torch.ones(2**28), torch.empty(2**28)
    bandwidth = 2 * 4 * 2**28 / median_seconds(lambda: target.copy_(source))  # read and written
    source = target = torch.empty(0)  # frees memory
    module = random_convolutions(0).to(memory_format=torch.channels_last)
    faces = np.random.default_rng(0).integers(0, 256, (32, 224, 224), np.uint8)
    features = median_seconds(lambda: list(forward_frames(module, [faces], Input(224), torch.device("cpu"), "limits")), 3)
    model = BodyAndClassifier(*full_head(HEAD, {}))
    recipe = Recipe(batch_size=BATCH)
    part = Items(torch.randn(BATCH * 4, HEAD[0]), torch.arange(BATCH * 4) % HEAD[-1])
    learner = Learner(model, torch.nn.CrossEntropyLoss(), lambda x: x, recipe, torch.device("cpu"))
    optimizer = build_optimizer(learner.parameters, recipe)
    step = median_seconds(lambda: train_epoch(learner, part, optimizer, torch.Generator()), 3) / 4
    weights = sum(p.numel() for p in model.parameters())
    first = HEAD[0] * HEAD[1]
    # Forward and the weights' gradients of all layers, the inputs' gradients of all but the first.
    operations = 2 * BATCH * (2 * weights + weights - first)
    # Weights read forward, and backward but for the first layer's; gradients written; Adam reads four and writes three of their size.
    moved = 4 * (weights + (weights - first) + weights + 7 * weights)
    least = operations / peak + moved / bandwidth
    return {
        "peak": peak,
        "bandwidth": bandwidth,
        "features a frame": features / 32,
        "features share of peak": FLOPS_PER_FRAME * 32 / features / peak,
        "batch": BATCH,
        "step": step,
        "least": least,
        "step over least": step / least,
    }


def detection(folder: Path) -> Results:
    """Decoding and face detection on a stand-in CK+: serially with OpenCV alone, and with ferbench's pool."""
    import cv2
    import numpy as np

    from ferbench.api.clips import Clip, Frames
    from ferbench.corpora.decoding import decode
    from ferbench.corpora.files import clip_files
    from ferbench.execution.executor import local_executor
    from ferbench.store.files import digest_file
    from ferbench_basics.viola_jones import ViolaJones
    from ferbench_corpora.ckplus import CKPlus

    run_command("corpus", "standin", "ck+", str(folder / "CK+"), "--people", "12")
    clips = [clip for clip in CKPlus(str(folder / "CK+")).clips() if isinstance(clip, Clip)]

    def serial() -> list[tuple[int, ...]]:
        cascade = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_alt2.xml")
        boxes = []
        for clip in clips:
            for path in clip.images:
                image = cv2.imread(str(path), cv2.IMREAD_ANYCOLOR)
                assert image is not None, path
                gray = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
                faces = cascade.detectMultiScale(gray, 1.1, 5, minSize=(round(0.1 * min(gray.shape)),) * 2)
                sizes = [int(width * height) for _, _, width, height in np.asarray(faces).reshape(-1, 4)]
                boxes.append(tuple(map(int, faces[int(np.argmax(sizes))])) if sizes else (0, 0, 0, 0))
        return boxes

    def pooled(near: bool = False) -> list[tuple[int, ...]]:
        def detect(clip: Clip) -> Frames:
            digests = [digest_file(path) for path in clip_files(clip)]
            return ViolaJones(near=near)(Frames(tuple(decode(clip, range(clip.length), digests)[0].values())))

        with local_executor(os.cpu_count() or 1) as executor:
            clip_frames = list(executor.run_all(detect, clips))
        boxes = [pair for frames in clip_frames for pair in zip(frames.boxes or (), frames.has_face or (), strict=True)]
        return [box if has_face else (0, 0, 0, 0) for box, has_face in boxes]

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    serial_seconds = median_seconds(serial, 3)
    cv2.setNumThreads(before)
    default = median_seconds(serial, 3)
    pooled_seconds = median_seconds(pooled, 3)
    frames = sum(clip.length for clip in clips)
    near_seconds = median_seconds(lambda: pooled(near=True), 3)
    overlaps = [overlap(one, two) for one, two in zip(pooled(), pooled(near=True), strict=True)]
    return {
        "frames": frames,
        "serial": serial_seconds,
        "default": default,
        "pooled": pooled_seconds,
        "ratio": serial_seconds / pooled_seconds,
        "equal": serial() == pooled(),
        "near": near_seconds,
        "near agreement": sum(value >= 0.8 for value in overlaps) / frames,
        "near least overlap": min(overlaps),
    }


def overlap(one: tuple[int, ...], two: tuple[int, ...]) -> float:
    """Intersection over union of two boxes."""
    sides = [min(one[i] + one[i + 2], two[i] + two[i + 2]) - max(one[i], two[i]) for i in (0, 1)]
    shared = max(0, sides[0]) * max(0, sides[1])
    return shared / max(1, one[2] * one[3] + two[2] * two[3] - shared)


def orchestration(folder: Path, backbones: int = 500) -> Results:
    """Combinations of components that compute next to nothing, with an empty store and with a complete one."""
    import cv2
    import numpy as np

    for person in range(8):
        (folder / "tiny-images" / f"p{person}").mkdir(parents=True)
        for label, level in (("black", 10), ("white", 240)):
            cv2.imwrite(str(folder / "tiny-images" / f"p{person}" / f"{label}.png"), np.full((8, 8), level + person, np.uint8))
    text = (
        "dataset: {tiny-images: {root: DATA}}\npreprocessing: {plain: [gray]}\nloss: cross-entropy\naggregator: [majority, mean]\n"
        "protocol: {thesis: {train: 4, validation: 2, test: 2, classes: [black, white]}}\nrecipe: {epochs: 1, checkpoint: last}\n"
    ).replace("DATA", str(folder / "tiny-images"))
    seconds = {}
    for name, numbers in (("one", [0]), ("many", list(range(backbones)))):
        file = folder / f"{name}.yaml"
        file.write_text(f"{text}backbone: {{no-op: {{number: {numbers}}}}}\n")
        for state in ("cold", "finished"):
            start = time.perf_counter()
            run_benchmark(file, folder / f"runs-{name}", "--plugin", str(HERE / "noop.py"))
            seconds[name, state] = time.perf_counter() - start
    return {
        "combinations": 2 * backbones,
        "cold a combination": (seconds["many", "cold"] - seconds["one", "cold"]) / (2 * backbones - 2),
        "finished beyond start-up": seconds["many", "finished"] - seconds["one", "finished"],
        "start-up": seconds["one", "finished"],
    }


def large(folder: Path) -> Results:
    """A corpus of FERV39k's size."""
    from large import SCENES, build_tree, measure

    build_tree(folder / "FERV39k", SCENES)
    return measure(folder)


def tables(folder: Path) -> Results:
    """Leaderboards of made-up rows."""
    from tables import measure

    return measure(folder)


def run_benchmark(file: Path, store: Path, *arguments: str, data: Path | None = None) -> list[Row]:
    """Run `ferbench run` and return its rows."""
    environment = {**os.environ, **({"FERBENCH_DATA": str(data)} if data else {})}
    options = ["--store", str(store), "--device", "cpu", "--no-figures", "--quiet", "--format", "json", *arguments]
    return json.loads(run_command("run", str(file), *options, environment=environment))


def run_command(*arguments: str, environment: dict[str, str] | None = None) -> str:
    """Run a command of ferbench and return what it prints; exit if it fails."""
    command = [sys.executable, "-m", "ferbench", *arguments]
    process = subprocess.run(command, capture_output=True, text=True, env=environment)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}\n{process.stderr}")
    return process.stdout


def describe_machine() -> str:
    """Processor, memory and the versions of packages."""
    with open("/proc/cpuinfo") as file:  # noqa: PTH123
        cpu = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), "unknown processor")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "opencv-python", "ferbench"))
    return f"{cpu}, {os.cpu_count()} cores, {memory:.0f} GiB; {packages}"


def main() -> None:
    """Measure the parts that the arguments name, or all of them; keep the stored figures of the others."""
    parts = {part.__name__: part for part in (grid, limits, detection, orchestration, large, tables)}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", metavar="PART", nargs="*", choices=[*parts, []], help=f"{', '.join(parts)} (default: all)")
    results = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    for name in parser.parse_args().parts or parts:
        folder = Path(tempfile.mkdtemp())
        try:
            results[name] = {**parts[name](folder), "machine": describe_machine(), "day": time.strftime("%Y-%m-%d")}
        finally:
            shutil.rmtree(folder)
        print(name, json.dumps(results[name], indent=1), flush=True)
        RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    if set(parts) <= set(results):
        from page import render_page

        PAGE.write_text(render_page(results))


if __name__ == "__main__":
    main()
