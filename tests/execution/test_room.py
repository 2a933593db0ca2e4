"""A disk that is full, and other faults of the system: the run stops, nothing counts as failed, and the same command completes later."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from forks import start_forks
from stored import stored_digests

import ferbench.report.figures
from ferbench.cli.main import main
from ferbench.store import entries, files

LEASES = 8  # KiB of a command and of an entry that it computes
COMPUTED = ("crops", "features", "fits", "rows")
BENCHMARK = """\
name: toys
dataset: {toy: {root: DATA}}
preprocessing: {plain: [invert]}
protocol: {kfold: {k: 3, validation: 0.2, classes: [dark, light, stripes]}}
backbone: [toy-net, {toy-net: {hidden: 8}}]
recipe: {lr: 0.05, batch_size: 8, epochs: 3}
loss: cross-entropy
aggregator: [majority, mean]
"""


def results(store: Path) -> list[dict[str, str]]:
    return [stored_digests(store, stage) for stage in COMPUTED]


def assert_nothing_failed(store: Path) -> None:
    assert not list(store.glob("failures/*"))
    assert not list(store.glob("logs/*"))
    assert not list(store.glob("partial/*"))


@pytest.fixture
def arguments(tmp_path, data, toy_plugin):
    (tmp_path / "toys.yaml").write_text(BENCHMARK.replace("DATA", str(data / "toy")))
    return ["run", str(tmp_path / "toys.yaml"), "--plugin", str(toy_plugin), "--device", "cpu", "--checkpoint-interval", "0"]


@pytest.fixture
def run(arguments, tmp_path, capsys):
    """Runs in this process, and returns exit code and messages."""

    def call(store: str, *more: str) -> tuple[int, str]:
        return main([*arguments, "--store", str(tmp_path / store), *more]), capsys.readouterr().err

    return call


@pytest.fixture
def undisturbed(run, tmp_path):
    assert run("undisturbed", "--no-figures")[0] == 0
    return results(tmp_path / "undisturbed")


class Full:
    """A disk that is full for files in some folders of a store."""

    def __init__(self, code: int, folder: str) -> None:
        self.code, self.folder, self.refused = code, folder, 0

    def refuse(self, target: Path) -> None:
        if self.folder in target.parts or self.folder == target.name:
            self.refused += 1
            raise OSError(self.code, os.strerror(self.code), str(target))

    def apply(self, patch: pytest.MonkeyPatch) -> None:
        for name in ("put_in_place", "replace_file"):
            real = getattr(files, name)

            def place(part, target, real=real):
                self.refuse(target)
                real(part, target)

            patch.setattr(entries, name, place)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EMFILE])
@pytest.mark.parametrize("folder", ["digests", "index", "folds", "plans", "crops", "features", "inputs", "fits", "rows", "benchmarks"])
def test_full_at_a_stage(run, undisturbed, tmp_path, folder, code):
    full = Full(code, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ferbench.corpora.files.SETTLED", 0)  # so that files made just now are remembered
        full.apply(patch)
        exit_code, messages = run("runs", "--no-figures")
    assert exit_code == 2
    assert full.refused
    assert f"cannot be written: {os.strerror(code)}" in messages.splitlines()[-2]
    assert "Traceback" not in messages
    assert_nothing_failed(tmp_path / "runs")
    assert run("runs", "--no-figures")[0] == 0
    assert results(tmp_path / "runs") == undisturbed


@pytest.mark.parametrize(("folder", "warning"), [("checkpoints", "has no checkpoint after epoch 1"), ("costs.json", "costs of this run")])
def test_run_does_without_what_is_optional(run, undisturbed, tmp_path, folder, warning):
    full = Full(errno.ENOSPC, folder)
    with pytest.MonkeyPatch.context() as patch:
        full.apply(patch)
        exit_code, messages = run("runs", "--no-figures")
    assert (exit_code, full.refused > 0) == (0, True)
    assert warning in " ".join(messages.split())
    assert results(tmp_path / "runs") == undisturbed


def test_figures_that_do_not_fit(run, undisturbed, tmp_path, monkeypatch):
    def refuse(figure, path):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(ferbench.report.figures, "save_png", refuse)
    exit_code, messages = run("runs", "--figures")
    assert exit_code == 0
    assert "figures could not be drawn" in messages
    assert results(tmp_path / "runs") == undisturbed


FAULTS = {
    "full": 'OSError(28, "No space left on device", "/cache")',
    "permission": 'PermissionError(13, "Permission denied", "/weights")',
    "numpy": 'OSError("96 requested and 40 written")',
    "safetensors": 'RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")',
}
FAULTY = f"""
def _fail(place):
    import os

    if os.environ.get("FAULT_AT") == place:
        raise eval({FAULTS}[os.environ["FAULT"]])
