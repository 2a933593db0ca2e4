"""Signals, closed pipes, memory and the state of the process."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

LARGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


@pytest.mark.skipif(not LARGE_PAGES.is_file() or "[never]" in LARGE_PAGES.read_text(), reason="no large pages here")
def test_memory_comes_in_large_pages():
    """keep_memory is called before torch is imported, as by the program."""
    code = """if True:
        from ferbench.cli.process import keep_memory
        keep_memory()
        import torch
        held = torch.ones(2**26)
        with open("/proc/self/smaps_rollup") as file:
            print(sum(int(line.split()[1]) for line in file if line.startswith("AnonHugePages")))
    """
    clean = {name: value for name, value in os.environ.items() if name != "THP_MEM_ALLOC_ENABLE"}
    process = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=True)
    assert int(process.stdout) > 2**17  # kB: half of the tensor


@pytest.fixture
def start(data, benchmark_file, toy_plugin, tmp_path):
    """Starts a run of the toy benchmark in a process of its own."""
    command = [sys.executable, "-m", "ferbench", "run", str(benchmark_file), "--plugin", str(toy_plugin), "--store", str(tmp_path / "runs")]
    options = ["--device", "cpu", "--no-figures", "--only", "aggregator=mean"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell that runs the tests in the background ignores it
    return lambda *more: subprocess.Popen([*command, *options, *more], preexec_fn=heed, **pipes)


@pytest.mark.parametrize("stream", ["1", "2"])
def test_a_closed_stream_is_no_failure(start, stream):
    process = start("--set", "recipe.epochs=1")
    process.kill()
    process.communicate()
    shell = subprocess.run(["sh", "-c", f'"$@" {stream}>&-', "sh", *process.args], capture_output=True, text=True, timeout=60)
    assert shell.returncode == 0
    assert "Traceback" not in shell.stdout + shell.stderr


@pytest.fixture
def endless_run(start, tmp_path):
    """A run with an endless fit."""
    process = start("--set", "recipe.epochs=100000")
    deadline = time.monotonic() + 60
    try:
        while not list((tmp_path / "runs").glob("leases/fits-*")):
            assert process.poll() is None, process.communicate()[1]
            assert time.monotonic() < deadline, "no fit began"
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_stops_a_run_with_one_message(endless_run, start, number, code):
    """SIGTERM used to end the process without a message. The same command continues from the stored results."""
    endless_run.send_signal(number)
    _, error = endless_run.communicate(timeout=60)
    assert endless_run.returncode == code
    assert error.rstrip().endswith("stopped: finished work is stored; run the same command again to continue")
    assert "Traceback" not in error
    again = start()
    _, error = again.communicate(timeout=60)
    assert again.returncode == 0
    assert "Traceback" not in error


@pytest.mark.parametrize("numbers", [(signal.SIGTERM, signal.SIGTERM), (signal.SIGINT, signal.SIGINT), (signal.SIGINT, signal.SIGTERM)])
def test_a_second_signal_prints_no_traceback(endless_run, numbers):
    for number in numbers:
        endless_run.send_signal(number)
        time.sleep(0.02)
    _, error = endless_run.communicate(timeout=60)
    assert endless_run.returncode in {code for number in numbers for code in (128 + number, -number)}  # -number: it was ending already
    assert "Traceback" not in error


@pytest.mark.parametrize("command", ["plan", "run"])
def test_closed_stdout_is_not_a_failure(data, benchmark_file, toy_plugin, tmp_path, command):
    """`ferbench run ... | true` used to exit with 1: some rows failed."""
    line = [sys.executable, "-m", "ferbench", command, str(benchmark_file), "--plugin", str(toy_plugin), "--store", str(tmp_path / "runs")]
    reader, writer = os.pipe()
    os.close(reader)
    options = ["--device", "cpu"] + (["--no-figures"] if command == "run" else [])
    process = subprocess.run([*line, *options], stdout=writer, stderr=subprocess.PIPE, text=True)
    os.close(writer)
    assert process.returncode == 0, process.stderr
    assert "Traceback" not in process.stderr


def test_python_api_leaves_the_process_as_it_was(data, benchmark_file, toy_plugin, tmp_path):
    """Random generators, OpenCV's threads, environment and precision; in a process of its own, since tests import everything."""
    code = f"""if True:
        import os, random
        import cv2, numpy, torch, ferbench
        def state():
            return [dict(os.environ), random.getstate(), numpy.random.get_state()[1].tolist(), torch.get_rng_state().tolist(),
                    cv2.getNumThreads(), torch.get_float32_matmul_precision(), torch.get_num_threads()]
        cv2.setNumThreads(2)
        random.seed(5), numpy.random.seed(6), torch.manual_seed(7)
        before = state()
        options = dict(plugins=[{str(toy_plugin)!r}], device="cpu", quiet=True)
        frame = ferbench.run({str(benchmark_file)!r}, store={str(tmp_path / "runs")!r}, **options)
        assert len(frame) == 2, frame
        for one, other in zip(before, state()):
            assert one == other, (one, other)
    """
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert process.returncode == 0, process.stderr


