"""Commands of ferbench in forks of a process that has imported everything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

WARM = Path(__file__).parent / "warm.py"
GROUP = "4"  # clips


class Fork:
    """A command that runs."""

    def __init__(self, forks: Forks, arguments: list[str], folder: Path) -> None:
        self.forks, self.out, self.err = forks, folder / "out", folder / "err"
        self.pid = forks.ask({"start": arguments, "cwd": str(folder), "out": str(self.out), "err": str(self.err)})

    def is_running(self) -> bool:
        """Whether it has not ended; one that has stays a zombie until it is waited for."""
        return Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"

    def wait(self) -> tuple[int, str]:
        """Exit code and messages."""
        code = self.forks.ask({"wait": self.pid})
        return code, self.err.read_text()

    def rows(self) -> list[dict]:
        """What a finished run prints, without what differs from run to run."""
        code, messages = self.wait()
        assert code == 0, messages
        rows: list[dict] = _results(json.loads(self.out.read_text()))
        return rows


def _results(value: Any) -> Any:
    """The value without what differs from run to run."""
    if isinstance(value, dict):
        return {name: _results(item) for name, item in value.items() if name not in ("seconds", "provenance", "log")}
    return [_results(item) for item in value] if isinstance(value, list) else value


class Forks:
    """A process that starts commands in forks of itself."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process

    def ask(self, request: dict) -> int:
        print(json.dumps(request), file=self.process.stdin, flush=True)
        return int(self.process.stdout.readline())

    def start(self, arguments: list[str], folder: Path) -> Fork:
        return Fork(self, list(map(str, arguments)), folder)


@contextmanager
def start_forks() -> Iterator[Forks]:
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, WARM, GROUP], env={**os.environ, "OMP_NUM_THREADS": "1"}, **pipes) as process:
        yield Forks(process)
        process.stdin.close()