"""


@pytest.fixture
def faulty_plugin(toy_plugin, tmp_path):
    """The toy plugin, whose components raise an error where an environment variable says so."""
    source = toy_plugin.read_text()
    for note in ("invert", "build", "trainable"):
        call = f'_note(self.log, "{note}")'
        assert source.count(call) == 1
        source = source.replace(call, f'{call}; _fail("{note}")')
    plugin = tmp_path / "faulty.py"
    plugin.write_text(source + FAULTY)
    return plugin


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("place", ["invert", "build", "trainable"])
def test_faults_of_the_system_in_plugins(arguments, faulty_plugin, tmp_path, monkeypatch, capsys, fault, place):
    """A plugin may download weights to a full disk, or read a file of another user."""
    arguments[arguments.index("--plugin") + 1] = str(faulty_plugin)
    command = [*arguments, "--no-figures", "--store", str(tmp_path / "runs")]
    monkeypatch.setenv("FAULT", fault)
    monkeypatch.setenv("FAULT_AT", place)
    assert main(command) == 2
    messages = capsys.readouterr().err
    assert "error: the run stops: " in messages.splitlines()[-2]
    assert "Traceback" not in messages
    assert_nothing_failed(tmp_path / "runs")
    monkeypatch.delenv("FAULT_AT")
    assert main(command) == 0


def pages(path: Path) -> int:
    """The space of a file on a tmpfs, in KiB."""
    return -(-path.stat().st_size // 4096) * 4


@pytest.mark.slow
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount file systems")
def test_full_tmpfs(arguments, tmp_path, repeats):
    """The disk is full after some of the files that a run writes; then it gets room."""
    command = [*arguments, "--no-figures", "--format", "json", "--store"]
    with start_forks() as forks:
        rows = forks.start([*command, tmp_path / "undisturbed"], tmp_path).rows()
        undisturbed, stages = results(tmp_path / "undisturbed"), set()
        written = sorted(filter(Path.is_file, (tmp_path / "undisturbed").rglob("*")), key=lambda path: path.stat().st_mtime_ns)
        for number in range(1, repeats + 1):
            fits = written[: number * len(written) // (repeats + 1)]
            stages.add(written[len(fits)].relative_to(tmp_path / "undisturbed").parts[0])
            with mount(tmp_path / f"disk{number}", sum(map(pages, fits)) + LEASES) as store:
                code, messages = forks.start([*command, store], tmp_path).wait()
                is_done = "record: " in messages  # only the costs of the run are missing: they come last, and a run does without them
                assert code == (0 if is_done else 2), messages
                assert "No space left on device" in messages
                assert "Traceback" not in messages
                assert_nothing_failed(store)
                subprocess.run(["mount", "-o", "remount,size=64m", store.parent], check=True)
                assert forks.start([*command, store], tmp_path).rows() == rows
                assert results(store) == undisturbed
    assert len(stages) >= 3


@contextmanager
def mount(disk: Path, room: int) -> Iterator[Path]:
    """A store in a file system with room for so many KiB."""
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={room}k", "tmpfs", disk], capture_output=True).returncode:
        pytest.skip("this system mounts no file system")
    try:
        yield disk / "runs"
    finally:
        subprocess.run(["umount", disk], check=True)