def run_shell(script, *command, **environment):
    line = ["sh", "-c", script, "sh", *map(str, command)]
    return subprocess.run(line, capture_output=True, text=True, timeout=60, env=os.environ | environment)


FERBENCH = (sys.executable, "-m", "ferbench")


@pytest.mark.parametrize(
    ("environment", "dash"),
    [
        ({"PYTHONIOENCODING": "latin-1"}, "-"),
        ({"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, "-"),
        ({"PYTHONIOENCODING": "utf-8"}, "–"),
    ],
)
def test_characters_that_the_encoding_lacks_are_replaced(tmp_path, environment, dash):
    done = run_shell('cd "$1"; shift; "$@"', tmp_path, *FERBENCH, "corpus", "list", COLUMNS="200", **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(rf"^mug +{dash} +", done.stdout, re.MULTILINE)


def test_a_table_is_printed_in_an_encoding_without_lines_and_dashes(start):
    process = start("--set", "recipe.epochs=1")
    process.kill()
    process.communicate()
    done = run_shell('"$@"', *process.args, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^1 .*\|100 .*- \|", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("target", ["2>/dev/full", "2>&-", "2>&- <&-", "<&-"])
def test_messages_that_cannot_be_written_stop_nothing(tmp_path, target):
    done = run_shell(f'cd "$1"; shift; "$@" {target}', tmp_path, *FERBENCH, "run", "absent.yaml")
    assert done.returncode == 2
    done = run_shell(f'cd "$1"; shift; "$@" {target}', tmp_path, *FERBENCH, "benchmarks")
    assert (done.returncode, done.stderr) == (0, "")
    assert "thesis" in done.stdout


@pytest.mark.parametrize(("command", "unbuffered"), [("benchmarks", ""), ("benchmarks", "1"), ("--help", ""), ("--version", "")])
def test_a_full_stdout_is_an_error(tmp_path, command, unbuffered):
    done = run_shell('cd "$1"; shift; "$@" >/dev/full', tmp_path, *FERBENCH, command, PYTHONUNBUFFERED=unbuffered)
    assert (done.returncode, done.stderr) == (2, "error: No space left on device\n")


def test_files_never_take_the_place_of_a_closed_stream():
    code = "from ferbench.cli.process import open_streams; open_streams(); import os; os.write(9, str(os.open('/', 0)).encode())"
    done = run_shell('"$@" 9>&1 >&- 2>&- <&-', sys.executable, "-c", code)
    assert int(done.stdout) > 2


END = """
import atexit, sys
from ferbench.cli import main, process
file = open("left-open", "w")
file.write("text")
main.main = lambda: [atexit.register(print, "exit function"), print("x" * 100_000), sys.stderr.write("message")] and 7
sys.exit(main.run_program())
"""


def test_the_process_ends_after_its_exit_functions_and_with_all_output(tmp_path):
    environment = os.environ | {"PYTHONUNBUFFERED": ""}
    done = subprocess.run([sys.executable, "-c", END], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert (tmp_path / "left-open").read_text() == "text"
    assert (done.returncode, done.stdout, done.stderr) == (7, "x" * 100_000 + "\nexit function\n", "message")
