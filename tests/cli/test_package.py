"""The wheel, installed into an empty environment: commands, shipped benchmarks and types work away from the source tree."""

from __future__ import annotations

import json
import os
import re
import site
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import ferbench

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

TYPED = '''\
"""A plugin and a script that uses it, fully annotated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import ferbench
from ferbench.types import Positive, Share


@dataclass(frozen=True)
class PowerMean(ferbench.Aggregator):
    """The mean of the frame scores to a power."""

    power: Positive = 2.0
    floor: Share = 0.0
    name = "power-mean"

    def __call__(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        raised: NDArray[np.float64] = np.power(np.maximum(scores, self.floor), self.power)
        mean: NDArray[np.float64] = raised.mean(axis=0)
        return mean


def best_network(benchmark: str) -> str:
    try:
        rows = ferbench.run(benchmark, plugins=[__file__], sets=["seed=[0, 1]"], only=["aggregator=power-mean"], quiet=True)
    except ferbench.FerbenchError as error:
        return str(error)
    return str(rows.sort_values("uar")["backbone"].iloc[-1])
'''


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Built without network."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def python(wheel, tmp_path_factory) -> Path:
    """The interpreter of a new environment that holds the wheel, and sees the packages of this one."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder)
    packages = next((folder / "lib").glob("python*/site-packages"))
    install = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python", "install", "--no-deps", "--no-index", "--quiet", wheel]
    subprocess.run(install, check=True, cwd=folder)
    here = next(path for path in site.getsitepackages() if Path(path).name == "site-packages")
    (packages / "tests.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    return folder / "bin" / "python"


@pytest.fixture
def call(python, tmp_path):
    """Runs a program of the new environment in an empty folder, and gives what it prints."""
    clean = {name: value for name, value in os.environ.items() if name not in ("FERBENCH_DATA", "PYTHONPATH")}

    def call(program: str, *arguments: str) -> str:
        done = subprocess.run([python.with_name(program), *arguments], cwd=tmp_path, env=clean, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return call


def test_the_repository_is_not_what_is_tested(python, call):
    assert call("python", "-c", "import ferbench; print(ferbench.__file__)").startswith(str(python.parents[1]))


def test_metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        metadata = archive.read(f"ferbench-{ferbench.__version__}.dist-info/METADATA").decode()
    assert f"\nVersion: {ferbench.__version__}\n" in metadata
    assert "\nLicense-Expression: MIT\n" in metadata
    assert "\n# ferbench\n" in metadata  # the readme
    assert "\nClassifier: Typing :: Typed\n" in metadata
    assert set(re.findall(r"^Project-URL: (\w+), https://github\.com/ferbench/ferbench", metadata, re.MULTILINE)) == {
        "Homepage",
        "Documentation",
        "Changelog",
        "Issues",
    }
    assert "ferbench/py.typed" in names
    assert not [name for name in names if name.startswith(("tests/", "tools/", "benchmarks/", "plugins/"))]


def test_wheel_holds_every_benchmark_and_plugin(wheel):
    plugins = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["ferbench"]
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    shipped = {Path(name).name for name in names if name.startswith("ferbench/benchmarks/")}
    assert shipped == {file.name for file in (ROOT / "benchmarks").glob("*.yaml")}
    assert {name.partition("/")[0] for name in names if not name.startswith(("ferbench/", "ferbench-"))} == set(plugins.values())


def test_commands(call):
    assert call("python", "-m", "ferbench", "--version") == f"ferbench {ferbench.__version__}\n"
    listed = json.loads(call("ferbench", "benchmarks", "--format", "json"))
    assert {"quick", "thesis", "london"} <= {benchmark["name"] for benchmark in listed}
    plan = json.loads(call("ferbench", "plan", "thesis", "--format", "json"))
    assert plan["rows"] == next(benchmark["rows"] for benchmark in listed if benchmark["name"] == "thesis")


def test_shipped_benchmark_runs_by_name(call, tmp_path):
    """The Python example of the docs then finds its crops and features in the same store."""
    sets = ["rehearsal.people=8", "protocol.k=2"]
    chosen = [argument for each in sets for argument in ("--set", each)]
    assert "REHEARSAL" in call("ferbench", "run", "quick", *chosen, "--only", "backbone=HOG + k-NN", "--no-figures")
    assert "HOG + k-NN" in call("ferbench", "leaderboard", "quick")
    assert [path.name for path in tmp_path.iterdir()] == ["ferbench-store"]
    code = re.search(r"```python\n(.*?)```", (ROOT / "docs/running.md").read_text(), re.DOTALL)[1]
    smaller = code.replace("quiet=True", f"quiet=True, sets={sets}")
    assert smaller != code
    assert "HOG + SVM" in call("python", "-c", smaller)


def test_types_of_the_installed_package(call, tmp_path):
    wrong = {"number": ("ferbench.run(5)", 'incompatible type "int"'), "name": ("ferbench.Absent", 'Module has no attribute "Absent"')}
    (tmp_path / "typed.py").write_text(TYPED)
    for file, (program, _) in wrong.items():
        (tmp_path / f"{file}.py").write_text(f"import ferbench\n\n{program}\n")
    with pytest.raises(AssertionError) as failure:
        call("python", "-m", "mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), "typed.py", *(f"{file}.py" for file in wrong))
    lines = str(failure.value).splitlines()
    assert len([line for line in lines if ": error: " in line]) == len(wrong)
    for file, (_, message) in wrong.items():
        assert any(f"{file}.py:3: error: " in line and message in line for line in lines), lines
