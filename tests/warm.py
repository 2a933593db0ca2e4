"""Starts commands of ferbench in forks of a process that has imported everything, so that tests that kill runs start quickly.

Reads one JSON line per request, {"start": [arguments], "cwd", "out", "err"} or {"wait": pid}, and answers with a pid or an exit code.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any


def main() -> None:
    preload()
    simulate_large_corpus_on_network_disk(int(sys.argv[1]))
    for line in sys.stdin:
        request = json.loads(line)
        answer = start(request) if "start" in request else os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])
        print(answer, flush=True)


def preload() -> None:
    """Import what every run imports. Nothing here starts a thread, so forks are safe."""
    import cv2  # noqa: F401
    import scipy.special  # noqa: F401

    import ferbench.cli.main
    import ferbench.execution.engine
    import ferbench.execution.runner  # noqa: F401

    if Path("/proc/self/task").is_dir():
        assert len(list(Path("/proc/self/task").iterdir())) == 1


def simulate_large_corpus_on_network_disk(max_clips: int) -> None:
    """Divide the corpus into groups of a few clips, and let flock do nothing."""
    import fcntl

    import ferbench.corpora.groups

    ferbench.corpora.groups.MAX_CLIPS = max_clips
    fcntl.flock = lambda *_: None


def start(request: dict[str, Any]) -> int:
    pid = os.fork()
    if not pid:
        run(request)
    return pid


def run(request: dict[str, Any]) -> None:
    from ferbench.cli.main import main as command

    code = 1
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that runs the tests in the background ignores it
    try:
        os.chdir(request["cwd"])
        for number, name in ((0, os.devnull), (1, request["out"]), (2, request["err"])):
            os.dup2(os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644), number)
        code = command(request["start"])
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
