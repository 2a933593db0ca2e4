"""The provenance of a row: versions, git commit, hardware and runtime options."""

from __future__ import annotations

import platform
import subprocess
import time
from importlib.metadata import PackageNotFoundError, entry_points, version

import torch
from joblib import cpu_count

from ferbench.plan.precision import precision_of
from ferbench.store.rows import Provenance

PACKAGES = ("ferbench", "torch", "torchvision", "timm", "opencv-python", "scikit-learn", "numpy")


def describe_provenance(device: torch.device, workers: int, compiled: bool) -> Provenance:
    """Describe versions, git commit, hardware and runtime options."""
    return {
        "time": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}, **_plugins()},
        "git": _git(),
        "hardware": {"machine": platform.machine(), "cpu": _cpu(), "cores": cpu_count(), **_device(device)},
        "workers": workers,
        "threads": torch.get_num_threads(),
        "compile": compiled,
    }


def _device(device: torch.device) -> dict[str, object]:
    """The device and its precision."""
    facts: dict[str, object] = {"device": str(device), "precision": precision_of(device.type)}
    if device.type == "cuda":
        tf32 = torch.get_float32_matmul_precision() != "highest"
        facts |= {"gpu": torch.cuda.get_device_name(device), "cuda": torch.version.cuda, "tf32": tf32}
    return facts


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _plugins() -> dict[str, str]:
    """Versions of the distributions that provide plugins."""
    return {entry.dist.name: entry.dist.version for entry in entry_points(group="ferbench") if entry.dist}


def _git() -> dict[str, object] | None:
    """The commit of the working folder, and whether tracked files differ from it; None outside a repository."""
    try:
        commit = _output_of("git", "rev-parse", "HEAD")
        return {"commit": commit, "changed": bool(_output_of("git", "status", "--porcelain", "--untracked-files=no"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _output_of(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo") as file:  # noqa: PTH123
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()
