"""Measure ferbench on a corpus of FERV39k's size: 38,935 clips of 4 tiny frames.

    python benchmarks/performance/measure.py large          about 3 minutes on 2 cores
    python benchmarks/performance/large.py --scenes 2       a smaller tree; prints the figures
    python benchmarks/performance/large.py --folder DIR     keep tree and store in DIR; a tree that is there is used again

The frames are rendered noise, so the rows mean nothing. "Memory" is the largest resident set of a process, in GB.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

CLIPS, SCENES, FRAMES = 38_935, 22, 4  # of the real corpus; but for the frames, of which it has more
SIZE = 48  # pixels
GRAIN = 4  # pixels
EXPRESSIONS = ("Angry", "Disgust", "Fear", "Happy", "Neutral", "Sad", "Surprise")
BENCHMARK = """\
name: large
dataset: {ferv39k: {root: ROOT}}
preprocessing: {plain: [gray, {resize: {size: 32}}]}
protocol: {fixed: {classes: [anger, disgust, fear, happiness, neutral, sadness, surprise]}}
backbone: {pixels: {size: 8, classifier: mlp}}
loss: cross-entropy
recipe: {epochs: 2, batch_size: 512}
aggregator: mean
"""


class Usage(NamedTuple):
    """What a command took: seconds, its largest resident set in GB, and what it wrote to stderr."""

    seconds: float
    memory: float
    log: str


def build_tree(root: Path, scenes: int) -> None:
    """Write a corpus in FERV39k's layout; all pictures differ, as near-duplicates in two parts would stop the run."""
    rng = np.random.default_rng(0)
    names = list(clip_names(scenes))
    for name in names:
        folder = root / "2_ClipsforFaceCrop" / name
        folder.mkdir(parents=True)
        for frame in range(FRAMES):
            (folder / f"{frame + 1}.jpg").write_bytes(render_picture(rng))
    lists = root / "4_setups" / "All_scenes"
    lists.mkdir(parents=True)
    for split, part in (("train", [name for i, name in enumerate(names) if i % 5]), ("test", names[::5])):
        (lists / f"{split}_All.csv").write_text("".join(f"{name} {name.split('/')[1]}\n" for name in part))


def render_picture(rng: np.random.Generator) -> bytes:
    """Encode smooth noise as a JPEG file."""
    noise = cv2.resize(rng.integers(0, 256, (SIZE // GRAIN, SIZE // GRAIN, 3), np.uint8), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", noise)[1].tobytes()


def clip_names(scenes: int) -> Iterator[str]:
    """Name the clips as Scene/Expression/Number."""
    for number in range(round(CLIPS * scenes / SCENES)):
        yield f"Scene{number % scenes + 1:02d}/{EXPRESSIONS[number // scenes % len(EXPRESSIONS)]}/{number:05d}"


def measure(folder: Path) -> dict[str, float]:
    """The figures of the tree in a folder; commands are separate processes, and their start-up counts."""
    store = folder / "ferbench-store"
    shutil.rmtree(store, ignore_errors=True)
    file = folder / "large.yaml"
    file.write_text(BENCHMARK.replace("ROOT", str(folder / "FERV39k")))
    options = [str(file), "--store", str(store)]
    run = ["run", *options, "--device", "cpu", "--no-figures"]
    index = run_command("corpus", "check", "ferv39k", str(folder / "FERV39k"), "--store", str(store))
    plan = run_command("plan", *options)
    first = run_command(*run)
    stages = {name: float(seconds) for name, seconds in re.findall(r"^([a-z-]+): .* in ([0-9.]+) s$", first.log, re.MULTILINE)}
    finished_plan, finished = run_command("plan", *options), run_command(*run)
    files = sum(path.is_file() for path in store.rglob("*"))
    return {
        "clips": sum(1 for _ in (folder / "FERV39k" / "2_ClipsforFaceCrop").glob("*/*/*")),
        "frames in a clip": FRAMES,
        "first index": index.seconds,
        "plan, nothing computed": plan.seconds,
        "plan, everything computed": finished_plan.seconds,
        "crops": stages["crops"],
        "features": stages["features"],
        "near-duplicates": stages["near-duplicates"],
        "run": first.seconds,
        "memory": max(usage.memory for usage in (index, plan, first, finished_plan, finished)),
        "finished run": finished.seconds,
        "files": files,
        "folders": sum(1 for _ in store.rglob("*")) - files,
        "store": folder_size(store) / 1e9,
    }


def run_command(*arguments: str) -> Usage:
    """Run a command of ferbench; exit if it fails."""
    with tempfile.TemporaryFile("w+") as log:
        start = time.perf_counter()
        process = subprocess.Popen([sys.executable, "-m", "ferbench", *arguments], stdout=subprocess.DEVNULL, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        log.seek(0)
        text = log.read()
    if os.waitstatus_to_exitcode(status):
        raise SystemExit(f"ferbench {' '.join(arguments)}\n{text}")
    return Usage(seconds, usage.ru_maxrss * 1024 / 1e9, text)


def folder_size(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def main() -> None:
    """Build the tree and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scenes", type=int, default=SCENES, help=f"scenes of the tree, 1 to {SCENES} (default: %(default)s)")
    parser.add_argument("--folder", type=Path, help="folder to keep (default: a temporary one)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder: Path = options.folder or Path(temporary)
        if not (folder / "FERV39k").is_dir():
            build_tree(folder / "FERV39k", options.scenes)
        print(json.dumps(measure(folder), indent=1))


if __name__ == "__main__":
    main()
