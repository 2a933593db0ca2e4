"""Devices and their precision, without torch where no GPU can be."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

import ferbench.plan.precision
from ferbench.plan.precision import PRECISIONS, may_have_gpu, precision_of, resolve_device


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("proc/driver/nvidia/version", True),
        ("dev/nvidia0", True),
        ("dev/nvidiactl", True),
        ("dev/dxg", True),
        ("dev/kfd", True),
        ("dev/nvme0", False),
        ("proc/driver/rtc", False),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="other systems may always have a GPU")
def test_a_gpu_is_looked_for_only_with_its_driver(file, expected, tmp_path):
    (tmp_path / file).parent.mkdir(parents=True)
    (tmp_path / file).touch()
    assert may_have_gpu(str(tmp_path)) is expected


@pytest.mark.parametrize(("device", "precision"), [("cpu", "float32"), ("cuda", "bfloat16"), ("cuda:1", "bfloat16")])
def test_precision_of_a_named_device_needs_no_torch(device, precision, monkeypatch):
    monkeypatch.setattr(ferbench.plan.precision, "may_have_gpu", lambda: pytest.fail("not asked"))
    assert precision_of(resolve_device(device)) == precision


@pytest.mark.parametrize(("has_driver", "is_available", "device"), [(False, True, "cpu"), (True, False, "cpu"), (True, True, "cuda")])
def test_auto_is_the_gpu_if_torch_can_use_it(has_driver, is_available, device, monkeypatch):
    monkeypatch.setattr(ferbench.plan.precision, "may_have_gpu", lambda: has_driver)
    monkeypatch.setattr("torch.cuda.is_available", lambda: is_available)
    assert resolve_device("auto") == device


def test_autocast_computes_in_the_precision_of_the_keys():
    import torch

    from ferbench.training.device import autocast

    for device, precision in PRECISIONS.items():
        if device == "cuda" and not torch.cuda.is_available():
            continue
        with autocast(torch.device(device)):
            assert str((torch.ones(2, 2, device=device) @ torch.ones(2, 2, device=device)).dtype) == f"torch.{precision}"


PROGRAM = """
import sys
import ferbench.plan.precision
from ferbench.cli.main import main
ferbench.plan.precision.may_have_gpu = lambda: False
assert main(sys.argv[1:]) == 0
print("torch" in sys.modules, file=sys.stderr)
"""


def test_a_finished_run_imports_no_torch_and_its_rows_say_how_they_were_computed(data, benchmark_file, toy_plugin, tmp_path):
    options = ["--plugin", str(toy_plugin), "--store", str(tmp_path / "runs"), "--no-figures", "--quiet", "--format", "csv"]
    command = [sys.executable, "-c", PROGRAM, "run", str(benchmark_file), *options]
    first, second = (subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}) for _ in range(2))
    assert [run.stderr.splitlines()[-1] for run in (first, second)] == ["True", "False"]
    assert first.stdout == second.stdout
    assert ",float32," in first.stdout


def test_rows_of_another_precision_have_other_keys(data, benchmark_file, toy_plugin, tmp_path, capsys):
    """A plan for a GPU finds nothing of what a CPU computed, except crops, and `why` says why."""
    from ferbench.cli.main import main

    options = ["--plugin", str(toy_plugin), "--store", str(tmp_path / "runs")]
    assert main(["run", str(benchmark_file), *options, "--device", "cpu", "--no-figures"]) == 0
    capsys.readouterr()
    assert main(["why", str(benchmark_file), *options, "--device", "cuda"]) == 0
    output = capsys.readouterr().out
    assert "precision float32 → bfloat16" in output
    assert "reused: crops; computed: features, fits, row" in output
    assert main(["why", str(benchmark_file), *options, "--device", "cpu"]) == 0
    assert "nothing to compute" in capsys.readouterr().out
