"""The golden outputs: what each stage of the core gives for fixed inputs, with the version that gave it.

`make golden` writes those of the stages whose version was raised, and new ones. It refuses to change the others.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from golden import crops, fits

from ferbench.store.versions import VERSIONS

FILE = Path(__file__).parent / "outputs.json"
DIGITS = 7
ROUNDING = {"views": 1}  # by how much pixels may differ between processors

STAGES: dict[str, Callable[[Path], Iterator[tuple[str, object]]]] = {
    "crops": crops.crops, "duplicates": crops.duplicates, "normalization": crops.normalization, "features": crops.features,
    "views": crops.views, "fits": fits.fits, "fused fits": fits.fused_fits, "rows": fits.rows, "folds": fits.folds,
}  # fmt: skip


def compute(stage: str, folder: Path) -> dict[str, object]:
    """The outputs of a stage as plain values, by case."""
    return {name: to_plain(value) for name, value in STAGES[stage](folder)}


def to_plain(value: object) -> object:
    """Arrays become lists, and long floats are rounded."""
    if isinstance(value, torch.Tensor):
        value = value.detach().numpy()
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(name): to_plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def find_difference(golden: object, output: object, pixels: int = 0, path: str = "") -> str:
    """Where two outputs differ; empty if they do not. Floats may differ by a rounding error, whole numbers by `pixels`."""
    if isinstance(golden, dict) and isinstance(output, dict) and golden.keys() == output.keys():
        return next(filter(None, (find_difference(golden[name], output[name], pixels, f"{path}.{name}") for name in golden)), "")
    if isinstance(golden, list) and isinstance(output, list) and len(golden) == len(output):
        pairs = enumerate(zip(golden, output, strict=True))
        return next(filter(None, (find_difference(one, two, pixels, f"{path}[{at}]") for at, (one, two) in pairs)), "")
    if isinstance(golden, float) and isinstance(output, float):
        is_equal = bool(np.isclose(golden, output, rtol=1e-4, atol=1e-6, equal_nan=True))
    elif type(golden) is int and type(output) is int:
        is_equal = abs(golden - output) <= pixels
    else:
        is_equal = type(golden) is type(output) and golden == output
    return "" if is_equal else f"{path.removeprefix('.')}: {str(golden)[:200]} became {str(output)[:200]}"


def load() -> dict[str, dict]:
    """Version and outputs of each stage."""
    return json.loads(FILE.read_text()) if FILE.exists() else {}


def write() -> None:
    """Write new outputs, and those of stages whose version was raised."""
    golden = load()
    for stage in STAGES:
        with tempfile.TemporaryDirectory() as folder:
            outputs = compute(stage, Path(folder))
        stored = golden.get(stage, {"version": 0, "outputs": {}})
        known, pixels = stored["outputs"], ROUNDING.get(stage, 0)
        changed = [name for name, value in outputs.items() if name in known and find_difference(known[name], value, pixels)]
        if changed and stored["version"] == VERSIONS[stage]:
            raise SystemExit(f"the {stage} changed ({', '.join(changed)}): raise their number in ferbench/store/versions.py first")
        kept = known if stored["version"] == VERSIONS[stage] else {}
        golden[stage] = {"version": VERSIONS[stage], "outputs": {name: kept.get(name, value) for name, value in outputs.items()}}
    FILE.write_text("{" + ",\n".join(_format(stage, **golden[stage]) for stage in STAGES) + "}\n")


def _format(stage: str, version: int, outputs: Mapping[str, object]) -> str:
    """A line for each case, so that a change of one is a change of one line."""
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value, separators=(',', ':'))}" for name, value in outputs.items())
    return f'"{stage}": {{"version": {version}, "outputs": {{\n{lines}\n}}}}'
